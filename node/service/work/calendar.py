"""Our own working days: as the registry lists them, else as the node's calendar knows them.

The deadline of a message counts the days of the registry alone, as its sender does. For what
concerns nobody else, and to say what the registry lacks, the calendar helps.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from console.i18n import Message, nmsg
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from contact_registry.schedules import WorkCalendar
from node.domain.work import DEFAULT_DAYS
from node.service.context import NodeContext
from node.service.work.routing import find_directory
from protocol.deadlines import AnswerTerms, WorkingCalendar, compute_answer_by
from protocol.identifiers import AuthorityId
from protocol.messages.codes import Urgency

#: From this month on the next year is asked about, too.
_LOOKS_AHEAD_FROM: Final = 10


@dataclass(frozen=True, slots=True)
class DayOff:
    """A day on which our offices are closed, by whose word."""

    day: date
    name: str
    in_registry: bool
    in_calendar: bool


def load_own_calendar(context: NodeContext, desk: AuthorityId | None) -> WorkingCalendar:
    """Return our working days, in the time zone of a desk of ours (UTC without one).

    Before the registry was ever seen, those of the node's own calendar.
    """
    directory = find_directory(context)
    listed = (_find_listed(directory, context) if directory else None) or WorkCalendar()
    now = context.clock()
    days = set(listed.days_off)
    for year in range(now.year - 1, now.year + 3):
        if not listed.covers_year(year):
            days |= set(_list_known(context, year))
    authority = directory.authority(desk) if directory and desk else None
    zone = ZoneInfo(authority.time_zone) if authority else UTC
    return WorkingCalendar(zone, weekend=listed.weekend_numbers, holidays=frozenset(days))


def compute_default_due(
    context: NodeContext, desk: AuthorityId | None, *, urgency: Urgency, at: datetime
) -> datetime:
    """Return when something of ours that names no deadline is due."""
    terms = AnswerTerms(DEFAULT_DAYS, urgency=urgency, treated_as_child=False)
    due = compute_answer_by(terms, at=at, calendar=load_own_calendar(context, desk))
    return due if due is not None else at


def list_days_off(context: NodeContext, year: int) -> list[DayOff]:
    """List our days off of a year, by day, and who knows of each."""
    known = _list_known(context, year)
    directory = find_directory(context)
    calendar = _find_listed(directory, context) if directory else None
    listed = {each.day: each.name for each in calendar.holidays} if calendar else {}
    return [
        DayOff(
            day=day,
            name=known.get(day) or listed.get(day, ""),
            in_registry=day in listed,
            in_calendar=day in known,
        )
        for day in sorted({*known, *(day for day in listed if day.year == year)})
    ]


def list_calendar_notices(context: NodeContext) -> list[Message]:
    """Say of which year the registry lists no day off of ours although there are some."""
    now = context.clock()
    try:
        calendar = _find_listed(context.directory.current(), context) or WorkCalendar()
    except RegistryUnavailableError:
        return []
    years = [now.year, now.year + 1] if now.month >= _LOOKS_AHEAD_FROM else [now.year]
    return [
        nmsg(
            "calendar: the directory lists no day off of ours in %(year)s, and %(count)s is known. "
            "Others count our deadlines without it: list it with our contacts",
            "calendar: the directory lists no day off of ours in %(year)s, and %(count)s are "
            "known. Others count our deadlines without them: list them with our contacts",
            len(_list_known(context, year)),
            year=str(year),
        )
        for year in years
        if not calendar.covers_year(year) and _list_known(context, year)
    ]


def _find_listed(directory: Directory, context: NodeContext) -> WorkCalendar | None:
    document = directory.contacts.get(context.participant)
    return document.calendar if document else None


def _list_known(context: NodeContext, year: int) -> dict[date, str]:
    return dict(context.holidays.list_days(year)) if context.holidays else {}
