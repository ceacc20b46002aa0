"""JSON of SPEC section 9.1: one reading for one text."""

import json
from typing import Any

from tests.support.minireader.rejection import malformed

NESTING_MOST = 16


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise malformed("a name stands twice in one object")
    return found


def _refuse_constant(_name: str) -> None:
    raise malformed("a number that JSON does not know")


def _measure_depth(value: object) -> int:
    """Count the levels below this value: every value inside, a number too, is a level lower."""
    deepest, level = 0, [value]
    while True:
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return deepest
        deepest, level = deepest + 1, inner


def parse_object(payload: bytes) -> dict[str, Any]:
    """Parse one JSON object, refusing as ``malformed`` what 9.1 refuses."""
    try:
        text = payload.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_refuse_twice, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8
    except (ValueError, RecursionError) as error:  # also bad UTF-8, and a byte order mark
        raise malformed("no JSON in UTF-8") from error
    if not isinstance(value, dict) or _measure_depth(value) > NESTING_MOST:
        raise malformed("no object, or nested too deeply")
    return value
