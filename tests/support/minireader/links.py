"""Links: places, verdicts, gaps, and asking again (SPEC section 6)."""

import datetime as dt
from typing import Any

from tests.support.minireader.texts import parse_moment, write_moment

NONE_BEFORE = "0" * 64
PAUSES = (
    dt.timedelta(minutes=10),
    dt.timedelta(hours=1),
    dt.timedelta(hours=6),
    dt.timedelta(hours=24),
)
QUESTIONS_MOST = 32
RANGES_MOST = 64
NUMBERS_MOST = 512

Place = dict[str, Any]


def continue_link(last: Place) -> Place:
    """Give the place after the last one of a link."""
    return {
        "generation": last["generation"],
        "seq": last["seq"] + 1,
        "prev": last["digest"] if last["seq"] else NONE_BEFORE,
    }


def judge(link: Place, *, digest: str, held: list[Place]) -> str:
    """Judge an arriving message against the messages held of its link."""
    same = {one["seq"]: one for one in held if one["generation"] == link["generation"]}
    number = link["seq"]
    here, before, behind = (same.get(number + step) for step in (0, -1, 1))
    named = NONE_BEFORE if number == 1 else before and before["digest"]
    if (
        (here is not None and here["digest"] != digest)
        or (named is not None and link["prev"] != named)
        or (behind is not None and behind["prev"] != digest)
    ):
        return "conflict"
    if any(one["generation"] > link["generation"] for one in held):
        return "old_generation"
    highest = max(same, default=0)
    if number == highest + 1:
        return "in_order"
    return "after_gap" if number > highest else "fills_gap"


def find_gaps(settled: list[list[int]], *, highest: int, generation: int) -> list[Place]:
    """Find the ranges that are not settled, from 1 to the highest number."""
    gaps, expected = [], 1
    for first, last in [*sorted(settled), [highest + 1, highest + 1]]:
        end = min(first - 1, highest)
        if expected <= end:
            gaps.append({"generation": generation, "first": expected, "last": end})
        expected = max(expected, last + 1)
    return gaps


def judge_head(named: Place, held: Place) -> str:
    """Judge the end of a link that its sender names."""
    places = [(one["generation"], one["seq"]) for one in (named, held)]
    if places[0] == places[1]:
        return "level" if named["digest"] == held["digest"] else "conflict"
    return "ahead" if places[0] > places[1] else "behind"


def restart(*, now: dt.datetime, kept: int, heard: int) -> int:
    """Choose the generation that a restored node begins."""
    return max(int(now.timestamp()) // 60, kept + 1, heard + 1)


def _next_question(watch: Place, now: dt.datetime) -> dt.datetime:
    """Find when to ask next; what is noted for a moment to come was noted by a wrong clock."""
    since = parse_moment(watch.get("asked_at") or watch["noticed_at"])
    if since > now:
        return now
    return since + PAUSES[min(watch["asked"], len(PAUSES) - 1)]


def plan_questions(watches: list[Place], now: dt.datetime) -> dict[str, Any]:
    """Say what to ask for now, and what is given up now."""
    ask: list[Place] = []
    given_up: list[Place] = []
    for watch in sorted(watches, key=lambda one: (one["generation"], one["first"])):
        place = {name: watch[name] for name in ("generation", "first", "last")}
        due = not watch["given_up"] and _next_question(watch, now) <= now
        if due and watch["asked"] >= QUESTIONS_MOST:
            given_up.append(place)
        elif due and len(ask) < RANGES_MOST:
            ask.append(place)
    return {"ask": ask, "given_up": given_up}


def follow_gaps(watches: list[Place], *, gaps: list[Place], now: dt.datetime) -> list[Place]:
    """Carry over what is left of each watched gap, and begin to watch what is new."""
    after = []
    for gap in gaps:
        parts, start = [], gap["first"]
        known = [one for one in watches if one["generation"] == gap["generation"]]
        for watch in sorted(known, key=lambda one: one["first"]):
            first, last = max(watch["first"], start), min(watch["last"], gap["last"])
            if first > last:
                continue
            if start < first:
                parts.append(_notice(gap["generation"], (start, first - 1), now))
            parts.append({**watch, "first": first, "last": last})
            start = last + 1
        if start <= gap["last"]:
            parts.append(_notice(gap["generation"], (start, gap["last"]), now))
        after += parts
    return after


def _notice(generation: int, numbers: tuple[int, int], now: dt.datetime) -> Place:
    return {
        "generation": generation,
        "first": numbers[0],
        "last": numbers[1],
        "noticed_at": write_moment(now),
        "asked": 0,
        "given_up": False,
    }


def answer_request(wanted: list[Place], kept: list[Place]) -> dict[str, Any]:
    """Answer a request for ranges, in ascending order, as far as one answer reaches."""
    known = {(one["generation"], one["seq"]): one for one in kept}
    numbers: list[Place] = []
    unknown: list[Place] = []
    for ask in sorted(wanted, key=lambda one: (one["generation"], one["first"])):
        generation = ask["generation"]
        here = sorted(
            seq for one, seq in known if one == generation and ask["first"] <= seq <= ask["last"]
        )
        start = ask["first"]
        for seq in [*here, ask["last"] + 1]:
            if start < seq:
                if len(unknown) == RANGES_MOST:
                    return {"numbers": numbers, "unknown": unknown, "more": True}
                unknown.append({"generation": generation, "first": start, "last": seq - 1})
            if seq <= ask["last"]:
                if len(numbers) == NUMBERS_MOST:
                    return {"numbers": numbers, "unknown": unknown, "more": True}
                numbers.append(_tell_fate(known[generation, seq]))
            start = seq + 1
    return {"numbers": numbers, "unknown": unknown, "more": False}


def _tell_fate(kept: Place) -> Place:
    return {
        "generation": kept["generation"],
        "seq": kept["seq"],
        "payload_sha256": kept["digest"],
        "fate": _name_fate(kept),
    }


def _name_fate(kept: Place) -> str:
    if kept.get("cancelled"):
        return "cancelled"
    return "again" if kept["available"] else "erased"
