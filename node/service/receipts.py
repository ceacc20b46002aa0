"""Receipts: those we owe and those we were given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from node.domain.events import CHANGES_NOTHING, EventKind
from node.domain.states import (
    NOT_HELD,
    OPEN_DISPATCH,
    Dispatch,
    DispatchEvent,
    Handling,
    advance_dispatch,
)
from node.service.context import NodeContext
from node.service.due_rows import claim, is_due, try_later
from node.service.machine_mail import Parcel, make_head, sign_machine_message
from node.service.receipt_company import MOST, find_channels, gather_company
from node.service.receipt_rows import (
    Given,
    Owed,
    apply_delivered,
    find_evidence,
    insert_evidence,
    keep_given,
)
from node.service.records import OUT, add_event, find_message
from node.service.settling import recount, resettle
from node.store.bulk import delete_rows
from node.store.tables import EventRow, EvidenceRow, MessageRow, OutboxRow, ReceiptDueRow
from protocol.envelope import SignedPayload
from protocol.errors import RejectionCode
from protocol.identifiers import ParticipantCode
from protocol.messages.system import Receipt, ReceiptBody, ReceiptItem, ReceiptStatus

#: Rejections that say nothing about the message itself: sealing it again, for the newest key, may
#: well succeed.
_WORTH_ANOTHER_TRY: Final = frozenset({RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER})

#: Rejections owed to one peer of what nobody signed; beyond, none is added. A broker can invent as
#: many envelopes as it likes, and refuse to carry the answers: it must not fill the disk.
UNPROVEN_PER_PEER: Final = 1_000

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
        if item.payload_sha256 is None and _has_enough_unproven(session, peer):
            return
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


def _has_enough_unproven(session: Session, peer: str) -> bool:
    """Whether so much is owed to ``peer`` already that no signature stands behind."""
    owed = select(func.count()).where(
        ReceiptDueRow.peer == peer, col(ReceiptDueRow.payload_sha256).is_(None)
    )
    return session.exec(owed).one() >= UNPROVEN_PER_PEER


# ------------------------------------------------------------------ given to us


def apply_receipt(
    context: NodeContext, session: Session, receipt: Receipt, *, signed: SignedPayload
) -> None:
    """Let a verified receipt move the messages it names; what fits none of ours is left out.

    An item that names another digest than what we sent proves nothing about our message, so it
    moves nothing.
    """
    items = apply_delivered(
        context, session, receipt.body.items, peer=receipt.sender, signed=signed
    )
    for item in sorted(items, key=lambda each: each.message_id):
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
    is_new = _add_evidence(context, session, row, item, signed=signed)
    if not is_new and not _is_refused_again(session, row, item, signed=signed):
        return
    dispatch_event, kind = _EVENT_OF_STATUS[item.status]
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), dispatch_event)
    if state is not None:
        was_held = row.dispatch not in NOT_HELD
        row.dispatch = state
        row.row_version += 1
        if was_held and state in NOT_HELD:  # what they refused did nothing there
            recount(context, session, row, actor=row.peer)
        elif not was_held and state not in NOT_HELD:  # they have it after all, and so it counts
            session.flush()
            resettle(context, session, row)
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
        code=item.reason if state is not None else CHANGES_NOTHING,
    )


def _is_refused_again(
    session: Session, row: MessageRow, item: ReceiptItem, *, signed: SignedPayload
) -> bool:
    """Say whether a message that an administrator had handed over again was refused once more.

    By another receipt than the one that is kept, and of a later moment than the retry: a rejection
    that is replayed, or was held back, ends nothing. Should its clock be behind ours, the refusal
    of a later hand-over counts.
    """
    if item.status is not ReceiptStatus.REJECTED or row.dispatch not in OPEN_DISPATCH:
        return False
    retried = session.exec(
        select(EventRow.at)
        .where(EventRow.message_id == row.message_id, EventRow.kind == EventKind.MESSAGE_RETRIED)
        .order_by(col(EventRow.event_id).desc())
    ).first()
    if retried is not None and item.at < retried.replace(microsecond=0):
        return False
    kept = session.exec(
        select(EvidenceRow.receipt_id).where(
            EvidenceRow.message_id == row.message_id,
            EvidenceRow.status == item.status,
            col(EvidenceRow.given).is_(False),
        )
    ).first()
    return kept != signed.digest


def _add_evidence(
    context: NodeContext,
    session: Session,
    row: MessageRow,
    item: ReceiptItem,
    *,
    signed: SignedPayload,
) -> bool:
    """Keep what a receipt says about a message, once; say whether it was new."""
    if (row.message_id, item.status) in find_evidence(session, [row.message_id], given=False):
        return False
    insert_evidence(context, session, {row.message_id: item}, signed=signed, given=False)
    return True


# ------------------------------------------------------------------ owed by us


@dataclass(frozen=True, slots=True)
class ReceiptParcel(Parcel):
    """One signed receipt for messages of one peer and one channel, ready to be sealed."""

    items: tuple[ReceiptItem, ...]


def claim_receipts(context: NodeContext) -> list[ReceiptParcel]:
    """Claim what is due, oldest first, and sign one receipt per peer and channel."""
    now = context.clock()
    # What a power cut gives back is signed and sent again.
    due = context.transact(partial(_claim, context, now=now), durable=False)
    return sign_owed(context, due)


def claim_receipts_of(context: NodeContext, session: Session, row: MessageRow) -> list[Owed]:
    """Claim what is owed for one message, for the relay of this process.

    Sign it (:func:`sign_owed`) and hand it on after the commit. Nothing, where no relay takes more:
    then it waits in the store.
    """
    if not context.leaving.receipts.takes_more:
        return []
    its_own = (ReceiptDueRow.peer == row.peer, ReceiptDueRow.wire_id == row.wire_id)
    return _claim(context, session, *its_own, now=context.clock())


def _claim(
    context: NodeContext,
    session: Session,
    *narrower: ColumnElement[bool] | bool,
    now: datetime,
) -> list[Owed]:
    due = session.exec(
        select(ReceiptDueRow)
        .where(*is_due(ReceiptDueRow, now=now, rules=context.rules), *narrower)
        .order_by(col(ReceiptDueRow.receipt_due_id))
        .limit(MOST)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        claim(row, now=now, rules=context.rules)
    session.flush()
    names = [(row.peer, row.wire_id, row.payload_sha256) for row in due]
    channels = find_channels(session, names)
    return [
        Owed(row.receipt_due_id or 0, row.peer, _read_item(row), channels.get(name))
        for row, name in zip(due, names, strict=True)
    ]


def _read_item(row: ReceiptDueRow) -> ReceiptItem:
    return ReceiptItem(
        message_id=row.wire_id,
        payload_sha256=row.payload_sha256,
        status=ReceiptStatus(row.status),
        at=row.at,
        reason=RejectionCode(row.reason) if row.reason else None,
        readable=row.readable,
    )


def sign_owed(context: NodeContext, owed: Sequence[Owed]) -> list[ReceiptParcel]:
    """Sign what is owed and claimed, one receipt per peer and channel.

    They are in no order: whoever carries them must not learn from it which one is of which channel.
    """
    now = context.clock()
    parcels = [_sign(context, company, now=now) for company in gather_company(owed)]
    return sorted(parcels, key=lambda parcel: parcel.transport_id)


def _sign(context: NodeContext, owed: Sequence[Owed], *, now: datetime) -> ReceiptParcel:
    peer, items = ParticipantCode(owed[0].peer), tuple(each.item for each in owed)
    receipt = Receipt(**make_head(context, peer, now=now), body=ReceiptBody(items=items))
    return ReceiptParcel(
        peer=peer,
        due_ids=tuple(each.due_id for each in owed),
        items=items,
        signed=sign_machine_message(context, receipt),
        transport_id=context.random(16).hex(),
    )


def record_receipts_sent(context: NodeContext, parcel: ReceiptParcel) -> None:
    """Do what :func:`record_parcels_sent` does, for one."""
    record_parcels_sent(context, [parcel])


def record_parcels_sent(context: NodeContext, parcels: Sequence[ReceiptParcel]) -> None:
    """Keep what we signed as evidence, now that the broker has it, and owe it no longer.

    Should the broker lose it, the sender sends its message again and gets the receipt again.
    """
    if not parcels:
        return

    def record(session: Session) -> None:
        delete_rows(session, ReceiptDueRow, [each for parcel in parcels for each in parcel.due_ids])
        given = [Given(parcel.peer, parcel.items, parcel.signed) for parcel in parcels]
        keep_given(context, session, given)

    # What a power cut gives back is owed again, and kept when it has been sent again.
    context.transact(record, durable=False)


def record_receipts_failed(context: NodeContext, parcel: ReceiptParcel) -> None:
    """Nobody confirmed it: try again after a pause."""

    def record(session: Session) -> None:
        for due_id in parcel.due_ids:
            row = session.get(ReceiptDueRow, due_id)
            if row is not None:
                try_later(row, now=context.clock(), rules=context.rules)

    context.transact(record)
