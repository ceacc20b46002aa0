"""The follower: lets everything follow that has to follow from stored messages."""

import asyncio
from typing import Final

from node.service.context import NodeContext
from node.service.followers import follow_next
from node.workers.waiting import wait_for_event

#: Looks at least this often: notes whose pause is over, or that another process left behind.
_LONGEST_WAIT: Final = 5.0
#: After it was woken it lets so much time pass, in seconds: what comes together is followed
#: together, at a third of the cost, and a message that is leaving does not have to wait for the
#: store. People are told a second later than they could be.
_GATHERING: Final = 1.0


class FollowerWorker:
    """One worker. Several processes may share one database: each note is claimed by one."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._wake = context.signals.to_follow.listen()

    async def run_round(self) -> None:
        """Wait until a message was stored; work on all that is due."""
        if await wait_for_event(self._wake, at_most=_LONGEST_WAIT):
            await asyncio.sleep(_GATHERING)
        while await asyncio.to_thread(follow_next, self._context):
            self._context.signals.followed.notify()
