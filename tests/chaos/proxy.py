"""A TCP proxy whose weather is ours: links are cut, go silent one way or both, get slow and thin.

It stands between a node and the broker, and between a node and the hub. What passes is TLS or HTTP
and is not looked at; bytes are held back or the connection is aborted, as networks do, and never
altered (a network that alters is the business of the suite about a malicious hub).
"""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self, TypeVar

_CHUNK: Final = 65_536
_STOP_SECONDS: Final = 10.0

_T = TypeVar("_T")


class Direction(StrEnum):
    """Which way bytes go."""

    #: From the node to the service.
    UP = "up"
    #: From the service to the node.
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Weather:
    """How a link is at the moment."""

    #: Connections are aborted, and new ones, too.
    cut: bool = False
    #: Nothing passes this way; connections stay, as after a firewall forgot them.
    silent: frozenset[Direction] = frozenset()
    #: Seconds that everything takes longer.
    delay: float = 0.0
    #: Bytes in a second; nothing: as many as come.
    rate: int | None = None


FAIR: Final = Weather()


class ProxiedLink:
    """One listening port of ours in front of one port of theirs."""

    def __init__(self, name: str, *, port: int) -> None:
        self.name = name
        self.port = 0
        self._port = port
        self._weather = FAIR
        self._fair = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Begin; :attr:`port` is known afterwards."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    def change(self, weather: Weather, *, reset: bool) -> None:
        """Let the weather change; ``reset``: connections do not live through it."""
        self._weather = weather
        self._fair.set()
        self._fair = asyncio.Event()
        if weather.cut or reset:
            for writer in list(self._open):
                writer.transport.abort()

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.cut:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            their_reader, their_writer = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=_CHUNK
            )
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, their_writer}
        self._open |= ends
        try:
            await asyncio.gather(
                self._pump(reader, their_writer, Direction.UP),
                self._pump(their_reader, writer, Direction.DOWN),
            )
        except OSError:
            pass  # one side is gone: so is the other, below
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._hold_back(len(data), way)
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def _hold_back(self, size: int, way: Direction) -> None:
        while way in self._weather.silent:
            await self._fair.wait()
        weather = self._weather
        pause = weather.delay + (size / weather.rate if weather.rate else 0.0)
        if pause:
            await asyncio.sleep(pause)


class ProxyRoom:
    """All proxies of a run, in one thread with a loop of its own. A context manager."""

    def __init__(self) -> None:
        self.links: dict[str, ProxiedLink] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop every proxy and the thread."""
        for link in self.links.values():
            self._do(link.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_SECONDS)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_STOP_SECONDS)

    def open(self, name: str, *, port: int) -> int:
        """Put a proxy in front of a local port; returns the port to use instead."""
        link = ProxiedLink(name, port=port)
        self._do(link.listen())
        self.links[name] = link
        return link.port

    def change(self, name: str, weather: Weather, *, reset: bool = False) -> None:
        """Change the weather of one link."""
        link = self.links[name]

        async def change() -> None:
            link.change(weather, reset=reset)

        self._do(change())
