"""Handing one signed thing to the broker: sealed for the newest key, and what became of it."""

import asyncio
from typing import Final

import structlog

from node.domain.ports import (
    LinkDownError,
    MailboxFullError,
    MailboxLink,
    NoLinkError,
    NoMailboxError,
)
from node.service import dispatching
from node.service.composing import PRIORITY
from node.service.context import NodeContext
from node.service.dispatching import (
    Attempt,
    AttemptOutcome,
    Consigned,
    FalseDuplicateError,
    NoRecipientKeyError,
    SealedEnvelope,
)
from node.service.machine_mail import Parcel
from protocol.envelope import SignedPayload
from protocol.identifiers import ParticipantCode
from protocol.messages.codes import Urgency
from protocol.subjects import TrafficClass

log = structlog.get_logger(__name__)

_PUBLISH_SECONDS: Final = 5.0

#: After these the envelope is in no mailbox, as far as the broker can be believed.
_STAYED: Final = (MailboxFullError, NoLinkError, NoMailboxError, NoRecipientKeyError)
_EXPECTED: Final = (LinkDownError, FalseDuplicateError, *_STAYED)


class EnvelopeSender:
    """Seals and hands over; nothing here looks into the store."""

    def __init__(self, context: NodeContext, link: MailboxLink) -> None:
        self._context = context
        self._link = link

    async def send_message(self, message: Consigned) -> Attempt:
        """Hand over a message; never raises: what went wrong is recorded with it."""
        error: str | None = None
        outcome = AttemptOutcome.UNKNOWN
        sealed: SealedEnvelope | None = None
        if message.priority == PRIORITY[Urgency.IMMEDIATE]:
            self._context.signals.rush.note()
        try:
            sealed = await self._publish(
                peer=message.peer,
                signed=message.signed,
                traffic=TrafficClass.MESSAGE,
                transport_id=message.transport_id,
                first=message.first,
            )
        except Exception as problem:  # noqa: BLE001 - recorded with the message, tried again, shown
            error, outcome = _describe(problem), _judge(problem)
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
            outcome=outcome,
            first=message.first,
            sealed_for=sealed.sealed_for if sealed else None,
            recipient=sealed.recipient if sealed else None,
            claimed_until=message.claimed_until,
        )

    async def send_parcel(self, parcel: Parcel, *, kind: str) -> bool:
        """Hand over what a machine says; whether the broker has it."""
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
                parcel=kind,
                peer=parcel.peer,
                count=len(parcel.due_ids),
                problem=type(problem).__name__,
            )
            return False
        return True

    async def _publish(
        self,
        *,
        peer: ParticipantCode,
        signed: SignedPayload,
        traffic: TrafficClass,
        transport_id: str,
        first: bool = True,
    ) -> SealedEnvelope:
        """Seal and hand over; returns what was handed over.

        ``first``: nobody has used this transport id before, so the broker cannot have it.
        """
        sealed = dispatching.seal_for(
            self._context.directory.current(),
            peer=peer,
            signed=signed,
            at=self._context.clock(),
        )
        # A long run of sealing would starve the connection's own reading and writing.
        await asyncio.sleep(0)
        ack = await self._link.publish(
            recipient=sealed.recipient,
            traffic=traffic,
            transport_id=transport_id,
            envelope=sealed.envelope,
            timeout=_PUBLISH_SECONDS,
        )
        if ack.duplicate and first:
            raise FalseDuplicateError(
                "the broker says that it has this already, though it was never given to it: it is "
                "handed over again; tell the hub's operators if this stays"
            )
        return sealed


def _judge(problem: Exception) -> AttemptOutcome:
    """Say what an attempt that failed so leaves open."""
    if isinstance(problem, FalseDuplicateError):
        return AttemptOutcome.FALSE_DUPLICATE
    return AttemptOutcome.STAYED if isinstance(problem, _STAYED) else AttemptOutcome.UNKNOWN


def _describe(problem: Exception) -> str:
    """Say what went wrong: our own errors speak for themselves, others by their kind only."""
    if isinstance(problem, _EXPECTED):
        return str(problem)
    return f"this node's software failed ({type(problem).__name__}): see its log"
