"""Whom to ring now, and why: what a desk card says of hours, out-of-hours route and reserve."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from console.i18n import Message, msg, pmsg
from contact_registry.attendance import Attendance, find_attendance
from contact_registry.models import Authority, ContactsDocument, Telephone
from contact_registry.routing import TurnTo
from contact_registry.schedules import Duty
from contact_registry.standing_in import RouteProblem, StandIn
from node.web.states import Look


@dataclass(frozen=True, slots=True)
class RouteCard:
    """Who stands in for a desk, ready to be shown; ``name`` is None for channels of the desk's own.

    ``look`` says what keeps the route from leading to somebody, or None.
    """

    title: Message
    name: str | None
    note: str
    telephones: tuple[Telephone, ...]
    mailboxes: tuple[str, ...]
    look: Look | None


@dataclass(frozen=True, slots=True)
class DutyCard:
    """Whether a desk is staffed, and whom to ring at this moment.

    ``opens_at`` is its next opening, in its own time, where it is closed and one is listed.
    ``routes`` are those that are listed, the one to use first. Where somebody else answers now,
    ``is_desk_first`` is False: a person in a hurry takes the first number on the card.
    """

    look: Look
    opens_at: datetime | None
    ring: Look
    why: Message
    routes: tuple[RouteCard, ...]
    is_desk_first: bool


_OPEN: Final = Look(pmsg("desk", "Open now"), "ok", "clock")
_ALWAYS: Final = Look(pmsg("desk", "Answers around the clock"), "ok", "clock")
_CLOSED: Final = Look(pmsg("desk", "Closed now"), "warn", "clock")
_UNKNOWN: Final = Look(pmsg("desk", "Hours are not listed"), "neutral", "clock")

_RING: Final[Mapping[TurnTo, Look]] = MappingProxyType(
    {
        TurnTo.DESK: Look(pmsg("desk", "Ring the desk"), "ok", "phone"),
        TurnTo.OUT_OF_HOURS: Look(pmsg("desk", "Ring the out-of-hours route"), "warn", "phone"),
        TurnTo.RESERVE: Look(pmsg("desk", "Ring the reserve"), "warn", "phone"),
        TurnTo.NOBODY_NOW: Look(pmsg("desk", "Nobody is listed who answers now"), "danger",
                                "circle-alert"),
    }
)  # fmt: skip
_NO_ROUTE: Final[Mapping[RouteProblem, Look]] = MappingProxyType(
    {
        RouteProblem.ENDED: Look(pmsg("desk", "No longer in use"), "danger", "circle-alert"),
        RouteProblem.UNREACHABLE: Look(
            pmsg("directory", "Reaches nobody"), "danger", "circle-alert"
        ),
    }
)
_ROUTE_CLOSED: Final = Look(pmsg("desk", "Closed now, too"), "warn", "clock")


def describe_duty(authority: Authority, document: ContactsDocument, *, now: datetime) -> DutyCard:
    """Say who answers at a desk now; ``document`` is that of its Participant."""
    found = find_attendance(authority, document, at=now)
    opening = found.state.next_opening
    return DutyCard(
        look=_look_of_hours(authority, found.state.duty),
        opens_at=None if opening is None else opening.astimezone(ZoneInfo(authority.time_zone)),
        ring=_RING[found.turn_to],
        why=_explain(authority, found),
        routes=tuple(_list_routes(found)),
        is_desk_first=found.turn_to not in {TurnTo.OUT_OF_HOURS, TurnTo.RESERVE},
    )


def _look_of_hours(authority: Authority, duty: Duty) -> Look:
    if authority.available_24_7:
        return _ALWAYS
    return {Duty.ON: _OPEN, Duty.OFF: _CLOSED, Duty.UNKNOWN: _UNKNOWN}[duty]


_WHY_DESK: Final[Mapping[Duty, Message]] = MappingProxyType(
    {
        Duty.ON: msg("It is within its hours."),
        Duty.UNKNOWN: msg("Its hours are not listed, so try it first."),
    }
)
_WHY_OPEN: Final[Mapping[TurnTo, Message]] = MappingProxyType(
    {
        TurnTo.RESERVE: msg(
            "The desk itself has no telephone and no mailbox that works from abroad."
        ),
        TurnTo.NOBODY_NOW: msg("No number or mailbox that is listed works from abroad."),
    }
)
_WHY_CLOSED: Final[Mapping[TurnTo, Message]] = MappingProxyType(
    {
        TurnTo.OUT_OF_HOURS: msg("The desk is closed now."),
        TurnTo.RESERVE: msg("The desk is closed, and its out-of-hours route does not answer now."),
        TurnTo.NOBODY_NOW: msg("The desk is closed, and nobody who stands in for it answers now."),
    }
)


def _explain(authority: Authority, found: Attendance) -> Message:
    """Give the reason in one sentence."""
    duty = found.state.duty
    if found.turn_to is TurnTo.DESK:
        always = authority.available_24_7
        return msg("It answers around the clock.") if always else _WHY_DESK[duty]
    if duty is not Duty.OFF:
        return _WHY_OPEN[found.turn_to]
    if found.turn_to is TurnTo.RESERVE and found.out_of_hours is None:
        return msg("The desk is closed, and no out-of-hours route is listed.")
    return _WHY_CLOSED[found.turn_to]


def _list_routes(found: Attendance) -> list[RouteCard]:
    routes = (
        (TurnTo.OUT_OF_HOURS, pmsg("desk", "Out of hours"), found.out_of_hours),
        (TurnTo.RESERVE, pmsg("desk", "Reserve"), found.reserve),
    )
    cards = [
        (turn is not found.turn_to, _show_route(title, route))
        for turn, title, route in routes
        if route is not None
    ]
    return [card for _, card in sorted(cards, key=lambda each: each[0])]


def _show_route(title: Message, route: StandIn) -> RouteCard:
    look = _NO_ROUTE[route.problem] if route.problem is not None else None
    if look is None and route.is_off_duty:
        look = _ROUTE_CLOSED
    ended = route.problem is RouteProblem.ENDED  # nobody is to ring what is no longer in use
    return RouteCard(
        title=title,
        name=None if route.authority is None else route.authority.name,
        note=route.note,
        telephones=() if ended else tuple(t for t in route.telephones if t.is_dialable_from_abroad),
        mailboxes=() if ended else route.mailboxes,
        look=look,
    )
