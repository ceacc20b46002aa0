"""Three connections to the broker: for what is small, for what is large, and for files.

A connection is a queue: what was handed to it leaves, and comes, in that order. Beside a file of a
hundred megabytes an urgent message would wait for every chunk before it, on a thin line for seconds
(docs/bench.md has what was measured). So chunks of files have a connection of their own, both ways,
and so have large envelopes, which must wait for no file and hold up nothing small. The network
shares the line between the three.
"""

import asyncio
from collections.abc import Sequence

from node.adapters.jetstream import BrokerLink, Delivery, LinkState, PublishAck
from protocol.subjects import AccountId, TrafficClass, choose_class


class Lines:
    """Implements :class:`node.domain.ports.MailboxLink`. Run :meth:`run` as a task of the node."""

    def __init__(self, *, small: BrokerLink, large: BrokerLink, files: BrokerLink) -> None:
        self._small = small
        self._large = large
        #: The connection for chunks by itself: for whoever has nothing else to carry.
        self.files = files

    @property
    def state(self) -> LinkState:
        """The present state: that of the connection for small things, unless another is worse."""
        if self._small.is_up:
            for line in (self._large, self.files):
                if not line.is_up:
                    return line.state
        return self._small.state

    @property
    def is_up(self) -> bool:
        """Whether messages and receipts have a chance now; large things may have to wait."""
        return self._small.is_up

    @property
    def times_up(self) -> int:
        """How often a connection came up that carries messages and receipts."""
        return self._small.times_up + self._large.times_up

    async def run(self) -> None:
        """Keep all up until cancelled; raises what ended one unexpectedly, and then ends all."""
        try:
            async with asyncio.TaskGroup() as lines:
                for line in (self._small, self._large, self.files):
                    lines.create_task(line.run())
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
        match traffic:
            case TrafficClass.CHUNK:
                return self.files
            case TrafficClass.LARGE:
                return self._large
            case TrafficClass.MESSAGE | TrafficClass.RECEIPT:
                return self._small
