"""Redacting: no value of a withheld class is left, nothing else is lost."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import (
    Line,
    Model,
    Narrative,
    Sensitivity,
    StatedClass,
    find_classified,
    get_sensitivity,
)
from protocol.messages.redaction import WithheldField, redact
from tests.support.examples import EXAMPLES, list_good, read_as

ALL: Final = frozenset(Sensitivity)


class Inner(Model):
    """A part with fields of several classes."""

    name: Annotated[Line | None, Sensitivity.IDENTITY] = None
    aliases: Annotated[tuple[Line, ...], Field(max_length=3), Sensitivity.IDENTITY] = ()
    condition: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    place: Annotated[Line, Sensitivity.NONE]


class Attached(StatedClass):
    """A part whose class is what it says, whatever its fields are marked with."""

    title: Annotated[Line, Sensitivity.NONE]


class Outer(Model):
    """A message in small: fields of its own, parts, lists of parts, a part with one class."""

    reference: Line
    day: Annotated[date | None, Sensitivity.PROTECTION] = None
    part: Inner
    maybe: Inner | None = None
    parts: Annotated[tuple[Inner, ...], Field(max_length=3)] = ()
    attached: Annotated[tuple[Attached, ...], Field(max_length=3)] = ()
    cover: Attached | None = None
    sealed: Annotated[Inner | None, Sensitivity.JUDICIAL] = None


# Every text is one of its own, so that finding it anywhere shows that it was left there.
words = st.uuids().map(str)
inners = st.builds(
    Inner,
    name=st.none() | words,
    aliases=st.lists(words, max_size=3).map(tuple),
    condition=st.none() | words,
    place=words,
)
attacheds = st.builds(Attached, sensitivity=st.sampled_from(Sensitivity), title=words)
outers = st.builds(
    Outer,
    reference=words,
    day=st.none() | st.dates(min_value=date(2000, 1, 1)),
    part=inners,
    maybe=st.none() | inners,
    parts=st.lists(inners, max_size=3).map(tuple),
    attached=st.lists(attacheds, max_size=3).map(tuple),
    cover=st.none() | attacheds,
    sealed=st.none() | inners,
)
classes = st.frozensets(st.sampled_from(sorted(Sensitivity)))


def list_values(value: Any, mark: Sensitivity | None) -> Iterator[tuple[Sensitivity | None, str]]:
    """Yield every value of a model as text, with the class that holds for it."""
    if isinstance(value, Attached):
        yield mark or value.sensitivity, value.title
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            own = get_sensitivity(type(value), name)
            yield from list_values(getattr(value, name), mark if mark is not None else own)
    elif isinstance(value, tuple):
        for item in value:
            yield from list_values(item, mark)
    elif value is not None:
        yield mark, str(value)


@given(outers, classes)
def test_no_value_of_a_withheld_class_is_left(message: Outer, keep: frozenset[Sensitivity]) -> None:
    """Each value is in what is left exactly if its class is kept, or if it has none."""
    left = json.dumps(redact(message, keep=keep).tree)
    for mark, text in list_values(message, None):
        assert (f'"{text}"' in left) == (mark is None or mark in keep)


@given(outers)
def test_with_every_class_kept_nothing_changes(message: Outer) -> None:
    """Keeping all classes gives the message as it travels, and withholds nothing."""
    redaction = redact(message, keep=ALL)
    assert redaction.tree == json.loads(message.model_dump_json(exclude_none=True))
    assert redaction.withheld == ()


@given(outers, classes)
def test_what_is_withheld_is_named_with_its_class(
    message: Outer, keep: frozenset[Sensitivity]
) -> None:
    """The list of withheld fields is what policy sees of the classes that are not kept."""
    assert list(redact(message, keep=keep).withheld) == [
        WithheldField(path.replace("[", ".").replace("]", ""), mark)
        for path, mark in find_classified(message)
        if mark not in keep
    ]


@given(outers, classes, classes)
def test_keeping_less_never_shows_more(
    message: Outer, some: frozenset[Sensitivity], more: frozenset[Sensitivity]
) -> None:
    """What is withheld from a reader with more classes is withheld from one with fewer."""
    fewer = set(redact(message, keep=some).withheld)
    assert set(redact(message, keep=some | more).withheld) <= fewer


examples = st.sampled_from(
    [
        (tag, fields)
        for tag in CATALOGUE
        if (EXAMPLES / f"{tag}.json").is_file()
        for _, fields in list_good(tag)
    ]
)


def get_place(tree: Any, path: str) -> Any:
    """Return what stands at a place of a JSON tree."""
    for step in path.split("."):
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


@given(examples, classes)
def test_published_examples_lose_what_is_withheld_and_nothing_else(
    example: tuple[str, dict[str, Any]], keep: frozenset[Sensitivity]
) -> None:
    """In any good example, each field of a class that is not kept is replaced by that class."""
    tag, fields = example
    message = read_as(CATALOGUE[tag].model, fields)
    whole = redact(message, keep=ALL).tree
    redaction = redact(message, keep=keep)
    assert {field.sensitivity for field in redaction.withheld}.isdisjoint(keep)
    restored = redaction.tree
    for field in redaction.withheld:
        *parents, last = field.path.split(".")
        owner: Any = get_place(restored, ".".join(parents)) if parents else restored
        place = int(last) if isinstance(owner, list) else last
        assert owner[place] == {"withheld": field.sensitivity.value}
        owner[place] = get_place(whole, field.path)
    assert restored == whole
