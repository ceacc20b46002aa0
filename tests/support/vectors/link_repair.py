"""Getting back what a link lost: when to ask, when to stop, and what to answer."""

from collections.abc import Mapping
from typing import Any, Final

from protocol.link_repair import (
    Fate,
    GapWatch,
    KeptMessage,
    NumberFate,
    answer_request,
    follow_gaps,
    is_awaited,
    plan_resend_request,
)
from protocol.links import LinkGap
from tests.support.vectors.family import Family, Json, Operation, VectorError
from tests.support.vectors.links import read_moment, write_gap, write_moment

_Given = Mapping[str, Any]
_A, _B = "a" * 64, "b" * 64
_ASKED: Final = "2026-03-04T12:00:00Z"


def _read_watch(data: Mapping[str, Any]) -> GapWatch:
    asked_at = data.get("asked_at")
    return GapWatch(
        LinkGap(data["generation"], data["first"], data["last"]),
        noticed_at=read_moment(data["noticed_at"]),
        asked=data["asked"],
        asked_at=asked_at and read_moment(asked_at),
        given_up=data.get("given_up", False),
    )


def _write_watch(watch: GapWatch) -> Json:
    found = write_gap(watch.gap) | {
        "noticed_at": write_moment(watch.noticed_at),
        "asked": watch.asked,
        "given_up": watch.given_up,
    }
    return found | ({"asked_at": write_moment(watch.asked_at)} if watch.asked_at else {})


def _plan(data: _Given, _: _Given) -> Json:
    watches = [_read_watch(each) for each in data["watches"]]
    plan = plan_resend_request(watches, now=read_moment(data["now"]))
    return {
        "ask": [write_gap(each) for each in plan.ask],
        "given_up": [write_gap(each) for each in plan.given_up],
    }


def _follow(data: _Given, _: _Given) -> list[Json]:
    watches = [_read_watch(each) for each in data["watches"]]
    gaps = [LinkGap(**each) for each in data["gaps"]]
    return [_write_watch(each) for each in follow_gaps(watches, gaps, now=read_moment(data["now"]))]


def _answer(data: _Given, _: _Given) -> Json:
    kept = data["kept"]

    def find(gap: LinkGap, most: int) -> list[tuple[int, KeptMessage]]:
        found = [
            (
                each["seq"],
                KeptMessage(
                    each["digest"], each["available"], cancelled=each.get("cancelled", False)
                ),
            )
            for each in sorted(kept, key=lambda each: each["seq"])
            if gap.covers(each["generation"], each["seq"])
        ]
        return found[:most]

    answer = answer_request([LinkGap(**each) for each in data["wanted"]], find=find)
    return {
        "numbers": [
            {
                "generation": each.generation,
                "seq": each.seq,
                "payload_sha256": each.digest,
                "fate": each.fate.value,
            }
            for each in answer.known
        ],
        "unknown": [write_gap(each) for each in answer.unknown],
        "more": answer.more,
    }


def _is_awaited(data: _Given, _: _Given) -> bool:
    announced = [
        NumberFate(each["generation"], each["seq"], each["payload_sha256"], Fate(each["fate"]))
        for each in data["announced"]
    ]
    return is_awaited(data["generation"], data["seq"], digest=data["digest"], announced=announced)


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="link_repair",
        description="Getting back what a link lost: when to ask and when to stop, and what its "
        "sender answers. Moments are UTC. The messages themselves, system.resend_request and "
        "system.resend_answer, are in `payloads/`.",
        spec=("6.1", "6.2", "8.2"),
        operations={
            "plan": Operation(
                "What to ask for now, and what is given up now. A `watch` is a gap, when it was "
                "noticed, how often it was asked for, and when last.",
                _plan,
            ),
            "follow": Operation("What to remember when the gaps have become these.", _follow),
            "answer": Operation(
                "What a sender that keeps these messages says about the ranges asked for; "
                "`available` is false where the content was erased, `cancelled` true where the "
                "message was taken back before it left.",
                _answer,
            ),
            "is_awaited": Operation(
                "Whether an expired message at this place, with this digest, is taken in after "
                "all: if its sender has announced exactly this one.",
                _is_awaited,
            ),
        },
    )
    _add_plans(family)
    _add_answers(family)
    return [family]


def _watch(
    first: int, last: int, *, asked: int = 0, asked_at: str | None = None, **more: Any
) -> Json:
    found = {"generation": 1, "first": first, "last": last, "asked": asked, **more}
    found |= {"asked_at": asked_at} if asked_at else {}
    return {"given_up": False, "noticed_at": "2026-03-04T11:00:00Z"} | found


def _asked(times: int, **more: Any) -> Json:
    return _watch(3, 5, asked=times, asked_at=_ASKED, **more)


