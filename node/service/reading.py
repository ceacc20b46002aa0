"""What people and programs look at: inbox, sent, message, case timeline."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, literal
from sqlmodel import Session, col, func, select, tuple_

from console.storage.columns import Moment
from node.domain.events import EventKind
from node.domain.states import DECIDABLE, Handling
from node.service.context import NodeContext, NotFoundError
from node.service.holding import HELD_BACK
from node.service.owing import owe_read
from node.service.records import IN, add_event, list_with_files, load_message
from node.store.tables import (
    CaseRow,
    EventRow,
    EvidenceRow,
    MessageRow,
    OutboxRow,
    QuarantineRow,
    ReceiptRow,
)
from protocol.envelope import SignedPayload
from protocol.identifiers import CaseReference
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.head import Head
from protocol.messages.system import ReceiptStatus

PAGE = 100
"""Most items of one answer."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the inbox or of what was sent: metadata only."""

    message_id: str
    direction: str
    case_id: str | None
    case_reference: str | None
    peer: str
    type: str
    readable: bool
    phase: str | None
    urgency: str | None
    from_authority: str | None
    to_authority: str | None
    composed_at: datetime | None
    stored_at: datetime
    answer_by: datetime | None
    expires_at: datetime
    dispatch: str | None
    handling: str
    row_version: int


@dataclass(frozen=True, slots=True)
class Proof:
    """A signed receipt: who said what about which payload, and when."""

    status: str
    given: bool
    at: datetime
    reason: str | None
    payload_sha256: str | None
    signer_key_id: str


@dataclass(frozen=True, slots=True)
class Trying:
    """What the relay is doing about a message without receipt."""

    attempts: int
    handed_over: int
    next_attempt_at: datetime
    last_error: str | None

    @property
    def is_held_back(self) -> bool:
        """Whether it waits because the registry is too old."""
        return self.last_error == HELD_BACK


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as a focal point sees it."""

    item: Item
    message: Head | UnreadableMessage
    payload_sha256: str
    signer_key_id: str
    link_seq: int | None
    link_verdict: str | None
    registry_version: int | None
    in_reply_to: str | None
    decided_by_message: str | None
    proofs: tuple[Proof, ...]
    trying: Trying | None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of a case's timeline."""

    at: datetime
    kind: EventKind
    actor: str
    code: str | None
    item: Item | None
    proof: Proof | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case: its messages and everything that happened, newest first."""

    case_id: str
    reference: CaseReference
    created_at: datetime
    peers: tuple[str, ...]
    items: tuple[Item, ...]
    timeline: tuple[TimelineEntry, ...]


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One line of the list of cases."""

    case_id: str
    reference: CaseReference
    created_at: datetime
    last_event_at: datetime


def _item(row: MessageRow, reference: str | None) -> Item:
    return Item(
        message_id=row.message_id,
        direction=row.direction,
        case_id=row.case_id,
        case_reference=reference,
        peer=row.peer,
        type=row.type,
        readable=row.readable,
        phase=row.phase,
        urgency=row.urgency,
        from_authority=row.from_authority,
        to_authority=row.to_authority,
        composed_at=row.composed_at,
        stored_at=row.stored_at,
        answer_by=row.answer_by,
        expires_at=row.expires_at,
        dispatch=row.dispatch,
        handling=row.handling,
        row_version=row.row_version,
    )


