"""A reader of JSON Schemas as small as ours are: it knows the keywords they use and refuses others.

It shares nothing with the code that makes the schemas, so what it says of an example is a second
opinion on the shape.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_SILENT: Final = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "default", "discriminator"}
    | {"x-sensitivity", "x-text", "additionalProperties"}
)


def _is_type(value: Any, name: str) -> bool:
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])


_FORMATS: Final = {
    "date": r"\d{4}-\d\d-\d\d",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
}


def _has_format(value: str, name: str) -> bool:
    if not re.fullmatch(_FORMATS[name], value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


_CHECKS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "type": _is_type,
    "const": lambda value, wanted: value == wanted and type(value) is type(wanted),
    "format": _has_format,
    "enum": lambda value, choices: value in choices,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
    "minLength": lambda value, least: len(value) >= least,
    "maxLength": lambda value, most: len(value) <= most,
    "minItems": lambda value, least: len(value) >= least,
    "maxItems": lambda value, most: len(value) <= most,
    "minimum": lambda value, least: value >= least,
    "maximum": lambda value, most: value <= most,
    "required": lambda value, names: all(name in value for name in names),
}


def find_faults(schema: Mapping[str, Any], value: Any) -> list[str]:
    """Return what the schema objects to, as ``place: keyword``; empty if the value fits."""
    return list(_Reader(schema).check(schema, value, "$"))


class _Reader:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._definitions = root.get("$defs", {})

    def check(self, schema: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
        if "type" in schema and not _is_type(value, schema["type"]):
            yield f"{at}: type"
            return  # the other keywords are for values of that type
        for keyword, content in schema.items():
            if keyword in _INNER:
                yield from _INNER[keyword](self, content, value, at)
            elif keyword not in _SILENT and not _CHECKS[keyword](value, content):
                yield f"{at}: {keyword}"
        if "properties" in schema:
            assert schema["additionalProperties"] is False, f"{at} is open to anything."

    def follow(self, reference: str, value: Any, at: str) -> Iterator[str]:
        target = self._definitions[reference.removeprefix("#/$defs/")]
        return self.check(target, value, at)

    def choose(self, choices: Sequence[Mapping[str, Any]], value: Any, at: str) -> Iterator[str]:
        if not any(not list(self.check(choice, value, at)) for choice in choices):
            yield f"{at}: no alternative fits"

    def check_items(self, items: Mapping[str, Any], value: list[Any], at: str) -> Iterator[str]:
        for index, item in enumerate(value):
            yield from self.check(items, item, f"{at}.{index}")

    def check_fields(
        self, fields: Mapping[str, Any], value: dict[str, Any], at: str
    ) -> Iterator[str]:
        for name, item in value.items():
            if name in fields:
                yield from self.check(fields[name], item, f"{at}.{name}")
            else:
                yield f"{at}.{name}: unknown"


_INNER: Final[Mapping[str, Callable[[_Reader, Any, Any, str], Iterator[str]]]] = {
    "$ref": _Reader.follow,
    "anyOf": _Reader.choose,
    # Ours are told apart by a fixed field, so that never two of them fit.
    "oneOf": _Reader.choose,
    "items": _Reader.check_items,
    "properties": _Reader.check_fields,
}
