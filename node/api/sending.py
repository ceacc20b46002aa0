"""Where programs send messages: the route that is used most, and who may use it."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from node.service.building import Draft
from node.service.composing import Sent
from node.service.send_desk import CallerRefusedError, SendDesk
from node.service.tokens import ApiCaller, TokenScope

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        description="Repeat a request with the same key and it is done once.",
    ),
]


class SentBody(BaseModel):
    """What was queued: it is on the node's disk, and will be delivered or reported."""

    message_id: str
    case_id: str
    case: str
    to_authority: str
    answer_by: datetime | None

    @classmethod
    def of(cls, sent: Sent) -> "SentBody":
        """Make it from what the service says."""
        return cls(
            message_id=sent.message_id,
            case_id=sent.case_id,
            case=sent.case_reference,
            to_authority=sent.to_authority,
            answer_by=sent.answer_by,
        )


def refuse_caller(caller: ApiCaller | None, scope: TokenScope | None) -> HTTPException:
    """Return what a program without a valid token, or with one of another scope, is told."""
    if caller is None:
        return HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "Send a valid token as 'Authorization: Bearer ...'; 'trm-node token' makes one.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HTTPException(
        HTTPStatus.FORBIDDEN,
        f"This token opens {caller.scope}, not {scope}: have one made with 'trm-node "
        f"token --scope {scope}'.",
    )


#: Where :mod:`node.api.quick_sending` leaves what became of a request that it has served already.
REFUSAL: Final = "trm.refusal"


def create_sending(desk: SendDesk) -> APIRouter:
    """Build the route."""
    router = APIRouter()

    async def knock(credentials: Credentials) -> str:
        """Let in who was let in a moment ago: whether the token still works, the desk asks."""
        token = credentials.credentials if credentials else ""
        if not desk.is_known(token):
            try:
                await asyncio.to_thread(desk.get_to_know, token)
            except CallerRefusedError as error:
                raise refuse_caller(error.caller, TokenScope.MESSAGES) from error
        return token

    @router.post("/messages", status_code=HTTPStatus.CREATED)
    async def send(
        request: Request,
        draft: Draft,
        token: Annotated[str, Depends(knock)],
        idempotency_key: IdempotencyKey = None,
    ) -> SentBody:
        """Queue a message for another Participant."""
        try:
            if (refusal := request.scope.get(REFUSAL)) is not None:
                raise refusal
            sent = await desk.send(draft, token=token, submission_key=idempotency_key)
        except CallerRefusedError as error:
            raise refuse_caller(error.caller, TokenScope.MESSAGES) from error
        return SentBody.of(sent)

    return router
