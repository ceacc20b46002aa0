"""Whether a desk is staffed at a moment, and who stands in for it: reserve, out-of-hours route."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from contact_registry.models import (
    Authority,
    ContactsDocument,
    Route,
    Telephone,
    reaches_abroad,
)
from contact_registry.schedules import Duty, find_next_opening


@dataclass(frozen=True, slots=True)
class DutyState:
    """Whether a desk is staffed, why we think so, and when its hours begin next (UTC)."""

    duty: Duty
    reason: str
    next_opening: datetime | None = None


def judge_duty(authority: Authority, *, days_off: frozenset[date], at: datetime) -> DutyState:
    """Say whether the desk is staffed ``at`` this moment, by the hours that it lists.

    ``days_off`` are its Participant's holidays; a desk may say that it is open on these.
    """
    if authority.available_24_7:
        return DutyState(Duty.ON, "It answers around the clock.")
    if not authority.schedules:
        return DutyState(Duty.UNKNOWN, "Its hours are not listed.")
    zone = ZoneInfo(authority.time_zone)
    local = at.astimezone(zone)
    closed_on = frozenset[date]() if authority.open_on_holidays else days_off
    if any(schedule.is_open_at(local, closed_on) for schedule in authority.schedules):
        return DutyState(Duty.ON, f"It is within its hours: {local:%H:%M} there.")
    opening = find_next_opening(authority.schedules, at=at, zone=zone, closed_on=closed_on)
    why = "It is closed on this holiday" if local.date() in closed_on else "It is closed now"
    opens = f"it opens on {opening.astimezone(zone):%Y-%m-%d at %H:%M} there" if opening else (
        "no opening is listed for the next two months"
    )  # fmt: skip
    return DutyState(Duty.OFF, f"{why}: {local:%H:%M} there; {opens}.", opening)


class RouteProblem(StrEnum):
    """Why a route that is listed leads nowhere."""

    ENDED = "ended"
    """The authority that it names is not valid at this moment."""
    UNREACHABLE = "unreachable"
    """It has no telephone and no mailbox that works from abroad."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who stands in for a desk: an authority, or channels of the desk's own (``authority`` None).

    For channels of a desk's own there are no hours to judge by: ``state`` is None.
    """

    authority: Authority | None
    telephones: tuple[Telephone, ...]
    mailboxes: tuple[str, ...]
    note: str
    state: DutyState | None
    problem: RouteProblem | None

    @property
    def is_reachable(self) -> bool:
        """Whether the route leads to somebody."""
        return self.problem is None

    @property
    def is_off_duty(self) -> bool:
        """Whether the route leads to a desk that is closed at this moment."""
        return self.state is not None and self.state.duty is Duty.OFF

    @property
    def answers_at_any_hour(self) -> bool:
        """Whether somebody answers whenever the desk itself is closed, by what is listed."""
        whenever = self.authority is None or self.authority.available_24_7
        return self.is_reachable and whenever


def find_valid(authorities: Iterable[Authority], at: datetime) -> list[Authority]:
    """Return the authorities that are valid on the day that ``at`` is where they are."""
    today: dict[str, date] = {}
    valid = []
    for authority in authorities:
        day = today.get(authority.time_zone)
        if day is None:
            day = at.astimezone(ZoneInfo(authority.time_zone)).date()
            today[authority.time_zone] = day
        if authority.is_valid_on(day):
            valid.append(authority)
    return valid


def follow_route(
    route: Route | None, document: ContactsDocument, *, days_off: frozenset[date], at: datetime
) -> StandIn | None:
    """Return who stands in at this moment; None if no route is listed. One step, never a chain."""
    if route is None:
        return None
    if route.authority is None:
        reached = reaches_abroad(route.telephones, route.mailboxes)
        problem = None if reached else RouteProblem.UNREACHABLE
        return StandIn(None, route.telephones, route.mailboxes, route.note, None, problem)
    named = next(a for a in document.authorities if a.id == route.authority)
    if not find_valid((named,), at):
        problem = RouteProblem.ENDED
    else:
        problem = None if named.is_reachable else RouteProblem.UNREACHABLE
    return StandIn(
        authority=named,
        telephones=named.telephones,
        mailboxes=named.mailboxes,
        note=route.note,
        state=judge_duty(named, days_off=days_off, at=at),
        problem=problem,
    )
