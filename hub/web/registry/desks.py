"""One desk as the operators see it: whom to ring now and why, and everything that is listed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from console.i18n import Message, msg, pmsg
from contact_registry.directory import Directory
from contact_registry.models import (
    Authority,
    ContactsDocument,
    ListedBy,
    PersonGroup,
    Telephone,
)
from contact_registry.routing import Desk, Gap, TurnTo, resolve
from contact_registry.schedules import Duty
from contact_registry.standing_in import DutyState, StandIn, follow_route, judge_duty
from directory_pages.codes import Words, say
from directory_pages.field_labels import say_field
from directory_pages.looks import Look
from directory_pages.wording import Lines, Names, word_value
from hub.web.registry.coverage import GROUPS
from hub.web.registry.looks import DUTIES, TURN_TO, look_of_confirmation
from protocol.identifiers import Channel, ParticipantCode, Phase, get_participant_of


@dataclass(frozen=True, slots=True)
class RouteView:
    """Who stands in for a desk: its name, or channels of its own."""

    label: Message
    authority: Authority | None
    telephones: tuple[Telephone, ...]
    mailboxes: tuple[str, ...]
    note: str
    look: Look


@dataclass(frozen=True, slots=True)
class DeskView:
    """A desk as of a moment."""

    authority: Authority
    listed_by: ListedBy
    is_valid: bool
    local_time: datetime
    duty: Look
    next_opening: datetime | None
    turn_to: Look
    confirmation: Look
    routes: tuple[RouteView, ...]

    @property
    def place(self) -> str:
        """Unit, post and city, as far as they are listed."""
        parts = (self.authority.unit, self.authority.post, self.authority.city)
        return ", ".join(filter(None, parts))

    @property
    def reaches_nobody(self) -> bool:
        """Whether there is no number and no mailbox that works from abroad."""
        return not self.authority.is_reachable


def describe_desk(authority: Authority, document: ContactsDocument, *, at: datetime) -> DeskView:
    """Describe a desk as of ``at``; ended entries too."""
    days_off = document.calendar.days_off if document.calendar else frozenset()
    local = at.astimezone(ZoneInfo(authority.time_zone))
    duty = judge_duty(authority, days_off=days_off, at=at)
    reserve = follow_route(authority.reserve, document, days_off=days_off, at=at)
    night = follow_route(authority.out_of_hours, document, days_off=days_off, at=at)
    return DeskView(
        authority=authority,
        listed_by=document.listed_by,
        is_valid=authority.is_valid_on(local.date()),
        local_time=local,
        duty=DUTIES[duty.duty],
        next_opening=duty.next_opening,
        turn_to=TURN_TO[_find_turn(authority, duty, reserve=reserve, night=night)],
        confirmation=look_of_confirmation(
            authority, listed_by=document.listed_by, today=local.date()
        ),
        routes=tuple(
            _describe_route(label, route)
            for label, route in ((msg("Reserve"), reserve), (msg("Out of hours"), night))
            if route is not None
        ),
    )


def _find_turn(
    authority: Authority, duty: DutyState, *, reserve: StandIn | None, night: StandIn | None
) -> TurnTo:
    """Apply the registry's rule of whom to turn to (SPEC, section 14.4) to a desk by itself."""
    closed = duty.duty is Duty.OFF
    if not closed and authority.is_reachable:
        return TurnTo.DESK
    for route, turn in (
        (night if closed else None, TurnTo.OUT_OF_HOURS),
        (reserve, TurnTo.RESERVE),
    ):
        if route is not None and route.is_reachable and not route.is_off_duty:
            return turn
    return TurnTo.NOBODY_NOW


def _describe_route(label: Message, route: StandIn) -> RouteView:
    if route.problem is not None:
        look = Look(pmsg("route", "Leads nowhere"), "danger", "circle-alert")
    elif route.state is not None:
        look = DUTIES[route.state.duty]
    else:
        look = Look(pmsg("route", "Own channels"), "ok", "phone")
    return RouteView(label, route.authority, route.telephones, route.mailboxes, route.note, look)


#: Facts that a page shows in its own way, or that say nothing to people.
_SHOWN_APART: Final = frozenset({
    "id", "name", "telephones", "mailboxes", "reserve", "out_of_hours", "unit", "city",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of an entry in words; several lines where it has several values."""

    label: Words
    lines: Lines


def list_facts(authority: Authority, names: Names) -> list[Fact]:
    """Return every field of a desk that says something, in the order of the document."""
    data = authority.model_dump(mode="json")
    return [
        Fact(say_field(field), lines)
        for field, value in data.items()
        if field not in _SHOWN_APART and value is not False
        for lines in [word_value(field, value, names)]
        if lines
    ]


# ------------------------------------------------------------------ who answers now


@dataclass(frozen=True, slots=True)
class Answer:
    """Who is competent for a phase and a person group: a desk and whom to ring now, or a gap."""

    phase: Phase
    group: PersonGroup
    desk: DeskView | None
    gap: Words
    fell_back_on: tuple[Words, ...]
    turn_to: Look | None
    alternatives: tuple[Authority, ...] = ()


def answer_for(
    directory: Directory,
    code: ParticipantCode,
    *,
    at: datetime,
    channel: Channel = Channel.ASSISTANCE,
) -> Iterator[Answer]:
    """Yield the answers of one Participant: each phase, for adults and for children."""
    for phase in Phase:
        for group in GROUPS:
            answer = resolve(
                directory,
                participant=code,
                phase=phase,
                at=at,
                child=group is PersonGroup.CHILD,
                channel=channel,
            )
            yield describe_answer(directory, answer, phase=phase, group=group, at=at)


def describe_answer(
    directory: Directory, answer: Desk | Gap, *, phase: Phase, group: PersonGroup, at: datetime
) -> Answer:
    """Put an answer to "who is competent" into words."""
    if isinstance(answer, Gap):
        return Answer(phase, group, None, say(answer.reason_code), (), None, answer.candidates)
    code = get_participant_of(answer.authority.id)
    return Answer(
        phase=phase,
        group=group,
        desk=describe_desk(answer.authority, directory.contacts[code], at=at),
        gap="",
        fell_back_on=tuple(say(step) for step in answer.fell_back_on),
        turn_to=TURN_TO[answer.turn_to],
        alternatives=answer.alternatives,
    )
