"""Taking in what was opened: store it with the receipt we owe, in one transaction (SPEC 8.2).

Known already, refused, a receipt, a conflict, or new: in this order. The broker is told to forget
the envelope only after this has returned, that is after the commit: a crash anywhere repeats work,
and changes nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from node.domain.cases import UNKNOWN_CHANNEL
from node.domain.events import EventKind
from node.domain.states import Handling
from node.service import quarantine
from node.service.attachments.received import expect_files
from node.service.case_content import is_erased
from node.service.context import NodeContext
from node.service.following import note_to_follow
from node.service.gap_watching import note_arrival
from node.service.link_judging import find_highest, judge_arrival, tell_arrival
from node.service.opening import Arrival, Opened, Refused, make_expired, open_arrivals
from node.service.owing import owe_delivered, owe_what_is_due
from node.service.pin_watching import apply_alarm, watch_pin
from node.service.plain_intake import PlainIntake
from node.service.receipts import apply_receipt, owe_receipt, sign_owed
from node.service.records import (
    IN,
    add_event,
    find_case,
    find_joined,
    find_message,
    open_case,
    seal_signed,
)
from node.service.repairing import apply_answer, is_wanted_late
from node.service.resending import apply_request
from node.service.settling import settle_ours
from node.store.tables import CaseRow, MessageRow
from protocol.envelope import Consignment
from protocol.errors import RejectionCode, RemoteProtocolError
from protocol.identifiers import CaseReference
from protocol.messages.catalogue import UnreadableMessage, get_entry
from protocol.messages.entries import Expectation
from protocol.messages.head import CaseMessage, Head
from protocol.messages.link_repair import RegistryConflict, ResendAnswer, ResendRequest
from protocol.messages.system import SYSTEM_PREFIX, Receipt, ReceiptItem, ReceiptStatus
from protocol.subjects import TrafficClass


class Intake(StrEnum):
    """What became of an envelope. Whatever it is, the broker may forget the envelope now."""

    STORED = "stored"
    KNOWN = "known"
    RECEIPT = "receipt"
    #: A machine message that was acted on.
    HEEDED = "heeded"
    #: A machine message that is not known here, that answers nothing, or that comes too often.
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of it, under which local name, and why if it was refused."""

    intake: Intake
    message_id: str | None = None
    reason: str | None = None


def handle_arrivals(context: NodeContext, arrivals: Sequence[Arrival]) -> list[IntakeResult]:
    """Open and take in envelopes; the results are in the same order."""
    return store_arrivals(context, arrivals, open_arrivals(context, arrivals))


def store_arrivals(
    context: NodeContext, arrivals: Sequence[Arrival], opened: Sequence[Opened | Refused]
) -> list[IntakeResult]:
    """Take in opened envelopes, in order, in one transaction.

    Raises if nothing was stored: then nothing may be acknowledged.
    """

    def take_in(session: Session) -> tuple[list[IntakeResult], PlainIntake]:
        plain, results = PlainIntake(context, session, opened), list[IntakeResult]()
        for arrival, outcome in zip(arrivals, opened, strict=True):
            message_id = plain.take(outcome)
            if message_id is None:
                plain.write()
                results.append(_take_in(context, session, arrival, outcome))
                plain.forget()
            else:
                results.append(IntakeResult(Intake.STORED, message_id=message_id))
        plain.write()
        return results, plain

    results, plain = context.transact(take_in)
    context.leaving.read.put(plain.read, at=context.clock())
    context.leaving.receipts.put(sign_owed(context, plain.owed))
    _wake(context, opened, results, settled=len(plain.owed) + plain.with_files)
    return results


def _wake(
    context: NodeContext,
    opened: Sequence[Opened | Refused],
    results: Sequence[IntakeResult],
    *,
    settled: int,
) -> None:
    """Wake who has something to do now, and nobody else: each looks into the store.

    ``settled`` messages have their receipt on its way already, or wait for their files first.
    """
    signals, fates = context.signals, {result.intake for result in results}
    stored = sum(result.intake is Intake.STORED for result in results)
    if fates - {Intake.STORED, Intake.RECEIPT} or any(map(_says_more, opened)):
        signals.outbox.notify()
        signals.chunks.notify()
    elif stored > settled:
        signals.receipts.notify()
    if Intake.STORED in fates:
        signals.to_follow.notify()
    signals.inbox.notify()


def _says_more(outcome: Opened | Refused) -> bool:
    """Say whether it is a receipt with other news than that messages were delivered."""
    return (
        isinstance(outcome, Opened)
        and isinstance(outcome.message, Receipt)
        and any(
            item.status is not ReceiptStatus.DELIVERED or item.payload_sha256 is None
            for item in outcome.message.body.items
        )
    )


