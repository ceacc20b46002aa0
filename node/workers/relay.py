"""The relay: takes what waits in the outbox to the broker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from node.domain.ports import LinkDownError, MailboxFullError, MailboxLink, NoMailboxError
from node.service import dispatching, receipts
from node.service.context import NodeContext
from node.service.dispatching import Attempt, Consigned, NoRecipientKeyError
from node.service.receipts import ReceiptParcel
from node.workers.supervision import wait_for_event
from protocol.envelope import SignedPayload
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass

log = structlog.get_logger(__name__)

_BATCH: Final = 64
_PUBLISH_SECONDS: Final = 5.0
#: Looks at the clock at least this often, so that a jump of the clock cannot stall it.
_LONGEST_WAIT: Final = 2.0

_UNPUBLISHED: Final = (LinkDownError, MailboxFullError, NoMailboxError, NoRecipientKeyError)


class Relay:
    """One worker. Several may share one database: each unit of work is claimed by one."""

    def __init__(self, context: NodeContext, link: MailboxLink) -> None:
        self._context = context
        self._link = link
        self._wake = context.signals.outbox.listen()
        self._was_up = False

    async def run_round(self) -> None:
        """Wait until something is due and the broker can be reached; hand it over; record it."""
        if not self._link.is_up:
            self._was_up = False
            await wait_for_event(self._wake, at_most=0.2)
            return
        if not self._was_up:
            await asyncio.to_thread(dispatching.hurry, self._context)
            self._was_up = True
        parcels = await asyncio.to_thread(receipts.claim_receipts, self._context)
        messages = await asyncio.to_thread(dispatching.claim_messages, self._context, limit=_BATCH)
        if not parcels and not messages:
            await self._rest()
            return
        outcomes = await asyncio.gather(
            *(self._send_message(message) for message in messages),
            *(self._send_receipts(parcel) for parcel in parcels),
        )
        attempts = [outcome for outcome in outcomes if isinstance(outcome, Attempt)]
        if attempts:
            await asyncio.to_thread(dispatching.record_attempts, self._context, attempts)

    async def _rest(self) -> None:
        nexts: list[Callable[[NodeContext], timedelta | None]] = [
            dispatching.next_message_in,
            receipts.next_receipt_in,
        ]
        spans = [await asyncio.to_thread(next_in, self._context) for next_in in nexts]
        seconds = [span.total_seconds() for span in spans if span is not None]
        await wait_for_event(self._wake, at_most=max(0.05, min([_LONGEST_WAIT, *seconds])))

    async def _send_message(self, message: Consigned) -> Attempt:
        error: str | None = None
        try:
            await self._publish(
                peer=message.peer,
                signed=message.signed,
                traffic=TrafficClass.MESSAGE,
                transport_id=message.transport_id,
            )
        except _UNPUBLISHED as problem:
            error = str(problem) or type(problem).__name__
            log.warning(
                "message_not_handed_over",
                message_id=message.message_id,
                peer=message.peer,
                problem=type(problem).__name__,
            )
        return Attempt(
            message_id=message.message_id, transport_id=message.transport_id, error=error
        )

    async def _send_receipts(self, parcel: ReceiptParcel) -> None:
        try:
            await self._publish(
                peer=parcel.peer,
                signed=parcel.signed,
                traffic=TrafficClass.RECEIPT,
                transport_id=parcel.transport_id,
            )
        except _UNPUBLISHED as problem:
            log.warning(
                "receipts_not_handed_over",
                peer=parcel.peer,
                count=len(parcel.items),
                problem=type(problem).__name__,
            )
            await asyncio.to_thread(receipts.record_receipts_failed, self._context, parcel)
        else:
            await asyncio.to_thread(receipts.record_receipts_sent, self._context, parcel)

    async def _publish(
        self,
        *,
        peer: ParticipantCode,
        signed: SignedPayload,
        traffic: TrafficClass,
        transport_id: str,
    ) -> None:
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
