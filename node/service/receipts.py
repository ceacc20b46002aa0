"""Receipts: those we owe and those we were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from sqlmodel import Session, col, or_, select

from node.domain.events import EventKind
from node.domain.states import Dispatch, DispatchEvent, Handling, advance_dispatch
from node.service.context import NodeContext
from node.service.records import OUT, add_event
from node.store.tables import EvidenceRow, MessageRow, OutboxRow, ReceiptDueRow
from protocol.envelope import Consignment, SignedPayload
from protocol.errors import RejectionCode
from protocol.identifiers import MessageId, ParticipantCode, make_message_id
from protocol.limits import LIMITS
from protocol.messages.catalogue import encode_payload
from protocol.messages.head import RegistryPin
from protocol.messages.system import Receipt, ReceiptBody, ReceiptItem, ReceiptStatus

#: Rejections that say nothing about the message itself: sealing it again, for the newest key, may
#: well succeed.
_WORTH_ANOTHER_TRY: Final = frozenset({RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER})

_EVENT_OF_STATUS: Final = {
    ReceiptStatus.DELIVERED: (DispatchEvent.RECEIPT_DELIVERED, EventKind.MESSAGE_DELIVERED),
    ReceiptStatus.READ: (DispatchEvent.RECEIPT_READ, EventKind.MESSAGE_READ),
    ReceiptStatus.REJECTED: (DispatchEvent.RECEIPT_REJECTED, EventKind.MESSAGE_REJECTED),
}


def owe_receipt(context: NodeContext, session: Session, *, peer: str, item: ReceiptItem) -> None:
    """Note that ``peer`` is to get ``item``; twice the same is once."""
    due = session.exec(
        select(ReceiptDueRow).where(
            ReceiptDueRow.peer == peer,
            ReceiptDueRow.message_id == item.message_id,
            ReceiptDueRow.status == item.status,
        )
    ).one_or_none()
    if due is not None:
        return
    session.add(
        ReceiptDueRow(
            peer=peer,
            message_id=item.message_id,
            payload_sha256=item.payload_sha256,
            status=item.status,
            reason=item.reason,
            readable=item.readable,
            at=item.at,
            next_attempt_at=context.clock(),
        )
    )
    session.flush()


# ------------------------------------------------------------------ given to us


def apply_receipt(
    context: NodeContext, session: Session, receipt: Receipt, *, signed: SignedPayload
) -> None:
    """Let a verified receipt move the messages it names; what fits none of ours is left out.

    An item that names another digest than what we sent proves nothing about our message, so it
    moves nothing.
    """
    for item in receipt.body.items:
        row = session.get(MessageRow, item.message_id)
        if row is None or row.direction != OUT or row.peer != receipt.sender:
            continue
        if item.payload_sha256 is None or (
            item.status is ReceiptStatus.REJECTED and item.reason in _WORTH_ANOTHER_TRY
        ):
            _seal_again(context, session, row)
        elif item.payload_sha256 == row.payload_sha256:
            _record_evidence(context, session, row, item, signed=signed)


def _seal_again(context: NodeContext, session: Session, row: MessageRow) -> None:
    """Hand the message over once more, sealed for the newest key, after the usual pause."""
    outbox = session.get(OutboxRow, row.message_id)
    if outbox is not None:
        pause = context.rules.retry_pause(max(1, outbox.handed_over))
        outbox.next_attempt_at = min(outbox.next_attempt_at, context.clock() + pause)
        outbox.last_error = "the recipient could not open it: sealing again"
        context.signals.registry_wanted.notify()


def _record_evidence(
    context: NodeContext,
    session: Session,
    row: MessageRow,
    item: ReceiptItem,
    *,
    signed: SignedPayload,
) -> None:
    had = session.exec(
        select(EvidenceRow.evidence_id).where(
            EvidenceRow.message_id == row.message_id,
            EvidenceRow.status == item.status,
            col(EvidenceRow.given).is_(False),
        )
    ).first()
    if had is not None:
        return
    now = context.clock()
    _add_evidence(session, item, signed=signed, given=False, at=now)
    dispatch_event, kind = _EVENT_OF_STATUS[item.status]
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), dispatch_event)
    if state is not None:
        row.dispatch = state
        row.row_version += 1
    if item.status is ReceiptStatus.READ and row.handling == Handling.NEW:
        row.handling = Handling.OPENED
    outbox = session.get(OutboxRow, row.message_id)
    if outbox is not None:
        session.delete(outbox)
    add_event(
        session,
        kind=kind,
        at=now,
        actor=row.peer,
        case_id=row.case_id,
        message_id=row.message_id,
        code=item.reason,
    )


def _add_evidence(
    session: Session, item: ReceiptItem, *, signed: SignedPayload, given: bool, at: datetime
) -> None:
    session.add(
        EvidenceRow(
            message_id=item.message_id,
            given=given,
            status=item.status,
            reason=item.reason,
            readable=item.readable,
            at=item.at,
            payload_sha256=item.payload_sha256,
            signer_key_id=signed.signer,
            stored_at=at,
            signed_receipt=signed.encode(),
        )
    )


# ------------------------------------------------------------------ owed by us


@dataclass(frozen=True, slots=True)
class ReceiptParcel:
    """One signed receipt for many messages of one peer, ready to be sealed."""

    peer: ParticipantCode
    due_ids: tuple[int, ...]
    items: tuple[ReceiptItem, ...]
    signed: SignedPayload
    transport_id: str


def claim_receipts(context: NodeContext) -> list[ReceiptParcel]:
    """Claim what is due, and sign one receipt per peer."""
    now = context.clock()
    with context.database.transaction() as session:
        due = session.exec(
            select(ReceiptDueRow)
            .where(
                ReceiptDueRow.next_attempt_at <= now,
                or_(
                    col(ReceiptDueRow.claimed_until).is_(None),
                    col(ReceiptDueRow.claimed_until) < now,
                ),
            )
            .order_by(col(ReceiptDueRow.peer), col(ReceiptDueRow.receipt_due_id))
            .limit(LIMITS.items)
            .with_for_update(skip_locked=True)
        ).all()
        for row in due:
            row.claimed_until = now + context.rules.lease
            row.attempts += 1
        session.flush()
    return [
        _sign_parcel(context, ParticipantCode(peer), list(rows), now=now)
        for peer, rows in groupby(due, key=lambda row: row.peer)
    ]


def _sign_parcel(
    context: NodeContext, peer: ParticipantCode, rows: Sequence[ReceiptDueRow], *, now: datetime
) -> ReceiptParcel:
    directory = context.directory.current()
    items = tuple(
        ReceiptItem(
            message_id=row.message_id,
            payload_sha256=row.payload_sha256,
            status=ReceiptStatus(row.status),
            at=row.at,
            reason=RejectionCode(row.reason) if row.reason else None,
            readable=row.readable,
        )
        for row in rows
    )
    receipt = Receipt(
        message_id=make_message_id(context.random),
        sender=context.participant,
        recipient=peer,
        composed_at=now.replace(microsecond=0),
        registry=RegistryPin(version=directory.version, sha256=directory.sha256),
        body=ReceiptBody(items=items),
    )
    consignment = Consignment(
        message_id=MessageId(receipt.message_id),
        sender=context.participant,
        recipient=peer,
        expires_at=receipt.composed_at + context.rules.expiry,
    )
    return ReceiptParcel(
        peer=peer,
        due_ids=tuple(row.receipt_due_id for row in rows if row.receipt_due_id is not None),
        items=items,
        signed=SignedPayload.sign(
            encode_payload(receipt), consignment=consignment, key=context.keys.signing_key
        ),
        transport_id=context.random(16).hex(),
    )


def record_receipts_sent(context: NodeContext, parcel: ReceiptParcel) -> None:
    """Keep what we signed as evidence, now that the broker has it, and owe it no longer.

    Should the broker lose it, the sender sends its message again and gets the receipt again.
    """
    now = context.clock()
    with context.database.transaction() as session:
        for due_id in parcel.due_ids:
            row = session.get(ReceiptDueRow, due_id)
            if row is not None:
                session.delete(row)
        for item in parcel.items:
            _keep_given(session, item, signed=parcel.signed, at=now)


def _keep_given(
    session: Session, item: ReceiptItem, *, signed: SignedPayload, at: datetime
) -> None:
    had = session.exec(
        select(EvidenceRow.evidence_id).where(
            EvidenceRow.message_id == item.message_id,
            EvidenceRow.status == item.status,
            col(EvidenceRow.given).is_(True),
        )
    ).first()
    if had is None:
        _add_evidence(session, item, signed=signed, given=True, at=at)


def record_receipts_failed(context: NodeContext, parcel: ReceiptParcel) -> None:
    """Nobody confirmed it: try again after a pause."""
    now = context.clock()
    with context.database.transaction() as session:
        for due_id in parcel.due_ids:
            row = session.get(ReceiptDueRow, due_id)
            if row is not None:
                row.claimed_until = None
                row.next_attempt_at = now + context.rules.retry_pause(row.attempts)


def next_receipt_in(context: NodeContext) -> timedelta | None:
    """Return how long until the next receipt is due; ``None`` if none is owed."""
    with context.database.reading() as session:
        first = session.exec(
            select(ReceiptDueRow.next_attempt_at)
            .order_by(col(ReceiptDueRow.next_attempt_at))
            .limit(1)
        ).first()
    return None if first is None else max(timedelta(0), first - context.clock())
