"""Clears away what was kept long enough."""

import asyncio
from datetime import timedelta
from typing import ClassVar

from node.service.context import NodeContext
from node.service.work.clearing import clear_kept_forms, clear_work_events


class Clearing:
    """Looks once an hour. Several processes may: what is gone is gone."""

    EVERY: ClassVar = timedelta(hours=1)

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    async def run_round(self) -> None:
        """Clear everything that is due."""
        await asyncio.to_thread(clear_kept_forms, self._context)
        after: int | None = 0
        while after is not None:
            after = await asyncio.to_thread(clear_work_events, self._context, after=after)