def handle_stumble(context: NodeContext, arrival: Arrival, *, problem: str) -> IntakeResult:
    """Put aside an envelope that our own software cannot cope with, whatever is in it.

    It must not hold up the others. Its sender gets no receipt, so it goes on sending until it
    expires there: once we are mended, it arrives after all.
    """

    def put_aside(session: Session) -> None:
        quarantine.keep(
            context,
            session,
            arrival,
            peer=None,
            wire_id=None,
            reason=quarantine.INTERNAL,
            detail=f"This node's software failed on it ({problem}): report it to its makers.",
        )

    context.transact(put_aside)
    return IntakeResult(Intake.QUARANTINED, reason=quarantine.INTERNAL)


def _take_in(
    context: NodeContext, session: Session, arrival: Arrival, outcome: Opened | Refused
) -> IntakeResult:
    outcome = _judge_late(session, outcome)
    known = _find_known(session, outcome)
    if known is not None:
        return _answer_again(context, session, known)
    if isinstance(outcome, Refused):
        return _quarantine(context, session, arrival, outcome)
    if outcome.message.type.startswith(SYSTEM_PREFIX):
        intake = _heed(context, session, outcome)
        return IntakeResult(intake, message_id=outcome.message.message_id)
    return _store(context, session, arrival, outcome)


def _judge_late(session: Session, outcome: Opened | Refused) -> Opened | Refused:
    """Refuse what came after its expiry, unless it was asked for and announced (SPEC 8.2, 6)."""
    if isinstance(outcome, Refused) or not outcome.late:
        return outcome
    peer, digest, position = outcome.consignment.sender, outcome.signed.digest, outcome.position
    if position and is_wanted_late(session, peer=peer, position=position, digest=digest):
        return outcome
    return Refused(
        error=make_expired(), peer=peer, consignment=outcome.consignment, signed=outcome.signed
    )


def _heed(context: NodeContext, session: Session, opened: Opened) -> Intake:
    """Act on what a machine says. It is not kept, not shown and not receipted."""
    message, signed = opened.message, opened.signed
    heeded, intake = True, Intake.HEEDED
    match message:
        case Receipt():
            apply_receipt(context, session, message, signed=signed)
            intake = Intake.RECEIPT
        case ResendRequest():
            heeded = apply_request(context, session, message)
        case ResendAnswer():
            heeded = apply_answer(context, session, message)
        case RegistryConflict():
            apply_alarm(context, session, message, payload_sha256=signed.digest)
        case _:
            heeded = False
    if isinstance(message, Head):
        watch_pin(context, session, message, payload_sha256=signed.digest)
    return intake if heeded else Intake.IGNORED


def _find_known(session: Session, outcome: Opened | Refused) -> MessageRow | None:
    """Return the message we already have from this sender under this id.

    Also when the copy at hand does not open or has expired meanwhile: the sender evidently never
    got our receipt.
    """
    consignment = outcome.consignment
    if isinstance(outcome, Opened) and outcome.message.type.startswith(SYSTEM_PREFIX):
        return None  # what machines say is not kept, and nothing that is kept has its digest
    if consignment is None or (isinstance(outcome, Refused) and outcome.peer != consignment.sender):
        return None
    row = find_message(
        session, direction=IN, peer=consignment.sender, wire_id=consignment.message_id
    )
    if row and isinstance(outcome, Opened) and outcome.signed.digest != row.payload_sha256:
        return None
    return row


def _answer_again(context: NodeContext, session: Session, row: MessageRow) -> IntakeResult:
    owe_what_is_due(context, session, row)
    return IntakeResult(Intake.KNOWN, message_id=row.message_id)


def _quarantine(
    context: NodeContext, session: Session, arrival: Arrival, refused: Refused
) -> IntakeResult:
    """Keep what was refused, and say so to a sender that we know."""
    consignment, error = refused.consignment, refused.error
    wire_id = consignment.message_id if consignment else None
    quarantine.keep(
        context,
        session,
        arrival,
        peer=refused.peer,
        wire_id=wire_id,
        reason=error.code,
        detail=str(error),
    )
    # Proven by signature, or at least by the broker: then an answer helps an honest sender (it
    # seals again), and tells a dishonest one nothing. Receipts are never answered.
    if (
        consignment is not None
        and consignment.sender == refused.peer
        and arrival.traffic in {TrafficClass.MESSAGE, TrafficClass.LARGE}
    ):
        owe_receipt(
            context,
            session,
            peer=consignment.sender,
            item=ReceiptItem(
                message_id=consignment.message_id,
                payload_sha256=refused.signed.digest if refused.signed else None,
                status=ReceiptStatus.REJECTED,
                at=context.clock().replace(microsecond=0),
                reason=error.code,
            ),
        )
    return IntakeResult(Intake.QUARANTINED, message_id=wire_id, reason=error.code)


class ConflictingIdError(RemoteProtocolError):
    """A sender used one message id for two different messages."""

    code = RejectionCode.CONFLICT


def _refuse_conflict(
    context: NodeContext, session: Session, arrival: Arrival, opened: Opened
) -> IntakeResult:
    """Keep and refuse a message whose sender has used its id for another one."""
    error = ConflictingIdError("Its sender sent another message under the same id before.")
    refused = Refused(
        error=error,
        peer=opened.consignment.sender,
        consignment=opened.consignment,
        signed=opened.signed,
    )
    return _quarantine(context, session, arrival, refused)


