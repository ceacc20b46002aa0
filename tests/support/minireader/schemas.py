"""Check a payload against the published schema of its type, with the library jsonschema.

The library is told what SPEC demands beyond its habits: 1.0 is no integer, ``$`` in a pattern
is the very end of a text, and moments and dates have the forms of section 9.2.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from tests.support.minireader import texts

SCHEMAS = Path(__file__).resolve().parents[3] / "protocol" / "schemas"
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or texts.is_moment(value)


@FORMATS.checks("date")
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or texts.is_date(value)


def _check_pattern(
    _validator: object, pattern: str, value: object, _schema: object
) -> Iterator[ValidationError]:
    whole = re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)
    if isinstance(value, str) and not whole.search(value):
        yield ValidationError("another form than the pattern")


def _check_text(
    _validator: object, kind: str, value: object, _schema: object
) -> Iterator[ValidationError]:
    if isinstance(value, str) and not texts.is_clean(value, kind=kind):
        yield ValidationError("a text with what may not stand in it")


def _check_alternatives(
    validator: Any, branches: list[Any], value: object, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """Follow the field that tells alternatives apart, so that an error names its place."""
    rule = schema.get("discriminator")
    if rule is None:
        raise LookupError("alternatives that no field tells apart: give the schema a discriminator")
    said = value.get(rule["propertyName"]) if isinstance(value, dict) else None
    chosen = rule["mapping"].get(said) if isinstance(said, str) else None
    if chosen is None or {"$ref": chosen} not in branches:
        yield ValidationError("none of the alternatives")
        return
    yield from validator.descend(value, {"$ref": chosen})


def _check_optional(
    validator: Any, branches: list[Any], value: object, _schema: dict[str, Any]
) -> Iterator[ValidationError]:
    """Take ``anyOf`` as it is used here: one form, or null."""
    forms = [branch for branch in branches if branch.get("type") != "null"]
    if len(forms) != 1:
        raise LookupError("anyOf with more than one form: tell the alternatives apart by a field")
    if value is not None:
        yield from validator.descend(value, forms[0])


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


Validator: type[Any] = extend(  # type: ignore[no-untyped-call]  # the stubs leave it so
    Draft202012Validator,
    {
        "pattern": _check_pattern,
        "x-text": _check_text,
        "oneOf": _check_alternatives,
        "anyOf": _check_optional,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A place of a payload: an object under its definition, or a leaf with its class."""

    path: str
    definition: str | None
    sensitivity: str | None
    value: Any


@cache
def load_schema(tag: str, version: int) -> dict[str, Any] | None:
    """Load the schema of a type, None for one that is not published."""
    path = SCHEMAS / f"{tag}.v{version}.schema.json"
    if path.parent != SCHEMAS or not path.is_file():
        return None
    schema: dict[str, Any] = json.loads(path.read_bytes())
    Draft202012Validator.check_schema(schema)
    return schema


@cache
def load_definition(name: str) -> dict[str, Any]:
    """Load the schema of a part that every case message can have."""
    known = load_schema("general.message", 1)
    if known is None:
        raise LookupError("the schema of general.message is not in protocol/schemas: restore it")
    return {"$defs": known["$defs"], "$ref": f"#/$defs/{name}"}


def _locate(error: ValidationError) -> str:
    """Name the place of an error, a missing or surplus field by its own name."""
    place = [str(step) for step in error.absolute_path]
    fields: Any = error.instance
    schema: Any = error.schema
    if error.validator == "required":
        place.append(next(name for name in schema["required"] if name not in fields))
    elif error.validator == "additionalProperties":
        place.append(next(name for name in fields if name not in schema["properties"]))
    return ".".join(place)


def find_violations(payload: object, schema: dict[str, Any]) -> list[str]:
    """Find the places that do not fit the schema, each by its path."""
    validator = Validator(schema, format_checker=FORMATS)
    return [_locate(error) for error in validator.iter_errors(payload)]


def list_body_fields(schema: dict[str, Any]) -> set[str]:
    """List the names of the fields that the body of a type can have."""
    _, body = _resolve(schema["properties"]["body"], schema, None)
    return set(body["properties"])


def _resolve(
    part: dict[str, Any], root: dict[str, Any], value: object
) -> tuple[str | None, dict[str, Any]]:
    """Follow references and alternatives to what describes the value."""
    name = None
    while True:
        if "discriminator" in part and isinstance(value, dict):
            rule = part["discriminator"]
            part = {"$ref": rule["mapping"][value[rule["propertyName"]]]}
        elif "anyOf" in part:
            part = next(one for one in part["anyOf"] if one.get("type") != "null")
        elif "$ref" in part:
            name = part["$ref"].rsplit("/", 1)[1]
            part = root["$defs"][name]
        else:
            return name, part


def walk(payload: dict[str, Any], root: dict[str, Any]) -> Iterator[Found]:
    """Visit every object and every leaf of a payload that fits its schema."""
    yield from _walk(payload, root, root=root, path="", sensitivity=None)


def _walk(
    value: Any, part: dict[str, Any], *, root: dict[str, Any], path: str, sensitivity: str | None
) -> Iterator[Found]:
    if value is None:
        return
    sensitivity = part.get("x-sensitivity", sensitivity)
    name, part = _resolve(part, root, value)
    if isinstance(value, dict):
        yield Found(path, name, sensitivity, value)
        for field, inner in value.items():
            place = f"{path}.{field}" if path else field
            yield from _walk(
                inner, part["properties"][field], root=root, path=place, sensitivity=sensitivity
            )
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(
                inner, part["items"], root=root, path=f"{path}.{number}", sensitivity=sensitivity
            )
    else:
        yield Found(path, None, sensitivity, value)
