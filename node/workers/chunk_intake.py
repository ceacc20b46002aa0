"""Takes chunks of files out of our mailbox, and only then lets the broker forget them.

It runs beside the consumer of messages, from a mailbox of its own: a large file never holds up an
urgent message. While chunks are stored, the next ones are fetched: a round holds at most twice
``FileIntakeRules.batch`` chunks in memory.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
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

#: Storing a few chunks takes little longer than storing one. After so few, the rest of a file is
#: waited for: in seconds, less than storing takes.
_FEW: Final = 4
_MOMENT: Final = 0.01

#: What disk and store say that cannot take anything now: no fault of any chunk.
_STORE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeoutError, OSError, NoRoomError)


@dataclass(frozen=True, slots=True)
class _Settled:
    """Chunks whose fate is committed; their broker has not been told yet."""

    deliveries: list[Delivery]
    #: How long it is to keep them, in seconds; None: it may forget them.
    pause: float | None


class ChunkIntake:
    """One worker."""

    def __init__(
        self,
        context: NodeContext,
        link: MailboxLink,
        rules: FileIntakeRules = FILE_INTAKE,
        *,
        has_scanner: bool | None = None,
    ) -> None:
        """``has_scanner``: as :class:`ChunkTaker` takes it."""
        self._context = context
        self._link = link
        self._rules = rules
        self._taker = ChunkTaker(context, rules, has_scanner=has_scanner)
        self._early = EarlyChunks(rules)
        self._turn = asyncio.Lock()
        #: Fetched while others were stored.
        self._ahead: Sequence[Delivery] = ()
        #: Stored; the broker is told while the next ones are stored.
        self._settled: list[_Settled] = []

    async def run_round(self) -> None:
        """Store what is there, and meanwhile fetch the next and let the broker forget the last.

        Raises if nothing could be stored: everything stays in the mailbox.
        """
        deliveries, self._ahead = self._ahead or await self._fetch(), ()
        if not deliveries:
            return
        fetching = asyncio.create_task(self._fetch())
        settling = asyncio.create_task(self._settle())
        try:
            if await self._is_followed(deliveries):
                await asyncio.wait({fetching}, timeout=_MOMENT)
            if fetching.done() and fetching.exception() is None:
                more = fetching.result()
                if 0 < len(more) <= self._free(deliveries):
                    deliveries = [*deliveries, *more]
                    fetching = asyncio.create_task(self._fetch())
            settled = await self._store(deliveries)
            await settling
            self._settled += settled
            if not fetching.done():  # nothing is at hand to be stored meanwhile
                await self._settle()
            await fetching
        finally:
            fetching.cancel()  # nothing happens if it has ended
            settling.cancel()  # what the broker did not hear of comes again
            await asyncio.wait({fetching, settling})
            if not fetching.cancelled() and fetching.exception() is None:
                self._ahead = fetching.result()
        if not self._ahead:
            await self._settle()

    def _free(self, deliveries: Sequence[Delivery]) -> int:
        return self._rules.batch - len(deliveries)

    async def _is_followed(self, deliveries: Sequence[Delivery]) -> bool:
        """Say whether the rest of a file is most likely about to come, and fits in with these."""
        if len(deliveries) > _FEW:
            return False
        arrived = [ArrivedChunk(each.sender, each.envelope) for each in deliveries]
        try:
            missing = await asyncio.to_thread(self._taker.count_missing, arrived)
        except (RegistryUnavailableError, *_STORE_AWAY):
            return False  # said by whoever stores them
        return 0 < missing <= self._free(deliveries)

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
        self._settled += await self._store(deliveries)
        await self._settle()

    async def _store(self, deliveries: Sequence[Delivery]) -> list[_Settled]:
        """Store chunks; returns what the broker is to be told."""
        arrived = [ArrivedChunk(each.sender, each.envelope) for each in deliveries]
        try:
            async with self._turn:
                fates = await asyncio.to_thread(self._taker.take_in, arrived)
        except RegistryUnavailableError:
            log.info("chunks_wait_for_registry", count=len(arrived))
            return [_Settled(list(deliveries), _RETRY_SECONDS)]
        except _STORE_AWAY:
            await _gather(deliveries, seconds=_RETRY_SECONDS)
            raise
        except Exception as error:
            if len(deliveries) > 1:
                log.warning("chunks_not_taken_in", problem=type(error).__name__)
                return [each for delivery in deliveries for each in await self._store([delivery])]
            # Our own software cannot cope with it: it must not hold up the others. It is asked for
            # again, and arrives once we are mended.
            log.exception("chunk_left_aside", sender_account=deliveries[0].sender)
            return [_Settled(list(deliveries), None)]
        return await self._sort(deliveries, arrived, fates)

    async def _sort(
        self,
        deliveries: Sequence[Delivery],
        arrived: Sequence[ArrivedChunk],
        fates: Sequence[ChunkFate],
    ) -> list[_Settled]:
        """Return what the broker is to be told.

        A short pause is waited out here: the message is most often a moment behind, and a chunk
        that is handed back comes over the line once more.
        """
        for fate, count in Counter(fates).items():
            log.info("chunks_taken_in", fate=fate, count=count)
        now = self._context.clock()
        by_pause = defaultdict[float | None, list[Delivery]](list)
        for delivery, chunk, fate in zip(deliveries, arrived, fates, strict=True):
            by_pause[self._early.find_pause(chunk, fate, now=now)].append(delivery)
        settled = list[_Settled]()
        for pause, each in by_pause.items():
            if pause is None or pause > self._rules.early_here:
                settled.append(_Settled(each, pause))
            else:
                await asyncio.sleep(pause)
                settled += await self._store(each)
        return settled

    async def _settle(self) -> None:
        """Tell the broker; one chunk that it did not hear of comes again, and is known then."""
        settled, self._settled = self._settled, []
        for each in settled:
            await _gather(each.deliveries, seconds=each.pause)


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
