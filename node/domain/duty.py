"""Who is on duty at a desk: a pattern of the week, and exceptions to it, in its time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from contact_registry.schedules import Schedule, Weekday


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Hours of somebody, week by week, on the wall clock of the desk."""

    account_id: str
    weekdays: tuple[Weekday, ...]
    opens_at: str
    closes_at: str
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def schedule(self) -> Schedule:
        """The hours as the registry writes them; raises ``ValueError`` for hours that are none."""
        return Schedule(
            byday=self.weekdays,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyException:
    """Somebody is on duty, or is not, whatever the week says. ``ends_at`` is not part of it."""

    account_id: str
    begins_at: datetime
    ends_at: datetime
    is_on: bool

    def holds_at(self, moment: datetime) -> bool:
        """Whether it counts at a moment."""
        return self.begins_at <= moment < self.ends_at


def list_on_duty(
    shifts: Iterable[Shift], exceptions: Iterable[DutyException], *, at: datetime, zone: ZoneInfo
) -> frozenset[str]:
    """Return who is on duty. Who is away is not, even if another exception says that they are."""
    local, none = at.astimezone(zone), frozenset[date]()
    holding = [each for each in exceptions if each.holds_at(at)]
    on = {shift.account_id for shift in shifts if shift.schedule.is_open_at(local, none)}
    on |= {each.account_id for each in holding if each.is_on}
    return frozenset(on - {each.account_id for each in holding if not each.is_on})
