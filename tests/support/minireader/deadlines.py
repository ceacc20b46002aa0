"""When an answer is due (SPEC section 14.4)."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
HOURS = {"immediate": 4, "urgent": 24}
CHILD_MOST = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of an authority: weekend days count from Monday, 0."""

    zone: ZoneInfo
    weekend: frozenset[int]
    holidays: frozenset[dt.date]

    def is_working(self, day: dt.date) -> bool:
        """Tell whether people work on a day."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def find_next(self, day: dt.date) -> dt.date:
        """Find the first working day behind a day."""
        day += dt.timedelta(days=1)
        while not self.is_working(day):
            day += dt.timedelta(days=1)
        return day

    def read(self, day: dt.date, clock: dt.time) -> dt.datetime:
        """Read a clock time; of two readings, twice shown or skipped, the later one."""
        readings = (
            dt.datetime.combine(day, clock.replace(fold=fold), self.zone).astimezone(dt.UTC)
            for fold in (0, 1)
        )
        return max(readings)


def _count_working_days(composed_at: dt.datetime, days: int, calendar: Calendar) -> dt.datetime:
    local = composed_at.astimezone(calendar.zone)
    day, clock = local.date(), local.time().replace(fold=0)
    if not calendar.is_working(day):
        day, clock = calendar.find_next(day), dt.time()
    for _ in range(days):
        day = calendar.find_next(day)
    moment = calendar.read(day, clock)
    while not calendar.is_working(day := moment.astimezone(calendar.zone).date()):
        moment = calendar.read(calendar.find_next(day), dt.time())
    return moment


def compute_due(
    composed_at: dt.datetime,
    *,
    urgency: str,
    child: bool,
    working_days: int | None,
    calendar: Calendar,
    agreed: dict[str, Any] | None = None,
) -> dt.datetime | None:
    """Compute when an answer is due; None for a type that expects none."""
    if working_days is None:
        return None
    agreed = agreed or {}
    composed_at = min(max(composed_at, EARLIEST), LATEST)
    if child and urgency == "standard":
        urgency = "urgent"
    if urgency == "standard":
        days = agreed.get("working_days") or working_days
        return _count_working_days(composed_at, days, calendar)
    span = dt.timedelta(seconds=agreed.get(f"{urgency}_seconds") or HOURS[urgency] * 3600)
    return composed_at + (min(span, CHILD_MOST) if child else span)


def judge_named(
    named: dt.datetime | None, *, due: dt.datetime | None, composed_at: dt.datetime
) -> tuple[str, dt.datetime | None]:
    """Compare what the sender named with what the recipient computed; what counts."""
    if named is None:
        return ("none_expected", None) if due is None else ("missing", due)
    if named <= composed_at:
        return "impossible", due
    if due is None:
        return "added", named
    if named == due:
        return "as_expected", due
    return ("shortened", named) if named < due else ("lengthened", due)
