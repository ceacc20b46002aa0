"""Waiting for something to happen, but not for ever."""

import asyncio


async def wait_for_event(event: asyncio.Event, *, at_most: float) -> bool:
    """Return when ``event`` is set, or after ``at_most`` seconds; the event is cleared.

    Returns whether it was set.
    """
    try:
        async with asyncio.timeout(at_most):
            await event.wait()
    except TimeoutError:
        pass
    was_set = event.is_set()
    event.clear()
    return was_set
