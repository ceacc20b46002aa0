"""Keeping drills in step with the hub: owed answers go out, then news come in."""

import asyncio
from typing import Final, Protocol

import structlog

from contact_registry.drills.news import DrillNews
from node.service import drills
from node.service.context import NodeContext
from node.workers.waiting import wait_for_event

log = structlog.get_logger(__name__)

#: Pages of news in one round: it must end. The rest comes in the next one.
_MOST_PAGES: Final = 100


class DrillHost(Protocol):
    """The hub, as far as drills go."""

    def fetch_news(self, request: bytes, *, since: int, mark: str) -> DrillNews:
        """Ask what changed after a revision, which the hub named together with its mark."""
        ...

    def send_answer(self, answer: bytes) -> str | None:
        """Hand an answer over; the reason if it was refused for good, else None."""
        ...


class DrillRounds:
    """One worker."""

    def __init__(self, context: NodeContext, host: DrillHost, *, interval: float) -> None:
        self._context = context
        self._host = host
        self._interval = interval
        self._wanted = context.signals.drills.listen()

    async def run_round(self) -> None:
        """Send what is owed, ask for news, then wait for the interval or for an answer given.

        A hub that is away is no trouble of this node: messages flow, and the page of drills says
        since when nothing was heard.
        """
        try:
            await asyncio.to_thread(exchange, self._context, self._host)
        except drills.DrillHostError as error:
            log.warning("drills_not_exchanged", reason=str(error))
        await wait_for_event(self._wanted, at_most=self._interval)


def exchange(context: NodeContext, host: DrillHost) -> None:
    """Send what is owed, then ask for news. Blocking; raises what the host raises: nothing is lost.

    A crash after the hub has taken an answer sends it again, and the hub knows it. An answer that
    the hub chokes on holds up neither the others nor the news.
    """
    trouble: drills.DrillHostError | None = None
    for drill_id, answer in drills.list_owed(context):
        try:
            refusal = host.send_answer(answer)
        except drills.DrillHostError as error:
            trouble = error
            continue
        drills.note_sent(context, drill_id, refusal=refusal or "")
        log.info("drill_answer_sent", drill=drill_id, refused=refusal)
    _fetch_news(context, host)
    if trouble is not None:
        raise trouble


def _fetch_news(context: NodeContext, host: DrillHost) -> None:
    for _ in range(_MOST_PAGES):
        since, mark = drills.find_cursor(context)
        news = host.fetch_news(drills.make_request(context), since=since, mark=mark)
        if not drills.take_news(context, news, since=since):
            return
