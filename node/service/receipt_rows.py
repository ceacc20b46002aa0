"""What one receipt says about many messages, written at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from node.domain.events import CHANGES_NOTHING, EventKind
from node.domain.states import NOT_HELD, Dispatch, DispatchEvent, advance_dispatch
from node.service.context import NodeContext
from node.service.records import IN, OUT
from node.store.bulk import delete_rows, in_parts, insert_rows, table_of
from node.store.prepared import Prepared
from node.store.tables import (
    EventRow,
    EvidenceRow,
    MessageRow,
    OutboxRow,
    ReceiptDueRow,
    ReceiptRow,
)
from protocol.envelope import SignedPayload
from protocol.evidence.head import parse_evidence_head
from protocol.messages.system import ReceiptItem, ReceiptStatus

_MESSAGE, _EVIDENCE = table_of(MessageRow).c, table_of(EvidenceRow).c

# Made once: putting a question together costs more than asking it.
_HELD: Final = Prepared(
    select(_MESSAGE.message_id, _MESSAGE.wire_id, _MESSAGE.payload_sha256).where(
        _MESSAGE.direction == IN,
        _MESSAGE.peer == bindparam("peer"),
        _MESSAGE.wire_id.in_(bindparam("wire_ids", expanding=True)),
    )
)
_KEPT: Final = Prepared(
    select(_EVIDENCE.message_id, _EVIDENCE.status).where(
        _EVIDENCE.message_id.in_(bindparam("message_ids", expanding=True)),
        _EVIDENCE.given == bindparam("given"),
    )
)
_RECEIPTS: Final = Prepared(
    select(table_of(ReceiptRow).c.receipt_id).where(
        table_of(ReceiptRow).c.receipt_id.in_(bindparam("receipt_ids", expanding=True))
    )
)
_OWE: Final = Prepared(
    insert(table_of(ReceiptDueRow)).returning(table_of(ReceiptDueRow).c.receipt_due_id)
)
#: So few are quicker one by one than together.
_FEW: Final = 4
_OURS: Final = Prepared(
    select(
        _MESSAGE.message_id,
        _MESSAGE.wire_id,
        _MESSAGE.payload_sha256,
        _MESSAGE.dispatch,
        _MESSAGE.case_id,
    )
    .where(
        _MESSAGE.direction == OUT,
        _MESSAGE.peer == bindparam("peer"),
        _MESSAGE.wire_id.in_(bindparam("wire_ids", expanding=True)),
    )
    .order_by(_MESSAGE.message_id)
    .with_for_update()
)
_MOVE: Final = Prepared(
    update(table_of(MessageRow))
    .where(_MESSAGE.message_id.in_(bindparam("message_ids", expanding=True)))
    .values(dispatch=Dispatch.DELIVERED, row_version=_MESSAGE.row_version + 1)
)


def keep_receipts(session: Session, receipts: Sequence[SignedPayload]) -> None:
    """Keep receipts as they were signed, each once; each is named by its digest."""
    by_name = {signed.digest: signed for signed in receipts}
    for part in in_parts(by_name):
        kept = {name for (name,) in _RECEIPTS.ask(session, {"receipt_ids": part})}
        insert_rows(
            session,
            ReceiptRow,
            [_describe_receipt(by_name[name]) for name in part if name not in kept],
        )


def _describe_receipt(signed: SignedPayload) -> dict[str, Any]:
    registry = parse_evidence_head(signed).registry
    return {
        "receipt_id": signed.digest,
        "signer_key_id": signed.signer,
        "signed_receipt": signed.encode(),
        "registry_version": registry.version,
        "registry_sha256": registry.sha256,
    }


def find_evidence(
    session: Session, message_ids: Sequence[str], *, given: bool
) -> set[tuple[str, str]]:
    """Return for which messages which status is kept already."""
    found: set[tuple[str, str]] = set()
    for part in in_parts(message_ids):
        found.update(
            (message_id, status)
            for message_id, status in _KEPT.ask(session, {"message_ids": part, "given": given})
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
    keep_receipts(session, [signed])
    now, receipt_id = context.clock(), signed.digest
    insert_rows(
        session,
        EvidenceRow,
        [
            _describe_evidence(message_id, item, given=given, at=now, receipt_id=receipt_id)
            for message_id, item in items.items()
        ],
    )


def _describe_evidence(
    message_id: str, item: ReceiptItem, *, given: bool, at: datetime, receipt_id: str
) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "given": given,
        "status": item.status,
        "reason": item.reason,
        "readable": item.readable,
        "at": item.at,
        "payload_sha256": item.payload_sha256,
        "stored_at": at,
        "receipt_id": receipt_id,
    }


class Owed(NamedTuple):
    """A receipt that is owed and claimed: the number of its row, to whom, and what it says.

    With the channel of the message, if this node knows it.
    """

    due_id: int
    peer: str
    item: ReceiptItem
    channel: str | None


def owe_claimed(
    session: Session,
    rows: Sequence[Mapping[str, Any]],
    *,
    channels: Sequence[str | None],
    until: datetime,
) -> list[Owed]:
    """Insert receipts that are owed as claimed ``until`` then; none is owed already.

    ``channels``: those of the messages, in the same order.
    """
    if not rows:
        return []
    claimed = [{**row, "claimed_until": until, "attempts": 1} for row in rows]
    if len(claimed) <= _FEW:
        numbers = [_OWE.ask(session, row)[0] for row in claimed]
    else:
        numbers = _insert_many(session, claimed)
    return [
        Owed(
            number,
            row["peer"],
            ReceiptItem(
                message_id=row["wire_id"],
                payload_sha256=row["payload_sha256"],
                status=row["status"],
                at=row["at"],
                readable=row["readable"],
            ),
            channel,
        )
        for (number,), row, channel in zip(numbers, rows, channels, strict=True)
    ]


def _insert_many(session: Session, claimed: Sequence[Mapping[str, Any]]) -> list[tuple[int]]:
    """Insert them with few statements; returns their numbers, in order."""
    table = table_of(ReceiptDueRow)
    statement = insert(table).returning(table.c.receipt_due_id, sort_by_parameter_order=True)
    return [(number,) for (number,) in session.connection().execute(statement, claimed)]


class Given(NamedTuple):
    """What we said in a receipt, and to whom."""

    peer: str
    items: Sequence[ReceiptItem]
    signed: SignedPayload


def keep_given(context: NodeContext, session: Session, given: Sequence[Given]) -> None:
    """Keep what we said in receipts about messages that we hold, where it is not kept yet."""
    ours = _find_held(session, given)
    kept = find_evidence(session, [message_id for message_id, _ in ours.values()], given=True)
    rows: list[dict[str, Any]] = []
    now = context.clock()
    for peer, items, signed in given:
        for item in items:
            message_id, digest = ours.get((peer, item.message_id), ("", ""))
            if digest != item.payload_sha256 or (message_id, str(item.status)) in kept:
                continue
            kept.add((message_id, str(item.status)))
            rows.append(
                _describe_evidence(message_id, item, given=True, at=now, receipt_id=signed.digest)
            )
    named = {row["receipt_id"] for row in rows}
    keep_receipts(session, [each.signed for each in given if each.signed.digest in named])
    insert_rows(session, EvidenceRow, rows)


def _find_held(session: Session, given: Sequence[Given]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return our name and the digest of received messages, by sender and name on the wire."""
    held: dict[tuple[str, str], tuple[str, str]] = {}
    by_peer: dict[str, set[str]] = {}
    for each in given:
        by_peer.setdefault(each.peer, set()).update(item.message_id for item in each.items)
    for peer, names in by_peer.items():
        for part in in_parts(sorted(names)):
            for message_id, wire_id, digest in _HELD.ask(session, {"peer": peer, "wire_ids": part}):
                held[(peer, wire_id)] = (message_id, digest)
    return held


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

    Returns the other items: what was refused, opened, is not proven by a digest, or counts again
    because we believed that they did not have it.
    """
    session.flush()  # what follows is below the objects
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
        left += _apply_part(context, session, wanted, peer=peer, signed=signed)
    return left


def _apply_part(
    context: NodeContext,
    session: Session,
    wanted: Mapping[str, ReceiptItem],
    *,
    peer: str,
    signed: SignedPayload,
) -> list[ReceiptItem]:
    """Do it for some: rows of messages are locked first, in order, then those of the outbox."""
    ours = _lock_ours(session, wanted, peer=peer)
    again = [wanted[row.wire_id] for row in ours.values() if row.dispatch in NOT_HELD]
    found = {each: row for each, row in ours.items() if row.dispatch not in NOT_HELD}
    kept = {
        message_id
        for message_id, status in find_evidence(session, list(found), given=False)
        if status == ReceiptStatus.DELIVERED
    }
    fresh = {each: row for each, row in found.items() if each not in kept}
    if not fresh:
        return again
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
    delete_rows(session, OutboxRow, sorted(fresh))
    now = context.clock()
    insert_rows(
        session,
        EventRow,
        [
            _tell(row, at=now, peer=peer, changes=message_id in moved)
            for message_id, row in fresh.items()
        ],
    )
    return again


def _lock_ours(
    session: Session, wanted: Mapping[str, ReceiptItem], *, peer: str
) -> dict[str, _Ours]:
    """Lock and return our messages that a receipt names, in order.

    Another digest than that of what we sent proves nothing about our message: it is left out.
    """
    rows = _OURS.ask(session, {"peer": peer, "wire_ids": list(wanted)})
    return {
        row.message_id: row
        for row in (_Ours(*columns) for columns in rows)
        if row.payload_sha256 == wanted[row.wire_id].payload_sha256
    }


def _move(session: Session, message_ids: Sequence[str]) -> None:
    if message_ids:
        _MOVE.do(session, [{"message_ids": list(message_ids)}])


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
