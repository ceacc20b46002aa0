"""The relay: takes what waits in the outbox to the broker."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Generic, TypeVar

from node.domain.ports import MailboxLink
from node.service import dispatching, machine_mail, receipts
from node.service.context import NodeContext
from node.service.dispatching import Attempt, Consigned
from node.service.due_rows import DueTable, next_due
from node.service.machine_mail import Parcel
from node.service.mailbox_valve import MailboxValve
from node.service.receipts import ReceiptParcel
from node.store.link_tables import MachineMailRow
from node.store.tables import OutboxRow, ReceiptDueRow
from node.workers.clock_watch import ClockWatch
from node.workers.envelopes import EnvelopeSender
from node.workers.waiting import wait_for_event

_BATCH: Final = 128
#: Batches on their way at once: one is prepared or recorded while the broker stores another.
_LANES: Final = 2
#: Looks at the clock at least this often, so that a jump of the clock cannot stall it.
_LONGEST_WAIT: Final = 2.0

P = TypeVar("P", bound=Parcel)


@dataclass(frozen=True, slots=True)
class ParcelSource(Generic[P]):
    """Where signed parcels of one kind come from, and who is told what became of them."""

    kind: str
    claim: Callable[[NodeContext], list[P]]
    record_sent: Callable[[NodeContext, P], None]
    record_failed: Callable[[NodeContext, P], None]


_RECEIPTS: Final[ParcelSource[ReceiptParcel]] = ParcelSource(
    "receipts",
    receipts.claim_receipts,
    receipts.record_receipts_sent,
    receipts.record_receipts_failed,
)
_MACHINE_MAIL: Final[ParcelSource[Parcel]] = ParcelSource(
    "machine_mail",
    machine_mail.claim_machine_mail,
    machine_mail.record_machine_mail_sent,
    machine_mail.record_machine_mail_failed,
)


class Kind(Enum):
    """What a relay hands over."""

    MESSAGES = "messages"
    RECEIPTS = "receipts"
    MACHINE_MAIL = "machine_mail"


#: Where the rows of each kind wait.
TABLES: Final[Mapping[Kind, DueTable]] = {
    Kind.MESSAGES: OutboxRow,
    Kind.RECEIPTS: ReceiptDueRow,
    Kind.MACHINE_MAIL: MachineMailRow,
}


class Relay:
    """One worker. Several may share one database: each unit of work is claimed by one.

    Messages, receipts and what else machines say are handed over side by side: trouble with one
    never holds up the others.
    """

    def __init__(
        self, context: NodeContext, link: MailboxLink, *, kinds: Sequence[Kind] = tuple(Kind)
    ) -> None:
        self._context = context
        self._link = link
        self._sender = EnvelopeSender(context, link)
        self._kinds = tuple(kinds)
        self._wake = context.signals.outbox.listen()
        if Kind.MESSAGES in self._kinds:
            context.signals.messages.listen(self._wake)
        if Kind.RECEIPTS in self._kinds:
            context.signals.receipts.listen(self._wake)
        self._times_up = 0
        self._valve = MailboxValve(context)
        self._clock_watch = ClockWatch()
        self._tried_all: tuple[datetime, float] | None = None
        self._was_woken = False

    async def run_round(self) -> None:
        """Wait until something is due and the broker can be reached; hand it over; record it."""
        if not self._link.is_up:
            await wait_for_event(self._wake, at_most=0.2)
            return
        if self._times_up != (times_up := self._link.times_up):
            await asyncio.to_thread(dispatching.hurry, self._context)
            self._times_up = times_up
        thorough = self._is_time_for_all()
        spans: list[timedelta | None] = []
        has_looked = False
        if self._was_woken and not thorough:
            # Most likely for the first kind: seen to at once, and only then looked for others.
            self._was_woken, due = False, [self._kinds[0]]
        else:
            tables = [TABLES[kind] for kind in self._kinds]
            spans = await asyncio.to_thread(next_due, self._context, tables)
            has_looked = True
            due = [
                kind
                for kind, span in zip(self._kinds, spans, strict=True)
                if thorough or span == timedelta(0)
            ]
        outcomes = await asyncio.gather(
            *(self._relay(kind, thorough=thorough) for kind in due), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if has_looked and not any(outcomes):
            seconds = [span.total_seconds() for span in spans if span]
            at_most = max(0.05, min([_LONGEST_WAIT, *seconds]))
            self._was_woken = await wait_for_event(self._wake, at_most=at_most)

    def _is_time_for_all(self) -> bool:
        """Say whether to try everything, whatever seems due: now and then, and if a clock jumped.

        So what a clock that was set wrote far ahead is found, and what has expired.
        """
        wall, monotonic = self._context.clock(), asyncio.get_running_loop().time()
        if self._tried_all is not None:
            last_wall, last_monotonic = self._tried_all
            passed = abs((wall - last_wall).total_seconds()), monotonic - last_monotonic
            if max(passed) < _LONGEST_WAIT:
                return False
        self._tried_all = wall, monotonic
        return True

    async def _relay(self, kind: Kind, *, thorough: bool) -> int:
        """Hand over what is due of one kind; returns how many were tried."""
        match kind:
            case Kind.MESSAGES:
                steady = self._clock_watch.is_steady(
                    wall=self._context.clock(), monotonic=asyncio.get_running_loop().time()
                )
                return await self._relay_messages(_LANES, may_expire=steady and thorough)
            case Kind.RECEIPTS:
                return await self._relay_parcels(_RECEIPTS)
            case Kind.MACHINE_MAIL:
                return await self._relay_parcels(_MACHINE_MAIL)

    async def _relay_messages(self, lanes: int, *, may_expire: bool) -> int:
        """Hand over what is due, up to ``lanes`` batches at once; returns how many were tried."""
        messages = await asyncio.to_thread(
            dispatching.claim_messages, self._context, limit=_BATCH, may_expire=may_expire
        )
        # What is stored now has to wait behind what is more urgent, as long as so much waits.
        self._context.leaving.messages.set_behind(is_behind=len(messages) == _BATCH)
        if len(messages) < _BATCH or lanes == 1:
            return await self._hand_over(messages)
        counts = await asyncio.gather(
            self._hand_over(messages), self._relay_messages(lanes - 1, may_expire=False)
        )
        return sum(counts)

    async def _hand_over(self, messages: Sequence[Consigned]) -> int:
        if messages:
            attempts = await asyncio.gather(*(self._sender.send_message(each) for each in messages))
            await asyncio.to_thread(self._record, messages, attempts)
        return len(messages)

    def _record(self, messages: Sequence[Consigned], attempts: Sequence[Attempt]) -> None:
        dispatching.record_attempts(self._context, attempts)
        self._valve.learn(messages, attempts)

    async def _relay_parcels(self, source: ParcelSource[P]) -> int:
        """Hand over what machines have to say; returns how many parcels were tried."""
        parcels = await asyncio.to_thread(source.claim, self._context)
        await asyncio.gather(*(self._send_parcel(parcel, source) for parcel in parcels))
        return len(parcels)

    async def _send_parcel(self, parcel: P, source: ParcelSource[P]) -> None:
        is_there = await self._sender.send_parcel(parcel, kind=source.kind)
        record = source.record_sent if is_there else source.record_failed
        await asyncio.to_thread(record, self._context, parcel)