def _choose_name(session: Session, consignment: Consignment) -> str:
    """Return our own name for a new message: the one on the wire, if nobody else has it.

    Ids are random, so only malice makes two Participants use one. Neither may suffer from it.
    """
    if session.get(MessageRow, consignment.message_id) is None:
        return consignment.message_id
    named = f"{consignment.sender}\x00{consignment.message_id}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _store(
    context: NodeContext, session: Session, arrival: Arrival, opened: Opened
) -> IntakeResult:
    message, position, now = opened.message, opened.position, context.clock()
    peer, wire_id = opened.consignment.sender, opened.consignment.message_id
    if find_message(session, direction=IN, peer=peer, wire_id=wire_id):
        return _refuse_conflict(context, session, arrival, opened)
    case = _find_or_open_case(context, session, message)
    highest = find_highest(session, peer=peer, generation=position.generation) if position else 0
    row = _make_row(context, session, opened, case=case, at=now)
    if case and not find_joined(session, [case.case_id], [peer]):
        add_event(
            session,
            kind=EventKind.PARTICIPANT_JOINED,
            at=now,
            actor=peer,
            case_id=case.case_id,
            code=peer,
            channel=_channel_of(message),
        )
    session.add(row)
    session.flush()
    note_to_follow(session, [row.message_id], at=now)
    tell_arrival(session, row, late=opened.late)
    if isinstance(message, CaseMessage) and message.attachments:
        expect_files(context, session, row, message)
    else:
        owe_delivered(context, session, row)
    settle_ours(context, session, row, message)
    if position is not None:
        note_arrival(context, session, peer=peer, position=position, highest=highest)
    if isinstance(message, Head):
        watch_pin(context, session, message, payload_sha256=opened.signed.digest, about=row)
    return IntakeResult(Intake.STORED, message_id=row.message_id)


def _make_row(
    context: NodeContext, session: Session, opened: Opened, *, case: CaseRow | None, at: datetime
) -> MessageRow:
    """Make the row of a new message, with the verdict about its place on the link."""
    message, signed, consignment = opened.message, opened.signed, opened.consignment
    message_id = _choose_name(session, consignment)
    position, peer, verdict = opened.position, consignment.sender, None
    if position is not None:
        verdict = judge_arrival(session, peer=peer, position=position, digest=signed.digest)
    row = MessageRow(
        message_id=message_id,
        wire_id=consignment.message_id,
        direction=IN,
        case_id=case.case_id if case else None,
        peer=peer,
        type=message.type,
        version=message.version,
        readable=isinstance(message, Head),
        stored_at=at,
        expires_at=consignment.expires_at,
        payload_sha256=signed.digest,
        signer_key_id=signed.signer,
        link_generation=position.generation if position else None,
        link_seq=position.seq if position else None,
        link_prev=position.prev if position else None,
        link_verdict=verdict,
        signed_payload_sealed=seal_signed(context, signed, message_id=message_id, case=case),
        handling=Handling.NOTHING_EXPECTED,
    )
    if isinstance(message, CaseMessage):
        _fill_readable(row, message)
    return row


def _fill_readable(row: MessageRow, message: CaseMessage) -> None:
    row.phase = message.phase
    row.urgency = message.urgency
    row.channel = message.channel
    row.from_authority = message.from_authority
    row.to_authority = message.to_authority
    row.in_reply_to = message.in_reply_to
    row.composed_at = message.composed_at
    row.answer_by = message.answer_by
    row.registry_version = message.registry.version
    row.registry_sha256 = message.registry.sha256
    if get_entry(message.type).expectation_of(message.kind) is not Expectation.NOTHING:
        row.handling = Handling.NEW


def _find_or_open_case(
    context: NodeContext, session: Session, message: Head | UnreadableMessage
) -> CaseRow | None:
    if not isinstance(message, CaseMessage | UnreadableMessage) or message.case is None:
        return None
    reference = CaseReference(message.case)
    case = find_case(session, reference)
    if case is None:
        channel = _channel_of(message)
        return open_case(
            context, session, reference=reference, actor=message.sender, channel=channel
        )
    if is_erased(case):
        _begin_anew(context, session, case, message)
    return case


def _channel_of(message: Head | UnreadableMessage) -> str:
    """Return in whose timeline it is told that a message began something."""
    return message.channel if isinstance(message, CaseMessage) else UNKNOWN_CHANNEL


def _begin_anew(
    context: NodeContext, session: Session, case: CaseRow, message: Head | UnreadableMessage
) -> None:
    """Give an erased case a new key: what comes is not lost, and what was erased stays erased."""
    session.refresh(case, with_for_update=True)
    if not is_erased(case):
        return
    case.wrapped_key = context.keys.make_case_key()
    session.add(case)
    session.flush()
    add_event(
        session,
        kind=EventKind.CASE_OPENED,
        at=context.clock(),
        actor=message.sender,
        case_id=case.case_id,
        channel=_channel_of(message),
    )
