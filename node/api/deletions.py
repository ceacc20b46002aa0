"""Deletions that are owed, their confirmations, and erasing for good, for programs."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from node.api.conditional import SeenVersion, tag
from node.api.doors import Doors
from node.api.sending import SentBody
from node.api.shapes import Asked, Id, PlainText
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from node.service.deleting import DeletionDone, handle_confirm_deletion
from node.service.deletions import DeletionView, list_deletions
from node.service.erasing import handle_erase_case, handle_erase_message
from node.service.recalling import UntoldView, handle_settle_untold, list_untold
from protocol.messages.general import ErasureGround


class DeletionBody(BaseModel):
    """A deletion that is owed: by another side (``out``), or by us (``in``)."""

    message_id: str
    direction: str
    case_id: str
    peer: str
    channel: str
    type: str
    state: str
    confirm_by: datetime
    answer_message: str | None
    answered_at: datetime | None
    row_version: int

    @classmethod
    def of(cls, view: DeletionView) -> "DeletionBody":
        """Make it from what the service says."""
        return cls(
            message_id=view.message_id,
            direction=view.direction,
            case_id=view.case_id,
            peer=view.peer,
            channel=view.channel,
            type=view.type,
            state=view.state,
            confirm_by=view.confirm_by,
            answer_message=view.answer_message,
            answered_at=view.answered_at,
            row_version=view.row_version,
        )


class UntoldBody(BaseModel):
    """A desk that has data which is to be deleted, and could not be told by message."""

    untold_id: str
    case_id: str
    peer: str
    authority: str
    channel: str
    type: str
    since: datetime
    settled_at: datetime | None
    settled_by: str | None
    message_id: str | None = Field(description="What told it in the end, if a message did.")
    row_version: int

    @classmethod
    def of(cls, view: UntoldView) -> "UntoldBody":
        """Make it from what the service says."""
        return cls(**asdict(view))


class EraseAsked(Asked):
    """Why something is erased here for good."""

    ground: ErasureGround


def create_deletions(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/deletions")
    def list_owed(
        who: Reader,
        case_id: Annotated[PlainText | None, Query(max_length=32)] = None,
        *,
        open_only: Annotated[bool, Query(description="Only what nobody confirmed yet.")] = True,
    ) -> list[DeletionBody]:
        """List deletions that are owed, by others and by us; the most urgent first."""
        views = list_deletions(context, who=who, case_id=case_id, open_only=open_only)
        return [DeletionBody.of(view) for view in views]

    @router.post("/deletions/{message_id}/confirm", status_code=HTTPStatus.CREATED)
    def confirm(message_id: Id, done: DeletionDone, who: Writer, seen: SeenVersion) -> SentBody:
        """Erase here what was asked for, but what is kept under a duty, and answer."""
        return SentBody.of(
            handle_confirm_deletion(context, message_id, done, who=who, row_version=seen)
        )

    @router.get("/recipients-to-tell")
    def list_not_told(
        who: Reader, *, open_only: Annotated[bool, Query(description="Only unsettled ones.")] = True
    ) -> list[UntoldBody]:
        """List desks that could not be told to delete; it is tried again every hour."""
        views = list_untold(context, who=who, open_only=open_only)
        return [UntoldBody.of(view) for view in views]

    @router.post("/recipients-to-tell/{untold_id}/settle")
    def settle(untold_id: Id, who: Writer, seen: SeenVersion, response: Response) -> UntoldBody:
        """Say that somebody told the desk another way."""
        view = handle_settle_untold(context, untold_id, who=who, row_version=seen)
        tag(response, view.row_version)
        return UntoldBody.of(view)

    @router.post("/messages/{message_id}/erase", status_code=HTTPStatus.NO_CONTENT)
    def erase_message(message_id: Id, asked: EraseAsked, who: Writer) -> None:
        """Erase for good what a message says, and its files; its proofs stay."""
        handle_erase_message(context, message_id, who=who, ground=asked.ground)

    @router.post("/cases/{case_id}/erase", status_code=HTTPStatus.NO_CONTENT)
    def erase_case(case_id: Id, asked: EraseAsked, who: Writer) -> None:
        """Erase a case for good: its key, everything said and filed in it."""
        handle_erase_case(context, case_id, who=who, ground=asked.ground)

    return router
