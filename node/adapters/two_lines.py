"""Two connections to the broker: one for what is small, one for what is large.

A connection is a queue: what was handed to it leaves, and comes, in that order. Beside a file of a
hundred megabytes an urgent message would wait for every chunk before it, on a thin line for seconds
(docs/bench.md has what was measured). So large envelopes and chunks have a connection of their own,
both ways, and the network shares the line between the two.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from node.adapters.jetstream import BrokerLink, Delivery, LinkState, PublishAck
from protocol.subjects import AccountId, TrafficClass, choose_class

#: What travels over the connection for large things.
LARGE_THINGS: Final = frozenset({TrafficClass.LARGE, TrafficClass.CHUNK})


class TwoLines:
    """Implements :class:`node.domain.ports.MailboxLink`. Run :meth:`run` as a task of the node."""

    def __init__(self, small: BrokerLink, large: BrokerLink) -> None:
        self._small = small
        #: The connection for large things by itself: for whoever has nothing else to carry.
        self.large = large

    @property
    def state(self) -> LinkState:
        """The present state: that of the connection for small things, unless the other is worse."""
        if self._small.is_up and not self.large.is_up:
            return self.large.state
        return self._small.state

    @property
    def is_up(self) -> bool:
        """Whether messages and receipts have a chance now; large things may have to wait."""
        return self._small.is_up

    @property
    def times_up(self) -> int:
        """How often either connection came up."""
        return self._small.times_up + self.large.times_up

    async def run(self) -> None:
        """Keep both up until cancelled; raises what ended one unexpectedly, and then ends both."""
        try:
            async with asyncio.TaskGroup() as lines:
                lines.create_task(self._small.run())
                lines.create_task(self.large.run())
        except ExceptionGroup as failed:  # what broke first says it
            raise failed.exceptions[0] from None

    async def publish(
        self,
        *,
        recipient: AccountId,
        traffic: TrafficClass,
        transport_id: str,
        envelope: bytes,
        timeout: float,  # noqa: ASYNC109 - the port's contract
    ) -> PublishAck:
        """Put an envelope into a mailbox, over the line of its size; as ``BrokerLink.publish``."""
        line = self._choose(choose_class(traffic, envelope_bytes=len(envelope)))
        return await line.publish(
            recipient=recipient,
            traffic=traffic,
            transport_id=transport_id,
            envelope=envelope,
            timeout=timeout,
        )

    async def fetch(self, traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Delivery]:
        """Return what lies in our mailbox of a class; as ``BrokerLink.fetch``."""
        return await self._choose(traffic).fetch(traffic, batch=batch, wait=wait)

    def _choose(self, traffic: TrafficClass) -> BrokerLink:
        return self.large if traffic in LARGE_THINGS else self._small
