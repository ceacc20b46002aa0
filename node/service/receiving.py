"""Taking in an envelope: open, verify, then store it with the receipt we owe, in one transaction.

The order is PROTOCOL's (SPEC section 8): parse, recipient, known id, sender's key, decrypt, verify,
consignment, expiry, typed validation, link, store. The broker is told to forget the envelope only
after this has returned, that is after the commit: a crash anywhere repeats work, and changes
nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session, col, func, select

from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.states import Handling, TransitionError, decide_handling
from node.service.context import NodeContext
from node.service.opening import Arrival, Opened, Refused, open_arrival
from node.service.receipts import apply_receipt, owe_receipt
from node.service.records import (
    IN,
    OUT,
    add_event,
    find_case,
    list_peers,
    open_case,
    seal_signed,
)
from node.store.tables import CaseRow, MessageRow, QuarantineRow
from protocol.errors import (
    RejectionCode,
)
from protocol.identifiers import CaseReference
from protocol.links import LinkPosition, LinkVerdict, LinkView, judge_position
from protocol.messages.catalogue import UnreadableMessage, get_entry
from protocol.messages.general import Decision
from protocol.messages.head import CaseMessage, Head
from protocol.messages.system import Receipt, ReceiptItem, ReceiptStatus
from protocol.subjects import TrafficClass


class Intake(StrEnum):
    """What became of an envelope. Whatever it is, the broker may forget the envelope now."""

    STORED = "stored"
    KNOWN = "known"
    RECEIPT = "receipt"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of it, and why if it was refused."""

    intake: Intake
    message_id: str | None = None
    reason: RejectionCode | None = None


def handle_arrivals(context: NodeContext, arrivals: Sequence[Arrival]) -> list[IntakeResult]:
    """Take in envelopes, in order, in one transaction; the results are in the same order.

    Raises only what is no fault of an envelope (the store is down, say): then nothing was stored
    and nothing may be acknowledged.
    """
    directory = context.directory.current()
    opened = [open_arrival(context, arrival, directory) for arrival in arrivals]
    with context.database.transaction() as session:
        results = [
            _take_in(context, session, arrival, outcome)
            for arrival, outcome in zip(arrivals, opened, strict=True)
        ]
    context.signals.outbox.notify()
    context.signals.inbox.notify()
    return results


def _take_in(
    context: NodeContext, session: Session, arrival: Arrival, outcome: Opened | Refused
) -> IntakeResult:
    known = _find_known(session, outcome)
    if known is not None:
        return _answer_again(context, session, known)
    if isinstance(outcome, Refused):
        return _quarantine(context, session, arrival, outcome)
    if isinstance(outcome.message, Receipt):
        apply_receipt(context, session, outcome.message, signed=outcome.signed)
        return IntakeResult(Intake.RECEIPT, message_id=outcome.message.message_id)
    return _store(context, session, outcome)


def _find_known(session: Session, outcome: Opened | Refused) -> MessageRow | None:
    """Return the message we already have from this sender under this id.

    Also when the copy at hand does not open or has expired meanwhile: the sender evidently never
    got our receipt.
    """
    consignment = outcome.consignment
    if consignment is None:
        return None
    row = session.get(MessageRow, consignment.message_id)
    if row is None or row.direction != IN or row.peer != consignment.sender:
        return None
    if isinstance(outcome, Refused) and outcome.peer != consignment.sender:
        return None
    if isinstance(outcome, Opened) and outcome.signed.digest != row.payload_sha256:
        return None
    return row


def _answer_again(context: NodeContext, session: Session, row: MessageRow) -> IntakeResult:
    owe_receipt(
        context,
        session,
        peer=row.peer,
        item=ReceiptItem(
            message_id=row.message_id,
            payload_sha256=row.payload_sha256,
            status=ReceiptStatus.DELIVERED,
            at=row.stored_at.replace(microsecond=0),
            readable=row.readable,
        ),
    )
    return IntakeResult(Intake.KNOWN, message_id=row.message_id)


