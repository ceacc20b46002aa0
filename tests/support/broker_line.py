"""A broker for tests that takes what the test lets it take, and remembers it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from node.domain.ports import Delivery, MailboxFullError
from protocol.attachment import Chunk
from protocol.subjects import AccountId, TrafficClass


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker has it."""

    sequence: int = 1
    duplicate: bool = False


@dataclass(slots=True)
class Line:
    """A broker that takes what the test lets it take."""

    judge: Callable[[TrafficClass], Exception | None] = lambda _traffic: None
    is_up: bool = True
    times_up: int = 1
    taken: list[tuple[TrafficClass, str, bytes]] = field(default_factory=list)
    on_the_line: int = 0
    most_on_the_line: int = 0
    hold_chunks: asyncio.Event | None = None
    #: An account whose mailbox takes nothing.
    full: AccountId | None = None
    refused: int = 0
    chunk_came: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(
        self,
        *,
        recipient: AccountId,
        traffic: TrafficClass,
        transport_id: str,
        envelope: bytes,
        timeout: float,  # noqa:  ASYNC109 - the port's shape
    ) -> Confirmed:
        """Take it, refuse it, or keep whoever asks waiting."""
        self.on_the_line += 1
        self.most_on_the_line = max(self.most_on_the_line, self.on_the_line)
        try:
            if traffic is TrafficClass.CHUNK and self.hold_chunks is not None:
                self.chunk_came.set()
                await self.hold_chunks.wait()
            await asyncio.sleep(0)
            problem = self.judge(traffic)
            if recipient == self.full:
                self.refused += 1
                problem = MailboxFullError("full")
            if problem is not None:
                raise problem
        finally:
            self.on_the_line -= 1
        self.taken.append((traffic, transport_id, envelope))
        return Confirmed(len(self.taken))

    async def fetch(
        self,
        traffic: TrafficClass,
        *,
        batch: int,
        wait: float,
    ) -> list[Delivery]:
        """Nothing comes."""
        return []

    def chunks(self) -> list[Chunk]:
        """Return the chunks that were taken."""
        return [
            Chunk.parse(body) for traffic, _, body in self.taken if traffic is TrafficClass.CHUNK
        ]
