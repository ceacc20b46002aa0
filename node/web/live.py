"""Pages that follow by themselves: a stream that says that something changed, and nothing else.

A page holds one stream of server-sent events (``/live/stream``). Its only event is ``look``: the
page then asks anew for those of its parts that may have changed, each by an address of its own, so
that what is shown passes the same checks as any page. Nothing of what changed is in the stream.

What changed is found in the store by its newest entries, so that it does not matter which process
stored them; a signal of this process only makes it quicker. A stream ends when its session does
(signed out, locked, ended from elsewhere), after :data:`LASTS`, or when the person opened more than
:data:`MOST_STREAMS`; the browser comes back for all but the first.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from sqlmodel import func, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.accounts.models import Stage
from console.accounts.sessions import Sessions
from console.request_state import get_request_state
from node.service.context import NodeContext
from node.store.tables import EventRow
from node.store.work_tables import WorkEventRow
from node.web.site import PageRoute, Site

MOST_STREAMS: Final = 4
"""Of one person. Browsers open six connections to a server without HTTP/2: some stay for pages."""
LASTS: Final = 600.0
"""Seconds after which a stream ends; the browser opens a new one."""
LOOKS_EVERY: Final = 2.0
"""Seconds between two looks at the store."""
_SILENCE: Final = 15.0
"""Seconds without a word after which a comment is sent: proxies end what is silent."""

EVENT_STREAM: Final = "text/event-stream"
#: Said at the beginning, too: what happened while the page had no stream is looked for then.
LOOK: Final = b"event: look\ndata: look\n\n"
OVER: Final = b"event: over\ndata: over\n\n"
FULL: Final = b"event: full\ndata: full\n\n"
_ALIVE: Final = b": here\n\n"

Mark = tuple[int, int]
"""The newest entries of the store, by their numbers."""


class Pulse:
    """The newest entries of a store, asked for at most once a second however many streams ask."""

    def __init__(
        self, context: NodeContext, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._mark: Mark = (0, 0)

    def read(self) -> Mark:
        """Return the newest entries; two reads that differ mean that something changed."""
        with self._lock:
            now = self._monotonic()
            if now - self._read_at >= LOOKS_EVERY / 2:
                self._mark = self._ask()
                self._read_at = now
            return self._mark

    def _ask(self) -> Mark:
        with self._context.database.reading() as session:
            event = session.exec(select(func.max(EventRow.event_id))).one()
            work = session.exec(select(func.max(WorkEventRow.work_event_id))).one()
        return event or 0, work or 0


@dataclass(slots=True)
class Places:
    """Who holds which streams in this process: a new one beyond the most ends the oldest."""

    _held: dict[str, deque[asyncio.Event]] = field(default_factory=dict)

    def take(self, person: str) -> asyncio.Event:
        """Return what is set when the stream has to make place."""
        held = self._held.setdefault(person, deque())
        while len(held) >= MOST_STREAMS:
            held.popleft().set()
        place = asyncio.Event()
        held.append(place)
        return place

    def give_back(self, person: str, place: asyncio.Event) -> None:
        """Note that a stream ended."""
        held = self._held.get(person)
        if held is None:
            return
        with suppress(ValueError):
            held.remove(place)
        if not held:
            del self._held[person]

    def count(self, person: str) -> int:
        """Return how many streams somebody holds."""
        return len(self._held.get(person, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of one page."""

    context: NodeContext
    pulse: Pulse
    places: Places
    person: str
    #: Whether the session is signed in and not locked, as the store says now.
    is_open: Callable[[], bool]
    looks_every: float = LOOKS_EVERY
    lasts: float = LASTS

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield events until the stream ends."""
        place = self.places.take(self.person)
        woken = self.context.signals.inbox.listen(asyncio.Event())
        try:
            async for event in self._watch(place, woken):
                yield event
        finally:
            self.context.signals.inbox.unlisten(woken)
            self.places.give_back(self.person, place)

    async def _watch(self, place: asyncio.Event, woken: asyncio.Event) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        began = said = clock()
        mark = await run_in_threadpool(self.pulse.read)
        yield LOOK
        while clock() - began < self.lasts:
            await _wait(woken, self.looks_every)
            woken.clear()
            if place.is_set():
                yield FULL
                return
            if not await run_in_threadpool(self.is_open):
                yield OVER
                return
            newest = await run_in_threadpool(self.pulse.read)
            if newest != mark:
                mark, said = newest, clock()
                yield LOOK
            elif clock() - said >= _SILENCE:
                said = clock()
                yield _ALIVE
            # However busy the node is: a page is not told more often than this.
            await asyncio.sleep(self.looks_every / 2)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


def create_live_router(site: Site, sessions: Sessions) -> APIRouter:
    """Build the stream."""
    router = APIRouter(route_class=PageRoute)
    pulse, places = Pulse(site.context), Places()

    @router.get("/live/stream")
    async def follow(request: Request) -> Response:
        """Follow what changes. Everybody who is signed in may: it says nothing of anything."""
        if EVENT_STREAM not in request.headers.get("accept", ""):
            return Response(status_code=HTTPStatus.NO_CONTENT)
        state = get_request_state(request)
        signed_in, token = state.active, state.cookie_token
        if signed_in is None or token is None:
            return _stream(_say(OVER))

        def is_open() -> bool:
            found = sessions.find(token)
            return found is not None and found.session.stage is Stage.ACTIVE

        stream = Stream(
            context=site.context,
            pulse=pulse,
            places=places,
            person=str(signed_in.account.id),
            is_open=is_open,
        )
        return _stream(stream.follow())

    return router


async def _say(event: bytes) -> AsyncIterator[bytes]:
    yield event


def _stream(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(
        events,
        media_type=EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
