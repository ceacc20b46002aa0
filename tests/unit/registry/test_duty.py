"""Whether a desk is staffed at a moment: hours, nights, holidays, seasons, clocks that change."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contact_registry.models import Authority
from contact_registry.schedules import Duty, Schedule, Weekday
from contact_registry.standing_in import judge_duty
from tests.support.registry import AL, make_authority

WEEKDAYS = tuple(Weekday)[:5]
OFFICE = Schedule(byday=WEEKDAYS, opens_at="08:00", closes_at="16:00")
NIGHT = Schedule(byday=(Weekday.FRIDAY,), opens_at="20:00", closes_at="06:00")
ALL_SATURDAY = Schedule(byday=(Weekday.SATURDAY,), opens_at="00:00", closes_at="24:00")
SUMMER = Schedule(byday=WEEKDAYS, opens_at="07:00", closes_at="13:00",
                  valid_from=date(2026, 7, 1), valid_to=date(2026, 7, 3))  # fmt: skip


def desk(*schedules: Schedule, **changes: Any) -> Authority:
    """Return a desk in Tirana with these hours."""
    return make_authority(AL, schedules=schedules, **changes)


def ask(authority: Authority, at: str, *days_off: str) -> tuple[Duty, str | None]:
    """Return whether it is staffed at a moment in UTC, and when it opens next."""
    state = judge_duty(
        authority,
        days_off=frozenset(map(date.fromisoformat, days_off)),
        at=datetime.fromisoformat(at).replace(tzinfo=UTC),
    )
    opening = state.next_opening
    return state.duty, None if opening is None else f"{opening:%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("schedule", "at", "duty", "opening"),
    [
        (OFFICE, "2026-03-02T07:00", Duty.ON, None),  # Monday, 08:00 in Tirana
        (OFFICE, "2026-03-02T14:59:59", Duty.ON, None),
        (OFFICE, "2026-03-02T15:00", Duty.OFF, "2026-03-03T07:00"),
        (OFFICE, "2026-03-02T06:59:59", Duty.OFF, "2026-03-02T07:00"),
        (OFFICE, "2026-03-06T15:00", Duty.OFF, "2026-03-09T07:00"),  # Friday: the weekend follows
        (NIGHT, "2026-03-06T19:00", Duty.ON, None),  # Friday, 20:00
        (NIGHT, "2026-03-07T04:59", Duty.ON, None),  # Saturday, 05:59
        (NIGHT, "2026-03-07T05:00", Duty.OFF, "2026-03-13T19:00"),
        (NIGHT, "2026-03-06T04:00", Duty.OFF, "2026-03-06T19:00"),  # no Thursday night
        (ALL_SATURDAY, "2026-03-06T22:59", Duty.OFF, "2026-03-06T23:00"),
        (ALL_SATURDAY, "2026-03-06T23:00", Duty.ON, None),
        (ALL_SATURDAY, "2026-03-07T22:59", Duty.ON, None),
        (ALL_SATURDAY, "2026-03-07T23:00", Duty.OFF, "2026-03-13T23:00"),
        (SUMMER, "2026-06-30T08:00", Duty.OFF, "2026-07-01T05:00"),
        (SUMMER, "2026-07-03T08:00", Duty.ON, None),
        (SUMMER, "2026-07-03T11:00", Duty.OFF, None),  # the season is over
        (OFFICE, "2026-03-30T06:00", Duty.ON, None),  # clocks went forward: 08:00 is 06:00 UTC
        (OFFICE, "2026-03-27T16:00", Duty.OFF, "2026-03-30T06:00"),
    ],
)
def test_hours(schedule: Schedule, at: str, duty: Duty, opening: str | None) -> None:
    """Hours begin on the minute and end before it, by the clock where the desk is."""
    assert ask(desk(schedule), at) == (duty, opening)


def test_holidays_close_unless_the_desk_says_otherwise() -> None:
    """On a holiday no hours begin; a night that began before it goes on into it."""
    monday = "2026-03-02T09:00"
    assert ask(desk(OFFICE), monday, "2026-03-02") == (Duty.OFF, "2026-03-03T07:00")
    assert ask(desk(OFFICE), monday, "2026-03-02", "2026-03-03")[1] == "2026-03-04T07:00"
    assert ask(desk(OFFICE, open_on_holidays=True), monday, "2026-03-02") == (Duty.ON, None)
    assert ask(desk(NIGHT), "2026-03-07T03:00", "2026-03-07") == (Duty.ON, None)
    assert ask(desk(NIGHT), "2026-03-07T03:00", "2026-03-06")[0] is Duty.OFF


def test_what_nobody_listed_is_not_known() -> None:
    """Without hours the answer is that nobody knows; around the clock is always, holidays too."""
    assert ask(desk(), "2026-03-02T09:00") == (Duty.UNKNOWN, None)
    assert ask(desk(available_24_7=True), "2026-03-02T02:00", "2026-03-02") == (Duty.ON, None)


def test_the_reason_tells_the_local_time() -> None:
    """Somebody who rings at night reads what time it is there, and when it opens."""
    at = datetime(2026, 3, 6, 22, 30, tzinfo=UTC)
    state = judge_duty(desk(OFFICE), days_off=frozenset(), at=at)
    assert state.reason == "It is closed now: 23:30 there; it opens on 2026-03-09 at 08:00 there."
    state = judge_duty(desk(OFFICE), days_off=frozenset({date(2026, 3, 6)}), at=at)
    assert "holiday" in state.reason


def test_the_ends_of_time_are_no_error() -> None:
    """A moment at the edge of what a date can hold is answered like any other."""
    last = datetime(9999, 12, 30, 12, tzinfo=UTC)
    state = judge_duty(desk(NIGHT), days_off=frozenset(), at=last)
    assert (state.duty, state.next_opening) == (Duty.OFF, None)
