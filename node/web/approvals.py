"""The second person: what waits for approval, what would leave, and saying yes or no to it.

Whoever asked never decides. Saying yes or no asks once more who is there. What is shown is exactly
what was kept when it was asked; a changed draft is another request.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.accounts.models import SignedIn
from console.confirming import Confirmed
from console.downloads import HEADERS, write_disposition
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.access import Permission, list_permissions
from node.domain.approvals import ApprovalState
from node.service.approval_rows import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalView,
    open_asked_file,
)
from node.service.approvals import (
    get_approval,
    handle_approve,
    handle_refuse_approval,
    handle_take_back_approval,
    list_approvals,
)
from node.service.building import Draft
from node.service.context import NodeContext, RefusedDraftError, StaleError
from node.service.people import list_accounts
from node.service.permitting import ForbiddenError
from node.web.fields import clean_text
from node.web.file_words import say_size
from node.web.labels import say_code, say_known
from node.web.legal_basis import Basis
from node.web.policy_preview import describe_stored
from node.web.purposes import find_plan, label_plan
from node.web.refusing import say_refused
from node.web.showing import ShownField, show_body, sort_facts
from node.web.site import (
    Form,
    PageRoute,
    Site,
    get_text,
    get_version,
    go_to,
    may,
    require_permission,
)
from node.web.states import Look, look_of_urgency
from node.web.terms import say_onward
from protocol.limits import LIMITS
from protocol.messages.catalogue import get_entry
from protocol.messages.fields import TriState
from protocol.messages.head import ExceptionGround
from protocol.policy.facts import Role

Reader = Annotated[SignedIn, Depends(require_permission(Permission.READ_CASES))]
"""Whoever asked, or may decide: which requests they see, the service says."""
Approver = Annotated[SignedIn, Depends(require_permission(Permission.APPROVE))]
Writer = Annotated[SignedIn, Depends(require_permission(Permission.WORK_CASES))]

LOOKS: Final[Mapping[ApprovalState, Look]] = {
    ApprovalState.WAITING: Look(pmsg("approval", "Waits for a second person"), "info", "users"),
    ApprovalState.SENT: Look(pmsg("approval", "Approved and sent"), "ok", "check"),
    ApprovalState.REFUSED: Look(pmsg("approval", "Not approved"), "warn", "ban"),
    ApprovalState.EXPIRED: Look(
        pmsg("approval", "Nobody decided in time: not sent"), "danger", "alarm-clock"
    ),
    ApprovalState.TAKEN_BACK: Look(pmsg("approval", "Taken back"), "neutral", "ban"),
}
"""Where a request stands, in words."""

_STALE: Final = msg("Something changed while your page was open. Nothing was sent or refused.")
_POST: Final = msg("Say your post. The other side is told it, never your name.")
_REASON: Final = msg("Write down why not. Whoever asked reads it.")
_ASKS_CASE_MANAGER: Final = "children.onward_not_approved"


def create_approvals_router(site: Site) -> APIRouter:
    """Build the pages."""
    router = APIRouter(route_class=PageRoute)
    _add_reading(router, site)
    _add_deciding(router, site)
    return router


def _add_reading(router: APIRouter, site: Site) -> None:
    @router.get("/approvals")
    def show_list(request: Request, who: Reader) -> Response:
        views = list_approvals(site.context, who=site.principal(who), waiting_only=False)
        waiting = [view for view in views if view.state is ApprovalState.WAITING]
        return site.page(
            request,
            "approvals.html",
            waiting=waiting,
            settled=sorted(
                (view for view in views if view.state is not ApprovalState.WAITING),
                key=lambda view: view.decided_at or view.asked_at,
                reverse=True,
            )[:50],
            say_what=say_what,
            looks=LOOKS,
            is_own=lambda view: _is_own(view, who),
            may_decide=may(who, Permission.APPROVE),
        )

    @router.get("/approval/{approval_id}")
    def show(request: Request, who: Reader, approval_id: str) -> Response:
        return _show(site, request, who, approval_id)

    @router.get("/approval/{approval_id}/files/{file_id}")
    def take_file(who: Reader, approval_id: str, file_id: str) -> Response:
        """Give out a file that waits with a request: to be saved, never shown."""
        asked, pieces = open_asked_file(site.context, approval_id, file_id, who=site.principal(who))
        headers = {
            **HEADERS,
            "Accept-Ranges": "none",
            "Content-Disposition": write_disposition(asked.name),
            "Content-Length": str(asked.size),
        }
        return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


def _add_deciding(router: APIRouter, site: Site) -> None:
    @router.post("/approval/{approval_id}/approve")
    def approve(
        request: Request, who: Approver, _sure: Confirmed, form: Form, approval_id: str
    ) -> Response:
        post = clean_text(get_text(form, "post"))
        if not post or len(post) > LIMITS.line:
            return _show(site, request, who, approval_id, errors={"post": _POST})
        given = ApprovalGiven(
            post=post, case_manager_agrees=get_text(form, "case_manager_agrees") == "yes"
        )
        try:
            handle_approve(
                site.context,
                approval_id,
                given,
                who=site.principal(who),
                row_version=get_version(form, "row_version"),
            )
        except (StaleError, RefusedDraftError, ForbiddenError) as error:
            return _show_refused(site, request, who, approval_id, error=error, post=post)
        return go_to(f"/approval/{approval_id}")

    @router.post("/approval/{approval_id}/refuse")
    def refuse(
        request: Request, who: Approver, _sure: Confirmed, form: Form, approval_id: str
    ) -> Response:
        reason = clean_text(get_text(form, "reason"))
        if not reason or len(reason) > LIMITS.narrative:
            return _show(site, request, who, approval_id, errors={"reason": _REASON})
        try:
            handle_refuse_approval(
                site.context,
                approval_id,
                ApprovalRefused(reason=reason),
                who=site.principal(who),
                row_version=get_version(form, "row_version"),
            )
        except (StaleError, ForbiddenError) as error:
            return _show_refused(site, request, who, approval_id, error=error, reason=reason)
        return go_to(f"/approval/{approval_id}")

    @router.post("/approval/{approval_id}/take-back")
    def take_back(request: Request, who: Writer, form: Form, approval_id: str) -> Response:
        try:
            handle_take_back_approval(
                site.context,
                approval_id,
                who=site.principal(who),
                row_version=get_version(form, "row_version"),
            )
        except (StaleError, ForbiddenError) as error:
            return _show_refused(site, request, who, approval_id, error=error)
        return go_to(f"/approval/{approval_id}")


def say_what(draft: Draft) -> Message | str:
    """Say what would leave."""
    plan = find_plan(f"{draft.type}:{draft.kind}" if draft.kind else draft.type)
    return label_plan(plan) if plan else draft.type


def _is_own(view: ApprovalView, who: SignedIn) -> bool:
    return view.asked_by == who.account.id


def _show_refused(  # noqa: PLR0913 - a request, what was in the way, and what was typed
    site: Site,
    request: Request,
    who: SignedIn,
    approval_id: str,
    *,
    error: Exception,
    post: str = "",
    reason: str = "",
) -> Response:
    """Show a request as it is now, with what was in the way; what was typed stays."""
    is_stale = isinstance(error, StaleError)
    problem = _STALE if is_stale else say_refused(error)
    return _show(
        site,
        request,
        who,
        approval_id,
        errors={"decision": problem},
        status=HTTPStatus.CONFLICT if is_stale else HTTPStatus.UNPROCESSABLE_ENTITY,
        post=post,
        reason=reason,
    )


def _show(  # noqa: PLR0913 - a request, and what is said about the form
    site: Site,
    request: Request,
    who: SignedIn,
    approval_id: str,
    *,
    errors: FormErrors = NO_ERRORS,
    status: int | None = None,
    post: str = "",
    reason: str = "",
) -> Response:
    view = get_approval(site.context, approval_id, who=site.principal(who))
    draft, is_own = view.draft, _is_own(view, who)
    reasons = describe_stored(view.decision)
    wrong = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return site.page(
        request,
        "approval.html",
        status=status or wrong,
        errors=errors,
        view=view,
        draft=draft,
        look=LOOKS[view.state],
        is_waiting=view.state is ApprovalState.WAITING and site.context.clock() < view.decide_by,
        is_own=is_own,
        may_decide=may(who, Permission.APPROVE) and not is_own,
        may_write=may(who, Permission.WORK_CASES),
        what=say_what(draft),
        urgency=look_of_urgency(draft.urgency),
        shown=_show_draft(draft),
        ground=_say_ground(draft),
        onward=_say_onward(draft),
        told=say_known(TriState, draft.legal_basis.get("person_informed")),
        reasons=reasons,
        asks_case_manager=any(why.rule == _ASKS_CASE_MANAGER for why in reasons),
        approvers=_list_approvers(site.context, besides=view.asked_by),
        say_code=say_code,
        say_size=say_size,
        post=post,
        typed_reason=reason,
    )


def _show_draft(draft: Draft) -> list[ShownField]:
    model = get_entry(draft.type).body
    return sort_facts(show_body(model.model_validate_json(json.dumps(draft.body))))


def _say_ground(draft: Draft) -> Message | str:
    basis: dict[str, Any] = draft.legal_basis
    return say_known(ExceptionGround, basis.get("ground")) if "ground" in basis else ""


def _say_onward(draft: Draft) -> Message | None:
    is_personal = draft.legal_basis.get("kind") != Basis.NO_PERSONAL_DATA
    return say_onward(draft.onward) if is_personal else None


def _list_approvers(context: NodeContext, *, besides: str) -> list[str]:
    """Name who may decide: nobody about their own message."""
    return sorted(
        account.display_name
        for account in list_accounts(context)
        if account.id != besides
        and account.is_active
        and Permission.APPROVE in list_permissions(Role(role) for role in account.roles)
    )
