"""Looking after links: what is missing is asked for, with growing pauses, until it is settled."""

import asyncio
from contextlib import suppress

import structlog

from contact_registry.errors import RegistryUnavailableError
from node.service.attachments.asking import ask_for_chunks
from node.service.context import NodeContext
from node.service.gap_watching import list_linked_peers, watch_anew
from node.service.pin_watching import note_verified
from node.service.repairing import plan_requests
from node.service.restoring import repeat_questions

log = structlog.get_logger(__name__)


class LinkRepair:
    """One worker. Each peer's link is planned for in a transaction of its own."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._looked_through = False

    async def run_round(self) -> None:
        """Look once through everything held, then store the requests that are due."""
        if not self._looked_through:
            for peer in await asyncio.to_thread(list_linked_peers, self._context):
                await asyncio.to_thread(watch_anew, self._context, peer)
            self._looked_through = True
        asked = await asyncio.to_thread(self._look)
        if asked:
            log.info("asked_for_missing_messages", peers=asked)

    def _look(self) -> int:
        # That there is no registry yet is told by whoever refreshes it.
        repeated = 0
        with suppress(RegistryUnavailableError):
            self._context.transact(lambda session: note_verified(self._context, session))
            repeated = repeat_questions(self._context)
        return repeated + plan_requests(self._context) + ask_for_chunks(self._context)
