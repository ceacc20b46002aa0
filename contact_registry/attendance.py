"""Whom to turn to at one desk at this moment: the desk, or who stands in for it, and why.

:mod:`contact_registry.routing` says which desk is competent; this says of any desk who answers now.
"""

from dataclasses import dataclass
from datetime import date, datetime

from contact_registry.models import Authority, ContactsDocument
from contact_registry.routing import TurnTo, choose_whom
from contact_registry.standing_in import DutyState, StandIn, follow_route, judge_duty


@dataclass(frozen=True, slots=True)
class Attendance:
    """Whether a desk is staffed, who stands in for it, and which of them to turn to now.

    ``reserve`` and ``out_of_hours`` are None where the desk lists nobody.
    """

    state: DutyState
    turn_to: TurnTo
    reserve: StandIn | None
    out_of_hours: StandIn | None


def find_attendance(
    authority: Authority, document: ContactsDocument, *, at: datetime
) -> Attendance:
    """Say who answers at a desk of ``document`` at this moment; the desk itself is valid then."""
    days_off = document.calendar.days_off if document.calendar else frozenset[date]()
    state = judge_duty(authority, days_off=days_off, at=at)
    reserve = follow_route(authority.reserve, document, days_off=days_off, at=at)
    out_of_hours = follow_route(authority.out_of_hours, document, days_off=days_off, at=at)
    turn_to = choose_whom(
        state, is_reachable=authority.is_reachable, reserve=reserve, out_of_hours=out_of_hours
    )
    return Attendance(state, turn_to, reserve, out_of_hours)
