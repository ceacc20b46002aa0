"""The directory: who is competent, how sure that is, and how to reach them without this system."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.formats import name_place
from console.guard import ActiveSession
from console.i18n import msg
from contact_registry.routing import Gap, resolve
from node.web.composition import is_reachable
from node.web.desks import describe_coverage, explain_choice, look_of_gap, make_card
from node.web.labels import CODE_LABELS, list_choices, say_code
from node.web.site import Form, PageRoute, Site, get_text
from protocol.identifiers import ParticipantCode, Phase, parse_participant_code


def create_directory_router(site: Site) -> APIRouter:
    """Build the pages of the directory, for every role: they hold no content."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/directory")
    def show(request: Request, _who: ActiveSession) -> Response:
        return _show(site, request)

    @router.post("/directory")
    def look_up(request: Request, _who: ActiveSession, form: Form) -> Response:
        return _show(site, request, form=form)

    @router.get("/directory/{code}")
    def show_participant(request: Request, _who: ActiveSession, code: str) -> Response:
        directory = site.context.directory.current()
        participant = parse_participant_code(code)
        contacts = directory.contacts.get(participant)
        now = site.context.clock()
        return site.page(
            request,
            "participant.html",
            code=participant,
            has_node=is_reachable(directory, participant),
            adults=describe_coverage(directory, participant, now=now),
            children=describe_coverage(directory, participant, now=now, child=True),
            cards=[
                make_card(desk, listed_by=contacts.listed_by, now=now)
                for desk in contacts.authorities
                if desk.is_valid_on(now.date())
            ]
            if contacts
            else [],
            say_code=say_code,
        )

    return router


def _show(site: Site, request: Request, *, form: Form | None = None) -> Response:
    directory = site.context.directory.current()
    now = site.context.clock()
    asked = {
        name: get_text(form, name) if form else "" for name in ("participant", "phase", "child")
    }
    known = {entry.code for entry in directory.participants}
    errors = {}
    if form is not None and asked["participant"] not in known:
        errors["participant"] = msg("Choose a Participant.")
    if form is not None and asked["phase"] not in CODE_LABELS[Phase]:
        errors["phase"] = msg("Choose a phase.")
    answer = None
    if form is not None and not errors:
        answer = resolve(
            directory,
            participant=ParticipantCode(asked["participant"]),
            phase=Phase(asked["phase"]),
            at=now,
            child=asked["child"] == "yes",
        )
    is_gap = isinstance(answer, Gap)
    return site.page(
        request,
        "directory.html",
        errors=errors,
        directory=directory,
        coverage=[
            (entry, describe_coverage(directory, entry.code, now=now))
            for entry in directory.participants
        ],
        participant_choices=[
            (e.code, name_place(e.code, e.display_name)) for e in directory.participants
        ],
        has_node={e.code: is_reachable(directory, e.code) for e in directory.participants},
        phases=list_choices(Phase),
        asked=asked,
        gap=look_of_gap(answer) if isinstance(answer, Gap) else None,
        card=None
        if answer is None or isinstance(answer, Gap)
        else make_card(answer.authority, listed_by=answer.listed_by, now=now),
        reasons=[] if answer is None or isinstance(answer, Gap) else list(explain_choice(answer)),
        is_answered=answer is not None,
        is_gap=is_gap,
        say_code=say_code,
    )
