"""Pages of what is listed: Participants, one Participant, one desk, and the coverage matrix."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import msg
from contact_registry.agreed import list_agreements
from contact_registry.directory import Directory
from contact_registry.models import ContactsDocument
from directory_pages.codes import Words, offer, say
from directory_pages.drill_words import describe_drill, describe_score
from directory_pages.wording import Names as DirectoryNames
from directory_pages.wording import word_value
from hub.context import NotFoundError
from hub.drills.desk import DrillDesk
from hub.drills.scoring import current_scores
from hub.findings.reading import list_followed
from hub.web.registry.coverage import MATRIX_PAGE, ParticipantCoverage, build_matrix
from hub.web.registry.desks import DeskView, answer_for, describe_desk, list_facts
from hub.web.registry.finding_pages import describe_finding
from hub.web.registry.paging import Paging
from hub.web.registry.participants import (
    describe_participants,
    look_of_listing,
)
from hub.web.registry.versions import describe_all_signed
from hub.web.site import Form, PageRoute, Reader, Site, get_text, go_to
from protocol.identifiers import (
    Channel,
    ParticipantCode,
    Phase,
    get_participant_of,
    parse_authority_id,
    parse_participant_code,
)

PARTICIPANTS_PAGE: Final = 50
_GAPS_ONLY: Final = "gaps"


def create_listing_router(site: Site) -> APIRouter:
    """Build the pages; every operator may read them."""
    router = APIRouter(route_class=PageRoute)
    pages = _Pages(site)

    @router.get("/participants")
    def show_participants(request: Request, _who: Reader) -> Response:
        return pages.show_participants(request)

    @router.get("/participants/page/{number}")
    def show_participants_page(request: Request, _who: Reader, number: int) -> Response:
        return pages.show_participants(request, number)

    @router.get("/participants/{code}")
    def show_participant(request: Request, _who: Reader, code: str) -> Response:
        return pages.show_participant(request, parse_participant_code(code))

    @router.get("/desks/{authority}")
    def show_desk(request: Request, _who: Reader, authority: str) -> Response:
        return pages.show_desk(request, authority)

    @router.get("/coverage")
    def show_coverage(request: Request, _who: Reader) -> Response:
        return pages.show_coverage(request, Channel.ASSISTANCE, gaps_only=False, number=1)

    @router.get("/coverage/{channel}/{kept}/{number}")
    def show_coverage_page(
        request: Request, _who: Reader, channel: str, kept: str, number: int
    ) -> Response:
        if channel not in set(Channel) or kept not in {_GAPS_ONLY, "all"} or number < 1:
            raise NotFoundError("There is no such page: open the table of coverage.")
        return pages.show_coverage(
            request, Channel(channel), gaps_only=kept == _GAPS_ONLY, number=number
        )

    @router.post("/coverage")
    def choose_coverage(_who: Reader, form: Form) -> Response:
        channel, kept = get_text(form, "channel"), get_text(form, "kept")
        if channel not in set(Channel):
            channel = Channel.ASSISTANCE
        return go_to(f"/coverage/{channel}/{_GAPS_ONLY if kept == _GAPS_ONLY else 'all'}/1")

    return router


class _Pages:
    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def _now(self) -> datetime:
        return self._site.context.clock()

    def show_participants(self, request: Request, number: int = 1) -> Response:
        context = self._site.context
        directory, now = context.registry.current(), self._now
        coverage = context.reading.coverage(directory, now)
        matrix = build_matrix(directory, coverage)
        signed = context.reading.list_signed(context.repository)
        scores = current_scores(context, coverage=coverage)
        page = Paging.of(len(directory.participants), number=number, size=PARTICIPANTS_PAGE)
        shown = page.take(matrix.participants)
        return self._site.page(
            request,
            "registry/participants.html",
            directory=directory,
            rows=describe_participants(directory, shown, signed, now=now),
            matrix=matrix,
            marks={one.entry.code: describe_score(scores[one.entry.code]) for one in shown},
            previous=page.address_before("/participants/page"),
            next=page.address_after("/participants/page"),
        )

    def show_participant(self, request: Request, code: ParticipantCode) -> Response:
        context, now = self._site.context, self._now
        directory = context.registry.current()
        entry = directory.participant(code)
        if entry is None:
            raise NotFoundError("This Participant does not take part: open the list.")
        document = directory.contacts.get(code)
        coverage = context.reading.coverage(directory, now)
        matrix = build_matrix(directory, coverage)
        signed = [
            file
            for file in context.reading.list_signed(context.repository)
            if file.entry is not None and file.entry.code == code
        ]
        names = self._site.names()
        return self._site.page(
            request,
            "registry/participant.html",
            entry=entry,
            document=document,
            listing=look_of_listing(document),
            answers=list(answer_for(directory, code, at=now)),
            marks=describe_score(current_scores(context, coverage=coverage)[code]),
            coverage=next(one for one in matrix.participants if one.entry.code == code),
            desks=_list_desks(document, at=now),
            signed=describe_all_signed(signed, now=now, name=names.participant),
            agreements=[s for s in list_agreements(directory) if code in s.terms.parties],
            table_phases=tuple(Phase),
            holidays=_list_holidays(directory, code, now),
            findings=[
                describe_finding(one, names)
                for one in list_followed(context)
                if one.observed.participant == code
            ],
            say=say,
        )

    def show_desk(self, request: Request, authority: str) -> Response:
        directory = self._site.context.registry.current()
        found = directory.authority(parse_authority_id(authority))
        if found is None:
            raise NotFoundError("This desk is not listed: open its Participant.")
        code = get_participant_of(found.id)
        document = directory.contacts[code]
        return self._site.page(
            request,
            "registry/desk.html",
            code=code,
            desk=describe_desk(found, document, at=self._now),
            facts=list_facts(found, DirectoryNames.of([document])),
            last_drills=[
                describe_drill(drill, directory)
                for drill in DrillDesk(self._site.context).list_last_of(found.id)
            ],
            say=say,
        )

    def show_coverage(
        self, request: Request, channel: Channel, *, gaps_only: bool, number: int
    ) -> Response:
        context = self._site.context
        directory = context.registry.current()
        matrix = build_matrix(directory, context.reading.coverage(directory, self._now, channel))
        chosen: Sequence[ParticipantCoverage] = matrix.participants
        if gaps_only:
            chosen = [one for one in chosen if one.has_gap]
        page = Paging.of(len(chosen), number=number, size=MATRIX_PAGE)
        kept = _GAPS_ONLY if gaps_only else "all"
        return self._site.page(
            request,
            "registry/coverage.html",
            matrix=matrix,
            table_phases=tuple(Phase),
            participants=page.take(chosen),
            channel=channel,
            channels=offer(Channel),
            kept=kept,
            kept_choices=[("all", msg("All Participants")), (_GAPS_ONLY, msg("Only with gaps"))],
            previous=page.address_before(f"/coverage/{channel}/{kept}"),
            next=page.address_after(f"/coverage/{channel}/{kept}"),
            say=say,
        )


def _list_desks(document: ContactsDocument | None, *, at: datetime) -> list[DeskView]:
    """Describe the desks of a Participant: valid ones by name, then those that have ended."""
    if document is None:
        return []
    views = [describe_desk(authority, document, at=at) for authority in document.authorities]
    return sorted(views, key=lambda view: (not view.is_valid, view.authority.name.casefold()))


def _list_holidays(directory: Directory, code: ParticipantCode, now: datetime) -> list[Words]:
    """Return the holidays of this year and the next, in words."""
    document = directory.contacts.get(code)
    if document is None or document.calendar is None:
        return []
    shown = [h for h in document.calendar.holidays if now.year <= h.day.year <= now.year + 1]
    names = DirectoryNames.of([document])
    data = [holiday.model_dump(mode="json") for holiday in sorted(shown, key=lambda h: h.day)]
    return list(word_value("holidays", data, names))
