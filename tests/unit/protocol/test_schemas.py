"""The JSON Schemas of the message types, read by a second reader, against the examples."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Final

import pytest
from pydantic import ValidationError

from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import StatedClass, get_sensitivity
from protocol.messages.schemas import make_schema
from tests.support.examples import EXAMPLES, as_parameters, list_bad, list_good, list_models
from tests.support.json_schema import find_faults

#: Thousands of cases over code that other tests cover: they go without its measurement.
pytestmark = pytest.mark.no_cover

TAGS: Final = [tag for tag in CATALOGUE if (EXAMPLES / f"{tag}.json").is_file()]


@cache
def load_schema(tag: str) -> dict[str, Any]:
    """Return the schema of a type."""
    return make_schema(CATALOGUE[tag].model)


@pytest.mark.parametrize(("tag", "fields"), as_parameters(TAGS, list_good))
def test_a_good_example_fits_its_schema(tag: str, fields: dict[str, Any]) -> None:
    """The schema of a type has nothing against its good examples."""
    assert find_faults(load_schema(tag), fields) == []


def list_objects(tree: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every object in a JSON tree."""
    if isinstance(tree, dict):
        yield at
        for name, inner in tree.items():
            yield from list_objects(inner, (*at, name))
    elif isinstance(tree, list):
        for index, inner in enumerate(tree):
            yield from list_objects(inner, (*at, index))


def get_object(tree: Any, place: tuple[str | int, ...]) -> dict[str, Any]:
    """Return the object at a place of a JSON tree."""
    for step in place:
        tree = tree[step]
    assert isinstance(tree, dict)
    return tree


@pytest.mark.parametrize(("tag", "fields"), as_parameters(TAGS, list_good))
def test_no_object_of_a_message_is_open(tag: str, fields: dict[str, Any]) -> None:
    """A field that the type does not have is refused in every object of the message."""
    schema = load_schema(tag)
    for place in list_objects(fields):
        changed = deepcopy(fields)
        get_object(changed, place)["not_ours"] = "x"
        assert find_faults(schema, changed)


@pytest.mark.parametrize(("tag", "fields"), as_parameters(TAGS, list_good))
def test_schema_and_parser_miss_the_same_fields(tag: str, fields: dict[str, Any]) -> None:
    """Leaving out any one field is refused by the schema exactly if the parser misses it.

    Type and version are required by the schema though they have defaults in the code: by them a
    reader on the wire chooses the type.
    """
    model = CATALOGUE[tag].model
    schema = load_schema(tag)
    for place in list_objects(fields):
        for name in get_object(fields, place):
            changed = deepcopy(fields)
            del get_object(changed, place)[name]
            missed = not place and name in {"type", "version"}
            try:
                model.model_validate_json(json.dumps(changed))
            except ValidationError as error:
                kinds = {item["type"] for item in error.errors()}
                missed = missed or bool(kinds & {"missing", "union_tag_not_found"})
            assert bool(find_faults(schema, changed)) == missed, (place, name)


@pytest.mark.parametrize(("tag", "fields", "place"), as_parameters(TAGS, list_bad))
def test_a_bad_shape_does_not_fit_its_schema(tag: str, fields: dict[str, Any], place: str) -> None:
    """A bad example that breaks no rule in words, but the shape, is refused by the schema, too."""
    with pytest.raises(ValidationError) as refusal:
        CATALOGUE[tag].model.model_validate_json(json.dumps(fields))
    in_words = any(item["type"] == "value_error" for item in refusal.value.errors())
    assert find_faults(load_schema(tag), fields) or in_words, place


@pytest.mark.parametrize("tag", CATALOGUE)
def test_every_leaf_says_its_class(tag: str) -> None:
    """Each field of each model of a type has in the schema the class of its annotation."""
    model = CATALOGUE[tag].model
    schema = load_schema(tag)
    shapes = {model.__name__: schema, **schema["$defs"]}
    for owner in list_models(model):
        properties = shapes[owner.__name__].get("properties", {})
        for name in owner.model_fields:
            mark = get_sensitivity(owner, name)
            wanted = "stated" if issubclass(owner, StatedClass) else mark and mark.value
            assert properties[name].get("x-sensitivity") == wanted


@pytest.mark.parametrize("tag", CATALOGUE)
def test_a_schema_names_its_dialect_and_itself(tag: str) -> None:
    """A schema says that it is of draft 2020-12, and of which type and version it is."""
    schema = load_schema(tag)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:trm:message:{tag}:v{CATALOGUE[tag].version}"
