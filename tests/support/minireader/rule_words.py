"""The words that rules between fields are written in.

A rule takes the fields of one object and tells whether they fit. A field holds something if it
is neither absent, null, an empty text nor an empty list (SPEC section 9.3).
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from tests.support.minireader.texts import parse_moment

Fields = dict[str, Any]
Rule = Callable[[Fields], bool]


def holds(fields: Fields, name: str) -> bool:
    """Tell whether a field, or a field of a part (``part.field``), holds something."""
    return dig(fields, name) not in (None, "", [])


def dig(fields: Fields, name: str) -> Any:
    """Look a field up, through parts; None where one of them is absent."""
    value: Any = fields
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def says(fields: Fields, name: str, codes: str) -> bool:
    """Tell whether a field is, or a list holds, one of the codes (divided by blanks)."""
    value = dig(fields, name)
    wanted = codes.split()
    return any(one in wanted for one in value) if isinstance(value, list) else value in wanted


def when(name: str, codes: str, *needed: str) -> Rule:
    """With one of the codes, all needed fields hold something."""
    return lambda fields: not says(fields, name, codes) or all(holds(fields, one) for one in needed)


def when_either(name: str, codes: str, *needed: str) -> Rule:
    """With one of the codes, at least one of the fields holds something."""
    return lambda fields: not says(fields, name, codes) or any(holds(fields, one) for one in needed)


def only_when(name: str, codes: str, *allowed: str) -> Rule:
    """Without the codes, none of the fields holds anything."""
    return lambda fields: (
        says(fields, name, codes) or not any(holds(fields, one) for one in allowed)
    )


def exactly_when(name: str, codes: str, *needed: str) -> Rule:
    """Let the fields hold something if, and only if, there is one of the codes."""
    return lambda fields: all(holds(fields, one) == says(fields, name, codes) for one in needed)


def some(*names: str) -> Rule:
    """At least one of the fields holds something."""
    return lambda fields: any(holds(fields, one) for one in names)


def one_of(*names: str) -> Rule:
    """Exactly one of the fields holds something."""
    return lambda fields: sum(holds(fields, one) for one in names) == 1


def never(name: str, codes: str, also: str = "", also_codes: str = "") -> Rule:
    """Refuse the first codes beside the second, or altogether where there is no second."""
    return lambda fields: (
        not (says(fields, name, codes) and (not also or says(fields, also, also_codes)))
    )


def unique(name: str, *keys: str) -> Rule:
    """No two items of a list have the same keys."""

    def rule(fields: Fields) -> bool:
        found = [tuple(item[key] for key in keys) for item in fields.get(name) or []]
        return len(set(found)) == len(found)

    return rule


def _as_moment(value: Any) -> Any:
    """Make comparable: numbers as they are, days as their beginning in UTC."""
    if not isinstance(value, str):
        return value
    if "T" in value:
        return parse_moment(value)
    return dt.datetime.combine(dt.date.fromisoformat(value), dt.time(), dt.UTC)


def ordered(first: str, second: str) -> Rule:
    """Let the second not be before the first, where both are there."""
    return lambda fields: (
        not (holds(fields, first) and holds(fields, second))
        or _as_moment(dig(fields, first)) <= _as_moment(dig(fields, second))
    )


def after(first: str, second: str) -> Rule:
    """Let the second be later than the first, where both are there."""
    return lambda fields: (
        not (holds(fields, first) and holds(fields, second))
        or _as_moment(dig(fields, first)) < _as_moment(dig(fields, second))
    )


def alone(name: str, codes: str) -> Rule:
    """Let a list that holds one of the codes hold nothing else."""
    return lambda fields: not says(fields, name, codes) or len(fields[name]) == 1
