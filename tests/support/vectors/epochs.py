"""Epoch keys: what to make, to list, and to erase, and when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from protocol.epochs import EpochPolicy, HeldKey, Validity, plan_keys
from protocol.signing import KeyId
from tests.support.vectors.family import Family, Json, Operation, VectorError
from tests.support.vectors.links import read_moment, write_moment

_Given = Mapping[str, Any]
_START: Final = read_moment("2026-03-01T00:00:00Z")
_DAY: Final = timedelta(days=1)


def _plan(data: _Given, _: _Given) -> Json:
    confirmed = data["confirmed"]
    held = [
        HeldKey(
            KeyId(each["key_id"]),
            Validity(read_moment(each["valid_from"]), read_moment(each["valid_to"])),
        )
        for each in data["held"]
    ]
    plan = plan_keys(
        now=read_moment(data["now"]),
        confirmed=confirmed and read_moment(confirmed),
        held=held,
        policy=EpochPolicy(),
    )
    return {
        "make": [
            {"valid_from": write_moment(each.valid_from), "valid_to": write_moment(each.valid_to)}
            for each in plan.make
        ],
        "list": list(plan.publish),
        "erase": list(plan.erase),
    }


def _keys(count: int, *, first: datetime = _START, name: str = "a") -> list[Json]:
    """Hold this many keys of a week each, one after another."""
    return [
        {
            "key_id": f"{name}{number:031x}",
            "valid_from": write_moment(first + 7 * number * _DAY),
            "valid_to": write_moment(first + 7 * (number + 1) * _DAY),
        }
        for number in range(count)
    ]


def _at(days: float) -> str:
    return write_moment(_START + timedelta(days=days))


#: Name, days after the first key began, days of the last confirmation, keys held;
#: how many are made, listed of those held, and erased.
_CASES: Final[tuple[tuple[str, float, float | None, list[Json], tuple[int, int, int]], ...]] = (
    ("a new node", 0, None, [], (4, 0, 0)),
    ("keys for the next weeks", 2, 2, _keys(4), (0, 4, 0)),
    ("no key for a clock that is two days behind", 0, 0, _keys(4), (1, 4, 0)),
    ("a day before the lead runs out", 6, 6, _keys(4), (0, 4, 0)),
    ("the lead runs out", 7, 7, _keys(4), (1, 4, 0)),
    ("a key has ended, clocks may be off", 8, 8, _keys(5), (0, 5, 0)),
    ("two days after it ended: not listed", 9, 9, _keys(5), (0, 4, 0)),
    ("a second before that", 9 - 1 / 86_400, 9, _keys(5), (0, 5, 0)),
    ("a second before it is erased", 30 - 1 / 86_400, 30, _keys(8), (0, 5, 0)),
    ("erased 23 days after it ended", 30, 30, _keys(8), (0, 4, 1)),
    ("not confirmed: nothing withdrawn, nothing erased", 30, None, _keys(8), (0, 8, 0)),
    ("confirmed long ago", 30, 8, _keys(8), (0, 8, 0)),
    ("confirmed ahead of the clock: the clock counts", 8, 60, _keys(5), (0, 5, 0)),
    ("off for two months", 60, None, _keys(4), (4, 4, 0)),
    ("off for two months, now confirmed", 60, 60, _keys(4), (4, 0, 4)),
    ("a clock a year ahead", 365, None, _keys(4), (4, 4, 0)),
    ("a clock a year back", -365, None, _keys(4), (4, 4, 0)),
    ("a gap between keys", 2, 2, [*_keys(1), *_keys(2, first=_START + 14 * _DAY)], (1, 3, 0)),
    ("more keys than a document lists", 2, None, _keys(40), (0, 32, 0)),
)


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="epochs",
        description="Encryption keys of a week each (L = 21 days, T = 2 days): which are made, "
        "which of those held the key document lists, and whose private halves are erased. "
        "`confirmed` is the latest moment of the node's own clock that was confirmed, null if "
        "there is none. Keys that are made are listed, too. When the keys begin that are made is "
        "a choice within the rules: another implementation may cover the same time otherwise. "
        "`list` and `erase` are exact.",
        spec=("12.2",),
        operations={"plan": Operation("What a node does with its keys now.", _plan)},
    )
    for name, days, confirmed, held, counts in _CASES:
        data = {
            "now": _at(days),
            "confirmed": None if confirmed is None else _at(confirmed),
            "held": held,
        }
        family.good(name, "plan", data)
        found = family.cases[-1]["expected"]
        if tuple(len(found[each]) for each in ("make", "list", "erase")) != counts:
            raise VectorError(f"epochs: '{name}' makes, lists, or erases another number.")
    return [family]
