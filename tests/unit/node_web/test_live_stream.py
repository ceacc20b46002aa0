"""The stream of live pages: what it says, when it ends, and how many somebody holds."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

from node.service.composing import handle_send
from node.web.live import FULL, LOOK, MOST_STREAMS, OVER, Places, Pulse, Stream
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import acting


def open_stream(pair: Pair, places: Places, *, is_open: bool = True) -> Stream:
    """Open a stream that looks at the store often."""
    ticks = count(0, 10)
    context = pair.xk.context
    return Stream(
        context=context,
        pulse=Pulse(context, monotonic=lambda: float(next(ticks))),
        places=places,
        person="officer",
        is_open=lambda: is_open,
        looks_every=0.01,
        lasts=60,
    )


async def take(events: AsyncIterator[bytes]) -> bytes:
    """Return the next event."""
    async with asyncio.timeout(60):
        return await anext(events)


async def test_a_change_is_said_whichever_process_stored_it(pair: Pair) -> None:
    """It begins with a look, since a page may have missed something, and says each change."""
    places = Places()
    events = open_stream(pair, places).follow()
    assert await take(events) == LOOK
    pair.xk.context.signals.inbox.notify()  # a signal alone says nothing
    handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    assert await take(events) == LOOK
    assert places.count("officer") == 1
    await events.aclose()  # type: ignore[attr-defined]  # a generator
    assert places.count("officer") == 0


async def test_a_stream_ends_with_its_session(pair: Pair) -> None:
    """Locked or signed out, the page is told that it is over, and the stream ends."""
    events = [event async for event in open_stream(pair, Places(), is_open=False).follow()]
    assert events == [LOOK, OVER]


async def test_the_oldest_stream_makes_place(pair: Pair) -> None:
    """One more than the most ends the oldest of that person, and of nobody else."""
    places = Places()
    streams = [open_stream(pair, places).follow() for _ in range(MOST_STREAMS + 1)]
    for events in streams:
        assert await take(events) == LOOK
    assert await take(streams[0]) == FULL
    assert places.count("officer") == MOST_STREAMS
    for events in streams:
        await events.aclose()  # type: ignore[attr-defined]  # a generator


async def test_only_pages_get_a_stream(xk: PageReader) -> None:
    """Opened as a page it is empty; without a session it says that it is over, and ends."""
    assert (await xk.open("/live/stream")).status_code == 204
    await xk.open("/")
    await xk.send("/sign-out")
    answer = await xk.http.get("/live/stream", headers={"Accept": "text/event-stream"})
    assert answer.content == OVER
    assert answer.headers["cache-control"] == "no-store"
