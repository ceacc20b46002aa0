"""The human answer to a received message, and what comes next."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from contact_registry.routing import Gap, resolve
from node.domain.states import DECIDABLE
from node.service.answerable import is_answerable
from node.service.attention import list_waiting
from node.service.cases.linking import handle_link
from node.service.cases.listing import CaseFilter, list_cases
from node.service.composing import Sent
from node.service.context import NotFoundError, RefusedDraftError, StaleError
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.reading import MessageView, get_case, get_message
from node.service.records import IN
from node.web.desks import describe_post
from node.web.fields import clean_text
from node.web.labels import DECIDED, list_choices, say_type
from node.web.refusing import say_refused
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version, go_to
from node.web.states import look_of
from protocol.errors import MalformedError
from protocol.identifiers import ParticipantCode, parse_case_reference
from protocol.limits import LIMITS
from protocol.messages.general import Decision, DeclineReason, Outcome
from protocol.messages.head import CaseMessage

_FIELDS = (
    "outcome", "decline_reason", "forwarded_to", "procedure_note", "post", "telephone", "mailbox",
    "reachable", "known", "other_case",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands in the form: as prefilled, or as typed."""

    values: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


def create_deciding_router(site: Site) -> APIRouter:
    """Build the pages of a decision."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/decide/{message_id}")
    def ask(request: Request, who: FocalPoint, message_id: str) -> Response:
        view = _get_received(site, message_id, who)
        if view.item.handling not in DECIDABLE or not view.item.readable:
            return go_to(f"/message/{message_id}")
        return _show(site, request, view, _prefill(site, view))

    @router.post("/decide/{message_id}")
    def decide(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        view = _get_received(site, message_id, who)
        answer = Answer({name: clean_text(get_text(form, name)) for name in _FIELDS})
        errors = _find_errors(site, answer, view, who)
        if errors:
            return _show(site, request, view, answer, errors=errors)
        try:
            _decide(site, answer, view, form, who)
            linked = _link(site, answer, view, who)
        except StaleError:
            # Nothing was sent, nothing is lost: what changed stands above what was typed.
            newest = _get_received(site, message_id, who)
            decided = _describe_decision(site, newest, who)
            return _show(site, request, newest, answer, decided=decided, is_stale=True)
        except RefusedDraftError as error:
            refused = msg("It cannot be sent as it is. %(reason)s", reason=say_refused(error))
            return _show(site, request, view, answer, errors={"outcome": refused})
        return go_to(f"/done/{message_id}" if linked else f"/done/{message_id}?link=no")

    @router.get("/done/{message_id}")
    def show_done(request: Request, who: FocalPoint, message_id: str, link: str = "") -> Response:
        view = _get_received(site, message_id, who)
        if view.decided_by_message is None:
            return go_to(f"/message/{message_id}")
        waiting = list_waiting(site.context, who=site.principal(who), limit=1)
        return site.page(
            request,
            "done.html",
            view=view,
            item=view.item,
            look=look_of(view.item),
            decision=view.decided_by_message,
            upcoming=waiting[0] if waiting else None,
            is_answerable=is_answerable(view.item),
            is_unlinked=link == "no",
            say_type=say_type,
        )

    return router


def _get_received(site: Site, message_id: str, who: SignedIn) -> MessageView:
    view = get_message(site.context, message_id, who=site.principal(who))
    if view.item.direction != IN:
        raise NotFoundError("This was sent, not received: there is nothing to decide.")
    return view


def _find_other_case(site: Site, answer: Answer, who: SignedIn) -> str | None:
    """Return the case that the message is said to belong to; None if there is none such here."""
    try:
        reference = parse_case_reference(answer["other_case"])
    except MalformedError:
        return None
    wanted = CaseFilter(reference=reference)
    found = list_cases(site.context, who=site.principal(who), limit=1, wanted=wanted)
    return found[0].case_id if found else None


def _link(site: Site, answer: Answer, view: MessageView, who: SignedIn) -> bool:
    """Link the message's case with the one that the person is known from; False: it could not be.

    The decision is on its way by then, so this never undoes it.
    """
    if answer["outcome"] != Outcome.ACCEPTED or answer["known"] != "yes":
        return True
    other, case_id = _find_other_case(site, answer, who), view.item.case_id
    if other is None or case_id is None:
        return False
    message = view.message
    channel = message.channel if isinstance(message, CaseMessage) else None
    try:
        handle_link(site.context, case_id, other, who=site.principal(who), channel=channel)
    except (NotFoundError, RefusedDraftError):
        return False
    return True


def _prefill(site: Site, view: MessageView) -> Answer:
    """Fill in the desk that the message was written to."""
    desk = site.names().find_desk(view.item.to_authority)
    return Answer() if desk is None else Answer(describe_post(desk))


def _find_errors(
    site: Site, answer: Answer, view: MessageView, who: SignedIn
) -> dict[str, Message]:
    errors: dict[str, Message] = {}
    outcome = answer["outcome"]
    if outcome not in set(Outcome):
        return {"outcome": msg("Choose your decision.")}
    if outcome == Outcome.ACCEPTED and not answer["post"]:
        errors["post"] = msg("Say which post of yours coordinates the case.")
    errors |= _find_link_errors(site, answer, view, who)
    if outcome == Outcome.MORE_INFORMATION_NEEDED and not answer["procedure_note"]:
        errors["procedure_note"] = msg("Say what you need to know, without naming the person.")
    if outcome == Outcome.FORWARDED and answer["forwarded_to"] not in {
        **_list_own(site, view),
        **_list_elsewhere(site, view),
    }:
        errors["forwarded_to"] = msg("Choose the authority to forward it to.")
    if outcome == Outcome.DECLINED and answer["decline_reason"] not in set(DeclineReason):
        errors["decline_reason"] = msg("Choose the reason.")
    for name in ("procedure_note", "post", "telephone", "mailbox", "reachable"):
        if len(answer[name]) > LIMITS.line or "\n" in answer[name]:
            errors[name] = msg("Shorten this to one line of up to 500 characters.")
    return errors


def _find_link_errors(
    site: Site, answer: Answer, view: MessageView, who: SignedIn
) -> dict[str, Message]:
    """Say what is wrong with the case that the message is said to belong to."""
    if answer["outcome"] != Outcome.ACCEPTED or answer["known"] != "yes":
        return {}
    other = _find_other_case(site, answer, who)
    if other is None:
        return {"other_case": msg("There is no such case here. Check the reference.")}
    if other == view.item.case_id:
        return {"other_case": msg("This is the case of the message itself: name another.")}
    return {}


def _list_own(site: Site, view: MessageView) -> dict[str, str]:
    """List our authorities besides the one that it was written to."""
    directory = site.names().directory
    if directory is None or site.context.participant not in directory.contacts:
        return {}
    contacts = directory.contacts[ParticipantCode(site.context.participant)]
    today = site.context.clock().astimezone(site.zone).date()
    return {
        str(desk.id): ", ".join(part for part in (desk.name, desk.unit, desk.city) if part)
        for desk in contacts.authorities
        if desk.is_valid_on(today) and desk.id != view.item.to_authority
    }


def _list_elsewhere(site: Site, view: MessageView) -> dict[str, str]:
    """List the competent desk of each other Participant, for what came to the wrong one."""
    names, message = site.names(), view.message
    if names.directory is None or not isinstance(message, CaseMessage):
        return {}
    found: dict[str, str] = {}
    for participant in names.directory.contacts:
        if participant in {site.context.participant, view.item.peer}:
            continue
        answer = resolve(
            names.directory,
            participant=participant,
            phase=message.phase,
            at=site.context.clock(),
            child=message.body.treated_as_child,
            channel=message.channel,
        )
        if not isinstance(answer, Gap):
            found[str(answer.authority.id)] = answer.authority.name
    return found


def _decide(site: Site, answer: Answer, view: MessageView, form: Form, who: SignedIn) -> Sent:
    outcome = Outcome(answer["outcome"])
    try:
        manager = (
            CaseManagerDraft(
                post=answer["post"],
                telephone=answer["telephone"] or None,
                mailbox=answer["mailbox"] or None,
                reachable=answer["reachable"] or None,
            )
            if outcome is Outcome.ACCEPTED
            else None
        )
        decision = DecisionDraft(
            outcome=outcome,
            decline_reason=DeclineReason(answer["decline_reason"])
            if outcome is Outcome.DECLINED
            else None,
            forwarded_to=answer["forwarded_to"] if outcome is Outcome.FORWARDED else None,
            case_manager=manager,
            procedure_note=answer["procedure_note"] or None,
        )
    except ValidationError as error:
        raise RefusedDraftError(msg("Check the fields of the case manager.")) from error
    return handle_decide(
        site.context,
        view.item.message_id,
        decision,
        who=site.principal(who),
        row_version=get_version(form, "row_version"),
        submission_key=get_text(form, "key") or None,
    )


def _show(  # noqa: PLR0913 - what the page of a decision shows
    site: Site,
    request: Request,
    view: MessageView,
    answer: Answer,
    *,
    errors: FormErrors = NO_ERRORS,
    decided: dict[str, Any] | None = None,
    is_stale: bool = False,
) -> Response:
    context: dict[str, Any] = {
        "item": view.item,
        "look": look_of(view.item),
        "what": say_type(view.item.type),
        "answer": answer,
        "outcomes": list_choices(Outcome),
        "reasons": list_choices(DeclineReason),
        "own_desks": list(_list_own(site, view).items()),
        "other_desks": list(_list_elsewhere(site, view).items()),
        "is_stale": is_stale,
        "is_open": view.item.handling in DECIDABLE,
        "decided": decided,
    }
    status = HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK
    return site.page(request, "decide.html", errors=errors, status=status, **context)


def _describe_decision(site: Site, view: MessageView, who: SignedIn) -> dict[str, Any] | None:
    """Say who decided what, and when."""
    if view.decided_by_message is None or view.item.case_id is None:
        return None
    principal = site.principal(who)
    decision = get_message(site.context, view.decided_by_message, who=principal)
    case = get_case(site.context, view.item.case_id, who=principal)
    actors = [
        entry.actor
        for entry in case.timeline
        if entry.item and entry.item.message_id == view.item.message_id and entry.code
    ]
    if not isinstance(decision.message, Decision):
        return None
    return {
        "outcome": DECIDED[decision.message.body.outcome],
        "actor": site.names().actor(actors[0]) if actors else "",
        "moment": decision.item.stored_at,
    }