def _quarantine(
    context: NodeContext, session: Session, arrival: Arrival, refused: Refused
) -> IntakeResult:
    """Keep what was refused, and say so to a sender that we know."""
    now = context.clock()
    digest = hashlib.sha256(arrival.envelope).hexdigest()
    consignment, error = refused.consignment, refused.error
    message_id = consignment.message_id if consignment else None
    seen = session.exec(
        select(QuarantineRow.quarantine_id).where(QuarantineRow.envelope_sha256 == digest)
    ).first()
    if seen is None:
        session.add(
            QuarantineRow(
                at=now,
                peer=refused.peer,
                traffic=arrival.traffic,
                message_id=message_id,
                reason=error.code,
                detail=str(error)[:500],
                envelope_sha256=digest,
                envelope=arrival.envelope,
            )
        )
    # Proven by signature, or at least by the broker: then an answer helps an honest sender (it
    # seals again), and tells a dishonest one nothing. Receipts are never answered.
    answerable = (
        message_id is not None
        and refused.peer is not None
        and consignment is not None
        and consignment.sender == refused.peer
        and arrival.traffic is TrafficClass.MESSAGE
    )
    if answerable:
        owe_receipt(
            context,
            session,
            peer=str(refused.peer),
            item=ReceiptItem(
                message_id=str(message_id),
                payload_sha256=refused.signed.digest if refused.signed else None,
                status=ReceiptStatus.REJECTED,
                at=now.replace(microsecond=0),
                reason=error.code,
            ),
        )
    return IntakeResult(Intake.QUARANTINED, message_id=message_id, reason=error.code)


def _store(context: NodeContext, session: Session, opened: Opened) -> IntakeResult:
    message, signed, consignment = opened.message, opened.signed, opened.consignment
    if session.get(MessageRow, consignment.message_id) is not None:
        return _refuse_conflict(context, session, opened)
    now = context.clock()
    case = _find_or_open_case(context, session, message)
    case_id = case.case_id if case else None
    link = message.link if isinstance(message, CaseMessage | UnreadableMessage) else None
    position = link.position if link else None
    verdict = _judge(session, consignment.sender, position, digest=signed.digest)
    row = MessageRow(
        message_id=consignment.message_id,
        direction=IN,
        case_id=case_id,
        peer=consignment.sender,
        type=message.type,
        version=message.version,
        readable=isinstance(message, Head),
        stored_at=now,
        expires_at=consignment.expires_at,
        payload_sha256=signed.digest,
        signer_key_id=signed.signer,
        link_generation=position.generation if position else None,
        link_seq=position.seq if position else None,
        link_prev=position.prev if position else None,
        link_verdict=verdict,
        signed_payload_sealed=seal_signed(
            context, signed, message_id=consignment.message_id, case=case
        ),
        handling=Handling.NOTHING_EXPECTED,
    )
    if isinstance(message, CaseMessage):
        _fill_readable(row, message)
    if case_id and consignment.sender not in list_peers(session, case_id):
        add_event(
            session,
            kind=EventKind.PARTICIPANT_JOINED,
            at=now,
            actor=consignment.sender,
            case_id=case_id,
            code=consignment.sender,
        )
    session.add(row)
    session.flush()
    _tell(session, row, verdict=verdict)
    owe_receipt(
        context,
        session,
        peer=row.peer,
        item=ReceiptItem(
            message_id=row.message_id,
            payload_sha256=row.payload_sha256,
            status=ReceiptStatus.DELIVERED,
            at=now.replace(microsecond=0),
            readable=row.readable,
        ),
    )
    if isinstance(message, Decision):
        _apply_decision(session, row, message)
    return IntakeResult(Intake.STORED, message_id=row.message_id)


