"""What goes on by itself: requests for approval, withdrawals, and deletions that are owed."""

import asyncio
from datetime import timedelta
from typing import ClassVar

from node.service.approvals import expire_approvals
from node.service.context import NodeContext
from node.service.deletions import watch_deletions
from node.service.recalling import recall_what_waits, tell_untold


class PromisesWatch:
    """Looks once a minute; the tables say what moves."""

    EVERY: ClassVar = timedelta(minutes=1)

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    async def run_round(self) -> None:
        """Look once. Raises what the store raises: the round is tried again."""
        await asyncio.to_thread(expire_approvals, self._context)
        await asyncio.to_thread(watch_deletions, self._context)
        await asyncio.to_thread(recall_what_waits, self._context)
        await asyncio.to_thread(tell_untold, self._context)
