"""The way of most requests: ``POST /messages`` with all in order, past routing and dependencies.

A framework that looks through a hundred routes, resolves dependencies and checks an answer that we
made ourselves costs more than the message. What is in order is served here: a token that worked
before, a body that fits, a message that the desk takes. Anything else goes on to the route of
:mod:`node.api.sending`, which says what is wrong: a body that was read is read again there, and
what the desk refused is refused there in the same words, without being tried twice.
"""

from typing import Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.sending import REFUSAL, SentBody
from node.service.building import Draft
from node.service.composing import Sent
from node.service.send_desk import SendDesk

_KEY_LENGTHS: Final = range(8, 129)
_MEDIA_TYPE: Final = b"application/json"


class QuickSending:
    """A layer in front of the routes (ASGI); ``path`` is where messages are posted."""

    def __init__(self, app: ASGIApp, *, desk: SendDesk, path: str) -> None:
        self._app = app
        self._desk = desk
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or leave it to the routes."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = _read_headers(scope)
        token = _find_token(headers)
        if token is None or not self._desk.is_known(token):
            await self._app(scope, receive, send)  # nobody's bytes are read before their token
            return
        body = await _Body.read(receive)
        sent = await self._try(body.content, headers, token=token, scope=scope)
        if sent is None:
            await self._app(scope, body.give_again, send)
            return
        await _answer(sent, send)

    async def _try(
        self, content: bytes | None, headers: dict[bytes, bytes | None], *, token: str, scope: Scope
    ) -> Sent | None:
        """Hand it to the desk; ``None``: the route has to say what is wrong."""
        if content is None or headers.get(b"content-type") != _MEDIA_TYPE:
            return None
        key = headers.get(b"idempotency-key")
        if b"idempotency-key" in headers and (key is None or len(key) not in _KEY_LENGTHS):
            return None  # there twice, or of a wrong length
        try:
            draft = Draft.model_validate_json(content)
        except ValidationError:
            return None
        try:
            return await self._desk.send(
                draft, token=token, submission_key=None if key is None else key.decode("latin-1")
            )
        except Exception as error:  # noqa: BLE001 - raised again by the route, which answers it
            scope[REFUSAL] = error
            return None


def _read_headers(scope: Scope) -> dict[bytes, bytes | None]:
    """Return the headers; one that stands there twice is ``None``: its readers could disagree."""
    headers: dict[bytes, bytes | None] = {}
    for name, value in scope["headers"]:
        headers[name] = None if name in headers else value
    return headers


def _find_token(headers: dict[bytes, bytes | None]) -> str | None:
    scheme, _, token = (headers.get(b"authorization") or b"").partition(b" ")
    return token.decode("latin-1") if scheme == b"Bearer" else None


class _Body:
    """The body of a request, as it came, to be given once more."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._heard: list[Message] = []
        self._refused: HTTPException | None = None
        #: All of it; ``None`` where it did not come, or is too long.
        self.content: bytes | None = None

    @classmethod
    async def read(cls, receive: Receive) -> "_Body":
        """Read to the end, or to what ends it."""
        body = cls(receive)
        parts: list[bytes] = []
        try:
            while True:
                message = await receive()
                body._heard.append(message)
                if message["type"] != "http.request":
                    return body
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    body.content = b"".join(parts)
                    return body
        except HTTPException as refused:
            body._refused = refused
            return body

    async def give_again(self) -> Message:
        """Give what came, in the same order (ASGI's ``receive``)."""
        if self._heard:
            return self._heard.pop(0)
        if self._refused is not None:
            raise self._refused
        return await self._receive()


async def _answer(sent: Sent, send: Send) -> None:
    content = SentBody.of(sent).model_dump_json().encode()
    await send(
        {
            "type": "http.response.start",
            "status": 201,
            "headers": [
                (b"content-length", str(len(content)).encode()),
                (b"content-type", _MEDIA_TYPE),
            ],
        }
    )
    await send({"type": "http.response.body", "body": content})
