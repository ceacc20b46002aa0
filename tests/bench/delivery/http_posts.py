"""A client that costs next to nothing: requests made beforehand, over connections that are kept.

The machine that is measured runs the client, too: an ordinary HTTP library would take as much of it
as a node.
"""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

_CREATED: Final = b"HTTP/1.1 201 "
_LENGTH: Final = b"content-length:"


class RequestRefusedError(Exception):
    """A node did not take a message; the text is its answer."""


class Poster:
    """One kept connection to a node's JSON interface. Use as an asynchronous context manager."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname, parts.port
        self._head = (
            f"POST /api/v1/messages HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        ).encode()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._connect()
        return self

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(*self._place)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._writer.close()

    async def post(self, body: bytes) -> Mapping[str, Any]:
        """Post a message; returns what the node says when it is on the node's disk.

        Raises :class:`RequestRefusedError`.
        """
        if self._reader.at_eof():  # the node hangs up after a few seconds without a request
            self._writer.close()
            await self._connect()
        self._writer.write(self._head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(_LENGTH)
        )
        content = await self._reader.readexactly(length)
        if not head.startswith(_CREATED):
            raise RequestRefusedError(content.decode(errors="replace"))
        answer: dict[str, Any] = json.loads(content)
        return answer