def _fill_readable(row: MessageRow, message: CaseMessage) -> None:
    row.phase = message.phase
    row.urgency = message.urgency
    row.from_authority = message.from_authority
    row.to_authority = message.to_authority
    row.in_reply_to = message.in_reply_to
    row.composed_at = message.composed_at
    row.answer_by = message.answer_by
    row.registry_version = message.registry.version
    row.registry_sha256 = message.registry.sha256
    if get_entry(message.type).expects_decision:
        row.handling = Handling.NEW


def _find_or_open_case(
    context: NodeContext, session: Session, message: Head | UnreadableMessage
) -> CaseRow | None:
    if not isinstance(message, CaseMessage | UnreadableMessage) or message.case is None:
        return None
    reference = CaseReference(message.case)
    return find_case(session, reference) or open_case(
        context, session, reference=reference, actor=message.sender
    )


def _judge(
    session: Session, peer: str, position: LinkPosition | None, *, digest: str
) -> LinkVerdict | None:
    if position is None:
        return None
    mine = (col(MessageRow.direction) == IN, col(MessageRow.peer) == peer)
    generation = session.exec(select(func.max(MessageRow.link_generation)).where(*mine)).one()
    here = (*mine, col(MessageRow.link_generation) == position.generation)
    highest = session.exec(select(func.max(MessageRow.link_seq)).where(*here)).one()
    around = {
        row.link_seq: row
        for row in session.exec(
            select(MessageRow).where(
                *here,
                col(MessageRow.link_seq).between(position.seq - 1, position.seq + 1),
            )
        )
    }
    before, at, after = (around.get(position.seq + step) for step in (-1, 0, 1))
    return judge_position(
        position,
        digest=digest,
        view=LinkView(
            generation=generation or 0,
            highest=highest or 0,
            digest_before=before.payload_sha256 if before else None,
            prev_named_after=after.link_prev if after else None,
            digest_at=at.payload_sha256 if at else None,
        ),
    )


_TOLD_OF = {
    LinkVerdict.AFTER_GAP: EventKind.LINK_GAP,
    LinkVerdict.CONFLICT: EventKind.LINK_CONFLICT,
}


def _tell(session: Session, row: MessageRow, *, verdict: LinkVerdict | None) -> None:
    kinds = [EventKind.MESSAGE_RECEIVED if row.readable else EventKind.MESSAGE_UNREADABLE]
    if verdict in _TOLD_OF:
        kinds.append(_TOLD_OF[verdict])
    for kind in kinds:
        add_event(
            session,
            kind=kind,
            at=row.stored_at,
            actor=row.peer,
            case_id=row.case_id,
            message_id=row.message_id,
        )


def _refuse_conflict(context: NodeContext, session: Session, opened: Opened) -> IntakeResult:
    """Answer a message whose id stands for another one here."""
    owe_receipt(
        context,
        session,
        peer=opened.consignment.sender,
        item=ReceiptItem(
            message_id=opened.consignment.message_id,
            payload_sha256=opened.signed.digest,
            status=ReceiptStatus.REJECTED,
            at=context.clock().replace(microsecond=0),
            reason=RejectionCode.CONFLICT,
        ),
    )
    return IntakeResult(
        Intake.QUARANTINED,
        message_id=opened.consignment.message_id,
        reason=RejectionCode.CONFLICT,
    )


def _apply_decision(session: Session, row: MessageRow, decision: Decision) -> None:
    """Let a decision settle the message of ours that it answers."""
    about = session.get(MessageRow, decision.in_reply_to)
    code: str | None = None
    if about is None or about.direction != OUT or about.peer != row.peer:
        code = "unknown_message"
    else:
        try:
            about.handling = decide_handling(Handling(about.handling), decision.body.outcome)
        except TransitionError:
            code = "already_decided"
        else:
            about.decided_by_message = row.message_id
            about.row_version += 1
            code = decision.body.outcome
    add_event(
        session,
        kind=EventKind.DECISION_RECEIVED,
        at=row.stored_at,
        actor=row.peer or SYSTEM_ACTOR,
        case_id=row.case_id,
        message_id=row.message_id,
        code=code,
    )
