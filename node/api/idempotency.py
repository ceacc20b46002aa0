"""``Idempotency-Key``: a POST that is repeated with its key is done once, for every route.

As the IETF draft "The Idempotency-Key HTTP Header Field" has it: the same key with another request
is refused (422), one that comes while the first runs is told to wait (409), and afterwards the
first answer comes again. Routes that send messages are left out: their use case knows the key for
as long as the message is kept, and answers anew.
"""

import asyncio
import re
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.doors import find_guest
from node.api.problems import PROBLEMS, WRONG_REQUEST, answer_http, answer_problem
from node.service.context import NodeContext
from node.service.once import (
    Answer,
    AnswerLostError,
    Claim,
    KeyUsedError,
    Marked,
    StillRunningError,
    handle_answered,
    handle_begin,
    handle_failed,
    prepare_once,
    under,
)

_HEADER: Final = "idempotency-key"
_KEY: Final = re.compile(r"[\x21-\x7e]{8,128}")
#: Use cases of these keep the key with the message, for good.
_EXACT: Final = re.compile(r"/(messages|messages/[^/]+/(decision|answer)|drafts/[^/]+/send)")
#: What is kept of an answer beside its body.
_HEADERS: Final = ("content-type", "location", "etag")


class OnceLayer:
    """Keeps answers of requests that bear a key."""

    def __init__(self, app: ASGIApp, *, context: NodeContext) -> None:
        self._app = app
        self._context = context
        prepare_once()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        key = Headers(scope=scope).get(_HEADER) if scope["type"] == "http" else None
        guest = find_guest(scope)
        if key is None or guest is None or scope["method"] != "POST" or _is_exact(scope):
            await self._app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            refused: Response = answer_problem(
                WRONG_REQUEST,
                "An Idempotency-Key has 8 to 128 visible characters: use a UUID.",
            )
            await refused(scope, receive, send)
            return
        try:
            body = await _read(receive)
        except HTTPException as error:  # too long; nobody further out words it for programs
            await answer_http(error)(scope, receive, send)
            return
        if body is None:
            return  # who asked has gone
        marked = Marked.of(actor=guest.actor, key=key, asked=_describe(scope, body))
        try:
            begun = await asyncio.to_thread(handle_begin, self._context, marked)
        except (KeyUsedError, StillRunningError, AnswerLostError) as error:
            refused = answer_problem(PROBLEMS[type(error)], str(error))
            if isinstance(error, StillRunningError):
                refused.headers["Retry-After"] = "1"
            await refused(scope, receive, send)
            return
        if isinstance(begun, Answer):
            again = Response(begun.body, begun.status, headers=dict(begun.headers))
            await again(scope, receive, send)
            return
        await self._serve(scope, _Replay(body, receive), send, begun)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, claim: Claim) -> None:
        """Do it, and keep the answer before anybody hears it."""
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        try:
            with under(claim):
                await self._app(scope, receive, hear)
        except Exception:  # not where it is cancelled: its thread may still do it
            await asyncio.to_thread(handle_failed, self._context, claim)
            raise
        await asyncio.to_thread(handle_answered, self._context, claim, _collect(heard))
        for message in heard:
            await send(message)


def _is_exact(scope: Scope) -> bool:
    return _EXACT.fullmatch(_path(scope)) is not None


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _describe(scope: Scope, body: bytes) -> bytes:
    """Return what makes two requests the same."""
    seen = Headers(scope=scope).get("if-match", "")
    return b"\n".join((_path(scope).encode(), scope["query_string"], seen.encode(), body))


async def _read(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


class _Replay:
    """Gives a body that was read once more, then what else comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """Receive (ASGI)."""
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}


def _collect(heard: list[Message]) -> Answer:
    start, *parts = heard
    headers = Headers(raw=start["headers"])
    return Answer(
        status=start["status"],
        headers=tuple((name, headers[name]) for name in _HEADERS if name in headers),
        body=b"".join(part.get("body", b"") for part in parts),
    )
