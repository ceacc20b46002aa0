"""The directory: who is competent, how sure that is, and how to reach them without this system.

A past day is shown as this node had verified it then. The day stands in the address; who was looked
up does not: the form is answered with a redirect, and Back looks it up again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.dates import DateError, DateParts
from console.formats import name_place
from console.guard import ActiveSession
from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError, RegistryUnavailableError
from contact_registry.models import Authority
from contact_registry.routing import Gap, resolve
from contact_registry.standing_in import find_valid
from node.domain.access import Permission
from node.service.context import NotFoundError
from node.service.registry_as_of import NotKeptError, find_directory
from node.web.beginning import Beginning, begin_message
from node.web.composition import is_reachable
from node.web.desks import DeskCard, describe_coverage, explain_choice, look_of_gap, make_card
from node.web.labels import CODE_LABELS, list_choices, say_code
from node.web.purposes import PLANS, Purpose
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to, may
from protocol.identifiers import (
    Channel,
    ParticipantCode,
    Phase,
    get_participant_of,
    parse_participant_code,
)

_PATH: Final = "/directory"
_ASKED: Final = ("participant", "phase", "child", "channel", "place")
#: What is kept of one answer: codes are shorter, and the field of the place takes no more.
_LONGEST_ANSWER: Final = 120

Day = Annotated[date | None, Query(description="A past day, as 2026-03-01; today without it.")]


@dataclass(frozen=True, slots=True)
class Looking:
    """Which directory a page shows, and as of when; ``past_day`` is None for today's."""

    directory: Directory
    at: datetime
    past_day: date | None

    @property
    def of_day(self) -> str:
        """What an address of the same day ends with."""
        return "" if self.past_day is None else f"?day={self.past_day.isoformat()}"

    def make_card(self, authority: Authority) -> DeskCard:
        """Describe a desk of this directory."""
        document = self.directory.contacts[get_participant_of(authority.id)]
        return make_card(authority, document, now=self.at, is_past=self.past_day is not None)


def create_directory_router(site: Site) -> APIRouter:
    """Build the pages of the directory, for every role: they hold no content."""
    router = APIRouter(route_class=PageRoute)
    _add_looking_up(router, site)
    _add_writing(router, site)
    _add_participant(router, site)
    return router


def _add_looking_up(router: APIRouter, site: Site) -> None:
    looked_for = site.looked_for(_PATH)

    @router.get(_PATH)
    def show(request: Request, who: ActiveSession, day: Day = None) -> Response:
        asked = looked_for.find(request, who=who)
        looking = _look_or_none(site, day)
        is_asked = asked.get("day") == looking.of_day and not _judge(asked, looking.directory)
        return _show(site, request, day=day, asked=asked if is_asked else None, who=who)

    @router.post(_PATH)
    def look_up(request: Request, who: ActiveSession, form: Form, day: Day = None) -> Response:
        asked = {name: get_text(form, name)[:_LONGEST_ANSWER] for name in _ASKED}
        asked["channel"] = asked["channel"] or Channel.ASSISTANCE.value
        looking = _look_or_none(site, day)
        if _judge(asked, looking.directory):
            return _show(site, request, day=day, asked=asked, who=who)
        response = go_to(f"{_PATH}{looking.of_day}")
        looked_for.keep(response, {**asked, "day": looking.of_day}, who=who)
        return response

    @router.post("/day-of-directory")
    def choose_day(request: Request, who: ActiveSession, form: Form) -> Response:
        parts = DateParts.from_form(form, "day")
        try:
            looking = _look(site, parts.parse_date())
        except RegistryUnavailableError:
            raise
        except (DateError, RegistryError) as error:
            problem = error.message if isinstance(error, DateError) else _say_why(error)
            return _show(site, request, day=None, asked_day=parts, problem=problem, who=who)
        if looking.past_day is None:
            problem = msg("Choose a day before today.")
            return _show(site, request, day=None, asked_day=parts, problem=problem, who=who)
        return go_to(f"/directory{looking.of_day}")


def _add_writing(router: APIRouter, site: Site) -> None:
    @router.post("/directory/write")
    def write(who: FocalPoint, form: Form) -> Response:
        """Begin a message to a desk of today's directory."""
        found = site.names().find_desk(get_text(form, "authority"))
        code = get_participant_of(found.id) if found else ""
        if found is None or code == site.context.participant:
            raise NotFoundError("There is no such desk to write to: look it up again.")
        beginning = Beginning(
            tag=PLANS[Purpose.NOTIFICATION].tag,
            to_authority=found.id,
            answers={"participant": (code,)},
        )
        return go_to(begin_message(site, beginning, draft_id=get_text(form, "key"), who=who))


