"""The chunk relay: takes what files owe to the broker, a few chunks at a time.

It has a window of its own, beside the relay of messages: nothing it does holds a message up. How
many chunks are on the line at a time follows the line: one while the broker takes long to confirm
it, up to eight while it is quick, of all files together. So an urgent message waits for one chunk
at most on a slow line, and memory holds at most eight. While something immediate moves, one chunk
goes at a time, with pauses: nothing else keeps both ends from it. Each recipient is served by
itself: one whose mailbox is full, or whose file is large, keeps nobody else waiting.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Final

import structlog

from node.domain.ports import (
    LinkDownError,
    MailboxFullError,
    MailboxLink,
    NoMailboxError,
    StoredContentError,
)
from node.service.attachments import chunk_sending
from node.service.attachments.chunk_sending import PAUSES, PUBLISH_SECONDS, ClaimedFile
from node.service.attachments.sweeping import sweep_files
from node.service.context import NodeContext
from node.service.dispatching import NoRecipientKeyError
from node.service.rush import Rush
from node.workers.waiting import wait_for_event
from protocol.attachment import Chunk
from protocol.errors import ProtocolError
from protocol.subjects import AccountId, TrafficClass, parse_account_id

log = structlog.get_logger(__name__)

#: Recipients served side by side.
_FILES: Final = 4
#: Seconds of one file before another one of higher priority may take its place.
_TURN: Final = 5.0
#: Files that were claimed with their message and are looked at in one round.
_MOST_CLAIMED: Final = 64
#: Chunks that the broker confirms within this widen the window; beyond the other they narrow it.
_QUICK: Final = 0.5
_SLOW: Final = 2.0
#: The pause after a chunk while something immediate moves, in seconds: both ends, the broker and
#: the line are there for it then, and a file still goes on at some ten megabytes a second.
_ROOM: Final = 0.05
#: Looks at the clock at least this often, so that a jump of the clock cannot stall it.
_LONGEST_WAIT: Final = 2.0
#: Between two looks at least: a row that was written for a moment just ahead is not hunted.
_SHORT_WAIT: Final = 0.05
#: What the broker has is noted after so many chunks or seconds: a crash makes as much go again.
_NOTED_CHUNKS: Final = 16
_NOTED_SECONDS: Final = 1.0

_EXPECTED: Final = (LinkDownError, MailboxFullError, NoMailboxError, NoRecipientKeyError)


@dataclass(slots=True)
class Window:
    """How many chunks are on the line at a time; who waits for a place gets it by priority."""

    largest: int
    rush: Rush = field(default_factory=Rush)
    size: int = 1
    taken: int = 0
    _waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    async def take(self, priority: int) -> None:
        """Wait for a place; lower goes first. Whoever has one calls :meth:`give_back`."""
        if self._has_room() and not self._waiting:
            self.taken += 1
            return
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """Free a place."""
        self.taken -= 1
        while self._waiting and self._has_room():
            *_, place = heapq.heappop(self._waiting)
            if not place.done():
                self.taken += 1
                place.set_result(None)

    def _has_room(self) -> bool:
        return self.taken < (1 if self.rush.is_on else self.size)

    def note(self, *, seconds: float, failed: bool) -> None:
        """Follow the line after a chunk that took so long."""
        if failed or seconds > _SLOW:
            self.size = max(1, self.size // 2)
        elif seconds < _QUICK:
            self.size = min(self.largest, self.size * 2)


class ChunkRelay:
    """One worker. Several may share one database: a file is claimed by one."""

    def __init__(self, context: NodeContext, link: MailboxLink) -> None:
        self._context = context
        self._link = link
        self._wake = context.signals.chunks.listen()
        context.leaving.files.filled.listen(self._wake)
        self._window = Window(largest=context.file_rules.window, rush=context.signals.rush)
        self._moving: dict[str, asyncio.Task[None]] = {}
        self._full: dict[str, _FullMailbox] = {}
        #: Whether a look into the store was put off for files that came out of memory.
        self._has_put_off = False

    @property
    def is_moving(self) -> bool:
        """Whether a file is on its way now, or its turn ended since the last round."""
        return bool(self._moving)

    async def run(self) -> None:
        """Do rounds until cancelled; no file moves on alone after that."""
        await asyncio.to_thread(chunk_sending.drop_claims, self._context)
        try:
            while True:
                await self.run_round()
        finally:
            self._context.leaving.files.set_open(is_open=False)
            for task in self._moving.values():
                task.cancel()
            await asyncio.gather(*self._moving.values(), return_exceptions=True)
            self._moving.clear()

    async def run_round(self) -> None:
        """Let files that are due begin to move, and wait until one came to an end or may begin.

        Raises what ended a file's turn unexpectedly; others go on.
        """
        self._collect()
        self._context.leaving.files.set_open(is_open=self._link.is_up)
        if not self._link.is_up:
            await self._take_claimed(may_begin=False)
            await wait_for_event(self._wake, at_most=0.2)
            return
        now = asyncio.get_running_loop().time()
        paused = {peer for peer, full in self._full.items() if full.until > now}
        if await self._take_claimed(paused) and not self._has_put_off:
            self._has_put_off = True  # once: what waits in the store is looked for the next time
            await wait_for_event(self._wake, at_most=_SHORT_WAIT)
            return
        self._has_put_off = False
        busy = paused | self._moving.keys()
        room = _FILES - len(self._moving)
        if room:
            for file in await asyncio.to_thread(
                chunk_sending.claim_files, self._context, limit=room, busy=busy
            ):
                self._begin(file)
        await wait_for_event(self._wake, at_most=await self._choose_wait(busy, has_room=room > 0))

    async def _take_claimed(self, paused: Collection[str] = (), *, may_begin: bool = True) -> bool:
        """Begin with files that were claimed with their message; what has to wait is given back.

        Says whether one began.
        """
        left: list[ClaimedFile] = []
        has_begun = False
        for file in self._context.leaving.files.take(_MOST_CLAIMED):
            is_busy = file.peer in paused or file.peer in self._moving
            if may_begin and not is_busy and len(self._moving) < _FILES:
                self._begin(file)
                has_begun = True
            else:
                left.append(file)
        if left:
            await asyncio.to_thread(chunk_sending.give_back, self._context, left)
        return has_begun

    def _begin(self, file: ClaimedFile) -> None:
        task = asyncio.create_task(self._relay_file(file))
        self._moving[file.peer] = task
        task.add_done_callback(lambda _: self._wake.set())

    def _collect(self) -> None:
        for peer in [peer for peer, task in self._moving.items() if task.done()]:
            self._moving.pop(peer).result()

    async def _choose_wait(self, busy: set[str], *, has_room: bool) -> float:
        """Return how long nothing can begin unless something ends or is new, in seconds."""
        if not has_room:
            return _LONGEST_WAIT
        span = await asyncio.to_thread(
            chunk_sending.next_chunks_in, self._context, busy=busy | self._moving.keys()
        )
        now = asyncio.get_running_loop().time()
        spans = [full.until - now for full in self._full.values() if full.until > now]
        if span is not None:
            spans.append(span.total_seconds())
        return max(_SHORT_WAIT, min([_LONGEST_WAIT, *spans]))

    async def _relay_file(self, file: ClaimedFile) -> None:
        """Hand chunks of one file over until its turn is over."""
        held = asyncio.create_task(self._hold(file))
        turn = _Turn(
            self._context, self._link, file, self._window, is_careful=file.peer in self._full
        )
        try:
            error = await turn.run()
        finally:
            held.cancel()
            with suppress(asyncio.CancelledError):
                await held
        if isinstance(error, MailboxFullError):
            before = self._full.get(file.peer)
            times = 0 if before is None or turn.has_stored else before.times + 1
            pause = PAUSES[min(times, len(PAUSES) - 1)].total_seconds()
            self._full[file.peer] = _FullMailbox(times, asyncio.get_running_loop().time() + pause)
        else:
            self._full.pop(file.peer, None)

    async def _hold(self, file: ClaimedFile) -> None:
        """Keep other workers off the file for as long as this one lives."""
        while True:
            await asyncio.sleep(chunk_sending.LEASE.total_seconds() / 4)
            await asyncio.to_thread(chunk_sending.renew_claim, self._context, file)


@dataclass(frozen=True, slots=True)
class _FullMailbox:
    """A mailbox that took no more: how often in a row, and until when it is left alone."""

    times: int
    #: By the loop's clock.
    until: float


class _Turn:
    """Hands chunks of one file over, until none is owed, one is not taken, or time is over."""

    def __init__(
        self,
        context: NodeContext,
        link: MailboxLink,
        file: ClaimedFile,
        window: Window,
        *,
        is_careful: bool,
    ) -> None:
        self._context, self._link, self._file, self._window = context, link, file, window
        #: The mailbox took no more the last time.
        self._is_careful = is_careful
        self._left = deque(file.indices)
        self._stored: list[int] = []
        self._problem: Exception | None = None
        #: The file is not this worker's any more, or owes nothing.
        self._is_over = False
        self._over_at = self._noted_at = 0.0
        self.has_stored = False

    async def run(self) -> Exception | None:
        """Return what was wrong if the broker did not take a chunk."""
        self._noted_at = asyncio.get_running_loop().time()
        self._over_at = self._noted_at + _TURN
        try:
            account = self._find_account()
        except NoRecipientKeyError as problem:
            self._problem = problem
        else:
            if self._is_careful:
                await self._step(account)  # one first: all that a mailbox costs that is still full
            await self._run_lanes(account)
        if isinstance(self._problem, StoredContentError):
            await asyncio.to_thread(
                chunk_sending.record_lost, self._context, self._file, problem=str(self._problem)
            )
        elif not self._is_over:
            await self._note(release=True)
        return self._problem

    async def _run_lanes(self, account: AccountId) -> None:
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(min(self._window.largest, len(self._left))):
                    lanes.create_task(self._run_lane(account))
        except ExceptionGroup as failed:  # of our own store: what broke first says it
            raise failed.exceptions[0] from None

    async def _run_lane(self, account: AccountId) -> None:
        loop = asyncio.get_running_loop()
        while self._left and not self._has_ended() and loop.time() < self._over_at:
            await self._step(account)
            if not self._has_ended() and (
                len(self._stored) >= _NOTED_CHUNKS or loop.time() > self._noted_at + _NOTED_SECONDS
            ):
                await self._note(release=False)

    def _has_ended(self) -> bool:
        return self._is_over or self._problem is not None

    async def _step(self, account: AccountId) -> None:
        """Read one chunk and hand it over, once there is a place on the line."""
        await self._window.take(self._file.priority)
        try:
            if self._left and not self._has_ended():
                await self._hand_over(self._left.popleft(), account)
                if self._window.rush.is_on:
                    await asyncio.sleep(_ROOM)
        finally:
            self._window.give_back()

    async def _hand_over(self, index: int, account: AccountId) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            (chunk,) = await asyncio.to_thread(
                chunk_sending.read_chunks, self._context, self._file, [index]
            )
            began = loop.time()
            await self._publish(chunk, account)
        except Exception as problem:  # noqa: BLE001 - kept, shown and tried again
            self._window.note(seconds=0, failed=isinstance(problem, LinkDownError))
            self._problem = self._problem or problem
            if not isinstance(problem, MailboxFullError):
                log.warning(
                    "chunk_not_handed_over",
                    message_id=self._file.message_id,
                    peer=self._file.peer,
                    problem=type(problem).__name__,
                )
            return
        self._window.note(seconds=loop.time() - began, failed=False)
        self._stored.append(index)
        self.has_stored = True

    async def _note(self, *, release: bool) -> None:
        stored, self._stored = self._stored, []
        self._noted_at = asyncio.get_running_loop().time()
        goes_on = await asyncio.to_thread(
            chunk_sending.record_chunks,
            self._context,
            self._file,
            stored,
            error=None if self._problem is None else _describe(self._problem),
            release=release,
        )
        self._is_over = self._is_over or not goes_on

    def _find_account(self) -> AccountId:
        document = self._context.directory.current().keys.get(self._file.peer)
        if document is None:
            raise NoRecipientKeyError(f"The registry names no node for {self._file.peer} now.")
        try:
            return parse_account_id(document.broker.account)
        except ProtocolError as error:
            raise NoRecipientKeyError(str(error)) from error

    async def _publish(self, chunk: Chunk, account: AccountId) -> None:
        await self._link.publish(
            recipient=account,
            traffic=TrafficClass.CHUNK,
            transport_id=self._file.name_chunk(chunk.index),
            envelope=chunk.encode(),
            timeout=PUBLISH_SECONDS,
        )


class FileSweep:
    """Deletes files that nobody needs any more."""

    #: Between two looks. What is swept waited for days, or was left by a crash.
    EVERY: Final = timedelta(hours=1)

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._suspected: frozenset[str] = frozenset()

    async def run_round(self) -> None:
        """Look once."""
        swept = await asyncio.to_thread(sweep_files, self._context, suspected=self._suspected)
        self._suspected = swept.suspected
        if swept.count:
            log.info("files_swept", count=swept.count)


def _describe(problem: Exception) -> str:
    if isinstance(problem, _EXPECTED):
        return str(problem)
    return f"this node's software failed ({type(problem).__name__}): see its log"
