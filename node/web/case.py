"""Cases: the list, one case with its timeline, and beginning a message in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.status import HTTP_422_UNPROCESSABLE_CONTENT

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from node.domain.access import Permission, Principal
from node.domain.cases import StrandState
from node.service.attachments.showing import count_files
from node.service.cases.listing import CaseFilter, list_cases
from node.service.cases.opening import handle_open_case
from node.service.context import NotFoundError
from node.service.drafts import OpenDraft, list_drafts
from node.service.permitting import find_seen_case
from node.service.reading import CaseView, Item, get_case, load_view
from node.service.records import IN, ErasedError, find_case
from node.web.beginning import Beginning, begin_message, keep_draft, name_kind
from node.web.cases.acting import do_once, open_case, show
from node.web.cases.next_step import find_next
from node.web.cases.summary import count_records, count_tasks
from node.web.cases.words import STRAND_LOOKS, say_channel
from node.web.composition import PLANS, Purpose
from node.web.fields import DATES, FormField
from node.web.forms.filled import FilledForm, FormSetting
from node.web.forms.spreading import spread
from node.web.labels import say_code, say_known, say_type
from node.web.purposes import Plan, list_choices_in_case, parse_choice
from node.web.screens import ComposingPages
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from node.web.states import look_of, look_of_entry, look_of_urgency
from protocol.errors import LocalProtocolError, MalformedError
from protocol.identifiers import Channel, Phase, parse_case_reference
from protocol.messages.codes import TraffickingStatus
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage, PersonBody

_PAGE: Final = 50
_SHOWN: Final = 40
"""Entries of a timeline on one page."""
_VIEWS: Final[Mapping[str, CaseFilter]] = {
    "open": CaseFilter(state=StrandState.OPEN),
    "closed": CaseFilter(state=StrandState.CLOSED),
}


def create_case_router(site: Site) -> APIRouter:
    """Build the list of cases, the page of one, and what begins in it."""
    router = APIRouter(route_class=PageRoute)
    _add_list(router, site)
    _add_case(router, site)
    _add_beginnings(router, site)
    return router


def _add_list(router: APIRouter, site: Site) -> None:
    @router.get("/cases")
    def show_cases(
        request: Request, who: FocalPoint, view: str = "open", after: str = ""
    ) -> Response:
        return _show_list(site, request, who=site.principal(who), view=view, after=after)

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

    @router.post("/cases/open")
    def open_new(who: FocalPoint, form: Form) -> Response:
        """Open a case before its first message, so that consent can be recorded in it."""
        principal = site.principal(who)
        channel = get_text(form, "channel") or Channel.ASSISTANCE.value
        if channel not in {each.value for each in principal.channels}:
            raise NotFoundError("This channel is not yours: choose another one.")
        key = get_text(form, "key")
        opened = do_once(
            site.context,
            lambda: handle_open_case(site.context, who=principal, channel=Channel(channel)).case_id,
            actor=principal.actor,
            key=key,
            asked=f"open:{channel}",
        )
        return go_to(f"/case/{opened}" if opened else "/cases")


def _add_case(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}")
    def show_case(request: Request, who: FocalPoint, case_id: str, earlier: int = 0) -> Response:
        case = open_case(site, case_id, who)
        view = get_case(site.context, case_id, who=case.who)
        names = case.names
        first = max(earlier, 0)
        shown = view.timeline[first : first + _SHOWN]
        is_erased = case.overview.erased
        return show(
            case,
            request,
            "case.html",
            view=view,
            entries=[
                (entry, look_of_entry(entry, participant=names.participant(entry.code or "")))
                for entry in shown
            ],
            earlier=first + _SHOWN if len(view.timeline) > first + _SHOWN else 0,
            later=first > 0,
            files=count_files(site.context, case_id, who=case.who),
            look_of=look_of,
            look_of_urgency=look_of_urgency,
            say_type=say_type,
            next_step=None if is_erased else find_next(case, view),
            desks=sorted(_list_desks(view)),
            counts=None if is_erased else count_records(case),
            tasks=None if is_erased else count_tasks(case, view),
            look_of_strand=STRAND_LOOKS.get,
            may_open_sealed=case.who.may(Permission.READ_CONFIDENTIAL),
            choices=list_choices_in_case(),
            key_of=lambda _form: site.make_key(),
        )


def _add_beginnings(router: APIRouter, site: Site) -> None:
    @router.post("/case/{case_id}/begin")
    def begin(who: FocalPoint, form: Form, case_id: str) -> Response:
        """Begin a message of any kind in this case, to the desk that was last in touch."""
        case = get_case(site.context, case_id, who=site.principal(who))
        peer, what = get_text(form, "participant"), get_text(form, "what")
        if not what:
            return go_to(f"/case/{case_id}")
        try:
            plan = parse_choice(what)
        except LocalProtocolError as error:
            raise NotFoundError(str(error)) from error
        if peer and peer not in case.peers:
            raise NotFoundError("This case has no such Participant: open it again.")
        is_step = get_text(form, "is_step") == "yes"
        beginning = Beginning(
            tag=plan.tag,
            kind=plan.kind,
            participant=peer,
            case_reference=case.reference,
            to_authority=_find_last_desk(case, peer),
            rests_on_file=is_step,
        )
        if not is_step:
            return go_to(begin_message(site, beginning, draft_id=get_text(form, "key"), who=who))
        draft_id = _find_begun(site, beginning, plan, who) or get_text(form, "key")
        begin_message(site, beginning, draft_id=draft_id, who=who)
        return go_to(ComposingPages(site).begin_at(draft_id, who))

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
        key = get_text(form, "key")

        def make() -> OpenDraft:
            return _begin(site, case, Purpose(purpose), peer=peer, draft_id=key, who=principal)

        return go_to(keep_draft(site, make, draft_id=key, who=who))


def _show_list(  # noqa: PLR0913 - what one page can be asked for, all by name
    site: Site,
    request: Request,
    *,
    who: Principal,
    view: str = "open",
    after: str = "",
    reference: str = "",
    problem: Message | None = None,
) -> Response:
    wanted = CaseFilter(manager=who.person) if view == "mine" else _VIEWS.get(view)
    lines = list_cases(site.context, who=who, limit=_PAGE, wanted=wanted, after=_read_place(after))
    last = lines[-1] if len(lines) == _PAGE else None
    return site.page(
        request,
        "cases.html",
        status=HTTP_422_UNPROCESSABLE_CONTENT if problem else 200,
        errors={"reference": problem} if problem else {},
        cases=lines,
        reference=reference,
        view=view,
        more=f"{last.touched_at.isoformat()}~{last.case_id}" if last else "",
        is_later=bool(after),
        channels=[(each.value, say_channel(each)) for each in Channel if each in who.channels],
        look_of_strand=STRAND_LOOKS.get,
        say_code=say_code,
        say_status=lambda code: say_known(TraffickingStatus, code),
        phases=Phase,
    )


def _read_place(after: str) -> tuple[datetime, str] | None:
    """Return where the list goes on; from the beginning for anything else."""
    moment, _, case_id = after.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return None if at.tzinfo is None or not case_id.isalnum() else (at, case_id)


def _find_begun(site: Site, beginning: Beginning, plan: Plan, who: SignedIn) -> str:
    """Return the draft of this step that was begun before; nothing if there is none."""
    for draft in list_drafts(site.context, account_id=who.account.id):
        is_same = draft.kind == name_kind(plan) and draft.case_reference == beginning.case_reference
        if is_same and draft.get("participant") == beginning.participant:
            return draft.draft_id
    return ""


def _find_last_desk(case: CaseView, peer: str) -> str:
    """Return the desk of theirs that was last in touch, or nothing."""
    for item in reversed(case.items):
        desk = item.from_authority if item.direction == IN else item.to_authority
        if item.peer == peer and desk:
            return desk
    return ""


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
) -> dict[str, tuple[str, ...]]:
    """Give the safe facts that the newest message about the person already says.

    Days and moments are left out: they belong to the earlier message.
    """
    model, setting = PLANS[purpose].body, FormSetting(zone=site.zone, keep=_is_taken_over)
    form = FilledForm(model, {}, setting)
    for item in reversed(items):
        try:
            message = load_view(site.context, item.message_id, who=who).message
        except ErasedError:  # an earlier one may say it
            continue
        if isinstance(message, CaseMessage) and isinstance(message.body, PersonBody):
            said = spread(model, message.body, setting)
            # The case manager that is named in a received message is theirs, not ours.
            not_ours = "case_manager" if item.direction == IN else None
            return {
                name: values
                for name, values in said.items()
                if form.owns(name) and name.partition("-")[0] != not_ours
            }
    return {}


def _is_taken_over(leaf: FormField) -> bool:
    return leaf.sensitivity is Sensitivity.NONE and leaf.control not in DATES
