"""Deadlines as practitioners meet them: weekends, holidays, nights, and clocks that change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from protocol.deadlines import (
    AgreedDeadline,
    AnswerByVerdict,
    AnswerTerms,
    WorkingCalendar,
    compute_answer_by,
    judge_answer_by,
    verify_answer_by,
)
from protocol.errors import LocalProtocolError
from protocol.messages.codes import Urgency

BELGRADE = ZoneInfo("Europe/Belgrade")
NEW_YEAR = WorkingCalendar(BELGRADE, holidays=frozenset({date(2026, 1, 1), date(2026, 1, 2)}))
PLAIN = WorkingCalendar(BELGRADE)
MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=BELGRADE)


def terms(
    days: int | None = 1,
    *,
    urgency: Urgency = Urgency.STANDARD,
    child: bool = False,
    agreed: AgreedDeadline | None = None,
) -> AnswerTerms:
    """Write terms briefly."""
    return AnswerTerms(
        answer_working_days=days, urgency=urgency, treated_as_child=child, agreed=agreed
    )


def due(composed: str, days: int = 1, calendar: WorkingCalendar = PLAIN) -> str | None:
    """Compute in the local time of the calendar, as text."""
    at = datetime.fromisoformat(composed).replace(tzinfo=calendar.zone)
    answer_by = compute_answer_by(terms(days), at=at, calendar=calendar)
    return None if answer_by is None else answer_by.astimezone(calendar.zone).isoformat()


@pytest.mark.parametrize(
    ("composed", "days", "expected"),
    [
        pytest.param("2026-03-02T09:30", 1, "2026-03-03T09:30:00+01:00", id="on a working day"),
        pytest.param("2026-03-06T15:00", 1, "2026-03-09T15:00:00+01:00", id="over a weekend"),
        pytest.param("2026-03-06T23:50", 1, "2026-03-09T23:50:00+01:00", id="Friday night"),
        pytest.param("2026-03-07T00:10", 1, "2026-03-10T00:00:00+01:00", id="Saturday, just begun"),
        pytest.param("2026-03-08T18:00", 1, "2026-03-10T00:00:00+01:00", id="Sunday evening"),
        pytest.param("2026-03-03T03:00", 2, "2026-03-05T03:00:00+01:00", id="before office hours"),
        pytest.param("2026-03-27T12:00", 2, "2026-03-31T12:00:00+02:00", id="into summer time"),
        pytest.param("2026-10-23T12:00", 1, "2026-10-26T12:00:00+01:00", id="out of summer time"),
        pytest.param("2026-03-02T12:00", 10, "2026-03-16T12:00:00+01:00", id="two weeks"),
    ],
)
def test_working_days(composed: str, days: int, expected: str) -> None:
    """The same local hour that many working days later; a day off counts from the next morning."""
    assert due(composed, days) == expected


def test_holidays_are_skipped() -> None:
    """Holidays of the recipient count neither as days of work nor as days of receipt."""
    assert due("2025-12-31T10:00", 1, NEW_YEAR) == "2026-01-05T10:00:00+01:00"
    assert due("2026-01-01T10:00", 1, NEW_YEAR) == "2026-01-06T00:00:00+01:00"
    assert due("2025-12-31T10:00", 1, PLAIN) == "2026-01-01T10:00:00+01:00"


def test_another_weekend() -> None:
    """A weekend on Friday and Saturday makes Sunday a working day."""
    calendar = WorkingCalendar(ZoneInfo("Africa/Cairo"), weekend=frozenset({4, 5}))
    assert due("2026-01-08T10:00", 1, calendar) == "2026-01-11T10:00:00+02:00"


def test_an_hour_that_the_clock_skips() -> None:
    """Due at an hour that does not exist: read with the offset before, so an hour later."""
    calendar = WorkingCalendar(BELGRADE, weekend=frozenset({0}))
    assert due("2026-03-28T02:30", 1, calendar) == "2026-03-29T03:30:00+02:00"


def test_an_hour_that_the_clock_shows_twice() -> None:
    """Due at an hour that comes twice: the second one counts."""
    calendar = WorkingCalendar(BELGRADE, weekend=frozenset({0}))
    assert due("2026-10-24T02:30", 1, calendar) == "2026-10-25T02:30:00+01:00"


def test_a_midnight_that_the_clock_skips() -> None:
    """Due at the start of a day whose clocks begin at one: due at one."""
    sunday_works = WorkingCalendar(
        ZoneInfo("America/Asuncion"),
        weekend=frozenset({0}),
        holidays=frozenset({date(2023, 9, 29)}),
    )
    assert due("2023-09-29T15:00", 1, sunday_works) == "2023-10-01T01:00:00-03:00"


def test_a_day_that_the_calendar_skips() -> None:
    """Samoa had no 30 December 2011: what would be due then is due when work begins again."""
    calendar = WorkingCalendar(ZoneInfo("Pacific/Apia"))
    assert due("2011-12-29T10:00", 1, calendar) == "2012-01-02T00:00:00+14:00"


def test_urgency_is_real_time() -> None:
    """Four hours and a day, also over a weekend; a type without answer has none at any urgency."""
    friday = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)
    urgent, immediate = terms(urgency=Urgency.URGENT), terms(urgency=Urgency.IMMEDIATE)
    assert compute_answer_by(urgent, at=friday, calendar=PLAIN) == friday + timedelta(hours=24)
    assert compute_answer_by(immediate, at=friday, calendar=PLAIN) == friday + timedelta(hours=4)
    nothing = terms(None, urgency=Urgency.IMMEDIATE, child=True)
    assert compute_answer_by(nothing, at=friday, calendar=PLAIN) is None


def test_an_agreement_replaces_the_defaults() -> None:
    """A pair of Participants may agree on other days and spans, but on no day more for a child."""
    agreed = AgreedDeadline(working_days=3, urgent=timedelta(hours=48))
    at = MONDAY_NOON

    def span(urgency: Urgency, *, child: bool = False) -> timedelta:
        answer_by = compute_answer_by(
            terms(urgency=urgency, child=child, agreed=agreed), at=at, calendar=PLAIN
        )
        assert answer_by is not None
        return answer_by - at

    assert span(Urgency.STANDARD) == timedelta(days=3)
    assert span(Urgency.URGENT) == timedelta(hours=48)
    assert span(Urgency.IMMEDIATE) == timedelta(hours=4)
    assert span(Urgency.STANDARD, child=True) == timedelta(hours=24)
    assert span(Urgency.IMMEDIATE, child=True) == timedelta(hours=4)
    unanswered = terms(None, agreed=agreed)
    assert compute_answer_by(unanswered, at=at, calendar=PLAIN) is None


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Midway"])
@pytest.mark.parametrize("urgency", sorted(Urgency))
def test_a_clock_that_is_off_by_centuries(zone: str, urgency: Urgency) -> None:
    """The first and the last moment there is have a deadline like any other, within bounds."""
    calendar = WorkingCalendar(ZoneInfo(zone))
    for at, year in (
        (datetime.min.replace(tzinfo=UTC), 1970),
        (datetime.max.replace(microsecond=0, tzinfo=UTC), 9000),
    ):
        answer_by = compute_answer_by(terms(2, urgency=urgency), at=at, calendar=calendar)
        assert answer_by is not None
        assert answer_by.year == year


@pytest.mark.parametrize(
    ("hours", "days", "verdict", "counts_named"),
    [
        pytest.param(24, 1, AnswerByVerdict.AS_EXPECTED, True, id="as expected"),
        pytest.param(2, 1, AnswerByVerdict.SHORTENED, True, id="shortened"),
        pytest.param(25, 1, AnswerByVerdict.LENGTHENED, False, id="lengthened"),
        pytest.param(0, 1, AnswerByVerdict.IMPOSSIBLE, False, id="due when composed"),
        pytest.param(None, 1, AnswerByVerdict.MISSING, False, id="missing"),
        pytest.param(9, None, AnswerByVerdict.ADDED, True, id="added by a person"),
        pytest.param(None, None, AnswerByVerdict.NONE_EXPECTED, True, id="none expected"),
    ],
)
def test_a_named_deadline_is_judged(
    hours: int | None, days: int | None, verdict: AnswerByVerdict, *, counts_named: bool
) -> None:
    """A sender may shorten; a longer or impossible deadline stands beside ours, and ours counts."""
    named = None if hours is None else MONDAY_NOON + timedelta(hours=hours)
    judgement = judge_answer_by(named, terms(days), composed_at=MONDAY_NOON, calendar=PLAIN)
    assert judgement.verdict is verdict
    assert (judgement.counts == named) is counts_named
    assert judgement.counts in {judgement.named, judgement.ours}


def test_a_sender_may_not_lengthen() -> None:
    """Composing refuses a later deadline and says which one is the latest, and one that is past."""

    def name(hours: int) -> None:
        verify_answer_by(
            MONDAY_NOON + timedelta(hours=hours),
            terms(),
            composed_at=MONDAY_NOON,
            calendar=PLAIN,
        )

    name(24)
    name(1)
    with pytest.raises(LocalProtocolError, match="2026-03-03T11:00:00"):
        name(25)
    with pytest.raises(LocalProtocolError, match="later moment"):
        name(-1)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: WorkingCalendar(UTC, weekend=frozenset(range(7))), id="no day left"),
        pytest.param(lambda: WorkingCalendar(UTC, weekend=frozenset({7})), id="eighth day"),
        pytest.param(lambda: AgreedDeadline(working_days=0), id="no days agreed"),
        pytest.param(lambda: AgreedDeadline(urgent=timedelta()), id="no time agreed"),
        pytest.param(lambda: terms(0), id="no days"),
        pytest.param(lambda: terms(261), id="more than a year"),
        pytest.param(
            lambda: compute_answer_by(
                terms(),
                at=datetime(2026, 3, 2),  # noqa: DTZ001 - the lack of a zone is what is refused
                calendar=PLAIN,
            ),
            id="no zone",
        ),
    ],
)
def test_what_can_be_no_deadline_is_refused(make: object) -> None:
    """Calendars without a working day, terms without time and moments without zone are ours."""
    assert callable(make)
    with pytest.raises(LocalProtocolError):
        make()
