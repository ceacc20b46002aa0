"""Deadlines hold their rules in every time zone there is, at any moment, for any calendar."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.deadlines import (
    AgreedDeadline,
    AnswerTerms,
    WorkingCalendar,
    compute_answer_by,
    judge_answer_by,
)
from protocol.messages.codes import Urgency

ZONES = st.sampled_from(sorted(zoneinfo.available_timezones())).map(zoneinfo.ZoneInfo)
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.just(UTC),
)
DAYS = st.integers(min_value=1, max_value=20)
SPANS = st.none() | st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=9))
AGREED = st.none() | st.builds(
    AgreedDeadline, working_days=st.none() | DAYS, immediate=SPANS, urgent=SPANS
)


@st.composite
def calendars_and_moments(draw: st.DrawFn) -> tuple[WorkingCalendar, datetime]:
    """Draw a calendar with holidays near a moment, and that moment."""
    at = draw(MOMENTS)
    near = st.integers(min_value=-2, max_value=30).map(lambda days: at.date() + timedelta(days))
    calendar = WorkingCalendar(
        draw(ZONES),
        weekend=draw(st.frozensets(st.integers(min_value=0, max_value=6), max_size=6)),
        holidays=draw(st.frozensets(near, max_size=12)),
    )
    return calendar, at


def due(terms: AnswerTerms, at: datetime, calendar: WorkingCalendar) -> datetime:
    """Compute a deadline that exists."""
    answer_by = compute_answer_by(terms, at=at, calendar=calendar)
    assert answer_by is not None
    assert answer_by.utcoffset() == timedelta()
    return answer_by


def standard(days: int) -> AnswerTerms:
    """Terms without urgency."""
    return AnswerTerms(answer_working_days=days, urgency=Urgency.STANDARD, treated_as_child=False)


@settings(max_examples=300, deadline=None)
@given(calendars_and_moments(), DAYS)
def test_a_deadline_falls_on_a_working_day(
    drawn: tuple[WorkingCalendar, datetime], days: int
) -> None:
    """It lies on a working day, after the message, and leaves that many days of work before it."""
    calendar, at = drawn
    answer_by = due(standard(days), at, calendar)
    local = answer_by.astimezone(calendar.zone)
    assert calendar.is_working_day(local.date())
    assert answer_by > at
    between: list[date] = []
    day = at.astimezone(calendar.zone).date()
    while day < local.date():
        between.append(day)
        day += timedelta(days=1)
    assert sum(calendar.is_working_day(day) for day in between) >= days


@settings(max_examples=150, deadline=None)
@given(calendars_and_moments(), DAYS)
def test_more_days_are_never_due_sooner(drawn: tuple[WorkingCalendar, datetime], days: int) -> None:
    """A longer column gives no earlier deadline."""
    calendar, at = drawn
    assert due(standard(days), at, calendar) <= due(standard(days + 1), at, calendar)


@settings(max_examples=150, deadline=None)
@given(calendars_and_moments(), DAYS, st.timedeltas(timedelta(0), timedelta(days=7)))
def test_composed_later_is_not_due_sooner(
    drawn: tuple[WorkingCalendar, datetime], days: int, later: timedelta
) -> None:
    """Waiting with a message wins no time, where clocks do not change in between."""
    calendar, at = drawn
    calendar = WorkingCalendar(UTC, weekend=calendar.weekend, holidays=calendar.holidays)
    assert due(standard(days), at, calendar) <= due(standard(days), at + later, calendar)


@settings(max_examples=150, deadline=None)
@given(calendars_and_moments(), DAYS, AGREED, st.sampled_from(Urgency))
def test_a_child_is_never_answered_later_than_a_day(
    drawn: tuple[WorkingCalendar, datetime],
    days: int,
    agreed: AgreedDeadline | None,
    urgency: Urgency,
) -> None:
    """Whatever the urgency, the agreement, and the calendar."""
    calendar, at = drawn
    terms = AnswerTerms(
        answer_working_days=days, urgency=urgency, treated_as_child=True, agreed=agreed
    )
    assert timedelta() < due(terms, at, calendar) - at <= timedelta(hours=24)


@settings(max_examples=100, deadline=None)
@given(
    calendars_and_moments(),
    calendars_and_moments(),
    DAYS,
    st.sampled_from([Urgency.IMMEDIATE, Urgency.URGENT]),
)
def test_urgency_ignores_the_calendar(
    drawn: tuple[WorkingCalendar, datetime],
    other: tuple[WorkingCalendar, datetime],
    days: int,
    urgency: Urgency,
) -> None:
    """Urgent and immediate are real time: no weekend, holiday or zone changes them."""
    calendar, at = drawn
    terms = AnswerTerms(answer_working_days=days, urgency=urgency, treated_as_child=False)
    assert due(terms, at, calendar) == due(terms, at, other[0])
    assert due(terms, at, calendar) <= at + timedelta(hours=24)


@settings(max_examples=150, deadline=None)
@given(
    ZONES,
    st.datetimes(timezones=st.just(UTC)),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | DAYS,
    st.sampled_from(Urgency),
)
def test_no_date_from_outside_breaks_the_sums(
    zone: zoneinfo.ZoneInfo,
    composed_at: datetime,
    named: datetime | None,
    days: int | None,
    urgency: Urgency,
) -> None:
    """A message from the year 1 or 9999 is judged like any other: what counts is one of the two."""
    terms = AnswerTerms(answer_working_days=days, urgency=urgency, treated_as_child=False)
    judgement = judge_answer_by(
        named, terms, composed_at=composed_at, calendar=WorkingCalendar(zone)
    )
    assert (judgement.ours is None) == (days is None)
    assert judgement.counts in {judgement.named, judgement.ours}
    if judgement.counts is not None and judgement.ours is not None:
        assert judgement.counts <= judgement.ours
