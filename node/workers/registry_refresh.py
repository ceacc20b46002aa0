"""Keeping the registry fresh: by the clock, when somebody asks, and when a sender is unknown."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from node.service.context import NodeContext
from node.service.holding import release_held_back
from node.service.moved_peers import follow_moved
from node.workers.waiting import wait_for_event

log = structlog.get_logger(__name__)

#: Asked for more often than this, the registry host is not bothered again.
_SHORTEST_PAUSE: Final = timedelta(seconds=2)


class RegistryRefresh:
    """One worker. ``refresh`` is blocking and runs in a thread; it returns the version it got."""

    def __init__(
        self,
        context: NodeContext,
        *,
        refresh: Callable[[], int],
        interval: timedelta,
    ) -> None:
        self._context = context
        self._refresh = refresh
        self._interval = interval
        self._wanted = context.signals.registry_wanted.listen()
        self._running: asyncio.Task[None] | None = None
        self._last = context.clock() - interval
        self._refreshed = asyncio.Event()

    async def run_round(self) -> None:
        """Refresh, then wait for the interval or for somebody who asks."""
        await self.refresh_now()
        await wait_for_event(self._wanted, at_most=self._interval.total_seconds())

    async def wait_until_refreshed(self) -> None:
        """Return once the registry was looked at since the start."""
        await self._refreshed.wait()

    async def refresh_now(self) -> None:
        """Refresh unless that was done a moment ago; raises what the registry client raises.

        Who asks while a refresh runs waits for that one, also when whoever asked first has given
        up waiting: a host that is slow on purpose occupies one thread of this node, not all.
        """
        if self._running is None:
            self._running = asyncio.create_task(self._refresh_alone())
            self._running.add_done_callback(self._note_done)
        await asyncio.shield(self._running)

    def _note_done(self, task: asyncio.Task[None]) -> None:
        self._running = None
        if not task.cancelled() and task.exception() is not None:
            log.info("registry_not_refreshed", problem=type(task.exception()).__name__)

    async def _refresh_alone(self) -> None:
        now = self._context.clock()
        if timedelta(0) <= now - self._last < _SHORTEST_PAUSE:
            return
        await self._follow_moved()  # also what somebody else fetched, or what failed the last time
        version = await asyncio.to_thread(self._refresh)
        self._last = self._context.clock()
        self._refreshed.set()
        log.info("registry_refreshed", version=version)
        await self._follow_moved()
        released = await asyncio.to_thread(release_held_back, self._context)
        if released:
            log.info("held_back_messages_released", count=released)

    async def _follow_moved(self) -> None:
        moved = await asyncio.to_thread(follow_moved, self._context)
        if moved:
            log.info("handed_over_again_to_moved", count=moved)
