"""Messages and cases for programs: lists, content, evidence, opening, deciding, cancelling."""

import base64
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from console.routes import take_routes
from node.api.conditional import SeenVersion, tag
from node.api.doors import Doors
from node.api.sending import SentBody
from node.api.shapes import (
    DEFAULT_PAGE,
    Cursor,
    Id,
    IdempotencyKey,
    Limit,
    Page,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.service import reading
from node.service.attention import list_sent_troubles
from node.service.cancelling import handle_cancel
from node.service.context import NodeContext
from node.service.deciding import DecisionDraft, handle_decide
from node.service.reading import Evidence, Item, MessageView, Proof
from protocol.envelope import SignedPayload
from protocol.messages.head import Head
from protocol.policy.decision import Ground


class CancelledBody(BaseModel):
    """A message that was taken back. Its content does not leave, whoever asks for it."""

    message_id: str
    certain: bool = Field(
        description="False: a hand-over was begun and nobody knows how it ended. If it arrived "
        "all the same, its receipt shows it: the state becomes delivered."
    )


class MessageBody(BaseModel):
    """A message with its evidence. ``message`` is the typed message, or ``None`` if unreadable."""

    item: Item
    message: dict[str, Any] | None
    payload_sha256: str
    signer_key_id: str
    link_seq: int | None
    link_verdict: str | None
    registry_version: int | None
    in_reply_to: str | None
    decided_by_message: str | None
    proofs: list[Proof]
    attempts: int | None = Field(description="Hand-overs to the broker so far; null: none due.")
    last_error: str | None
    rests_on: list[Ground] = Field(
        description="What the policy let a message of ours leave on: the consent on file by its "
        "id, an agreement, an exception by its ground, or that it has no personal data. Empty for "
        "a received one."
    )

    @classmethod
    def of(cls, view: MessageView) -> "MessageBody":
        """Make it from what the service says."""
        return cls(
            item=view.item,
            message=view.message.model_dump(mode="json", exclude_none=True)
            if isinstance(view.message, Head)
            else None,
            payload_sha256=view.payload_sha256,
            signer_key_id=view.signer_key_id,
            link_seq=view.link_seq,
            link_verdict=view.link_verdict,
            registry_version=view.registry_version,
            in_reply_to=view.in_reply_to,
            decided_by_message=view.decided_by_message,
            proofs=list(view.proofs),
            attempts=view.trying.attempts if view.trying else None,
            last_error=view.trying.last_error if view.trying else None,
            rests_on=list(view.rests_on),
        )


class EvidenceBody(BaseModel):
    """Signed objects, each in base64, as SPEC section 4 defines them."""

    signed_payload: str
    signed_receipts: list[str]

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceBody":
        """Make it from what the service says."""
        return cls(
            signed_payload=_base64(evidence.signed_payload),
            signed_receipts=[_base64(receipt) for receipt in evidence.signed_receipts],
        )


def _base64(signed: SignedPayload) -> str:
    return base64.b64encode(signed.encode()).decode()


def create_messages(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes about messages and cases."""
    router = APIRouter()
    take_routes(router, _create_reading(context, doors))
    take_routes(router, _create_acting(context, doors))
    return router


def _create_reading(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter()
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/messages")
    def list_messages(
        who: Reader,
        direction: Literal["in", "out"] = "in",
        *,
        open_only: Annotated[bool, Query(description="Only what waits for a decision.")] = False,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_PAGE,
    ) -> Page[Item]:
        """List received or sent messages, newest first; what waits, nearest deadline first."""
        name = f"messages:{direction}:{int(open_only)}"
        place = read_cursor(name, cursor, (str,))
        items = reading.list_items(
            context,
            who=who,
            direction=direction,
            open_only=open_only,
            limit=limit,
            after=place[0] if place else None,
        )
        more = write_cursor(name, [items[-1].message_id]) if len(items) == limit else None
        return Page(items=items, next=more)

    @router.get("/sent-troubles")
    def list_troubles(who: Reader) -> list[Item]:
        """List what we sent that did not arrive, or got no decision in time; the newest 50.

        It is settled by a later message in the same case to the same Participant.
        """
        return list_sent_troubles(context, who=who)

    @router.get("/messages/{message_id}")
    def get_message(message_id: Id, who: Reader, response: Response) -> MessageBody:
        """Return a message with its evidence; it does not count as opened."""
        return _tagged(reading.get_message(context, message_id, who=who), response)

    @router.get("/messages/{message_id}/evidence")
    def get_evidence(message_id: Id, who: Reader) -> EvidenceBody:
        """Return what proves the message to a third party."""
        return EvidenceBody.of(reading.get_evidence(context, message_id, who=who))

    return router


def _create_acting(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/messages/{message_id}")
    Worker = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]

    @router.post("/open")
    def open_message(message_id: Id, who: Worker, response: Response) -> MessageBody:
        """Return a message and let its sender know that it was opened; repeated, it is one."""
        return _tagged(reading.handle_open(context, message_id, who=who), response)

    @router.post("/cancel")
    def cancel(message_id: Id, who: Worker, seen: SeenVersion) -> CancelledBody:
        """Take a message back that has not left yet; repeated, it is done once."""
        done = handle_cancel(context, message_id, who=who, row_version=seen)
        return CancelledBody(message_id=done.message_id, certain=done.certain)

    @router.post("/decision", status_code=HTTPStatus.CREATED)
    def decide(
        message_id: Id,
        decision: DecisionDraft,
        who: Worker,
        seen: SeenVersion,
        idempotency_key: IdempotencyKey = None,
    ) -> SentBody:
        """Accept, decline, forward, or ask about a received message."""
        sent = handle_decide(
            context,
            message_id,
            decision,
            who=who,
            row_version=seen,
            submission_key=idempotency_key,
        )
        return SentBody.of(sent)

    return router


def _tagged(view: MessageView, response: Response) -> MessageBody:
    tag(response, view.item.row_version)
    return MessageBody.of(view)
