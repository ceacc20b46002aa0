"""Telling webhooks what happened: several cases at a time, each in order."""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol

import structlog

from node.service.context import NodeContext
from node.service.webhooks.keeping import forget_old_notes
from node.service.webhooks.noticing import AT_ONCE, notice
from node.service.webhooks.telling import Failure, Line, Telling, claim_lines, record_told
from node.workers.waiting import wait_for_event

log = structlog.get_logger(__name__)

#: Pause between two looks when nobody says that something happened.
_PAUSE: Final = 5.0
#: After it was woken it lets so much time pass: what comes together is noticed together.
_GATHERING: Final = 0.25
#: A line is given back after so long, well before its lease ends: others wait for it.
_LINE_SECONDS: Final = 15.0
#: Old notes are looked for so often.
_SWEEP: Final = timedelta(hours=1)


class Poster(Protocol):
    """The way to a receiver."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Failure | None:
        """Post it; None: the receiver said yes. Never raises for what the receiver does."""
        ...


class WebhookSender:
    """One worker."""

    def __init__(self, context: NodeContext, poster: Poster) -> None:
        self._context = context
        self._poster = poster
        self._swept_at = context.clock() - _SWEEP
        self._news = context.signals.hooks.listen()
        for signal in (context.signals.inbox, context.signals.followed):
            signal.listen(self._news)

    async def run_round(self) -> None:
        """Tell what is due; if that is nothing, wait until something happens."""
        if await tell_next(self._context, self._poster):
            return
        if self._context.clock() - self._swept_at >= _SWEEP:
            await asyncio.to_thread(forget_old_notes, self._context)
            self._swept_at = self._context.clock()
        if await wait_for_event(self._news, at_most=_PAUSE):
            await asyncio.sleep(_GATHERING)


async def tell_all(context: NodeContext, poster: Poster) -> None:
    """Tell everything that is due now."""
    while await tell_next(context, poster):
        pass


async def tell_next(context: NodeContext, poster: Poster) -> bool:
    """Take up what happened and tell the next of it; returns whether there may be more."""
    noticed = await asyncio.to_thread(notice, context)
    lines = await asyncio.to_thread(claim_lines, context)
    await asyncio.gather(*(_tell(context, poster, line) for line in lines))
    return bool(lines) or noticed >= AT_ONCE


async def _tell(context: NodeContext, poster: Poster, line: Line) -> None:
    """Tell one line until it fails; what got through is noted even if this task is cancelled."""
    told: list[Telling] = []
    failure: Failure | None = None
    until = time.monotonic() + _LINE_SECONDS
    try:
        for telling in line.tellings:
            headers = line.sign(telling, at=context.clock())
            failure = await poster.post(line.url, telling.body, headers)
            if failure is not None:
                break
            told.append(telling)
            if time.monotonic() > until:
                break
    finally:
        await asyncio.to_thread(record_told, context, line, told, failure)
    if failure is not None:
        log.warning("webhook_failed", webhook=line.webhook_id, why=failure.why)
