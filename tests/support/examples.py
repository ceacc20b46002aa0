"""The example messages of ``protocol/vectors/messages``: reading, composing, and checking them.

One file per type. An example holds what differs from the common head; a bad example is a good one
with single places changed, and names the place that is refused. A place is a path in the composed
message (``body.subject.documents.0.kind``) or, for answers, in the answer.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from protocol.identifiers import make_case_reference
from protocol.messages.fields import Sensitivity

_M = TypeVar("_M", bound=BaseModel)

EXAMPLES: Final = Path(__file__).parents[2] / "protocol" / "vectors" / "messages"

COMMON_HEAD: Final[Mapping[str, Any]] = {
    "message_id": "0123456789abcdef" * 2,
    "sender": "AL",
    "recipient": "XK",
    "composed_at": "2026-03-04T11:00:00Z",
    "registry": {"version": 7, "sha256": "ab" * 32},
    "channel": "assistance",
    "case": make_case_reference(Random(3).randbytes),
    "from_authority": "AL-anti-trafficking-desk",
    "to_authority": "XK-anti-trafficking-desk",
    "phase": "identification",
    "formality": "informal",
    "urgency": "standard",
    "language": "en",
    "legal_basis": {"kind": "no_personal_data"},
    "link": {"generation": 1, "seq": 1, "prev": "0" * 64},
}
"""What an example's ``head`` is laid over."""


def load_examples(tag: str) -> dict[str, Any]:
    """Read the file of one type; it is that type's, whatever its name says."""
    found: dict[str, Any] = json.loads((EXAMPLES / f"{tag}.json").read_text(encoding="utf-8"))
    assert found["type"] == tag, f"{tag}.json speaks of {found['type']}: rename one of the two."
    return found


def compose(tag: str, example: Mapping[str, Any], *, version: int = 1) -> dict[str, Any]:
    """Return the whole message, as JSON fields, that an example with a head and a body means."""
    return {
        "type": tag,
        "version": version,
        **deepcopy(dict(COMMON_HEAD)),
        **deepcopy(example["head"]),
        "body": deepcopy(example["body"]),
    }