def _add_plans(family: Family) -> None:
    asked_once = _watch(3, 5, asked=1, asked_at=_ASKED)
    others = [_watch(9, 9, asked=1, asked_at="2026-03-04T11:10:00Z"), _watch(3, 5)]
    for name, now, watches, asked in (
        ("nothing is missing", "2026-03-04T11:00:00Z", [], 0),
        ("just noticed", "2026-03-04T11:00:00Z", [_watch(3, 5)], 0),
        ("a second before its time", "2026-03-04T11:09:59Z", [_watch(3, 5)], 0),
        ("after ten minutes", "2026-03-04T11:10:00Z", [_watch(3, 5)], 1),
        ("59 minutes after the first question", "2026-03-04T12:59:59Z", [asked_once], 0),
        ("an hour after the first question", "2026-03-04T13:00:00Z", [asked_once], 1),
        ("six hours after the second", "2026-03-04T18:00:00Z", [_asked(2)], 1),
        ("a day after the third", "2026-03-05T12:00:00Z", [_asked(3)], 1),
        ("a day after the thirty-first", "2026-03-05T12:00:00Z", [_asked(31)], 1),
        ("given up after the thirty-second", "2026-03-05T12:00:00Z", [_asked(32)], 0),
        ("given up before", "2026-03-09T12:00:00Z", [_asked(32, given_up=True)], 0),
        (
            "65 gaps: 64 are asked for",
            "2026-03-04T11:10:00Z",
            [_watch(2 * number, 2 * number) for number in range(1, 66)],
            64,
        ),
        ("two gaps, one is due", "2026-03-04T11:30:00Z", others, 1),
    ):
        data = {"now": now, "watches": watches}
        family.good(f"plan: {name}", "plan", data)
        if len(family.cases[-1]["expected"]["ask"]) != asked:
            raise VectorError(f"plan: '{name}' asks for something else.")
    known = _watch(3, 8, asked=2, asked_at="2026-03-04T12:00:00Z")
    for name, gaps in (
        ("filled", []),
        ("as it was", [(3, 8)]),
        ("smaller", [(5, 8)]),
        ("split", [(3, 4), (7, 8)]),
        ("larger at the end", [(3, 12)]),
        ("larger at both ends", [(1, 12)]),
        ("another one besides", [(3, 8), (20, 20)]),
    ):
        wanted = [{"generation": 1, "first": first, "last": last} for first, last in gaps]
        data = {"now": "2026-03-05T00:00:00Z", "watches": [known], "gaps": wanted}
        family.good(f"follow: {name}", "follow", data)


def _keep(seq: int, *, available: bool = True) -> Json:
    return {"generation": 1, "seq": seq, "digest": f"{seq:064x}", "available": available}


_TAKEN_BACK: Final[Json] = _keep(2, available=False) | {"cancelled": True}


def _add_answers(family: Family) -> None:
    kept = [_keep(seq, available=seq != 3) for seq in (1, 2, 3, 4, 7)]
    many = [_keep(seq) for seq in range(1, 515)]
    sparse = [_keep(2 * seq) for seq in range(1, 67)]
    for name, messages, ranges, more in (
        ("one, sent again", kept, [(1, 2, 2)], False),
        ("one, erased", kept, [(1, 3, 3)], False),
        ("one, taken back", [_keep(1), _keep(2) | {"cancelled": True}], [(1, 2, 2)], False),
        ("one, taken back and erased", [_TAKEN_BACK], [(1, 2, 2)], False),
        ("some, and some that are not known", kept, [(1, 1, 9)], False),
        ("none that is known", kept, [(1, 10, 12)], False),
        ("two ranges", kept, [(1, 1, 2), (1, 6, 7)], False),
        ("another generation", kept, [(2, 1, 2)], False),
        ("more than one answer holds", many, [(1, 1, 514)], True),
        ("more holes than one answer names", sparse, [(1, 1, 133)], True),
    ):
        wanted = [
            {"generation": generation, "first": first, "last": last}
            for generation, first, last in ranges
        ]
        family.good(f"answer: {name}", "answer", {"wanted": wanted, "kept": messages})
        if family.cases[-1]["expected"]["more"] is not more:
            raise VectorError(f"answer: '{name}' says something else of more.")
    announced = [
        {"generation": 1, "seq": 3, "payload_sha256": _A, "fate": "again"},
        {"generation": 1, "seq": 4, "payload_sha256": _B, "fate": "erased"},
        {"generation": 1, "seq": 6, "payload_sha256": _B, "fate": "cancelled"},
    ]
    for name, generation, seq, digest, awaited in (
        ("announced", 1, 3, _A, True),
        ("another digest", 1, 3, _B, False),
        ("another place", 1, 5, _A, False),
        ("another generation", 2, 3, _A, False),
        ("said to be erased", 1, 4, _B, False),
        ("said to be taken back", 1, 6, _B, False),
    ):
        data: Json = {"generation": generation, "seq": seq, "digest": digest}
        data["announced"] = announced
        family.good(f"is_awaited: {name}", "is_awaited", data, expected=awaited)
