"""A consent is withdrawn, or data has to go: what stops, who holds what, who confirmed.

Saving the first screen stops what has not left, in one transaction with the withdrawal. The second
shows who holds what, and tells them. Whoever goes away between the two leaves nothing undone: the
node tells them by itself after a while, and it stands in the inbox until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from node.domain.withdrawals import OPEN_STATES
from node.service.consent.records import ConsentView, list_consents
from node.service.context import NotFoundError
from node.service.deletions import DeletionView, list_deletions
from node.service.reading import Item, get_case
from node.service.recalling import UntoldView, handle_settle_untold, handle_tell_now, list_untold
from node.service.records import IN, OUT
from node.service.telling import WITHDRAWN
from node.service.withdrawal_views import WithdrawalView, get_withdrawal, list_withdrawals
from node.service.withdrawals import (
    ErasureDraft,
    WithdrawalDraft,
    handle_ask_erasure,
    handle_withdraw,
)
from node.web.cases.acting import (
    NOTHING_WRONG,
    OpenCase,
    Outcome,
    attempt,
    fail,
    open_case,
    read_all,
    show,
)
from node.web.cases.words import DELETION_LOOKS, list_codes
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, get_version, go_to
from node.web.states import look_of
from protocol.limits import LIMITS
from protocol.messages.general import ErasureGround
from protocol.messages.head import ConsentGiver

_ASKED: Final[Mapping[str, int]] = {
    "scope": 10, "withdrawn_by": 20, "delete_received": 3, "procedure_note": LIMITS.line,
}  # fmt: skip
_ERASURE: Final[Mapping[str, int]] = {"scope": 10, "ground": 60, "procedure_note": LIMITS.line}
_CARRIES_NOTHING: Final = "general."


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands in a form."""

    asked: Mapping[str, str]
    chosen: tuple[str, ...] = ()
    withdrawn_at: DateParts = field(default_factory=DateParts)


def create_stopping_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    _add_withdrawal(router, site)
    _add_telling(router, site)
    _add_request(router, site)
    _add_tracking(router, site)
    return router


# ------------------------------------------------------------------ screen 1: what is withdrawn


