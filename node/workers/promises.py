"""What goes on by itself: requests for approval, withdrawals, and deletions that are owed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Final

from node.service.approvals import expire_approvals
from node.service.context import NodeContext
from node.service.deletions import watch_deletions
from node.service.recalling import recall_what_waits, tell_untold

_STEPS: Final[tuple[Callable[[NodeContext], int], ...]] = (
    recall_what_waits,
    tell_untold,
    expire_approvals,
    watch_deletions,
)


class PromisesWatch:
    """Looks once a minute; the tables say what moves."""

    EVERY: ClassVar = timedelta(minutes=1)

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    async def run_round(self) -> None:
        """Look once. A step that fails holds up no other; in the end it is raised in a group."""
        failures: list[Exception] = []
        for step in _STEPS:
            try:
                await asyncio.to_thread(step, self._context)
            except Exception as error:  # noqa: BLE001 - raised when every step had its turn
                failures.append(error)
        if failures:
            raise ExceptionGroup("What goes on by itself did not all go on.", failures)
