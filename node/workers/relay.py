"""The relay: takes what waits in the outbox to the broker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, TypeVar

import structlog

from node.domain.ports import LinkDownError, MailboxFullError, MailboxLink, NoMailboxError
from node.service import dispatching, machine_mail, receipts
from node.service.context import NodeContext
from node.service.dispatching import Attempt, Consigned, NoRecipientKeyError
from node.service.machine_mail import Parcel
from node.service.receipts import ReceiptParcel
from node.workers.clock_watch import ClockWatch
from node.workers.waiting import wait_for_event
from protocol.envelope import SignedPayload
from protocol.identifiers import ParticipantCode
from protocol.signing import KeyId
from protocol.subjects import TrafficClass

log = structlog.get_logger(__name__)

_BATCH: Final = 64
_PUBLISH_SECONDS: Final = 5.0
#: Looks at the clock at least this often, so that a jump of the clock cannot stall it.
_LONGEST_WAIT: Final = 2.0

_EXPECTED: Final = (LinkDownError, MailboxFullError, NoMailboxError, NoRecipientKeyError)

P = TypeVar("P", bound=Parcel)


@dataclass(frozen=True, slots=True)
class ParcelSource(Generic[P]):
    """Where signed parcels of one kind come from, and who is told what became of them."""

    kind: str
    claim: Callable[[NodeContext], list[P]]
    record_sent: Callable[[NodeContext, P], None]
    record_failed: Callable[[NodeContext, P], None]
    next_in: Callable[[NodeContext], timedelta | None]


_RECEIPTS: Final[ParcelSource[ReceiptParcel]] = ParcelSource(
    "receipts",
    receipts.claim_receipts,
    receipts.record_receipts_sent,
    receipts.record_receipts_failed,
    receipts.next_receipt_in,
)
_MACHINE_MAIL: Final[ParcelSource[Parcel]] = ParcelSource(
    "machine_mail",
    machine_mail.claim_machine_mail,
    machine_mail.record_machine_mail_sent,
    machine_mail.record_machine_mail_failed,
    machine_mail.next_machine_mail_in,
)


class Relay:
    """One worker. Several may share one database: each unit of work is claimed by one.

    Messages, receipts and what else machines say are handed over side by side: trouble with one
    never holds up the others.
    """

    def __init__(self, context: NodeContext, link: MailboxLink) -> None:
        self._context = context
        self._link = link
        self._wake = context.signals.outbox.listen()
        self._was_up = False
        self._clock_watch = ClockWatch()

    async def run_round(self) -> None:
        """Wait until something is due and the broker can be reached; hand it over; record it."""
        if not self._link.is_up:
            self._was_up = False
            await wait_for_event(self._wake, at_most=0.2)
            return
        if not self._was_up:
            await asyncio.to_thread(dispatching.hurry, self._context)
            self._was_up = True
        outcomes = await asyncio.gather(
            self._relay_messages(),
            self._relay_parcels(_RECEIPTS),
            self._relay_parcels(_MACHINE_MAIL),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if not any(outcomes):
            await self._rest()

    async def _relay_messages(self) -> int:
        """Hand over messages that are due; returns how many were tried."""
        steady = self._clock_watch.is_steady(
            wall=self._context.clock(), monotonic=asyncio.get_running_loop().time()
        )
        messages = await asyncio.to_thread(
            dispatching.claim_messages, self._context, limit=_BATCH, may_expire=steady
        )
        if messages:
            attempts = await asyncio.gather(*(self._send_message(each) for each in messages))
            await asyncio.to_thread(dispatching.record_attempts, self._context, attempts)
        return len(messages)

    async def _relay_parcels(self, source: ParcelSource[P]) -> int:
        """Hand over what machines have to say; returns how many parcels were tried."""
        parcels = await asyncio.to_thread(source.claim, self._context)
        await asyncio.gather(*(self._send_parcel(parcel, source) for parcel in parcels))
        return len(parcels)

    async def _rest(self) -> None:
        nexts: list[Callable[[NodeContext], timedelta | None]] = [
            dispatching.next_message_in,
            _RECEIPTS.next_in,
            _MACHINE_MAIL.next_in,
        ]
        spans = [await asyncio.to_thread(next_in, self._context) for next_in in nexts]
        seconds = [span.total_seconds() for span in spans if span is not None]
        await wait_for_event(self._wake, at_most=max(0.05, min([_LONGEST_WAIT, *seconds])))

    async def _send_message(self, message: Consigned) -> Attempt:
        error: str | None = None
        sealed_for: KeyId | None = None
        try:
            sealed_for = await self._publish(
                peer=message.peer,
                signed=message.signed,
                traffic=TrafficClass.MESSAGE,
                transport_id=message.transport_id,
            )
        except Exception as problem:  # noqa: BLE001 - recorded with the message, tried again, shown
            error = _describe(problem)
            log.warning(
                "not_handed_over",
                message_id=message.message_id,
                peer=message.peer,
                problem=type(problem).__name__,
            )
        return Attempt(
            message_id=message.message_id,
            transport_id=message.transport_id,
            error=error,
            sealed_for=sealed_for,
        )

    async def _send_parcel(self, parcel: P, source: ParcelSource[P]) -> None:
        try:
            await self._publish(
                peer=parcel.peer,
                signed=parcel.signed,
                traffic=TrafficClass.RECEIPT,
                transport_id=parcel.transport_id,
            )
        except Exception as problem:  # noqa: BLE001 - tried again until it succeeds, and logged
            log.warning(
                "parcel_not_handed_over",
                parcel=source.kind,
                peer=parcel.peer,
                count=len(parcel.due_ids),
                problem=type(problem).__name__,
            )
            await asyncio.to_thread(source.record_failed, self._context, parcel)
        else:
            await asyncio.to_thread(source.record_sent, self._context, parcel)

    async def _publish(
        self,
        *,
        peer: ParticipantCode,
        signed: SignedPayload,
        traffic: TrafficClass,
        transport_id: str,
    ) -> KeyId:
        """Seal and hand over; returns for which key it was sealed."""
        sealed = dispatching.seal_for(
            self._context.directory.current(),
            peer=peer,
            signed=signed,
            at=self._context.clock(),
        )
        # A long run of sealing would starve the connection's own reading and writing.
        await asyncio.sleep(0)
        await self._link.publish(
            recipient=sealed.recipient,
            traffic=traffic,
            transport_id=transport_id,
            envelope=sealed.envelope,
            timeout=_PUBLISH_SECONDS,
        )
        return sealed.sealed_for


def _describe(problem: Exception) -> str:
    """Say what went wrong: our own errors speak for themselves, others by their kind only."""
    if isinstance(problem, _EXPECTED):
        return str(problem)
    return f"this node's software failed ({type(problem).__name__}): see its log"