def list_items(
    context: NodeContext,
    *,
    direction: str,
    open_only: bool = False,
    limit: int = PAGE,
    after: str | None = None,
) -> list[Item]:
    """List received (``in``) or sent (``out``) messages.

    ``open_only``: those that wait for a decision, nearest deadline first; otherwise newest first.
    ``after`` is the message id at which the previous page ended; raises ``NotFoundError`` if there
    is no such message.
    """
    due = func.coalesce(MessageRow.answer_by, MessageRow.expires_at)
    place = (
        tuple_(due, col(MessageRow.message_id))
        if open_only
        else tuple_(col(MessageRow.stored_at), col(MessageRow.message_id))
    )
    statement = (
        select(MessageRow, CaseRow.reference)
        .join(CaseRow, col(CaseRow.case_id) == col(MessageRow.case_id), isouter=True)
        .where(MessageRow.direction == direction)
    )
    if open_only:
        statement = statement.where(col(MessageRow.handling).in_(DECIDABLE)).order_by(
            due, col(MessageRow.message_id)
        )
    else:
        statement = statement.order_by(
            col(MessageRow.stored_at).desc(), col(MessageRow.message_id).desc()
        )
    with context.database.reading() as session:
        if after is not None:
            last = session.get(MessageRow, after)
            if last is None:
                raise NotFoundError("The list has changed: begin again without 'after'.")
            if open_only:
                here = tuple_(_literal(last.answer_by or last.expires_at), last.message_id)
                statement = statement.where(place > here)
            else:
                statement = statement.where(
                    place < tuple_(_literal(last.stored_at), last.message_id)
                )
        rows = session.exec(statement.limit(min(limit, PAGE))).all()
    return [_item(row, reference) for row, reference in rows]


def _literal(moment: datetime) -> BindParameter[datetime]:
    return literal(moment, Moment())


def list_cases(context: NodeContext, *, limit: int = PAGE) -> list[CaseSummary]:
    """List cases, the one in which something happened last first."""
    last = func.max(EventRow.at).label("last")
    statement = (
        select(CaseRow, last)
        .join(EventRow, col(EventRow.case_id) == col(CaseRow.case_id))
        .group_by(col(CaseRow.case_id))
        .order_by(last.desc())
        .limit(min(limit, PAGE))
    )
    with context.database.reading() as session:
        return [
            CaseSummary(
                case_id=case.case_id,
                reference=CaseReference(case.reference),
                created_at=case.created_at,
                last_event_at=moment,
            )
            for case, moment in session.exec(statement)
        ]


def get_message(context: NodeContext, message_id: str) -> MessageView:
    """Return a message with its evidence; raises ``NotFoundError``. Does not mark it as opened."""
    with context.database.reading() as session:
        stored = load_message(context, session, message_id)
        row = stored.row
        case = session.get(CaseRow, row.case_id) if row.case_id else None
        outbox = session.get(OutboxRow, message_id)
        proofs = tuple(_proof(*pair) for pair in _list_evidence(session, [message_id]))
    return MessageView(
        item=_item(row, case.reference if case else None),
        message=stored.message,
        payload_sha256=row.payload_sha256,
        signer_key_id=row.signer_key_id,
        link_seq=row.link_seq,
        link_verdict=row.link_verdict,
        registry_version=row.registry_version,
        in_reply_to=row.in_reply_to,
        decided_by_message=row.decided_by_message,
        proofs=proofs,
        trying=Trying(
            attempts=outbox.attempts,
            handed_over=outbox.handed_over,
            next_attempt_at=outbox.next_attempt_at,
            last_error=outbox.last_error,
        )
        if outbox
        else None,
    )


def _list_evidence(
    session: Session, message_ids: Sequence[str]
) -> Sequence[tuple[EvidenceRow, ReceiptRow]]:
    return session.exec(
        select(EvidenceRow, ReceiptRow)
        .join(ReceiptRow, col(ReceiptRow.receipt_id) == col(EvidenceRow.receipt_id))
        .where(col(EvidenceRow.message_id).in_(message_ids))
        .order_by(col(EvidenceRow.evidence_id))
    ).all()