def _add_withdrawal(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/stop")
    def show_scope(request: Request, who: FocalPoint, case_id: str) -> Response:
        case = open_case(site, case_id, who)
        typed = _Typed(
            asked=dict.fromkeys(_ASKED, "")
            | {"scope": "all", "withdrawn_by": "person", "delete_received": "yes"},
            withdrawn_at=DateParts.from_moment(site.context.clock(), site.zone),
        )
        return _show_scope(case, request, typed)

    @router.post("/case/{case_id}/stop")
    def stop(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        """Stop: from here on nothing leaves on these consents."""
        case = open_case(site, case_id, who)
        typed = _Typed(
            asked=read_all(form, _ASKED),
            chosen=tuple(str(each) for each in form.getlist("consents") if isinstance(each, str)),
            withdrawn_at=DateParts.from_form(form, "withdrawn_at"),
        )
        draft = _judge(case, typed)
        if isinstance(draft, dict):
            outcome = fail(case, form, draft)
        else:
            outcome = attempt(
                case,
                form,
                lambda: (
                    handle_withdraw(
                        site.context, case_id, draft, who=case.who, tell_later=True
                    ).withdrawal_id
                ),
                at="scope",
            )
        if outcome.is_stale:
            already = msg("Nothing is left to withdraw: look at the consents of this case.")
            return _show_scope(case, request, typed, outcome=Outcome(errors={"scope": already}))
        if outcome.errors:
            return _show_scope(case, request, typed, outcome=outcome)
        made = outcome.made or _find_newest(case)
        return go_to(f"{case.address}/stop/{made}")


def _find_newest(case: OpenCase) -> str:
    """Return the withdrawal that the first of two clicks makes."""
    for view in list_withdrawals(case.site.context, case.case_id, who=case.who):
        if view.type == WITHDRAWN:
            return view.withdrawal_id
    raise NotFoundError("There is no such withdrawal here: open it again from its case.")


def _list_standing(case: OpenCase) -> list[ConsentView]:
    consents = list_consents(case.site.context, case.case_id, who=case.who)
    return [each for each in consents if each.withdrawn_at is None]


def _judge(case: OpenCase, typed: _Typed) -> WithdrawalDraft | dict[str, Message]:
    asked, errors = typed.asked, dict[str, Message]()
    if asked["scope"] not in {"all", "some"}:
        errors["scope"] = msg("Say what is withdrawn.")
    standing = {each.consent_id for each in _list_standing(case)}
    if asked["scope"] == "some" and not (typed.chosen and set(typed.chosen) <= standing):
        errors["consents"] = msg("Choose the consents that are withdrawn.")
    if asked["withdrawn_by"] not in set(ConsentGiver):
        errors["withdrawn_by"] = msg("Say who withdrew the consent.")
    if len(asked["procedure_note"]) > LIMITS.line:
        errors["procedure_note"] = msg("Shorten this to %(count)s characters.", count=LIMITS.line)
    moment: datetime | None = None
    try:
        if not typed.withdrawn_at.is_empty:
            moment = typed.withdrawn_at.parse_moment(case.site.zone)
    except DateError as error:
        errors["withdrawn_at"] = error.message
    if errors:
        return errors
    return WithdrawalDraft(
        consents=typed.chosen if asked["scope"] == "some" else (),
        withdrawn_by=ConsentGiver(asked["withdrawn_by"]),
        withdrawn_at=moment,
        delete_received=asked["delete_received"] == "yes",
        procedure_note=asked["procedure_note"] or None,
    )


def _show_scope(
    case: OpenCase, request: Request, typed: _Typed, *, outcome: Outcome = NOTHING_WRONG
) -> Response:
    withdrawals = list_withdrawals(case.site.context, case.case_id, who=case.who)
    return show(
        case,
        request,
        "cases/stop.html",
        outcome=outcome,
        asked=typed.asked,
        chosen=typed.chosen,
        withdrawn_at=typed.withdrawn_at,
        standing=_list_standing(case),
        givers=list_codes(ConsentGiver),
        waiting=next((view for view in withdrawals if view.waiting), None),
    )


# ------------------------------------------------------------------ screen 2: who holds what


@dataclass(frozen=True, slots=True)
class _Holder:
    """A desk that has data, and the messages in which it got it."""

    peer: str
    authority: str
    items: tuple[Item, ...]


def _add_telling(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/stop/{withdrawal_id}")
    def show_holders(
        request: Request, who: FocalPoint, case_id: str, withdrawal_id: str
    ) -> Response:
        case = open_case(site, case_id, who)
        view = get_withdrawal(site.context, case_id, withdrawal_id, who=case.who)
        return _show_holders(case, request, view)

    @router.post("/case/{case_id}/stop/{withdrawal_id}")
    def tell(
        request: Request, who: FocalPoint, form: Form, case_id: str, withdrawal_id: str
    ) -> Response:
        """Tell everybody who holds data to delete it."""
        case = open_case(site, case_id, who)
        view = get_withdrawal(site.context, case_id, withdrawal_id, who=case.who)
        outcome = attempt(
            case,
            form,
            lambda: handle_tell_now(site.context, withdrawal_id, who=case.who),
            at="tell",
        )
        if outcome.is_done:
            return go_to(f"{case.address}/told")
        return _show_holders(case, request, view, outcome=outcome)


def _show_holders(
    case: OpenCase, request: Request, view: WithdrawalView, *, outcome: Outcome = NOTHING_WRONG
) -> Response:
    items = {each.message_id: each for each in _list_items(case)}
    return show(
        case,
        request,
        "cases/holders.html",
        outcome=outcome,
        view=view,
        holders=[
            _Holder(
                desk.peer,
                desk.authority,
                tuple(items[name] for name in desk.message_ids if name in items),
            )
            for desk in view.waiting
        ],
        tells_at=min((desk.told_at for desk in view.waiting), default=None),
        say_type=say_type,
        look_of=look_of,
    )


def _list_items(case: OpenCase) -> tuple[Item, ...]:
    return get_case(case.site.context, case.case_id, who=case.who).items


# ------------------------------------------------------------------ asking others to delete


def _add_request(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/ask")
    def show_request(request: Request, who: FocalPoint, case_id: str) -> Response:
        typed = _Typed(asked=dict.fromkeys(_ERASURE, "") | {"scope": "all"})
        return _show_request(open_case(site, case_id, who), request, typed)

    @router.post("/case/{case_id}/ask")
    def ask(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        """Ask every recipient to delete the whole case, or some messages of ours."""
        case = open_case(site, case_id, who)
        typed = _Typed(
            asked=read_all(form, _ERASURE),
            chosen=tuple(str(each) for each in form.getlist("messages") if isinstance(each, str)),
        )
        draft = _judge_request(typed)
        if isinstance(draft, dict):
            return _show_request(case, request, typed, outcome=Outcome(errors=draft))
        try:
            outcome = attempt(
                case,
                form,
                lambda: handle_ask_erasure(site.context, case_id, draft, who=case.who),
                at="scope",
            )
        except NotFoundError:
            nothing = msg("Nothing was sent that others could delete, or it changed meanwhile.")
            outcome = Outcome(errors={"scope": nothing})
        if outcome.is_done:
            return go_to(f"{case.address}/told")
        return _show_request(case, request, typed, outcome=outcome)


def _judge_request(typed: _Typed) -> ErasureDraft | dict[str, Message]:
    asked, errors = typed.asked, dict[str, Message]()
    if asked["scope"] not in {"all", "some"}:
        errors["scope"] = msg("Say what has to be deleted.")
    if asked["scope"] == "some" and not typed.chosen:
        errors["messages"] = msg("Choose the messages.")
    if asked["ground"] not in set(ErasureGround):
        errors["ground"] = msg("Choose why it has to be deleted.")
    if len(asked["procedure_note"]) > LIMITS.line:
        errors["procedure_note"] = msg("Shorten this to %(count)s characters.", count=LIMITS.line)
    if errors:
        return errors
    return ErasureDraft(
        ground=ErasureGround(asked["ground"]),
        messages=typed.chosen if asked["scope"] == "some" else (),
        procedure_note=asked["procedure_note"] or None,
    )


def _show_request(
    case: OpenCase, request: Request, typed: _Typed, *, outcome: Outcome = NOTHING_WRONG
) -> Response:
    sent = [
        each
        for each in _list_items(case)
        if each.direction == OUT and not each.type.startswith(_CARRIES_NOTHING)
    ]
    return show(
        case,
        request,
        "cases/ask.html",
        outcome=outcome,
        asked=typed.asked,
        chosen=typed.chosen,
        sent=sent,
        say_type=say_type,
        grounds=list_codes(ErasureGround, ErasureGround.CONSENT_WITHDRAWN),
    )


# ------------------------------------------------------------------ tracking


def _add_tracking(router: APIRouter, site: Site) -> None:
    @router.get("/case/{case_id}/told")
    def show_tracking(request: Request, who: FocalPoint, case_id: str) -> Response:
        """Say who was asked to delete, who confirmed, and who could not be told."""
        return _show_tracking(open_case(site, case_id, who), request)

    @router.post("/case/{case_id}/told")
    def settle(request: Request, who: FocalPoint, form: Form, case_id: str) -> Response:
        """Say that a desk that no message reaches was told another way."""
        case = open_case(site, case_id, who)
        untold_id, version = get_text(form, "untold_id"), get_version(form, "row_version")
        if all(each.untold_id != untold_id for each in _list_untold(case)):
            raise NotFoundError("There is no such desk to be told: open it from the list again.")
        outcome = attempt(
            case,
            form,
            lambda: handle_settle_untold(
                site.context, untold_id, who=case.who, row_version=version
            ),
            at="told",
        )
        if outcome.is_done:
            return go_to(f"{case.address}/told")
        return _show_tracking(case, request, outcome=outcome)


def _list_untold(case: OpenCase) -> list[UntoldView]:
    untold = list_untold(case.site.context, who=case.who, open_only=False)
    return [each for each in untold if each.case_id == case.case_id]


def _list_owed(case: OpenCase, direction: str) -> list[DeletionView]:
    found = list_deletions(case.site.context, who=case.who, case_id=case.case_id, open_only=False)
    return [each for each in found if each.direction == direction]


def _show_tracking(
    case: OpenCase, request: Request, *, outcome: Outcome = NOTHING_WRONG
) -> Response:
    items = {each.message_id: each for each in _list_items(case)}
    untold = _list_untold(case)
    held_back = {
        desk.untold_id: view.withdrawal_id
        for view in list_withdrawals(case.site.context, case.case_id, who=case.who)
        for desk in view.waiting
    }
    return show(
        case,
        request,
        "cases/told.html",
        outcome=outcome,
        theirs=_list_owed(case, OUT),
        ours=_list_owed(case, IN),
        items=items,
        untold=[each for each in untold if each.settled_at is None],
        told_otherwise=[each for each in untold if each.settled_at and each.message_id is None],
        held_back=held_back,
        looks=DELETION_LOOKS,
        open_states=OPEN_STATES,
        look_of=look_of,
    )
