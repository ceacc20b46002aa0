"""What access needs done again and again: the audit log, channels of before, what is over."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from console.accounts.lockout import FORGET_AFTER
from node.service.audit import chain_due
from node.service.channel_filling import fill_channels
from node.service.context import NodeContext
from node.service.second_word import lapse_waiting
from node.store.accounts import SqlFailures

#: How often it looks for access that waited for too long, and for failed sign-ins of long ago.
_LAPSES_EVERY: Final = timedelta(hours=1)


class AccessRounds:
    """One worker. Several processes may run it: the end of the log is locked by one at a time."""

    EVERY: Final = timedelta(seconds=1)

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._after: str | None = ""
        self._looked_at: datetime | None = None

    async def run_round(self) -> None:
        """Chain what is due, and look through some more of what was stored before."""
        while await asyncio.to_thread(chain_due, self._context):
            pass
        if self._after is not None:
            self._after = await asyncio.to_thread(fill_channels, self._context, after=self._after)
        now = self._context.clock()
        if self._looked_at is None or now - self._looked_at >= _LAPSES_EVERY:
            await asyncio.to_thread(lapse_waiting, self._context)
            await asyncio.to_thread(
                SqlFailures(self._context.database).forget_old, now - FORGET_AFTER
            )
            self._looked_at = now
