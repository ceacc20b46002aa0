"""What one receipt says about many messages, written at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session, col, delete, select, update

from node.domain.events import CHANGES_NOTHING, EventKind
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.service.context import NodeContext
from node.service.records import IN, OUT
from node.store.bulk import in_parts, insert_rows
from node.store.tables import EventRow, EvidenceRow, MessageRow, OutboxRow, ReceiptRow
from protocol.envelope import SignedPayload
from protocol.evidence.head import parse_evidence_head
from protocol.messages.system import ReceiptItem, ReceiptStatus


def keep_receipt(session: Session, signed: SignedPayload) -> str:
    """Keep a receipt as it was signed, once; returns its name."""
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
    return receipt_id


def find_evidence(
    session: Session, message_ids: Sequence[str], *, given: bool
) -> set[tuple[str, str]]:
    """Return for which messages which status is kept already."""
    found: set[tuple[str, str]] = set()
    for part in in_parts(message_ids):
        found.update(
            session.exec(
                select(EvidenceRow.message_id, EvidenceRow.status).where(
                    col(EvidenceRow.message_id).in_(part), col(EvidenceRow.given).is_(given)
                )
            )
        )
    return found


def insert_evidence(
    context: NodeContext,
    session: Session,
    items: Mapping[str, ReceiptItem],
    *,
    signed: SignedPayload,
    given: bool,
) -> None:
    """Keep what a receipt says about messages, by our names for them; none is kept already."""
    if not items:
        return
    receipt_id, now = keep_receipt(session, signed), context.clock()
    insert_rows(
        session,
        EvidenceRow,
        [
            {
                "message_id": message_id,
                "given": given,
                "status": item.status,
                "reason": item.reason,
                "readable": item.readable,
                "at": item.at,
                "payload_sha256": item.payload_sha256,
                "stored_at": now,
                "receipt_id": receipt_id,
            }
            for message_id, item in items.items()
        ],
    )


def keep_given(
    context: NodeContext,
    session: Session,
    items: Sequence[ReceiptItem],
    *,
    peer: str,
    signed: SignedPayload,
) -> None:
    """Keep what we said in a receipt about messages that we hold, where it is not kept yet."""
    ours: dict[str, tuple[str, str]] = {}
    for part in in_parts({item.message_id for item in items}):
        for message_id, wire_id, digest in session.exec(
            select(MessageRow.message_id, MessageRow.wire_id, MessageRow.payload_sha256).where(
                MessageRow.direction == IN,
                MessageRow.peer == peer,
                col(MessageRow.wire_id).in_(part),
            )
        ):
            ours[wire_id] = (message_id, digest)
    kept = find_evidence(session, [message_id for message_id, _ in ours.values()], given=True)
    # A message may have earned two things at once: one statement for each kind.
    for status in {item.status for item in items}:
        said = {
            ours[item.message_id][0]: item
            for item in items
            if item.status is status
            and item.message_id in ours
            and item.payload_sha256 == ours[item.message_id][1]
            and (ours[item.message_id][0], str(status)) not in kept
        }
        insert_evidence(context, session, said, signed=signed, given=True)


class _Ours(NamedTuple):
    """What of a message of ours a receipt is judged by."""

    message_id: str
    wire_id: str
    payload_sha256: str
    dispatch: str | None
    case_id: str | None


def apply_delivered(
    context: NodeContext,
    session: Session,
    items: Iterable[ReceiptItem],
    *,
    peer: str,
    signed: SignedPayload,
) -> list[ReceiptItem]:
    """Let the plain news of a receipt, that messages were delivered, move them.

    Returns the other items: what was refused, opened, or is not proven by a digest.
    """
    left: list[ReceiptItem] = []
    delivered: dict[str, ReceiptItem] = {}
    for item in items:
        if (
            item.status is ReceiptStatus.DELIVERED
            and item.payload_sha256 is not None
            and item.message_id not in delivered
        ):
            delivered[item.message_id] = item
        else:
            left.append(item)
    for part in in_parts(delivered):
        wanted = {wire_id: delivered[wire_id] for wire_id in part}
        _apply_part(context, session, wanted, peer=peer, signed=signed)
    return left


def _apply_part(
    context: NodeContext,
    session: Session,
    wanted: Mapping[str, ReceiptItem],
    *,
    peer: str,
    signed: SignedPayload,
) -> None:
    """Do it for some: rows of messages are locked first, in order, then those of the outbox."""
    found = _lock_ours(session, wanted, peer=peer)
    kept = {
        message_id
        for message_id, status in find_evidence(session, list(found), given=False)
        if status == ReceiptStatus.DELIVERED
    }
    fresh = {each: row for each, row in found.items() if each not in kept}
    if not fresh:
        return
    insert_evidence(
        context,
        session,
        {message_id: wanted[row.wire_id] for message_id, row in fresh.items()},
        signed=signed,
        given=False,
    )
    moved = {
        message_id
        for message_id, row in fresh.items()
        if advance_dispatch(
            Dispatch(row.dispatch or Dispatch.QUEUED), DispatchEvent.RECEIPT_DELIVERED
        )
        is Dispatch.DELIVERED
    }
    _move(session, sorted(moved))
    session.exec(
        delete(OutboxRow)
        .where(col(OutboxRow.message_id).in_(sorted(fresh)))
        .execution_options(synchronize_session=False)
    )
    now = context.clock()
    insert_rows(
        session,
        EventRow,
        [
            _tell(row, at=now, peer=peer, changes=message_id in moved)
            for message_id, row in fresh.items()
        ],
    )


def _lock_ours(
    session: Session, wanted: Mapping[str, ReceiptItem], *, peer: str
) -> dict[str, _Ours]:
    """Lock and return our messages that a receipt names, in order.

    Another digest than that of what we sent proves nothing about our message: it is left out.
    """
    rows = session.exec(
        select(  # type: ignore[call-overload]  # SQLModel has overloads for four columns only
            MessageRow.message_id,
            MessageRow.wire_id,
            MessageRow.payload_sha256,
            MessageRow.dispatch,
            MessageRow.case_id,
        )
        .where(
            MessageRow.direction == OUT,
            MessageRow.peer == peer,
            col(MessageRow.wire_id).in_(list(wanted)),
        )
        .order_by(MessageRow.message_id)
        .with_for_update()
    )
    return {
        row.message_id: row
        for row in (_Ours(*columns) for columns in rows)
        if row.payload_sha256 == wanted[row.wire_id].payload_sha256
    }


def _move(session: Session, message_ids: Sequence[str]) -> None:
    if message_ids:
        session.exec(
            update(MessageRow)
            .where(col(MessageRow.message_id).in_(message_ids))
            .values(dispatch=Dispatch.DELIVERED, row_version=col(MessageRow.row_version) + 1)
            .execution_options(synchronize_session=False)
        )


def _tell(row: _Ours, *, at: datetime, peer: str, changes: bool) -> dict[str, Any]:
    return {
        "kind": EventKind.MESSAGE_DELIVERED,
        "at": at,
        "actor": peer,
        "case_id": row.case_id,
        "message_id": row.message_id,
        # A receipt that comes too late to change anything is evidence all the same.
        "code": None if changes else CHANGES_NOTHING,
    }