def _walk(tree: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


def apply(
    base: Mapping[str, Any], changes: Mapping[str, Any], removed: Iterable[str] = ()
) -> dict[str, Any]:
    """Return ``base`` with these places set and these removed; ``base`` stays as it is.

    Setting the place after the last item of a list appends. A missing parent, and removing what is
    not there, is a mistake in the example and raises.
    """
    result = deepcopy(dict(base))
    for place, value in changes.items():
        *parents, last = place.split(".")
        owner = _walk(result, parents)
        if not isinstance(owner, list):
            owner[last] = deepcopy(value)
        elif int(last) == len(owner):
            owner.append(deepcopy(value))
        else:
            owner[int(last)] = deepcopy(value)
    for place in removed:
        *parents, last = place.split(".")
        owner = _walk(result, parents)
        del owner[int(last) if isinstance(owner, list) else last]
    return result


def _find_base(goods: Iterable[Mapping[str, Any]], bad: Mapping[str, Any]) -> Mapping[str, Any]:
    for good in goods:
        if good["name"] == bad["base"]:
            return good
    raise AssertionError(f"No good example is named '{bad['base']}': correct the base.")


def list_good(tag: str) -> list[tuple[str, dict[str, Any]]]:
    """Return every good message of a type, composed: its name and its fields."""
    examples = load_examples(tag)
    return [
        (good["name"], compose(tag, good, version=examples["version"])) for good in examples["good"]
    ]


def list_bad(tag: str) -> list[tuple[str, dict[str, Any], str]]:
    """Return every bad message of a type, composed: its name, its fields, the place refused."""
    examples = load_examples(tag)
    return [
        (
            bad["name"],
            apply(
                compose(tag, _find_base(examples["good"], bad), version=examples["version"]),
                bad.get("set", {}),
                bad.get("remove", ()),
            ),
            bad["error_at"],
        )
        for bad in examples["bad"]
    ]


def list_good_answers(tag: str) -> list[tuple[str, dict[str, Any]]]:
    """Return every good typed answer to a type; none for a type that asks nothing."""
    goods = load_examples(tag).get("answers", {}).get("good", ())
    return [(good["name"], good["answer"]) for good in goods]


def list_bad_answers(tag: str) -> list[tuple[str, dict[str, Any], str]]:
    """Return every bad typed answer to a type, as :func:`list_bad` does."""
    answers = load_examples(tag).get("answers", {"good": (), "bad": ()})
    return [
        (
            bad["name"],
            apply(
                _find_base(answers["good"], bad)["answer"],
                bad.get("set", {}),
                bad.get("remove", ()),
            ),
            bad["error_at"],
        )
        for bad in answers["bad"]
    ]


def read_as(model: type[_M], fields: Mapping[str, Any]) -> _M:
    """Read JSON fields as the wire does: through JSON, strictly."""
    return model.model_validate_json(json.dumps(fields))


def find_refused_places(model: type[BaseModel], fields: Mapping[str, Any]) -> set[str]:
    """Return the places that are refused, as errors name them; empty if all is well."""
    try:
        read_as(model, fields)
    except ValidationError as error:
        found = {
            (".".join(str(step) for step in item["loc"]) or "message", item["type"])
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        }
        places = {place for place, _ in found}
        # pydantic counts only the valid items of a list: one bad item may make it too short, too.
        followed = {
            place
            for place, kind in found
            if kind == "too_short" and any(other.startswith(f"{place}.") for other in places)
        }
        return places - followed
    return set()


def get_body_type(message: type[BaseModel]) -> type[BaseModel]:
    """Return the model of a message type's body."""
    body = message.model_fields["body"].annotation
    assert isinstance(body, type)
    assert issubclass(body, BaseModel)
    return body


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def list_models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return ``model`` and every model that its fields hold, at any depth."""
    found: set[type[BaseModel]] = set()
    waiting = [model]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for field in current.model_fields.values():
            waiting.extend(_models_in(field.annotation))
    return found


def list_fields(model: type[BaseModel]) -> set[str]:
    """Name every field of ``model`` and of the models in it: ``Identity.birth_date``."""
    return {
        f"{owner.__name__}.{name}" for owner in list_models(model) for name in owner.model_fields
    }


def list_filled(value: object) -> set[str]:
    """Name the fields that hold something in this object, as :func:`list_fields` names them."""
    if isinstance(value, tuple):
        return {name for item in value for name in list_filled(item)}
    if not isinstance(value, BaseModel):
        return set()
    found: set[str] = set()
    for name in type(value).model_fields:
        inner = getattr(value, name)
        if inner is not None and inner not in ("", ()):
            found |= {f"{type(value).__name__}.{name}", *list_filled(inner)}
    return found


def _is_wrongly_marked(field: FieldInfo) -> bool:
    marks = [mark for mark in field.metadata if isinstance(mark, Sensitivity)]
    return len(marks) != (0 if any(_models_in(field.annotation)) else 1)


def list_wrongly_marked(model: type[BaseModel]) -> set[str]:
    """Name the leaf fields without exactly one sensitivity, and nested models that have one.

    ``answers``, the tag of the type that an answer belongs to, is no statement and has none.
    """
    return {
        f"{owner.__name__}.{name}"
        for owner in list_models(model)
        for name, field in owner.model_fields.items()
        if name != "answers" and _is_wrongly_marked(field)
    }


def as_parameters(
    tags: Iterable[str], list_cases: Callable[[str], Sequence[tuple[Any, ...]]]
) -> list[Any]:
    """Return pytest parameters ``(tag, fields[, place])`` of :func:`list_good` or one of its kind.

    The name of the example becomes the test's id.
    """
    return [
        pytest.param(tag, *case[1:], id=f"{tag}: {case[0]}")
        for tag in tags
        for case in list_cases(tag)
    ]
