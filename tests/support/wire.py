"""A proxy that sits on the wire: it passes bytes on, and keeps what went by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

_CHUNK: Final = 65_536


@dataclass
class Wire:
    """What went over the wire so far, and where the proxy listens."""

    port: int = 0
    from_client: bytearray = field(default_factory=bytearray)
    from_server: bytearray = field(default_factory=bytearray)
    connections: int = 0

    @property
    def url(self) -> str:
        """The proxy's address."""
        return f"tls://127.0.0.1:{self.port}"


@asynccontextmanager
async def tapped_wire(server_url: str) -> AsyncIterator[Wire]:
    """Put a proxy in front of a server."""
    wire = Wire()
    target = int(server_url.rsplit(":", 1)[1])
    serving: set[asyncio.Task[None]] = set()

    async def pump(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray
    ) -> None:
        try:
            with suppress(OSError):
                while data := await source.read(_CHUNK):
                    kept.extend(data)
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.close()  # also when the proxy ends first: an open transport outlives its loop

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            serving.add(task)
        wire.connections += 1
        ends = [writer]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
            ends.append(back)
            await asyncio.gather(
                pump(reader, back, wire.from_client), pump(there, writer, wire.from_server)
            )
        finally:
            for end in ends:
                end.close()
            for end in ends:
                with suppress(OSError):
                    await end.wait_closed()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire.port = proxy.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        proxy.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
