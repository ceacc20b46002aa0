"""When a desk is staffed, and on which days its Participant works.

Schedules are written as in Open Referral HSDS 3 (``byday``, ``opens_at``, ``closes_at``,
``valid_from``, ``valid_to``), weekdays as in iCalendar (RFC 5545: ``MO`` to ``SU``). All times are
wall-clock times in the desk's time zone, so that a change of the clocks moves no office hour.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from contact_registry.document import Document, is_day_within, require_distinct, require_span
from contact_registry.fields import OptionalLine, parse_clock

_DAY: Final = timedelta(days=1)
#: How far ahead the next opening is looked for: longer than any row of holidays.
_LOOK_AHEAD_DAYS: Final = 60
_END_OF_DAY: Final = "24:00"


class Weekday(StrEnum):
    """A day of the week (RFC 5545, BYDAY), in the order of ``date.weekday``."""

    MONDAY = "MO"
    TUESDAY = "TU"
    WEDNESDAY = "WE"
    THURSDAY = "TH"
    FRIDAY = "FR"
    SATURDAY = "SA"
    SUNDAY = "SU"


_WEEK: Final = tuple(Weekday)

Clock = Annotated[str, Field(max_length=5), AfterValidator(parse_clock)]


class Holiday(Document):
    """A day on which the Participant's offices are closed."""

    day: date
    name: OptionalLine = ""


class WorkCalendar(Document):
    """On which days a Participant works: deadlines count these, and desks close on holidays.

    ``holidays`` are single days, year by year, because many move. A year of which no holiday is
    listed was not maintained, and is reported.
    """

    weekend: Annotated[tuple[Weekday, ...], Field(max_length=6)] = (
        Weekday.SATURDAY,
        Weekday.SUNDAY,
    )
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=400)] = ()

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        require_distinct(self.weekend, "A day of the weekend is listed once.")
        require_distinct((h.day for h in self.holidays), "A holiday is listed once.")
        return self

    @property
    def days_off(self) -> frozenset[date]:
        """The holidays as days."""
        return frozenset(holiday.day for holiday in self.holidays)

    @property
    def weekend_numbers(self) -> frozenset[int]:
        """The weekend as ``date.weekday`` counts: Monday is 0."""
        return frozenset(_WEEK.index(day) for day in self.weekend)

    def covers_year(self, year: int) -> bool:
        """Whether somebody listed the holidays of this year."""
        return any(holiday.day.year == year for holiday in self.holidays)


class Schedule(Document):
    """Hours at which a desk is staffed, on some days of the week.

    ``closes_at`` before ``opens_at`` is on the next day. A whole day is 00:00 to 24:00.
    ``valid_from`` and ``valid_to`` are for hours of a season; ``valid_to`` is the last day.
    """

    byday: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    opens_at: Clock
    closes_at: Clock
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _check_hours(self) -> Self:
        require_distinct(self.byday, "A day of the week is listed once in a row of hours.")
        if self.opens_at in {self.closes_at, _END_OF_DAY}:
            raise ValueError("Hours begin before 24:00 and end at another time; a whole day is "
                             "00:00 to 24:00.")  # fmt: skip
        require_span(self.valid_from, self.valid_to, "Hours")
        return self

    def opens_on(self, day: date) -> bool:
        """Whether these hours begin on ``day``, holidays left aside."""
        within = is_day_within(day, self.valid_from, self.valid_to)
        return within and _WEEK[day.weekday()] in self.byday

    def is_open_at(self, moment: datetime, closed_on: frozenset[date]) -> bool:
        """Whether a local ``moment`` lies in these hours; hours of a closed day do not begin."""
        day, clock = moment.date(), f"{moment:%H:%M}"
        overnight = self.closes_at < self.opens_at
        begun = day not in closed_on and self.opens_on(day) and self.opens_at <= clock
        if begun and (overnight or clock < self.closes_at):
            return True
        if not overnight or clock >= self.closes_at or day == date.min:
            return False
        eve = day - _DAY
        return eve not in closed_on and self.opens_on(eve)


class Duty(StrEnum):
    """Whether a desk is staffed at a moment."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """No hours are listed: nobody can say."""


def find_next_opening(
    schedules: Sequence[Schedule], *, at: datetime, zone: ZoneInfo, closed_on: frozenset[date]
) -> datetime | None:
    """Return the next moment after ``at``, in UTC, at which hours begin.

    None if there is none within two months. For hours that begin within the hour by which clocks
    are changed, it can be off by that hour on that night.
    """
    today = at.astimezone(zone).date()
    for day in _days_from(today):
        if day in closed_on:
            continue
        openings = (
            datetime.combine(day, time.fromisoformat(schedule.opens_at), zone).astimezone(UTC)
            for schedule in schedules
            if schedule.opens_on(day)
        )
        later = [opening for opening in openings if opening > at]
        if later:
            return min(later)
    return None


def _days_from(day: date) -> Iterable[date]:
    ahead = min(_LOOK_AHEAD_DAYS, (date.max - day).days)
    return (day + timedelta(days=number) for number in range(ahead))
