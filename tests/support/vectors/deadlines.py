"""When an answer is due, and what a recipient finds about the deadline that a sender named."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from protocol.deadlines import (
    AgreedDeadline,
    AnswerTerms,
    WorkingCalendar,
    compute_answer_by,
    judge_answer_by,
)
from protocol.messages.codes import Urgency
from tests.support.vectors.family import Family, Json, Operation
from tests.support.vectors.links import read_moment, write_moment

_Given = Mapping[str, Any]


def _read_calendar(data: Mapping[str, Any]) -> WorkingCalendar:
    return WorkingCalendar(
        ZoneInfo(data["zone"]),
        weekend=frozenset(data["weekend"]),
        holidays=frozenset(date.fromisoformat(day) for day in data["holidays"]),
    )


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _read_terms(data: Mapping[str, Any]) -> AnswerTerms:
    agreed = data.get("agreed")
    return AnswerTerms(
        answer_working_days=data["working_days"],
        urgency=Urgency(data["urgency"]),
        treated_as_child=data["about_a_child"],
        agreed=agreed
        and AgreedDeadline(
            working_days=agreed.get("working_days"),
            immediate=_span(agreed.get("immediate_seconds")),
            urgent=_span(agreed.get("urgent_seconds")),
        ),
    )


def _compute(data: _Given, _: _Given) -> str | None:
    due = compute_answer_by(
        _read_terms(data),
        at=read_moment(data["composed_at"]),
        calendar=_read_calendar(data["calendar"]),
    )
    return None if due is None else write_moment(due)


def _judge(data: _Given, _: _Given) -> Json:
    named = data["answer_by"]
    judgement = judge_answer_by(
        named and read_moment(named),
        _read_terms(data),
        composed_at=read_moment(data["composed_at"]),
        calendar=_read_calendar(data["calendar"]),
    )
    counts = judgement.counts
    return {"verdict": judgement.verdict.value, "counts": counts and write_moment(counts)}


def _calendar(
    zone: str = "Europe/Belgrade", *holidays: str, weekend: tuple[int, ...] = (5, 6)
) -> Json:
    return {"zone": zone, "weekend": list(weekend), "holidays": list(holidays)}


def _terms(
    days: int | None = 1,
    *,
    urgency: str = "standard",
    child: bool = False,
    agreed: Json | None = None,
) -> Json:
    found: Json = {"working_days": days, "urgency": urgency, "about_a_child": child}
    return found | ({"agreed": agreed} if agreed else {})


_BELGRADE: Final = _calendar()
_NEW_YEAR: Final = _calendar("Europe/Belgrade", "2026-01-01", "2026-01-02", "2026-01-07")

#: Name, clock time there, working days, calendar, due by the clock there with its offset.
_WORKING: Final[tuple[tuple[str, str, int, Json, str], ...]] = (
    ("on a working day", "2026-03-02T09:30+01:00", 1, _BELGRADE, "2026-03-03T09:30+01:00"),
    ("over a weekend", "2026-03-06T15:00+01:00", 1, _BELGRADE, "2026-03-09T15:00+01:00"),
    ("Friday, last minute", "2026-03-06T23:59+01:00", 1, _BELGRADE, "2026-03-09T23:59+01:00"),
    ("Saturday, first minutes", "2026-03-07T00:10+01:00", 1, _BELGRADE, "2026-03-10T00:00+01:00"),
    ("Sunday evening", "2026-03-08T18:00+01:00", 1, _BELGRADE, "2026-03-10T00:00+01:00"),
    ("Monday, midnight", "2026-03-09T00:00+01:00", 1, _BELGRADE, "2026-03-10T00:00+01:00"),
    ("ten days", "2026-03-02T12:00+01:00", 10, _BELGRADE, "2026-03-16T12:00+01:00"),
    ("260 days", "2026-03-02T12:00+01:00", 260, _BELGRADE, "2027-03-01T12:00+01:00"),
    ("into summer time", "2026-03-27T12:00+01:00", 2, _BELGRADE, "2026-03-31T12:00+02:00"),
    ("out of summer time", "2026-10-23T12:00+02:00", 1, _BELGRADE, "2026-10-26T12:00+01:00"),
    ("over holidays", "2025-12-31T10:00+01:00", 1, _NEW_YEAR, "2026-01-05T10:00+01:00"),
    ("on a holiday", "2026-01-01T10:00+01:00", 1, _NEW_YEAR, "2026-01-06T00:00+01:00"),
    (
        "over a holiday in the week",
        "2026-01-06T10:00+01:00",
        1,
        _NEW_YEAR,
        "2026-01-08T10:00+01:00",
    ),
    (
        "on its day there, not in UTC",
        "2026-03-06T00:30+01:00",
        1,
        _BELGRADE,
        "2026-03-09T00:30+01:00",
    ),
    (
        "a weekend of Friday and Saturday",
        "2026-03-05T10:00+03:00",
        1,
        _calendar("Asia/Riyadh", weekend=(4, 5)),
        "2026-03-08T10:00+03:00",
    ),
    (
        "no weekend at all",
        "2026-03-07T10:00+01:00",
        1,
        _calendar(weekend=()),
        "2026-03-08T10:00+01:00",
    ),
    (
        "an hour that does not exist",
        "2026-03-28T02:30+01:00",
        1,
        _calendar(weekend=()),
        "2026-03-29T03:30+02:00",
    ),
    (
        "an hour that comes twice",
        "2026-10-24T02:30+02:00",
        1,
        _calendar(weekend=()),
        "2026-10-25T02:30+01:00",
    ),
    (
        "a first hour of the day that does not exist",
        "2010-04-28T00:30+02:00",
        2,
        _calendar("Africa/Cairo", weekend=()),
        "2010-04-30T01:30+03:00",
    ),
    (
        "a day that was skipped",
        "2011-12-28T10:00-10:00",
        2,
        _calendar("Pacific/Apia", weekend=()),
        "2011-12-31T10:00+14:00",
    ),
    (
        "a day that was skipped, before a weekend",
        "2011-12-28T10:00-10:00",
        2,
        _calendar("Pacific/Apia"),
        "2012-01-02T00:00+14:00",
    ),
    (
        "a zone with half an hour",
        "2026-03-06T23:45+05:30",
        1,
        _calendar("Asia/Kolkata"),
        "2026-03-09T23:45+05:30",
    ),
)

_AGREED: Final[Json] = {"working_days": 3, "immediate_seconds": 3600, "urgent_seconds": 172_800}

#: Name, terms, due. Composed on Friday, 2026-03-06, 16:00 UTC.
_TERMS: Final[tuple[tuple[str, Json, str | None], ...]] = (
    ("immediate", _terms(5, urgency="immediate"), "2026-03-06T20:00:00Z"),
    ("urgent", _terms(5, urgency="urgent"), "2026-03-07T16:00:00Z"),
    ("standard", _terms(5), "2026-03-13T16:00:00Z"),
    ("no answer expected", _terms(None), None),
    ("no answer expected, immediate", _terms(None, urgency="immediate"), None),
    ("no answer expected, about a child", _terms(None, child=True), None),
    ("about a child, standard", _terms(5, child=True), "2026-03-07T16:00:00Z"),
    ("about a child, urgent", _terms(5, urgency="urgent", child=True), "2026-03-07T16:00:00Z"),
    (
        "about a child, immediate",
        _terms(5, urgency="immediate", child=True),
        "2026-03-06T20:00:00Z",
    ),
    ("agreed days", _terms(5, agreed=_AGREED), "2026-03-11T16:00:00Z"),
    ("agreed, immediate", _terms(5, urgency="immediate", agreed=_AGREED), "2026-03-06T17:00:00Z"),
    ("agreed, urgent", _terms(5, urgency="urgent", agreed=_AGREED), "2026-03-08T16:00:00Z"),
    (
        "agreed, about a child: no longer than 24 hours",
        _terms(5, urgency="urgent", child=True, agreed=_AGREED),
        "2026-03-07T16:00:00Z",
    ),
    (
        "agreed for urgent alone",
        _terms(5, agreed={"urgent_seconds": 7200}),
        "2026-03-13T16:00:00Z",
    ),
    (
        "agreed for urgent, about a child",
        _terms(5, child=True, agreed={"urgent_seconds": 7200}),
        "2026-03-06T18:00:00Z",
    ),
    ("agreed, where no answer is expected", _terms(None, agreed=_AGREED), None),
)

#: Name, terms, answer_by, verdict, what counts. Composed as above.
_JUDGED: Final[tuple[tuple[str, Json, str | None, str, str | None], ...]] = (
    ("as computed", _terms(), "2026-03-09T16:00:00Z", "as_expected", "2026-03-09T16:00:00Z"),
    ("a second earlier", _terms(), "2026-03-09T15:59:59Z", "shortened", "2026-03-09T15:59:59Z"),
    ("a second later", _terms(), "2026-03-09T16:00:01Z", "lengthened", "2026-03-09T16:00:00Z"),
    (
        "the second after composing",
        _terms(),
        "2026-03-06T16:00:01Z",
        "shortened",
        "2026-03-06T16:00:01Z",
    ),
    (
        "the second of composing",
        _terms(),
        "2026-03-06T16:00:00Z",
        "impossible",
        "2026-03-09T16:00:00Z",
    ),
    ("years before", _terms(), "2020-01-01T00:00:00Z", "impossible", "2026-03-09T16:00:00Z"),
    ("none", _terms(), None, "missing", "2026-03-09T16:00:00Z"),
    (
        "one where none is due",
        _terms(None),
        "2026-03-20T00:00:00Z",
        "added",
        "2026-03-20T00:00:00Z",
    ),
    ("one in the past where none is due", _terms(None), "2026-03-01T00:00:00Z", "impossible", None),
    ("none where none is due", _terms(None), None, "none_expected", None),
    (
        "standard, though about a child",
        _terms(5, child=True),
        "2026-03-13T16:00:00Z",
        "lengthened",
        "2026-03-07T16:00:00Z",
    ),
)


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="deadlines",
        description="When an answer is due. Moments are UTC. A calendar is the recipient's: the "
        "IANA time zone, the days of its weekend (Monday is 0), and holidays. `working_days` is "
        "the number for the type of the message, null if it expects no answer; `agreed` is what "
        "the two Participants agreed on instead.",
        spec=("14.4",),
        operations={
            "due": Operation("When the answer is due; null: never.", _compute),
            "judge": Operation(
                "What the recipient finds about the `answer_by` of the message, null if it has "
                "none, and which moment counts.",
                _judge,
            ),
        },
    )
    for name, composed, days, calendar, due in _WORKING:
        at = write_moment(datetime.fromisoformat(composed))
        data = _terms(days) | {"composed_at": at, "calendar": calendar}
        expected = write_moment(datetime.fromisoformat(due))
        family.good(f"due: {name}", "due", data, expected=expected)
    friday = {"composed_at": "2026-03-06T16:00:00Z", "calendar": _BELGRADE}
    for name, terms, answer_by in _TERMS:
        family.good(f"due: {name}", "due", terms | friday, expected=answer_by)
    for name, composed in {
        "composed in the year 1": "0001-01-01T00:00:00Z",
        "composed in the year 9999": "9999-12-31T23:59:59Z",
    }.items():
        data = _terms() | friday | {"composed_at": composed}
        family.good(f"due: {name}", "due", data)
    for name, terms, named, verdict, counts in _JUDGED:
        outcome = {"verdict": verdict, "counts": counts}
        data = terms | friday | {"answer_by": named}
        family.good(f"judge: {name}", "judge", data, expected=outcome)
    return [family]
