"""Links: places, verdicts on arriving messages, what is missing, and new generations."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from protocol.links import (
    FIRST_PREVIOUS,
    LinkGap,
    LinkHead,
    LinkPosition,
    LinkView,
    NumberRange,
    find_gaps,
    judge_head,
    judge_position,
    restart_link,
)
from tests.support.vectors.consignments import FORMAT
from tests.support.vectors.family import Family, Json, Operation

_Given = Mapping[str, Any]
_A, _B, _C, _D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def read_moment(text: str) -> datetime:
    """Read a moment of the vectors."""
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def write_moment(moment: datetime) -> str:
    """Write a moment as vectors have it."""
    return moment.astimezone(UTC).strftime(FORMAT)


def _next(data: _Given, _: _Given) -> Json:
    position = LinkHead(data["generation"], data["seq"], data["digest"]).next()
    return {"generation": position.generation, "seq": position.seq, "prev": position.prev}


def _judge(data: _Given, _: _Given) -> str:
    """Look around the place among the messages that are held, as a recipient's store does."""
    position, held = LinkPosition(**data["link"]), data["held"]
    same = [each for each in held if each["generation"] == position.generation]

    def find(seq: int, field: str) -> str | None:
        return next((each[field] for each in same if each["seq"] == seq), None)

    generation = max((each["generation"] for each in held), default=0)
    view = LinkView(
        generation=generation,
        highest=max((each["seq"] for each in held if each["generation"] == generation), default=0),
        digest_before=find(position.seq - 1, "digest"),
        prev_named_after=find(position.seq + 1, "prev"),
        digest_at=find(position.seq, "digest"),
    )
    return judge_position(position, digest=data["digest"], view=view)


def _head(data: Mapping[str, Any]) -> LinkHead:
    return LinkHead(data["generation"], data["seq"], data["digest"])


def _judge_head(data: _Given, _: _Given) -> str:
    return judge_head(_head(data["named"]), held=_head(data["held"]))


def write_gap(each: LinkGap) -> Json:
    """Write a gap as vectors have it."""
    return {"generation": each.generation, "first": each.first, "last": each.last}


def _find_gaps(data: _Given, _: _Given) -> list[Json]:
    settled = [NumberRange(first, last) for first, last in data["settled"]]
    found = find_gaps(settled, highest=data["highest"], generation=data["generation"])
    return [write_gap(each) for each in found]


def _restart(data: _Given, _: _Given) -> Json:
    head = restart_link(
        _head(data["head"]), now=read_moment(data["now"]), heard=data.get("heard", 0)
    )
    return {"generation": head.generation, "seq": head.seq, "digest": head.digest}


def _held(*messages: tuple[int, int, str, str]) -> list[Json]:
    names = ("generation", "seq", "digest", "prev")
    return [dict(zip(names, message, strict=True)) for message in messages]


_THREE: Final = _held((1, 1, _A, FIRST_PREVIOUS), (1, 2, _B, _A), (1, 3, _C, _B))
_GAP: Final = _held((1, 1, _A, FIRST_PREVIOUS), (1, 4, _D, _C))
_TWO_GENERATIONS: Final = [*_THREE, *_held((5, 1, _D, FIRST_PREVIOUS))]

