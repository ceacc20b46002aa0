"""Versions of things (RFC 9110, section 13): nobody changes what they have not seen.

An answer about something that changes bears an ``ETag``: its version, and a digest of what was
said. Sent back as ``If-Match``, a change is refused if the version is another by now; sent as
``If-None-Match`` with a GET, what is the same is not sent again.
"""

import hashlib
import re
from typing import Annotated, Final

from fastapi import Depends, Header, Query, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.problems import VERSION_MISSING, WRONG_REQUEST
from node.api.shapes import GREATEST_INTEGER

_TAG: Final = re.compile(r'(?:W/)?"([0-9]{1,10})(?:\.[0-9a-f]{1,64})?"')
_DIGITS: Final = 16


def _read_seen(
    row_version: Annotated[
        int | None,
        Query(
            ge=0,
            le=GREATEST_INTEGER,
            description="The version you saw; refused if it changed since. As 'If-Match'.",
        ),
    ] = None,
    if_match: Annotated[
        str | None,
        Header(max_length=200, description="The ETag you saw; refused if it changed since."),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return row_version
    found = _TAG.fullmatch(if_match.strip())
    version = int(found[1]) if found else None
    if version is None or version > GREATEST_INTEGER or row_version not in {None, version}:
        raise HTTPException(
            WRONG_REQUEST.status,
            "'If-Match' names no version of this: send the ETag of the answer that you saw.",
        )
    return version


SeenVersion = Annotated[int | None, Depends(_read_seen)]
"""The version that the program saw, from ``If-Match`` or ``row_version``; ``None``: none."""


def _require_seen(seen: SeenVersion) -> int:
    if seen is None:
        raise HTTPException(
            VERSION_MISSING.status,
            "Say which version you saw: send its ETag as 'If-Match', so that nobody's work is "
            "overwritten.",
        )
    return seen


RequiredVersion = Annotated[int, Depends(_require_seen)]
"""As :data:`SeenVersion`, but a request without it is refused with 428."""


def tag(response: Response, version: int) -> None:
    """Let the answer bear this version as its ``ETag``; the digest is added as it leaves."""
    response.headers["ETag"] = f'"{version}"'


class TagLayer:
    """Completes the ``ETag`` of JSON answers, and leaves out what the program has already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def send_tagged(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_tagged(message):
                held.append(message)
                return
            if not held:
                await send(message)
                return
            held.append(message)
            if not message.get("more_body", False):
                for each in _finish(held, scope):
                    await send(each)
                held.clear()

        await self._app(scope, receive, send_tagged)


def _is_tagged(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    return "etag" in headers and headers.get("content-type", "").startswith("application/json")


def _finish(held: list[Message], scope: Scope) -> list[Message]:
    start, *parts = held
    body = b"".join(part.get("body", b"") for part in parts)
    headers = MutableHeaders(raw=start["headers"])
    digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
    tagged = f'"{headers["etag"].strip(chr(34))}.{digest}"'
    headers["ETag"] = tagged
    known = [each.strip() for each in Headers(scope=scope).get("if-none-match", "").split(",")]
    if scope["method"] in {"GET", "HEAD"} and (tagged in known or f"W/{tagged}" in known):
        for name in ("content-length", "content-type"):
            del headers[name]
        return [
            {**start, "status": 304, "headers": headers.raw},
            {"type": "http.response.body", "body": b""},
        ]
    return [{**start, "headers": headers.raw}, {"type": "http.response.body", "body": body}]
