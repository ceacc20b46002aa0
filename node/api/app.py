"""The JSON interface for programs, version 1. Each request carries a bearer token."""

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query
from pydantic import BaseModel, Field

from contact_registry.changes.desk import ChangeDesk
from node.api.attachments import create_files
from node.api.changes import create_changes
from node.api.delivery import create_delivery
from node.api.directory import create_directory
from node.api.drills import create_drills
from node.api.problems import install_problems
from node.api.received_files import create_received_files
from node.api.sending import (
    Credentials,
    IdempotencyKey,
    SentBody,
    create_sending,
    refuse_caller,
)
from node.service import reading
from node.service.cancelling import handle_cancel
from node.service.context import NodeContext
from node.service.deciding import DecisionDraft, handle_decide
from node.service.reading import Evidence, Item, MessageView, Proof
from node.service.tokens import ApiCaller, TokenScope, find_caller
from protocol.envelope import SignedPayload
from protocol.messages.head import Head


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
        )


class EventBody(BaseModel):
    """One entry of a case's timeline."""

    at: datetime
    kind: str
    actor: str
    code: str | None
    message_id: str | None
    proof: Proof | None


class CaseBody(BaseModel):
    """A case: its messages and its timeline, newest first."""

    case_id: str
    case: str
    created_at: datetime
    peers: list[str]
    messages: list[Item]
    timeline: list[EventBody]


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


def create_api(
    context: NodeContext,
    *,
    refresh_registry: Callable[[], Awaitable[None]],
    changes: ChangeDesk | None = None,
) -> FastAPI:
    """Build the interface; mount it under ``/api/v1``.

    Without ``changes`` it has no routes for those who keep the directory.
    """
    api = FastAPI(
        title="TRM node",
        version="1",
        description="Send, receive, and decide from a national case system.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    install_problems(api)

    def authenticate(credentials: Credentials) -> ApiCaller:
        caller = find_caller(context, credentials.credentials) if credentials else None
        if caller is None:
            raise refuse_caller(None, None)
        return caller

    def require(scope: TokenScope) -> Authenticate:
        def let_in(caller: Annotated[ApiCaller, Depends(authenticate)]) -> ApiCaller:
            if caller.scope is not scope:
                raise refuse_caller(caller, scope)
            return caller

        return let_in

    api.include_router(create_sending(context))
    api.include_router(_create_messages(context, require(TokenScope.MESSAGES)))
    api.include_router(create_files(context, require(TokenScope.MESSAGES)))
    api.include_router(create_received_files(context, require(TokenScope.MESSAGES)))
    api.include_router(create_directory(context, authenticate, refresh_registry))
    api.include_router(create_drills(context, require(TokenScope.DIRECTORY)))
    api.include_router(create_delivery(context, require(TokenScope.DELIVERY)))
    if changes is not None:
        api.include_router(create_changes(context, changes, require(TokenScope.DIRECTORY)))
    return api


Authenticate = Callable[..., ApiCaller]
"""The dependency that says who asks, or refuses."""


def _create_messages(context: NodeContext, authenticate: Authenticate) -> APIRouter:
    """Build the routes about messages and cases."""
    router = APIRouter()
    Caller = Annotated[ApiCaller, Depends(authenticate)]  # noqa: N806 - a type, in FastAPI's idiom

    @router.get("/messages")
    def list_messages(
        _caller: Caller,
        direction: Literal["in", "out"] = "in",
        *,
        open_only: Annotated[bool, Query(description="Only what waits for a decision.")] = False,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=reading.PAGE)] = reading.PAGE,
    ) -> list[Item]:
        """List received or sent messages."""
        return reading.list_items(
            context, direction=direction, open_only=open_only, limit=limit, after=after
        )

    @router.get("/messages/{message_id}")
    def get_message(message_id: str, _caller: Caller) -> MessageBody:
        """Return a message with its evidence; it does not count as opened."""
        return MessageBody.of(reading.get_message(context, message_id))

    @router.get("/messages/{message_id}/evidence")
    def get_evidence(message_id: str, _caller: Caller) -> EvidenceBody:
        """Return what proves the message to a third party."""
        return EvidenceBody.of(reading.get_evidence(context, message_id))

    @router.post("/messages/{message_id}/open")
    def open_message(message_id: str, caller: Caller) -> MessageBody:
        """Return a message and let its sender know that it was opened."""
        return MessageBody.of(reading.handle_open(context, message_id, actor=caller.actor))

    @router.post("/messages/{message_id}/cancel")
    def cancel(
        message_id: str,
        caller: Caller,
        row_version: Annotated[
            int | None, Query(description="The version you saw; refused if it changed since.")
        ] = None,
    ) -> CancelledBody:
        """Take a message back that has not left yet; repeated, it is done once."""
        done = handle_cancel(context, message_id, actor=caller.actor, row_version=row_version)
        return CancelledBody(message_id=done.message_id, certain=done.certain)

    @router.post("/messages/{message_id}/decision", status_code=HTTPStatus.CREATED)
    def decide(
        message_id: str,
        decision: DecisionDraft,
        caller: Caller,
        row_version: Annotated[
            int | None, Query(description="The version you saw; refused if it changed since.")
        ] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> SentBody:
        """Accept, decline, forward, or ask about a received message."""
        sent = handle_decide(
            context,
            message_id,
            decision,
            actor=caller.actor,
            row_version=row_version,
            submission_key=idempotency_key,
        )
        return SentBody.of(sent)

    @router.get("/cases/{case_id}")
    def get_case(case_id: str, _caller: Caller) -> CaseBody:
        """Return a case with its timeline."""
        return _case(reading.get_case(context, case_id))

    return router


def _case(view: reading.CaseView) -> CaseBody:
    return CaseBody(
        case_id=view.case_id,
        case=view.reference,
        created_at=view.created_at,
        peers=list(view.peers),
        messages=list(view.items),
        timeline=[
            EventBody(
                at=entry.at,
                kind=entry.kind,
                actor=entry.actor,
                code=entry.code,
                message_id=entry.item.message_id if entry.item else None,
                proof=entry.proof,
            )
            for entry in view.timeline
        ],
    )
