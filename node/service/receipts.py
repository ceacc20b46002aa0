"""Receipts: those we owe and those we were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Final

from sqlmodel import Session, col, select

from node.domain.events import EventKind
from node.domain.states import Dispatch, DispatchEvent, Handling, advance_dispatch
from node.service.context import NodeContext
from node.service.due_rows import claim, is_due, next_due_in, try_later
from node.service.machine_mail import Parcel, make_head, sign_machine_message
from node.service.records import IN, OUT, add_event, find_message
from node.store.tables import EvidenceRow, MessageRow, OutboxRow, ReceiptDueRow, ReceiptRow
from protocol.envelope import SignedPayload
from protocol.errors import RejectionCode
from protocol.evidence.head import parse_evidence_head
from protocol.identifiers import ParticipantCode
from protocol.messages.system import Receipt, ReceiptBody, ReceiptItem, ReceiptStatus

#: Rejections that say nothing about the message itself: sealing it again, for the newest key, may
#: well succeed.
_WORTH_ANOTHER_TRY: Final = frozenset({RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER})

#: Messages that one receipt confirms at most.
_PARCEL: Final = 64

_EVENT_OF_STATUS: Final = {
    ReceiptStatus.DELIVERED: (DispatchEvent.RECEIPT_DELIVERED, EventKind.MESSAGE_DELIVERED),
    ReceiptStatus.READ: (DispatchEvent.RECEIPT_READ, EventKind.MESSAGE_READ),
    ReceiptStatus.REJECTED: (DispatchEvent.RECEIPT_REJECTED, EventKind.MESSAGE_REJECTED),
}


def owe_receipt(context: NodeContext, session: Session, *, peer: str, item: ReceiptItem) -> None:
    """Note that ``peer`` is to get ``item``; twice the same is once, and proof replaces guess."""
    due = session.exec(
        select(ReceiptDueRow).where(
            ReceiptDueRow.peer == peer,
            ReceiptDueRow.wire_id == item.message_id,
            ReceiptDueRow.status == item.status,
        )
    ).one_or_none()
    if due is None:
        due = ReceiptDueRow(
            peer=peer,
            wire_id=item.message_id,
            status=item.status,
            at=item.at,
            next_attempt_at=context.clock(),
        )
    elif due.payload_sha256 is not None:
        return
    due.payload_sha256 = item.payload_sha256
    due.reason = item.reason
    due.readable = item.readable
    session.add(due)
    session.flush()


# ------------------------------------------------------------------ given to us


def apply_receipt(
    context: NodeContext, session: Session, receipt: Receipt, *, signed: SignedPayload
) -> None:
    """Let a verified receipt move the messages it names; what fits none of ours is left out.

    An item that names another digest than what we sent proves nothing about our message, so it
    moves nothing.
    """
    for item in sorted(receipt.body.items, key=lambda each: each.message_id):
        row = find_message(
            session, direction=OUT, peer=receipt.sender, wire_id=item.message_id, lock=True
        )
        if row is None:
            continue
        if item.payload_sha256 is None or (
            item.status is ReceiptStatus.REJECTED and item.reason in _WORTH_ANOTHER_TRY
        ):
            _seal_again(context, session, row)
        elif item.payload_sha256 == row.payload_sha256:
            _record_evidence(context, session, row, item, signed=signed)


def _seal_again(context: NodeContext, session: Session, row: MessageRow) -> None:
    """Hand the message over once more: at once for a newer key, else after the usual pause."""
    outbox = session.get(OutboxRow, row.message_id, with_for_update=True)
    if outbox is None:
        return
    now = context.clock()
    newest = context.directory.current().newest_encryption_key(ParticipantCode(row.peer), now)
    if newest is not None and newest.key_id != outbox.sealed_for:
        pause = timedelta(0)
    else:
        pause = context.rules.resend_pause(max(1, outbox.handed_over))
        context.signals.registry_wanted.notify()
    outbox.next_attempt_at = min(outbox.next_attempt_at, now + pause)
    outbox.last_error = "the recipient could not open it: sealing again"


def _record_evidence(
    context: NodeContext,
    session: Session,
    row: MessageRow,
    item: ReceiptItem,
    *,
    signed: SignedPayload,
) -> None:
    if not _add_evidence(context, session, row, item, signed=signed, given=False):
        return
    dispatch_event, kind = _EVENT_OF_STATUS[item.status]
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), dispatch_event)
    if state is not None:
        row.dispatch = state
        row.row_version += 1
    if item.status is ReceiptStatus.READ and row.handling == Handling.NEW:
        row.handling = Handling.OPENED
    outbox = session.get(OutboxRow, row.message_id, with_for_update=True)
    if outbox is not None:
        session.delete(outbox)
    add_event(
        session,
        kind=kind,
        at=context.clock(),
        actor=row.peer,
        case_id=row.case_id,
        message_id=row.message_id,
        # A receipt that comes too late to change anything is evidence all the same.
        code=item.reason if state is not None else "changes_nothing",
    )


def _add_evidence(  # noqa: PLR0913 - what is kept of one receipt
    context: NodeContext,
    session: Session,
    row: MessageRow,
    item: ReceiptItem,
    *,
    signed: SignedPayload,
    given: bool,
) -> bool:
    """Keep what a receipt says about a message, once; say whether it was new."""
    had = session.exec(
        select(EvidenceRow.evidence_id).where(
            EvidenceRow.message_id == row.message_id,
            EvidenceRow.status == item.status,
            col(EvidenceRow.given).is_(given),
        )
    ).first()
    if had is not None:
        return False
    receipt_id = signed.digest
    if session.get(ReceiptRow, receipt_id) is None:
        registry = parse_evidence_head(signed).registry
        session.add(
            ReceiptRow(
                receipt_id=receipt_id,
                signer_key_id=signed.signer,
                signed_receipt=signed.encode(),
                registry_version=registry.version,
                registry_sha256=registry.sha256,
            )
        )
        session.flush()
    session.add(
        EvidenceRow(
            message_id=row.message_id,
            given=given,
            status=item.status,
            reason=item.reason,
            readable=item.readable,
            at=item.at,
            payload_sha256=item.payload_sha256,
            stored_at=context.clock(),
            receipt_id=receipt_id,
        )
    )
    return True


# ------------------------------------------------------------------ owed by us


@dataclass(frozen=True, slots=True)
class ReceiptParcel(Parcel):
    """One signed receipt for many messages of one peer, ready to be sealed."""

    items: tuple[ReceiptItem, ...]


def claim_receipts(context: NodeContext) -> list[ReceiptParcel]:
    """Claim what is due, oldest first, and sign one receipt per peer."""
    now = context.clock()
    due = context.transact(partial(_claim, context, now=now))
    by_peer = sorted(due, key=lambda row: row.peer)
    return [
        _sign_parcel(context, ParticipantCode(peer), list(rows), now=now)
        for peer, rows in groupby(by_peer, key=lambda row: row.peer)
    ]


def _claim(context: NodeContext, session: Session, *, now: datetime) -> Sequence[ReceiptDueRow]:
    due = session.exec(
        select(ReceiptDueRow)
        .where(*is_due(ReceiptDueRow, now=now, rules=context.rules))
        .order_by(col(ReceiptDueRow.receipt_due_id))
        .limit(_PARCEL)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        claim(row, now=now, rules=context.rules)
    session.flush()
    return due


def _sign_parcel(
    context: NodeContext, peer: ParticipantCode, rows: Sequence[ReceiptDueRow], *, now: datetime
) -> ReceiptParcel:
    items = tuple(
        ReceiptItem(
            message_id=row.wire_id,
            payload_sha256=row.payload_sha256,
            status=ReceiptStatus(row.status),
            at=row.at,
            reason=RejectionCode(row.reason) if row.reason else None,
            readable=row.readable,
        )
        for row in rows
    )
    receipt = Receipt(**make_head(context, peer, now=now), body=ReceiptBody(items=items))
    return ReceiptParcel(
        peer=peer,
        due_ids=tuple(row.receipt_due_id for row in rows if row.receipt_due_id is not None),
        items=items,
        signed=sign_machine_message(context, receipt),
        transport_id=context.random(16).hex(),
    )


def record_receipts_sent(context: NodeContext, parcel: ReceiptParcel) -> None:
    """Keep what we signed as evidence, now that the broker has it, and owe it no longer.

    Should the broker lose it, the sender sends its message again and gets the receipt again.
    """

    def record(session: Session) -> None:
        for due_id in parcel.due_ids:
            due = session.get(ReceiptDueRow, due_id)
            if due is not None:
                session.delete(due)
        for item in parcel.items:
            row = find_message(session, direction=IN, peer=parcel.peer, wire_id=item.message_id)
            if row is not None and row.payload_sha256 == item.payload_sha256:
                _add_evidence(context, session, row, item, signed=parcel.signed, given=True)

    context.transact(record)


def record_receipts_failed(context: NodeContext, parcel: ReceiptParcel) -> None:
    """Nobody confirmed it: try again after a pause."""

    def record(session: Session) -> None:
        for due_id in parcel.due_ids:
            row = session.get(ReceiptDueRow, due_id)
            if row is not None:
                try_later(row, now=context.clock(), rules=context.rules)

    context.transact(record)


def next_receipt_in(context: NodeContext) -> timedelta | None:
    """Return how long until the next receipt is due; ``None`` if none is owed."""
    return next_due_in(context, ReceiptDueRow)
