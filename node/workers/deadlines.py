"""Deadlines: items are made and settled as the store says, and people are told by the ladders."""

import asyncio
from typing import Final

from node.service.context import NodeContext
from node.service.work.escalation import (
    AT_ONCE,
    hurry_where_clock_was_set_back,
    hurry_where_owners_are_gone,
    look_at_due,
)
from node.service.work.other_sources import reconcile
from node.workers.waiting import wait_for_event

#: Looks at least this often, in seconds: far less than the shortest rung of a ladder, and a clock
#: that was set ahead is seen so soon.
_LONGEST_WAIT: Final = 15.0
#: Seconds between two looks through the whole store, however much comes meanwhile; a clock that was
#: set back is seen so soon.
_RECONCILED_EVERY: Final = 60.0
#: Seconds between two looks at least: what comes in quick succession is looked at together, since a
#: look costs more than an item. What comes alone is looked at at once.
_BETWEEN: Final = 0.25


class Deadlines:
    """One worker. Several processes may share one database: each item is looked at by one."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._wake = context.signals.followed.listen()
        self._whole_at = 0.0

    async def run_round(self) -> None:
        """Look at what is due; then wait until something changed, or for a short while."""
        await asyncio.to_thread(keep_deadlines, self._context, whole=self._is_whole())
        await asyncio.sleep(_BETWEEN)
        await wait_for_event(self._wake, at_most=_LONGEST_WAIT)

    def _is_whole(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._whole_at:
            return False
        self._whole_at = now + _RECONCILED_EVERY
        return True


def keep_deadlines(context: NodeContext, *, whole: bool = True) -> int:
    """Make and settle items (``whole``: whatever they are about), and tell whom it is time to tell.

    Returns how many items were looked at. Blocking.
    """
    try:
        if whole:
            reconcile(context)
    finally:  # whatever is wrong with the store, people are told of what is known to wait
        looked_at = _tell(context, whole=whole)
    return looked_at


def _tell(context: NodeContext, *, whole: bool) -> int:
    if whole:
        hurry_where_clock_was_set_back(context)
    hurry_where_owners_are_gone(context)
    looked_at = found = look_at_due(context)
    while found == AT_ONCE:
        found = look_at_due(context)
        looked_at += found
    if looked_at:
        context.signals.notices.notify()
    return looked_at
