"""Takes chunks of files out of our mailbox, and only then lets the broker forget them.

It runs beside the consumer of messages, from a mailbox of its own: a large file never holds up an
urgent message. While chunks are stored, the next ones are fetched: a round holds at most twice
``FileIntakeRules.batch`` chunks in memory.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from contact_registry.errors import RegistryUnavailableError
from node.domain.file_intake import FILE_INTAKE, FileIntakeRules
from node.domain.files import NoRoomError
from node.domain.ports import Delivery, LinkDownError, MailboxLink
from node.service.attachments.receiving import ArrivedChunk, ChunkFate, ChunkTaker
from node.service.context import NodeContext
from protocol.subjects import AccountId, TrafficClass

log = structlog.get_logger(__name__)

_FETCH_SECONDS: Final = 10.0
#: How long the broker keeps back what we could not take in now.
_RETRY_SECONDS: Final = 5.0

#: What disk and store say that cannot take anything now: no fault of any chunk.
_STORE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeoutError, OSError, NoRoomError)


class ChunkIntake:
    """One worker."""

    def __init__(
        self, context: NodeContext, link: MailboxLink, rules: FileIntakeRules = FILE_INTAKE
    ) -> None:
        self._context = context
        self._link = link
        self._rules = rules
        self._taker = ChunkTaker(context, rules)
        self._early = EarlyChunks(rules)
        self._turn = asyncio.Lock()
        #: Fetched while others were stored.
        self._ahead: Sequence[Delivery] = ()

    async def run_round(self) -> None:
        """Store and acknowledge what is there, and fetch the next meanwhile, if there is room.

        Raises if nothing could be stored: everything stays in the mailbox.
        """
        deliveries, self._ahead = self._ahead or await self._fetch(), ()
        if not deliveries:
            return
        fetching = asyncio.create_task(self._fetch())
        try:
            await self.take_in(deliveries)
            await fetching
        finally:
            fetching.cancel()  # nothing happens if it has ended
            await asyncio.wait({fetching})
            if not fetching.cancelled() and fetching.exception() is None:
                self._ahead = fetching.result()

    async def _fetch(self) -> Sequence[Delivery]:
        """Return what is there; nothing, after a pause, if there is no room for it."""
        free = await asyncio.to_thread(self._context.blobs.free_bytes)
        if free < self._rules.reserve:
            log.warning("no_room_for_files", free=free)
            await asyncio.sleep(_FETCH_SECONDS)
            return ()
        return await self._link.fetch(
            TrafficClass.CHUNK, batch=self._rules.batch, wait=_FETCH_SECONDS
        )

    async def take_in(self, deliveries: Sequence[Delivery]) -> None:
        """Take in chunks, whichever mailbox they came out of."""
        arrived = [ArrivedChunk(each.sender, each.envelope) for each in deliveries]
        try:
            async with self._turn:
                fates = await asyncio.to_thread(self._taker.take_in, arrived)
        except RegistryUnavailableError:
            log.info("chunks_wait_for_registry", count=len(arrived))
            await self._give_back(deliveries)
            return
        except _STORE_AWAY:
            await self._give_back(deliveries)
            raise
        except Exception as error:
            if len(deliveries) > 1:
                log.warning("chunks_not_taken_in", problem=type(error).__name__)
                for delivery in deliveries:
                    await self.take_in([delivery])
                return
            # Our own software cannot cope with it: it must not hold up the others. It is asked for
            # again, and arrives once we are mended.
            log.exception("chunk_left_aside", sender_account=deliveries[0].sender)
            await self._acknowledge(deliveries)
            return
        for fate, count in Counter(fates).items():
            log.info("chunks_taken_in", fate=fate, count=count)
        now = self._context.clock()
        by_pause = defaultdict[float | None, list[Delivery]](list)
        for delivery, chunk, fate in zip(deliveries, arrived, fates, strict=True):
            by_pause[self._early.find_pause(chunk, fate, now=now)].append(delivery)
        for pause, settled in by_pause.items():
            await _gather(settled, seconds=pause)

    async def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        await _gather(deliveries, seconds=_RETRY_SECONDS)

    async def _acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        await _gather(deliveries, seconds=None)


async def _gather(deliveries: Sequence[Delivery], *, seconds: float | None) -> None:
    """Settle deliveries; one that the broker did not hear of comes again, and is known then."""
    outcomes = await asyncio.gather(
        *(each.ack() if seconds is None else each.delay(seconds) for each in deliveries),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if isinstance(outcome, LinkDownError):
            log.info("acknowledgement_lost")
        elif isinstance(outcome, BaseException):
            raise outcome


class EarlyChunks:
    """Remembers chunks that came before their message: each waits a few times, within bounds."""

    def __init__(self, rules: FileIntakeRules) -> None:
        self._rules = rules
        #: How often each waited, and since when this time.
        self._tries: dict[tuple[AccountId, bytes], tuple[int, datetime]] = {}

    def find_pause(self, chunk: ArrivedChunk, fate: ChunkFate, *, now: datetime) -> float | None:
        """Return how long the broker is to keep a chunk, in seconds; None: it may forget it.

        The pauses grow: most often the message is a moment behind. What is left aside is asked for
        again once its message is here.
        """
        if fate is not ChunkFate.EARLY and not self._tries:
            return None
        self._forget_strays(now)
        name = (chunk.sender, chunk.body[:64])  # its attachment, and its place
        tries, _ = self._tries.pop(name, (0, now))
        if fate is not ChunkFate.EARLY or tries >= len(self._rules.early_pauses):
            return None
        of_one = sum(sender == chunk.sender for sender, _ in self._tries)
        if of_one >= self._rules.early_of_one or len(self._tries) >= self._rules.early:
            return None
        self._tries[name] = (tries + 1, now)
        return self._rules.early_pauses[tries]

    def _forget_strays(self, now: datetime) -> None:
        """Forget what did not come back: another process of this node got it, or nobody will."""
        longest = timedelta(seconds=sum(self._rules.early_pauses))
        self._tries = {
            name: (tries, since)
            for name, (tries, since) in self._tries.items()
            if abs(now - since) <= longest
        }
