"""A line of so many bytes a second in front of a server, shared fairly by all connections over it.

What a small office has: all connections of a node get their turn, piece by piece, each way by
itself, and whatever one has sent before waits in order.
"""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Final, Self

#: Bytes that pass at a time: small enough that nobody's turn is long (13 ms at ten megabits).
_PIECE: Final = 16_384
#: What the operating system may keep of a connection here, in bytes: little, so that the line is
#: where things wait, as with a real one.
_KEPT: Final = 65_536


class ThinLine:
    """Listens on ``port`` of this machine in front of another port of it. A context manager."""

    def __init__(self, port: int, *, rate: int) -> None:
        self.port = 0
        self._behind = port
        self._rate = rate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._ways = {"up": asyncio.Lock(), "down": asyncio.Lock()}
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT)
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=_PIECE)

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        behind = socket.socket()
        behind.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KEPT)
        behind.setblocking(False)  # noqa: FBT003 - the standard library's own
        await self._loop.sock_connect(behind, ("127.0.0.1", self._behind))
        their_reader, their_writer = await asyncio.open_connection(sock=behind, limit=_PIECE)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, their_writer, "up"))
                pumps.create_task(self._pump(their_reader, writer, "down"))
        except* OSError:
            pass  # one side is gone: so is the other, below
        finally:
            writer.transport.abort()
            their_writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str
    ) -> None:
        while data := await reader.read(_PIECE):
            async with self._ways[way]:  # in the order of asking
                await asyncio.sleep(len(data) / self._rate)
            writer.write(data)
            await writer.drain()
        writer.write_eof()