def _proof(row: EvidenceRow, receipt: ReceiptRow) -> Proof:
    return Proof(
        status=row.status,
        given=row.given,
        at=row.at,
        reason=row.reason,
        payload_sha256=row.payload_sha256,
        signer_key_id=receipt.signer_key_id,
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a message to a third party: the signed payload and the signed receipts."""

    signed_payload: SignedPayload
    signed_receipts: tuple[SignedPayload, ...]


def get_evidence(context: NodeContext, message_id: str) -> Evidence:
    """Return the evidence of a message; raises ``NotFoundError``."""
    with context.database.reading() as session:
        stored = load_message(context, session, message_id)
        receipts = _list_evidence(session, [message_id])
    return Evidence(
        signed_payload=stored.signed,
        signed_receipts=tuple(
            SignedPayload.parse(receipt.signed_receipt) for _, receipt in receipts
        ),
    )


#: Which receipt an entry of the timeline rests on.
_PROVEN_BY: Final = {
    EventKind.MESSAGE_DELIVERED: (ReceiptStatus.DELIVERED, False),
    EventKind.MESSAGE_READ: (ReceiptStatus.READ, False),
    EventKind.MESSAGE_REJECTED: (ReceiptStatus.REJECTED, False),
    EventKind.MESSAGE_RECEIVED: (ReceiptStatus.DELIVERED, True),
    EventKind.FILES_ARRIVED: (ReceiptStatus.DELIVERED, True),
    EventKind.MESSAGE_OPENED: (ReceiptStatus.READ, True),
}


def get_case(context: NodeContext, case_id: str) -> CaseView:
    """Return a case with its timeline, newest first; raises ``NotFoundError``."""
    with context.database.reading() as session:
        case = session.get(CaseRow, case_id)
        if case is None:
            raise NotFoundError("There is no such case here: open it again from the list.")
        rows = session.exec(
            select(MessageRow)
            .where(MessageRow.case_id == case_id)
            .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
        ).all()
        events = session.exec(
            select(EventRow)
            .where(EventRow.case_id == case_id)
            .order_by(col(EventRow.event_id).desc())
        ).all()
        evidence = _list_evidence(session, [row.message_id for row in rows])
        with_files = list_with_files(session, [row.message_id for row in rows])
    items = {row.message_id: _item(row, case.reference) for row in rows}
    proofs = {(e.message_id, e.status, e.given): _proof(e, receipt) for e, receipt in evidence}
    return CaseView(
        case_id=case.case_id,
        reference=CaseReference(case.reference),
        created_at=case.created_at,
        peers=tuple(sorted({row.peer for row in rows})),
        items=tuple(items.values()),
        timeline=tuple(_entry(event, items, proofs, with_files) for event in events),
    )


def _entry(
    event: EventRow,
    items: dict[str, Item],
    proofs: dict[tuple[str, str, bool], Proof],
    with_files: Collection[str],
) -> TimelineEntry:
    kind = EventKind(event.kind)
    proof = None
    is_early = kind is EventKind.MESSAGE_RECEIVED and event.message_id in with_files
    if event.message_id and kind in _PROVEN_BY and not is_early:
        proof = proofs.get((event.message_id, *_PROVEN_BY[kind]))
    return TimelineEntry(
        at=event.at,
        kind=kind,
        actor=event.actor,
        code=event.code,
        item=items.get(event.message_id) if event.message_id else None,
        proof=proof,
    )


def handle_open(context: NodeContext, message_id: str, *, actor: str) -> MessageView:
    """Show a message to a person: the first time, its sender is told by a signed receipt."""
    with context.database.transaction() as session:
        row = session.exec(
            select(MessageRow).where(MessageRow.message_id == message_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFoundError("There is no such message here: open it again from the list.")
        first = row.direction == IN and row.opened_at is None
        if first:
            _mark_opened(context, session, row, actor=actor)
    if first:
        context.signals.outbox.notify()
        context.signals.inbox.notify()
    return get_message(context, message_id)


def _mark_opened(context: NodeContext, session: Session, row: MessageRow, *, actor: str) -> None:
    now = context.clock()
    row.opened_at = now
    if row.handling == Handling.NEW:
        row.handling = Handling.OPENED
    add_event(
        session,
        kind=EventKind.MESSAGE_OPENED,
        at=now,
        actor=actor,
        case_id=row.case_id,
        message_id=row.message_id,
    )
    owe_read(context, session, row, at=now)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An envelope that was refused, as the administrator sees it."""

    at: datetime
    peer: str | None
    message_id: str | None
    reason: str
    detail: str


def list_quarantine(context: NodeContext, *, limit: int = PAGE) -> list[Quarantined]:
    """List refused envelopes, newest first: metadata only."""
    with context.database.reading() as session:
        rows = session.exec(
            select(QuarantineRow)
            .order_by(col(QuarantineRow.quarantine_id).desc())
            .limit(min(limit, PAGE))
        ).all()
    return [
        Quarantined(
            at=row.at,
            peer=row.peer,
            message_id=row.message_id,
            reason=row.reason,
            detail=row.detail,
        )
        for row in rows
    ]