#: Name, place, digest of the arriving message, what is held, verdict.
_VERDICTS: Final[tuple[tuple[str, tuple[int, int, str], str, list[Json], str], ...]] = (
    ("the first", (1, 1, FIRST_PREVIOUS), _A, [], "in_order"),
    ("the first of a later generation", (7, 1, FIRST_PREVIOUS), _A, [], "in_order"),
    ("the next", (1, 4, _C), _D, _THREE, "in_order"),
    ("the first to come is the second", (1, 2, _A), _B, [], "after_gap"),
    ("one was left out", (1, 5, _A), _D, _THREE, "after_gap"),
    ("far ahead", (1, 2_147_483_647, _A), _D, _THREE, "after_gap"),
    ("fills the gap from below", (1, 2, _A), _B, _GAP, "fills_gap"),
    ("fills the gap from above", (1, 3, _B), _C, _GAP, "fills_gap"),
    ("a new generation", (2, 1, FIRST_PREVIOUS), _D, _THREE, "in_order"),
    ("a new generation, not its first", (2, 3, _A), _D, _THREE, "after_gap"),
    ("a late one of an old generation", (1, 4, _C), _A, _TWO_GENERATIONS, "old_generation"),
    (
        "a late one of a generation in between",
        (3, 1, FIRST_PREVIOUS),
        _B,
        _TWO_GENERATIONS,
        "old_generation",
    ),
    ("another at a place that is taken", (1, 3, _B), _D, _THREE, "conflict"),
    ("another as the first", (1, 1, FIRST_PREVIOUS), _D, _THREE, "conflict"),
    ("names another predecessor", (1, 4, _D), _A, _THREE, "conflict"),
    ("the first names a predecessor", (1, 1, _A), _B, [], "conflict"),
    ("a generation that goes on from the one before", (2, 1, _C), _D, _THREE, "conflict"),
    ("is not what the one after it names", (1, 3, _B), _A, _GAP, "conflict"),
    ("fills a gap with another predecessor", (1, 2, _D), _B, _GAP, "conflict"),
    ("conflict in an old generation", (1, 4, _A), _D, _TWO_GENERATIONS, "conflict"),
    ("names zeros where the one before is held", (1, 4, FIRST_PREVIOUS), _D, _THREE, "conflict"),
    ("names zeros where nothing before is held", (1, 6, FIRST_PREVIOUS), _D, _THREE, "after_gap"),
)


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="links",
        description="Places on a link, what a recipient finds about an arriving message, what is "
        "missing, and new generations. Digests stand for themselves; no message belongs to them.",
        spec=("6", "6.1", "6.2", "6.3"),
        operations={
            "next": Operation(
                "The place of the next message of a sender whose last one was this (number 0 and "
                "64 zeros: none yet).",
                _next,
            ),
            "judge": Operation(
                "The verdict on a message at the place `link` with this digest, where `held` are "
                "all messages held of this link.",
                _judge,
            ),
            "find_gaps": Operation(
                "What is missing of a generation: `settled` are ranges [first, last] of numbers "
                "that are here or were reported gone, `highest` is the highest known to exist.",
                _find_gaps,
            ),
            "judge_head": Operation(
                "What the end of the link that the sender names means to a recipient that holds "
                "another end: level, ahead (the sender sent more), behind (the sender forgot), or "
                "conflict.",
                _judge_head,
            ),
            "restart": Operation(
                "The link after a restore: a new generation. `heard` is the highest that the peer "
                "has seen.",
                _restart,
            ),
        },
    )
    for name, (generation, seq, digest) in {
        "of a new link": (1, 0, FIRST_PREVIOUS),
        "of a link with one message": (1, 1, _A),
        "in a later generation": (29_528_100, 41, _B),
    }.items():
        end = {"generation": generation, "seq": seq, "digest": digest}
        place = {"generation": generation, "seq": seq + 1, "prev": digest}
        family.good(f"next: {name}", "next", end, expected=place)
    for name, (generation, seq, prev), digest, held, verdict in _VERDICTS:
        place = {"generation": generation, "seq": seq, "prev": prev}
        data = {"link": place, "digest": digest, "held": held}
        family.good(f"judge: {name}", "judge", data, expected=verdict)
    _add_ends(family)
    return [family]


def _add_ends(family: Family) -> None:
    for name, settled, highest, gaps in (
        ("nothing is known", [], 0, []),
        ("nothing is here, the sender names 3", [], 3, [(1, 3)]),
        ("all is here", [[1, 5]], 5, []),
        ("one is missing", [[1, 2], [4, 5]], 5, [(3, 3)]),
        ("the beginning is missing", [[4, 5]], 5, [(1, 3)]),
        ("the end is missing", [[1, 2]], 5, [(3, 5)]),
        ("several are missing", [[2, 2], [5, 6], [9, 9]], 10, [(1, 1), (3, 4), (7, 8), (10, 10)]),
        ("ranges out of order and over each other", [[4, 6], [1, 2], [5, 8]], 9, [(3, 3), (9, 9)]),
        ("more is here than the sender names", [[1, 7]], 5, []),
        ("a million", [[1, 1], [1_000_000, 1_000_000]], 1_000_000, [(2, 999_999)]),
    ):
        wanted = [{"generation": 2, "first": first, "last": last} for first, last in gaps]
        data = {"settled": settled, "highest": highest, "generation": 2}
        family.good(f"find_gaps: {name}", "find_gaps", data, expected=wanted)
    for name, named, held, verdict in (
        ("nothing sent, nothing held", (1, 0, FIRST_PREVIOUS), (1, 0, FIRST_PREVIOUS), "level"),
        ("the same", (1, 5, _A), (1, 5, _A), "level"),
        ("the sender sent more", (1, 6, _B), (1, 5, _A), "ahead"),
        ("a new generation", (2, 0, FIRST_PREVIOUS), (1, 5, _A), "ahead"),
        ("the sender forgot", (1, 4, _B), (1, 5, _A), "behind"),
        ("the sender forgot a generation", (1, 9, _B), (2, 1, _A), "behind"),
        ("another message at the same place", (1, 5, _B), (1, 5, _A), "conflict"),
    ):
        data = {
            "named": dict(zip(("generation", "seq", "digest"), named, strict=True)),
            "held": dict(zip(("generation", "seq", "digest"), held, strict=True)),
        }
        family.good(f"judge_head: {name}", "judge_head", data, expected=verdict)
    for name, generation, now, heard, expected in (
        ("minutes since 1970", 1, "2026-03-04T11:00:59Z", 0, 29_543_700),
        ("restored twice within a minute", 29_543_700, "2026-03-04T11:00:10Z", 0, 29_543_701),
        ("a clock that was set back", 29_543_700, "2020-01-01T00:00:00Z", 0, 29_543_701),
        ("the peer saw a higher one", 1, "2026-03-04T11:00:00Z", 29_600_000, 29_600_001),
    ):
        head = {"generation": generation, "seq": 12, "digest": _A}
        restarted = {"generation": expected, "seq": 0, "digest": FIRST_PREVIOUS}
        data = {"head": head, "now": now, "heard": heard}
        family.good(f"restart: {name}", "restart", data, expected=restarted)
