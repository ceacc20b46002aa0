"""Cases: the list, one case with its timeline, and going on with it."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.status import HTTP_422_UNPROCESSABLE_CONTENT

from console.i18n import Message, msg
from node.domain.access import Principal
from node.domain.states import DECIDABLE
from node.service.attachments.showing import count_files
from node.service.cases.listing import list_cases
from node.service.context import NotFoundError
from node.service.drafts import OpenDraft, find_sent, handle_save_draft, load_draft
from node.service.permitting import find_seen_case
from node.service.reading import PAGE, CaseView, Item, get_case, load_view
from node.service.records import IN, find_case
from node.web.composition import PLANS, Purpose, Screen
from node.web.fields import describe_fields, spread_body
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from node.web.states import look_of, look_of_entry, look_of_urgency
from protocol.errors import MalformedError
from protocol.identifiers import Phase, parse_case_reference
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage, PersonBody


def create_case_router(site: Site) -> APIRouter:
    """Build the pages of cases."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/cases")
    def show_cases(request: Request, who: FocalPoint) -> Response:
        return _show_list(site, request, who=site.principal(who), reference="", problem=None)

    @router.post("/cases")
    def find(request: Request, who: FocalPoint, form: Form) -> Response:
        """Look a case up by its reference, as it is read out over the telephone."""
        reference = get_text(form, "reference")
        try:
            parsed = parse_case_reference(reference)
        except MalformedError:
            problem = msg(
                "This is no case reference, or a character was misheard: compare it with the "
                "message it came in. It looks like TRM-4Q7KD-9XW2M-H."
            )
            return _show_list(
                site, request, who=site.principal(who), reference=reference, problem=problem
            )
        with site.context.database.reading() as session:
            case = find_case(session, parsed)
            case = case and find_seen_case(session, case.case_id, who=site.principal(who))
        if case is None:
            problem = msg("There is no case of this reference here.")
            return _show_list(
                site, request, who=site.principal(who), reference=reference, problem=problem
            )
        return go_to(f"/case/{case.case_id}")

    @router.get("/case/{case_id}")
    def show_case(request: Request, who: FocalPoint, case_id: str) -> Response:
        principal = site.principal(who)
        case = get_case(site.context, case_id, who=principal)
        names = site.names()
        return site.page(
            request,
            "case.html",
            names=names,
            case=case,
            entries=[
                (entry, look_of_entry(entry, participant=names.participant(entry.code or "")))
                for entry in case.timeline
            ],
            files=count_files(site.context, case_id, who=principal),
            look_of=look_of,
            look_of_urgency=look_of_urgency,
            say_type=say_type,
            following=_find_next(case),
            desks=sorted(_list_desks(case)),
            key_of=lambda _form: site.make_key(),
        )

    @router.post("/case/{case_id}/go-on")
    def go_on(who: FocalPoint, form: Form, case_id: str) -> Response:
        """Begin a message in this case, filled in from the last one.

        The form posted again leads to what is being written, or was sent, under its key.
        """
        principal = site.principal(who)
        case = get_case(site.context, case_id, who=principal)
        purpose, peer = get_text(form, "purpose"), get_text(form, "participant")
        if purpose not in {Purpose.REFERRAL, Purpose.MESSAGE} or peer not in case.peers:
            raise NotFoundError("This case has no such Participant: open it again.")
        key, account_id = get_text(form, "key"), who.account.id
        sent = find_sent(site.context, key, account_id=account_id)
        if sent is not None:
            return go_to(f"/sent/{sent.message_id}")
        try:
            load_draft(site.context, key, account_id=account_id)
        except NotFoundError:
            draft = _begin(site, case, Purpose(purpose), peer=peer, draft_id=key, who=principal)
            handle_save_draft(site.context, draft, account_id=account_id)
        # A draft without this screen leads on to its own first one.
        return go_to(f"/new/{key}/{Screen.LINK}")

    return router


def _show_list(
    site: Site, request: Request, *, who: Principal, reference: str, problem: Message | None
) -> Response:
    return site.page(
        request,
        "cases.html",
        status=HTTP_422_UNPROCESSABLE_CONTENT if problem else 200,
        errors={"reference": problem} if problem else {},
        cases=list_cases(site.context, who=who, limit=PAGE),
        reference=reference,
    )


def _find_next(case: CaseView) -> Item | None:
    """Find what in this case waits for us, the nearest deadline first."""
    waiting = [i for i in case.items if i.direction == IN and i.handling in DECIDABLE]
    return min(waiting, key=lambda i: i.answer_by or i.expires_at, default=None)


def _list_desks(case: CaseView) -> set[tuple[str, str]]:
    """List the other sides' desks that wrote in this case, or were written to."""
    return {
        (item.peer, desk)
        for item in case.items
        if (desk := item.from_authority if item.direction == IN else item.to_authority)
    }


def _begin(  # noqa: PLR0913 - where a message begins, and whose it is
    site: Site, case: CaseView, purpose: Purpose, *, peer: str, draft_id: str, who: Principal
) -> OpenDraft:
    exchanged = [item for item in case.items if item.peer == peer and item.readable]
    last = exchanged[-1] if exchanged else None
    answers: dict[str, tuple[str, ...]] = {"participant": (peer,)}
    if last is not None:
        desk = last.from_authority if last.direction == IN else last.to_authority
        answers["to_authority"] = (desk or "",)
        if purpose is Purpose.MESSAGE:
            answers["phase"] = (last.phase or Phase.IDENTIFICATION,)
    if purpose is Purpose.REFERRAL:
        answers |= _take_over(site, exchanged, purpose, who=who)
    return OpenDraft(
        draft_id=draft_id, kind=purpose, case_reference=case.reference, answers=answers
    )


def _take_over(
    site: Site, items: list[Item], purpose: Purpose, *, who: Principal
) -> dict[str, Any]:
    """Give the safe facts that the newest message about the person already says."""
    fields = [
        field
        for field in describe_fields(PLANS[purpose].body)
        if field.sensitivity is Sensitivity.NONE
    ]
    for item in reversed(items):
        message = load_view(site.context, item.message_id, who=who).message
        if isinstance(message, CaseMessage) and isinstance(message.body, PersonBody):
            known = spread_body(fields, message.body)
            if item.direction == IN:  # the case manager named there is theirs, not ours
                known = {n: v for n, v in known.items() if not n.startswith("case_manager")}
            return known
    return {}
