"""Drafts of programs, and typed answers."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from console.routes import take_routes
from node.api.conditional import RequiredVersion, SeenVersion, tag
from node.api.doors import Doors
from node.api.sending import SentBody
from node.api.shapes import (
    DEFAULT_PAGE,
    Asked,
    Cursor,
    Id,
    IdempotencyKey,
    Limit,
    Page,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.service.answering import AnswerDraft, handle_answer
from node.service.api_drafts import (
    SavedDraft,
    handle_change,
    handle_discard,
    handle_save,
    handle_send_draft,
    list_saved,
    load_saved,
)
from node.service.context import NodeContext

_LIST = "drafts"


class AskedDraft(Asked):
    """What is to be kept."""

    content: dict[str, Any] = Field(
        description="What is sent later, as POST /messages takes it, as complete as it is."
    )


class DraftBody(BaseModel):
    """A draft that waits."""

    draft_id: str
    content: dict[str, Any]
    updated_at: datetime
    expires_at: datetime = Field(description="Not taken up again until then, it is deleted.")
    row_version: int

    @classmethod
    def of(cls, draft: SavedDraft) -> "DraftBody":
        """Make it from what the service says."""
        return cls(
            draft_id=draft.draft_id,
            content=dict(draft.content),
            updated_at=draft.updated_at,
            expires_at=draft.expires_at,
            row_version=draft.row_version,
        )


def create_drafts(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes about drafts, and the one that answers."""
    router = APIRouter()
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.post("/messages/{message_id}/answer", status_code=HTTPStatus.CREATED)
    def answer(
        message_id: Id,
        asked: AnswerDraft,
        who: Worker,
        seen: SeenVersion,
        idempotency_key: IdempotencyKey = None,
    ) -> SentBody:
        """Answer a received message with a typed one, in its case, to the desk that wrote it."""
        sent = handle_answer(
            context,
            message_id,
            asked,
            who=who,
            row_version=seen,
            submission_key=idempotency_key,
        )
        return SentBody.of(sent)

    take_routes(router, _create_keeping(context, doors))
    return router


def _create_keeping(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/drafts")
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    def tell(draft: SavedDraft, response: Response) -> DraftBody:
        tag(response, draft.row_version)
        return DraftBody.of(draft)

    @router.get("")
    def list_drafts(
        who: Worker, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
    ) -> Page[DraftBody]:
        """List the drafts of this program, the newest first."""
        place = read_cursor(_LIST, cursor, (datetime, str))
        found = list_saved(
            context, who=who, limit=limit, after=(place[0], place[1]) if place else None
        )
        more = None
        if len(found) == limit:
            more = write_cursor(_LIST, [found[-1].updated_at.isoformat(), found[-1].draft_id])
        return Page(items=[DraftBody.of(draft) for draft in found], next=more)

    @router.post("", status_code=HTTPStatus.CREATED)
    def save(asked: AskedDraft, who: Worker, response: Response) -> DraftBody:
        """Keep a draft, however incomplete."""
        draft = handle_save(context, asked.content, who=who)
        response.headers["Location"] = f"/api/v1/drafts/{draft.draft_id}"
        return tell(draft, response)

    @router.get("/{draft_id}")
    def get_draft(draft_id: Id, who: Worker, response: Response) -> DraftBody:
        """Return one."""
        return tell(load_saved(context, draft_id, who=who), response)

    @router.put("/{draft_id}")
    def change(
        draft_id: Id, asked: AskedDraft, who: Worker, seen: RequiredVersion, response: Response
    ) -> DraftBody:
        """Let it say this."""
        return tell(handle_change(context, draft_id, asked.content, who=who, seen=seen), response)

    @router.delete("/{draft_id}", status_code=HTTPStatus.NO_CONTENT)
    def discard(draft_id: Id, who: Worker, seen: SeenVersion) -> None:
        """Delete it."""
        handle_discard(context, draft_id, who=who, seen=seen)

    @router.post("/{draft_id}/send", status_code=HTTPStatus.CREATED)
    def send(draft_id: Id, who: Worker, seen: SeenVersion) -> SentBody:
        """Send it; repeated, it is sent once. Refused, it is kept."""
        return SentBody.of(handle_send_draft(context, draft_id, who=who, seen=seen))

    return router
