"""The outbox: claim what is due, seal it for the newest key, record what the broker said.

Sealing happens here and not when a message is composed, so that a message that waited for days is
sealed for a key that its recipient still holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlmodel import Session, and_, col, or_, select

from contact_registry.directory import Directory
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.ports import StoredContentError
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.service.context import NodeContext, NodeError
from node.service.due_rows import claim, is_due, next_due_in
from node.service.holding import HELD_BACK, HOLD_PAUSE, is_about_person, must_hold_back
from node.service.records import add_event, load_signed, lock_message
from node.store.tables import CaseRow, MessageRow, OutboxRow
from protocol.envelope import SignedPayload
from protocol.errors import ProtocolError
from protocol.identifiers import ParticipantCode
from protocol.sealing import RecipientKey
from protocol.signing import KeyId
from protocol.subjects import AccountId, parse_account_id

_ERROR_LENGTH: Final = 200
_DAMAGED_PAUSE: Final = timedelta(hours=1)


class NoRecipientKeyError(NodeError):
    """The registry names no node or no valid key for the recipient (any more)."""


@dataclass(frozen=True, slots=True)
class Consigned:
    """One claimed message on its way to the broker."""

    message_id: str
    peer: ParticipantCode
    transport_id: str
    signed: SignedPayload


@dataclass(frozen=True, slots=True)
class Attempt:
    """How handing one over went: ``error`` is ``None`` if the broker confirmed it."""

    message_id: str
    transport_id: str
    error: str | None = None
    #: The key that it was sealed for.
    sealed_for: KeyId | None = None


@dataclass(frozen=True, slots=True)
class SealedEnvelope:
    """Bytes for the broker, whose mailbox they go to, and for which key they are sealed."""

    recipient: AccountId
    envelope: bytes
    sealed_for: KeyId


def claim_messages(context: NodeContext, *, limit: int, may_expire: bool = True) -> list[Consigned]:
    """Claim what is due, most urgent first, and give up what has expired.

    ``may_expire``: whether the clock can be trusted with ending anything.
    """
    if may_expire:
        _give_up_expired(context, limit=limit)
    return context.transact(lambda session: _claim(context, session, limit=limit))


def _claim(context: NodeContext, session: Session, *, limit: int) -> list[Consigned]:
    now = context.clock()
    holds = must_hold_back(context)
    due = session.exec(
        select(OutboxRow)
        .where(*is_due(OutboxRow, now=now, rules=context.rules))
        .order_by(col(OutboxRow.priority), col(OutboxRow.next_attempt_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    claimed: list[Consigned] = []
    for outbox in due:
        row = session.get_one(MessageRow, outbox.message_id)
        case = session.get(CaseRow, row.case_id) if row.case_id else None
        try:
            signed = load_signed(context, row, case)
        except (StoredContentError, ProtocolError) as error:
            # One damaged row must not hold up the others. It stays, and says what is wrong.
            outbox.last_error = str(error)[:_ERROR_LENGTH]
            outbox.next_attempt_at = now + _DAMAGED_PAUSE
            continue
        if holds and is_about_person(signed):
            outbox.last_error = HELD_BACK
            outbox.next_attempt_at = now + HOLD_PAUSE
            continue
        claim(outbox, now=now, rules=context.rules)
        claimed.append(
            Consigned(
                message_id=row.message_id,
                peer=ParticipantCode(row.peer),
                transport_id=outbox.transport_id,
                signed=signed,
            )
        )
    return claimed


def _give_up_expired(context: NodeContext, *, limit: int) -> None:
    """Report what has come to its end without a receipt."""
    now = context.clock()
    with context.database.reading() as session:
        expired = session.exec(
            select(OutboxRow.message_id)
            .join(MessageRow, col(MessageRow.message_id) == col(OutboxRow.message_id))
            .where(
                or_(
                    and_(col(OutboxRow.once_until).is_(None), MessageRow.expires_at <= now),
                    col(OutboxRow.once_until) <= now,
                )
            )
            .limit(limit)
        ).all()
    for message_id in expired:
        context.transact(partial(_give_up, message_id=message_id, at=now))


def _give_up(session: Session, *, message_id: str, at: datetime) -> None:
    row = lock_message(session, message_id)
    outbox = session.get(OutboxRow, message_id, with_for_update=True)
    if row is None or outbox is None:
        return
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), DispatchEvent.EXPIRED)
    if state is not None and outbox.once_until is None:
        row.dispatch = state
        row.row_version += 1
        add_event(
            session,
            kind=EventKind.MESSAGE_EXPIRED,
            at=at,
            actor=SYSTEM_ACTOR,
            case_id=row.case_id,
            message_id=row.message_id,
        )
    session.delete(outbox)


def seal_for(
    directory: Directory, *, peer: ParticipantCode, signed: SignedPayload, at: datetime
) -> SealedEnvelope:
    """Seal for the recipient's newest key.

    Raises ``NoRecipientKeyError`` if the registry names none: the message waits.
    """
    document = directory.keys.get(peer)
    entry = directory.newest_encryption_key(peer, at)
    if document is None or entry is None:
        raise NoRecipientKeyError(f"The registry names no valid encryption key for {peer} now.")
    try:
        envelope = RecipientKey(entry.public_bytes).seal(signed).encode()
        account = parse_account_id(document.broker.account)
    except ProtocolError as error:
        raise NoRecipientKeyError(str(error)) from error
    if len(envelope) > document.max_envelope_bytes:
        raise NoRecipientKeyError(
            f"{peer} takes envelopes of at most {document.max_envelope_bytes} bytes."
        )
    return SealedEnvelope(recipient=account, envelope=envelope, sealed_for=KeyId(entry.key_id))


def record_attempts(context: NodeContext, attempts: Sequence[Attempt]) -> None:
    """Record what the broker said, and when to try again."""

    def record(session: Session) -> None:
        now = context.clock()
        for attempt in sorted(attempts, key=lambda each: each.message_id):
            row = lock_message(session, attempt.message_id)
            outbox = session.get(OutboxRow, attempt.message_id, with_for_update=True)
            if row is None or outbox is None or outbox.transport_id != attempt.transport_id:
                continue  # the receipt was quicker than our record, or another worker took over
            outbox.claimed_until = None
            if attempt.error is None and outbox.once_until is not None:
                session.delete(outbox)  # whoever misses it still asks again
            elif attempt.error is None:
                outbox.sealed_for = attempt.sealed_for
                _record_stored(context, session, row, outbox, at=now)
            else:
                outbox.last_error = attempt.error[:_ERROR_LENGTH]
                failures = max(1, outbox.attempts - outbox.handed_over)
                outbox.next_attempt_at = now + context.rules.retry_pause(failures)

    context.transact(record)
    context.signals.inbox.notify()


def _record_stored(
    context: NodeContext, session: Session, row: MessageRow, outbox: OutboxRow, *, at: datetime
) -> None:
    first = outbox.handed_over == 0
    outbox.handed_over += 1
    outbox.last_error = None
    outbox.transport_id = context.random(16).hex()
    outbox.next_attempt_at = at + context.rules.resend_pause(outbox.handed_over)
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), DispatchEvent.BROKER_STORED)
    if state is not None and first:
        row.dispatch = state
        row.row_version += 1
        add_event(
            session,
            kind=EventKind.MESSAGE_ON_ITS_WAY,
            at=at,
            actor=SYSTEM_ACTOR,
            case_id=row.case_id,
            message_id=row.message_id,
        )


def hurry(context: NodeContext) -> None:
    """Try at once what only failed because the broker was away."""

    def bring_forward(session: Session) -> None:
        now = context.clock()
        for outbox in session.exec(
            select(OutboxRow)
            .where(
                col(OutboxRow.last_error).is_not(None),
                OutboxRow.next_attempt_at > now,
                OutboxRow.handed_over == 0,
            )
            .with_for_update(skip_locked=True)
        ):
            outbox.next_attempt_at = now

    context.transact(bring_forward)
    context.signals.outbox.notify()


def next_message_in(context: NodeContext) -> timedelta | None:
    """Return how long until the next message is due; ``None`` if the outbox is empty."""
    return next_due_in(context, OutboxRow)
