"""What people and programs look at: inbox, sent, message, case timeline."""

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import Handling
from node.service.audit import note_seen, record
from node.service.cases.strands import find_beginning
from node.service.context import NodeContext, NotFoundError
from node.service.holding import HELD_BACK
from node.service.owing import owe_read
from node.service.permitting import (
    find_seen_case,
    find_seen_message,
    is_event_seen,
    is_seen,
    list_channels,
    require,
)
from node.service.records import (
    IN,
    add_event,
    list_with_files,
    load_message,
    load_references,
    load_rows,
)
from node.service.storing import read_grounds
from node.store import message_lists
from node.store.bulk import in_parts
from node.store.tables import (
    CaseRow,
    EventRow,
    EvidenceRow,
    MessageRow,
    OutboxRow,
    ReceiptRow,
)
from protocol.envelope import SignedPayload
from protocol.identifiers import CaseReference
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.head import Head
from protocol.messages.system import ReceiptStatus
from protocol.policy.decision import Ground

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
    #: What the policy let it leave on.
    rests_on: tuple[Ground, ...]


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


def list_items(  # noqa: PLR0913 - which items, for whom, from where
    context: NodeContext,
    *,
    who: Principal,
    direction: str,
    open_only: bool = False,
    limit: int = PAGE,
    after: str | None = None,
) -> list[Item]:
    """List received (``in``) or sent (``out``) messages of the caller's channels.

    ``open_only``: those that wait for a decision, nearest deadline first; otherwise newest first.
    ``after`` is the message id at which the previous page ended; raises ``NotFoundError`` if there
    is no such message.
    """
    require(who, Permission.READ_CASES)
    channels, most = list_channels(who), min(limit, PAGE)
    with context.database.reading() as session:
        place = None if after is None else _find_place(session, after, who=who, by_due=open_only)
        found = (
            message_lists.list_due(
                session, direction=direction, channels=channels, limit=most, after=place
            )
            if open_only
            else message_lists.list_newest(
                session, direction=direction, channels=channels, limit=most, after=place
            )
        )
        rows = load_rows(session, found)
        references = load_references(session, {row.case_id for row in rows if row.case_id})
    return [_item(row, references.get(row.case_id or "")) for row in rows]


def _find_place(
    session: Session, message_id: str, *, who: Principal, by_due: bool
) -> tuple[datetime, str]:
    last = find_seen_message(session, message_id, who=who)
    if last is None:
        raise NotFoundError("The list has changed: begin again without 'after'.")
    moment = (last.answer_by or last.expires_at) if by_due else last.stored_at
    return moment, last.message_id


def get_message(context: NodeContext, message_id: str, *, who: Principal) -> MessageView:
    """Return a message with its evidence; raises ``NotFoundError``. Does not mark it as opened."""
    require(who, Permission.READ_CASES)
    view = load_view(context, message_id, who=who)
    note_seen(context, who, Act.MESSAGE_SEEN, message_id)
    return view


def load_view(context: NodeContext, message_id: str, *, who: Principal) -> MessageView:
    """Return what :func:`get_message` returns, for those who note by themselves who saw what."""
    with context.database.reading() as session:
        stored = load_message(context, session, message_id, who=who)
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
        rests_on=read_grounds(row),
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


def get_evidence(context: NodeContext, message_id: str, *, who: Principal) -> Evidence:
    """Return the evidence of a message; raises ``NotFoundError``."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        stored = load_message(context, session, message_id, who=who)
        receipts = _list_evidence(session, [message_id])
    note_seen(context, who, Act.EVIDENCE_EXPORTED, message_id)
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


def get_case(context: NodeContext, case_id: str, *, who: Principal) -> CaseView:
    """Return a case with its timeline, newest first; raises ``NotFoundError``.

    What is in other channels than the caller's is left out, and so is that it happened.
    """
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        case = find_seen_case(session, case_id, who=who)
        if case is None:
            raise NotFoundError("There is no such case here: open it again from the list.")
        rows = session.exec(
            select(MessageRow)
            .where(MessageRow.case_id == case_id, is_seen(who))
            .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
        ).all()
        events = session.exec(
            select(EventRow)
            .where(EventRow.case_id == case_id, is_event_seen(who))
            .order_by(col(EventRow.event_id).desc())
        ).all()
        evidence = _list_evidence(session, [row.message_id for row in rows])
        with_files = list_with_files(session, [row.message_id for row in rows])
        began_at = find_beginning(session, case, who=who)
    note_seen(context, who, Act.CASE_SEEN, case_id)
    items = {row.message_id: _item(row, case.reference) for row in rows}
    peers = {row.peer for row in rows}
    proofs = {(e.message_id, e.status, e.given): _proof(e, receipt) for e, receipt in evidence}
    return CaseView(
        case_id=case.case_id,
        reference=CaseReference(case.reference),
        created_at=began_at,
        peers=tuple(sorted(peers)),
        items=tuple(items.values()),
        timeline=tuple(
            _entry(event, items, proofs, with_files)
            for event in events
            if is_entry_seen(event, items, peers)
        ),
    )


def is_entry_seen(event: EventRow, messages: Container[str], peers: Container[str]) -> bool:
    """Say whether an entry is there for who sees these messages of the case and their senders."""
    if event.message_id is not None:
        return event.message_id in messages
    return event.kind != EventKind.PARTICIPANT_JOINED or (event.code or "") in peers


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


def describe_entries(
    session: Session, case: CaseRow, events: Sequence[EventRow]
) -> list[TimelineEntry]:
    """Return these entries of a case's timeline with their messages and proofs."""
    names = sorted({event.message_id for event in events if event.message_id is not None})
    rows = [
        row
        for part in in_parts(names)
        for row in session.exec(select(MessageRow).where(col(MessageRow.message_id).in_(part)))
    ]
    proofs = {
        (e.message_id, e.status, e.given): _proof(e, r) for e, r in _list_evidence(session, names)
    }
    with_files = list_with_files(session, names)
    items = {row.message_id: _item(row, case.reference) for row in rows}
    return [_entry(event, items, proofs, with_files) for event in events]


def handle_open(context: NodeContext, message_id: str, *, who: Principal) -> MessageView:
    """Show a message to a person: the first time, its sender is told by a signed receipt."""
    require(who, Permission.WORK_CASES)
    with context.database.transaction() as session:
        row = find_seen_message(session, message_id, who=who, lock=True)
        if row is None:
            raise NotFoundError("There is no such message here: open it again from the list.")
        first = row.direction == IN and row.opened_at is None
        if first:
            _mark_opened(context, session, row, actor=who.actor)
        record(context, session, who, Act.MESSAGE_SEEN, subject=message_id)
    if first:
        context.signals.outbox.notify()
        context.signals.inbox.notify()
    return load_view(context, message_id, who=who)


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