def _add_participant(router: APIRouter, site: Site) -> None:
    @router.get("/directory/{code}")
    def show_participant(
        request: Request, who: ActiveSession, code: str, day: Day = None
    ) -> Response:
        looking = _look_or_none(site, day)
        directory = looking.directory
        participant = parse_participant_code(code)
        is_listed = directory.participant(participant) is not None
        contacts = directory.contacts.get(participant) if is_listed else None
        is_past = looking.past_day is not None
        return site.page(
            request,
            "participant.html",
            status=HTTPStatus.OK if is_listed else HTTPStatus.NOT_FOUND,
            names=replace(site.names(), directory=directory),
            code=participant,
            is_listed=is_listed,
            may_write=not is_past and _may_write(site, who, participant, directory),
            key_of=lambda _card: site.make_key(),
            past_day=looking.past_day,
            of_day=looking.of_day,
            has_node=is_reachable(directory, participant),
            adults=describe_coverage(directory, participant, now=looking.at, is_past=is_past),
            children=describe_coverage(
                directory, participant, now=looking.at, child=True, is_past=is_past
            ),
            cards=[
                looking.make_card(desk)
                for desk in find_valid(contacts.authorities if contacts else (), looking.at)
            ],
            say_code=say_code,
        )


def _judge(asked: Mapping[str, str], directory: Directory) -> dict[str, Message]:
    errors = dict[str, Message]()
    if asked.get("participant") not in {entry.code for entry in directory.participants}:
        errors["participant"] = msg("Choose a Participant.")
    if asked.get("phase") not in CODE_LABELS[Phase]:
        errors["phase"] = msg("Choose a phase.")
    if asked.get("channel") not in CODE_LABELS[Channel]:
        errors["channel"] = msg("Choose a channel.")
    return errors


def _may_write(site: Site, who: SignedIn, code: str, directory: Directory) -> bool:
    """Say whether this person can write to desks of this Participant from here."""
    is_other = code != site.context.participant and is_reachable(directory, ParticipantCode(code))
    return is_other and may(who, Permission.WORK_CASES)


def _look(site: Site, day: date | None) -> Looking:
    """Open the directory of a day; raises ``RegistryError`` if that is not kept."""
    now = site.context.clock()
    if day is None or day >= now.astimezone(site.zone).date():
        return Looking(site.context.directory.current(), now, None)
    directory, end = find_directory(site.context, _end_of(day, site.zone))
    return Looking(directory, end, day)


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(23, 59, 59), zone)


def _look_or_none(site: Site, day: date | None) -> Looking:
    """Open the directory of a day, or let the page not exist."""
    try:
        return _look(site, day)
    except RegistryUnavailableError:
        raise
    except RegistryError as error:
        raise NotFoundError(str(error)) from error


def _say_why(error: RegistryError) -> Message:
    if not isinstance(error, NotKeptError):
        return msg("What is kept of that day does not verify. Tell your administrator.")
    if error.first is None:
        return msg("This node has kept no directory of a past day yet.")
    return msg(
        "This node keeps directories since %(day)s. Choose a later day, or ask the registry "
        "operators, who keep every version.",
        day=error.first.date().isoformat(),
    )


def _show(  # noqa: PLR0913 - what one page can be asked for, all by name
    site: Site,
    request: Request,
    *,
    day: date | None,
    who: SignedIn,
    asked: Mapping[str, str] | None = None,
    asked_day: DateParts | None = None,
    problem: Message | None = None,
) -> Response:
    looking = _look_or_none(site, day)
    directory = looking.directory
    errors = {} if problem is None else {"day": problem}
    errors |= {} if asked is None else _judge(asked, directory)
    answer = None
    if asked is None:
        asked = {**dict.fromkeys(_ASKED, ""), "channel": Channel.ASSISTANCE.value}
    elif not errors:
        answer = resolve(
            directory,
            participant=ParticipantCode(asked["participant"]),
            phase=Phase(asked["phase"]),
            at=looking.at,
            child=asked["child"] == "yes",
            channel=Channel(asked["channel"]),
            place=asked["place"],
        )
    desk = None if answer is None or isinstance(answer, Gap) else answer
    is_past = looking.past_day is not None
    return site.page(
        request,
        "directory.html",
        status=HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        errors=errors,
        directory=directory,
        names=replace(site.names(), directory=directory),
        past_day=looking.past_day,
        of_day=looking.of_day,
        asked_day=asked_day or DateParts(),
        coverage=[
            (entry, describe_coverage(directory, entry.code, now=looking.at, is_past=is_past))
            for entry in directory.participants
        ],
        participant_choices=[
            (e.code, name_place(e.code, e.display_name)) for e in directory.participants
        ],
        has_node={e.code: is_reachable(directory, e.code) for e in directory.participants},
        phases=list_choices(Phase),
        channels=list_choices(Channel),
        asked=asked,
        gap=look_of_gap(answer) if isinstance(answer, Gap) else None,
        card=None if desk is None else looking.make_card(desk.authority),
        may_write=not is_past and _may_write(site, who, asked["participant"], directory),
        reasons=[] if desk is None else list(explain_choice(desk)),
        is_answered=answer is not None,
        is_gap=isinstance(answer, Gap),
        say_code=say_code,
    )
