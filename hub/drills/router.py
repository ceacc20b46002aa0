"""Drills over HTTP, for nodes: what was asked and answered, and taking answers.

``POST /registry/drills/news?since=N&mark=M`` takes a node's signed request and returns what changed
after revision N, which the hub named together with M. ``POST /registry/drills/answers`` takes a
node's signed answer. Neither needs a sign-in: the signature by a key that the registry lists is the
permission. The bodies are the bytes of :mod:`protocol.hub_request` and
:mod:`protocol.drill_answer` as they are.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Query, Request, Response

from contact_registry.drills.errors import DrillRefusal, DrillRefusedError
from contact_registry.errors import RegistryUnavailableError
from hub.drills.desk import DrillDesk
from hub.registry_host.problems import make_problem, make_unavailable
from protocol.drill_answer import MAX_ANSWER_BYTES
from protocol.errors import ExpiredError, ForgedError, RemoteProtocolError
from protocol.hub_request import MAX_REQUEST_BYTES, HubRequest, Purpose

_log = structlog.get_logger(__name__)

_BODY_SECONDS: Final = 10.0
_LARGEST_REVISION: Final = 2**31 - 1
_STATUS: Final = {
    DrillRefusal.MALFORMED: HTTPStatus.BAD_REQUEST,
    DrillRefusal.UNKNOWN_DRILL: HTTPStatus.NOT_FOUND,
    DrillRefusal.UNKNOWN_SIGNER: HTTPStatus.FORBIDDEN,
    DrillRefusal.FORGED: HTTPStatus.FORBIDDEN,
    DrillRefusal.OTHER_DRILL: HTTPStatus.CONFLICT,
    DrillRefusal.WRONG_MOMENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    DrillRefusal.CLOSED: HTTPStatus.CONFLICT,
}
_NEVER_KEEP: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BYTES: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}


def create_drill_router(desk: DrillDesk) -> APIRouter:
    """Return the routes of one hub."""
    router = APIRouter(prefix="/registry/drills", tags=["drills"])

    @router.post("/news", openapi_extra=_BYTES)
    async def tell_news(
        request: Request,
        since: Annotated[int, Query(ge=0, le=_LARGEST_REVISION)] = 0,
        mark: Annotated[str, Query(pattern="^[0-9a-f]{32}$|^$")] = "",
    ) -> Response:
        """Tell a node what changed about drills."""
        return await _answer(
            request, lambda body: _tell(desk, body, since, mark), most=MAX_REQUEST_BYTES
        )

    @router.post("/answers", openapi_extra=_BYTES)
    async def take_answer(request: Request) -> Response:
        """Take a signed answer in, and say how the drill stands then."""
        return await _answer(request, lambda body: _take(desk, body), most=MAX_ANSWER_BYTES)

    return router


async def _answer(request: Request, handle: Callable[[bytes], Response], *, most: int) -> Response:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _read_body(request, most=most)
        return await asyncio.to_thread(handle, body)
    except TimeoutError:
        return _refuse(HTTPStatus.REQUEST_TIMEOUT, "too_slow", "Send it again: it came too slowly.")
    except DrillRefusedError as error:
        _log.warning("drill_refused", code=error.code.value)
        return _refuse(_STATUS[error.code], error.code.value, str(error))
    except RegistryUnavailableError:
        return make_unavailable("The hub cannot read the registry now: try again later.")


async def _read_body(request: Request, *, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise DrillRefusedError(
                f"At most {most} bytes are read here: send what this version's node makes.",
                code=DrillRefusal.MALFORMED,
            )
    return bytes(body)


def _tell(desk: DrillDesk, body: bytes, since: int, mark: str) -> Response:
    _verify_request(desk, body)
    news = desk.tell_news(since, mark)
    return Response(news.model_dump_json(), media_type="application/json", headers=_NEVER_KEEP)


def _verify_request(desk: DrillDesk, body: bytes) -> None:
    """Refuse whoever is no node of a Participant; raises ``DrillRefusedError``."""
    try:
        asked = HubRequest.parse(body)
        directory = desk.context.registry.current()
        key = directory.signing_key(asked.participant, asked.signer)
        if key is None:
            raise DrillRefusedError(
                "The registry lists no such signing key of this Participant: let its node publish "
                "its keys, then ask again.",
                code=DrillRefusal.UNKNOWN_SIGNER,
            )
        asked.verify(key, purpose=Purpose.DRILLS, now=desk.context.clock())
    except ForgedError as error:
        raise DrillRefusedError(str(error), code=DrillRefusal.FORGED) from error
    except ExpiredError as error:
        raise DrillRefusedError(str(error), code=DrillRefusal.WRONG_MOMENT) from error
    except RemoteProtocolError as error:
        raise DrillRefusedError(str(error), code=DrillRefusal.MALFORMED) from error


def _take(desk: DrillDesk, body: bytes) -> Response:
    drill = desk.take_answer(body)
    content = f'{{"drill":"{drill.drill_id}","state":"{drill.state.value}"}}'
    return Response(content, media_type="application/json", headers=_NEVER_KEEP)


def _refuse(status: HTTPStatus, code: str, detail: str) -> Response:
    return make_problem(status, code=code, title="Nothing was recorded", detail=detail)
