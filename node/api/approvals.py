"""The policy's answer before sending, and the second person, for programs."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from console.routes import take_routes
from node.api.conditional import SeenVersion, tag
from node.api.doors import Doors
from node.api.sending import SentBody
from node.api.shapes import Id
from node.api.streams import stream_file
from node.domain.access import Permission, Principal
from node.service.approval_rows import (
    ApprovalAsked,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalView,
    AskedFile,
    open_asked_file,
)
from node.service.approvals import (
    get_approval,
    handle_approve,
    handle_ask_approval,
    handle_refuse_approval,
    handle_take_back_approval,
    list_approvals,
)
from node.service.building import Draft
from node.service.context import NodeContext
from node.service.policy.checking import Check, DeskView, check_draft
from node.service.policy.gate import describe_decision


class ReasonBody(BaseModel):
    """One finding of the policy: what it is, and what would make it allowed."""

    code: str
    outcome: str
    sentence: str
    remedy: str
    details: list[str]


class GroundBody(BaseModel):
    """What an allowed message rests on."""

    kind: str
    reference: str


class DecisionBody(BaseModel):
    """What the policy decides."""

    outcome: str = Field(description="allow, needs_second_person, or refuse.")
    reasons: list[ReasonBody]
    grounds: list[GroundBody]


class CheckBody(BaseModel):
    """What would become of a draft if it were sent now."""

    decision: DecisionBody
    to_authority: str
    from_authority: str
    phase: str
    channel: str
    urgency: str
    answer_by: datetime | None
    desk: DeskView | None

    @classmethod
    def of(cls, check: Check) -> "CheckBody":
        """Make it from what the service says."""
        message = check.message
        return cls(
            decision=DecisionBody.model_validate(describe_decision(check.decision)),
            to_authority=message.to_authority,
            from_authority=message.from_authority,
            phase=message.phase,
            channel=message.channel,
            urgency=message.urgency,
            answer_by=message.answer_by,
            desk=check.desk,
        )


class ApprovalBody(BaseModel):
    """A request for a second person's word."""

    approval_id: str
    case_id: str
    channel: str
    state: str
    asked_by: str
    asked_at: datetime
    decide_by: datetime
    decided_by: str | None
    decided_at: datetime | None
    message_id: str | None = Field(description="What was sent once it was approved.")
    draft: dict[str, Any] = Field(
        description="What leaves once it is approved, with the desks filled in."
    )
    files: list[AskedFile]
    justification: str
    decision: DecisionBody
    reason: str | None = Field(description="Why it was refused.")
    row_version: int

    @classmethod
    def of(cls, view: ApprovalView) -> "ApprovalBody":
        """Make it from what the service says."""
        return cls(
            approval_id=view.approval_id,
            case_id=view.case_id,
            channel=view.channel,
            state=view.state,
            asked_by=view.asked_by,
            asked_at=view.asked_at,
            decide_by=view.decide_by,
            decided_by=view.decided_by,
            decided_at=view.decided_at,
            message_id=view.message_id,
            draft=view.draft.model_dump(mode="json", exclude_none=True),
            files=list(view.files),
            justification=view.justification,
            decision=DecisionBody.model_validate(view.decision),
            reason=view.reason,
            row_version=view.row_version,
        )


def create_approvals(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.post("/drafts/check")
    def check(draft: Draft, who: Writer) -> CheckBody:
        """Say what would become of a draft now: the policy's answer, the desk, its hours.

        Nothing is written or sent; the same decision is made again when it is sent.
        """
        return CheckBody.of(check_draft(context, draft, who=who))

    @router.post("/approvals", status_code=HTTPStatus.CREATED)
    def ask(asked: ApprovalAsked, who: Writer, response: Response) -> ApprovalBody:
        """Ask a second person to approve a draft; about the same draft it is one request."""
        view = handle_ask_approval(context, asked, who=who)
        tag(response, view.row_version)
        return ApprovalBody.of(view)

    @router.get("/approvals")
    def list_requests(
        who: Reader,
        *,
        waiting: Annotated[bool, Query(description="Only what waits.")] = True,
    ) -> list[ApprovalBody]:
        """List requests that you may decide about, and your own; the most urgent first."""
        views = list_approvals(context, who=who, waiting_only=waiting)
        return [ApprovalBody.of(view) for view in views]

    @router.get("/approvals/{approval_id}")
    def get(approval_id: Id, who: Reader, response: Response) -> ApprovalBody:
        """Return a request with what it is about; who read it is noted."""
        view = get_approval(context, approval_id, who=who)
        tag(response, view.row_version)
        return ApprovalBody.of(view)

    @router.get(
        "/approvals/{approval_id}/files/{file_id}",
        response_class=StreamingResponse,
        responses={HTTPStatus.OK: {"content": {"application/octet-stream": {}}}},
    )
    def take_file(approval_id: Id, file_id: Id, who: Reader) -> StreamingResponse:
        """Return a file that would go with the message; who took it is noted."""
        asked, pieces = open_asked_file(context, approval_id, file_id, who=who)
        return stream_file(pieces, size=asked.size, media_type=asked.media_type, name="file")

    take_routes(router, _create_deciding(context, doors))
    return router


def _create_deciding(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter()
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Approver = Annotated[Principal, Depends(doors.who(Permission.APPROVE))]

    @router.post("/approvals/{approval_id}/approve", status_code=HTTPStatus.CREATED)
    def approve(
        approval_id: Id, given: ApprovalGiven, who: Approver, seen: SeenVersion
    ) -> SentBody:
        """Approve and send, if the policy lets it leave with this approval."""
        return SentBody.of(handle_approve(context, approval_id, given, who=who, row_version=seen))

    @router.post("/approvals/{approval_id}/refuse")
    def refuse(
        approval_id: Id,
        refused: ApprovalRefused,
        who: Approver,
        seen: SeenVersion,
        response: Response,
    ) -> ApprovalBody:
        """Refuse, with the reason."""
        view = handle_refuse_approval(context, approval_id, refused, who=who, row_version=seen)
        tag(response, view.row_version)
        return ApprovalBody.of(view)

    @router.post("/approvals/{approval_id}/take-back")
    def take_back(
        approval_id: Id, who: Writer, seen: SeenVersion, response: Response
    ) -> ApprovalBody:
        """Take your own request back."""
        view = handle_take_back_approval(context, approval_id, who=who, row_version=seen)
        tag(response, view.row_version)
        return ApprovalBody.of(view)

    return router
