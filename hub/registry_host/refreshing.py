"""Keeping the online signatures young: a registry nobody renews is refused by every client."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from contact_registry.clock import Clock
from contact_registry.errors import RegistryError
from contact_registry.trust.repository import OnlineSigners, RegistryRepository

_log = structlog.get_logger(__name__)

Wait = Callable[[float], Awaitable[None]]
"""The port for waiting: seconds."""

_SHORTEST: Final = timedelta(seconds=1)
#: After a failure it is tried again soon, and then more slowly up to this.
_LONGEST_PAUSE: Final = timedelta(minutes=5)
_FIRST_PAUSE: Final = timedelta(seconds=5)


async def run_timestamp_refresh(  # noqa: PLR0913 - the ports of one task
    repository: RegistryRepository,
    online: OnlineSigners,
    *,
    clock: Clock,
    wait: Wait = asyncio.sleep,
    on_refreshed: Callable[[datetime], None] | None = None,
    on_failure: Callable[[Exception], None] | None = None,
) -> None:
    """Sign timestamp and snapshot again whenever half of the timestamp's time is over; forever.

    A failure is logged, told to ``on_failure``, and tried again after a growing pause; by then half
    of the time is left, so that operators see it long before clients do. ``on_refreshed`` is told
    when the new timestamp runs out. The task ends only by being cancelled.
    """
    pause = _FIRST_PAUSE
    left = timedelta(0)
    while True:
        await wait(max(left / 2, _SHORTEST).total_seconds() if left else 0.0)
        try:
            await asyncio.to_thread(repository.refresh_timestamp, online)
            expires = await asyncio.to_thread(repository.timestamp_expires_at)
        except (RegistryError, OSError) as error:
            _log.exception("registry_refresh_failed", retry_seconds=pause.total_seconds())
            if on_failure is not None:
                on_failure(error)
            left = pause * 2
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        pause = _FIRST_PAUSE
        left = max(expires - clock(), _SHORTEST)
        _log.info("registry_refreshed", expires_at=expires.isoformat())
        if on_refreshed is not None:
            on_refreshed(expires)
