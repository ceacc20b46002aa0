"""The outbox: claim what is due, seal it for the newest key, record what the broker said.

Sealing happens here and not when a message is composed, so that a message that waited for days is
sealed for a key that its recipient still holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam
from sqlalchemy import select as sql_select
from sqlmodel import Session, and_, col, or_, select, update

from contact_registry.directory import Directory
from contact_registry.fields import decode_base64
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.ports import StoredContentError
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.service.context import NodeContext, NodeError
from node.service.due_rows import next_due_in
from node.service.holding import HELD_BACK, HOLD_PAUSE, is_about_person, must_hold_back
from node.service.outbox_rows import find_due, record_confirmed
from node.service.records import add_event, lock_message, open_signed
from node.store.attachment_tables import SentFileRow
from node.store.bulk import in_parts, table_of, update_rows
from node.store.prepared import Prepared
from node.store.tables import MessageRow, OutboxRow
from protocol.envelope import SignedPayload
from protocol.errors import ProtocolError
from protocol.identifiers import ParticipantCode
from protocol.sealing import RecipientKey
from protocol.signing import KeyId
from protocol.subjects import AccountId, parse_account_id

if TYPE_CHECKING:  # it stands on the records, as this does
    from node.service.attachments.chunk_sending import ClaimedFile

_ERROR_LENGTH: Final = 200
_DAMAGED_PAUSE: Final = timedelta(hours=1)
_FILE = table_of(SentFileRow).c
_WITH_FILES: Final = Prepared(
    sql_select(_FILE.file_id)
    .where(_FILE.message_id.in_(bindparam("message_ids", expanding=True)))
    .limit(1)
)


class NoRecipientKeyError(NodeError):
    """The registry names no node or no valid key for the recipient (any more)."""


class FalseDuplicateError(NodeError):
    """The broker says that it has a transport id which nobody had used: it may have nothing."""


class AttemptOutcome(StrEnum):
    """What is known of an attempt that was not confirmed."""

    #: It may have reached the broker: the same transport id is used again.
    UNKNOWN = "unknown"
    #: It cannot have reached a mailbox.
    STAYED = "stayed"
    #: The broker says that it had this transport id before anybody had used it: the answer is
    #: wrong, so the next attempt uses another id.
    FALSE_DUPLICATE = "false_duplicate"


@dataclass(frozen=True, slots=True)
class Consigned:
    """One claimed message on its way to the broker."""

    message_id: str
    peer: ParticipantCode
    transport_id: str
    signed: SignedPayload
    #: Whether the broker was never given this transport id: then it cannot have it already.
    first: bool = True
    #: Until when it is ours alone.
    claimed_until: datetime | None = None
    #: As in the outbox: what has less of it is more urgent.
    priority: int = 0
    #: A file of it that was claimed with it, and whose chunks leave once the broker has it.
    file: "ClaimedFile | None" = None


@dataclass(frozen=True, slots=True)
class ClaimAtOnce:
    """Claims messages as they are stored, for the relay of this process.

    One for each try of a transaction; hand ``messages`` on after its commit.
    """

    until: datetime
    messages: list[Consigned] = field(default_factory=list)

    def note(self, row: Mapping[str, Any], signed: SignedPayload) -> dict[str, Any]:
        """Return the outbox row of a message as one that is claimed."""
        self.messages.append(
            Consigned(
                message_id=row["message_id"],
                peer=ParticipantCode(row["peer"]),
                transport_id=row["transport_id"],
                signed=signed,
                claimed_until=self.until,
                priority=row["priority"],
            )
        )
        return {**row, "claimed_until": self.until, "attempts": 1, "tried": True}

    def note_file(self, file: "ClaimedFile | None") -> None:
        """Let a file go with the message that was noted last."""
        self.messages[-1] = replace(self.messages[-1], file=file)


def claim_at_once(context: NodeContext) -> ClaimAtOnce | None:
    """Return what claims messages that are stored now; ``None``: they wait for the relay."""
    if not context.leaving.messages.takes_more or must_hold_back(context):
        return None
    return ClaimAtOnce(context.clock() + context.rules.lease)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How handing one over went: ``error`` is ``None`` if the broker confirmed it."""

    message_id: str
    transport_id: str
    error: str | None = None
    outcome: AttemptOutcome = AttemptOutcome.UNKNOWN
    #: As claimed: see :class:`Consigned`.
    first: bool = True
    #: The key that it was sealed for.
    sealed_for: KeyId | None = None
    #: As claimed.
    claimed_until: datetime | None = None
    #: Into the mailbox of which account it went.
    recipient: AccountId | None = None


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
    claimed: list[Consigned] = []
    for waiting in find_due(session, now=now, rules=context.rules, limit=limit):
        try:
            signed = open_signed(
                context,
                waiting.signed_payload_sealed,
                wrapped_key=waiting.wrapped_key,
                message_id=waiting.message_id,
            )
        except (StoredContentError, ProtocolError) as error:
            # One damaged row must not hold up the others. It stays, and says what is wrong.
            _put_off(session, waiting.message_id, until=now + _DAMAGED_PAUSE, reason=str(error))
            continue
        if holds and is_about_person(signed):
            _put_off(session, waiting.message_id, until=now + HOLD_PAUSE, reason=HELD_BACK)
            continue
        claimed.append(
            Consigned(
                message_id=waiting.message_id,
                peer=ParticipantCode(waiting.peer),
                transport_id=waiting.transport_id,
                signed=signed,
                first=not waiting.tried,
                claimed_until=now + context.rules.lease,
                priority=waiting.priority,
            )
        )
    for part in in_parts([each.message_id for each in claimed]):
        session.exec(
            update(OutboxRow)
            .where(col(OutboxRow.message_id).in_(part))
            .values(
                claimed_until=now + context.rules.lease,
                attempts=col(OutboxRow.attempts) + 1,
                tried=True,
            )
        )
    return claimed


def _put_off(session: Session, message_id: str, *, until: datetime, reason: str) -> None:
    change = {"next_attempt_at": until, "last_error": reason[:_ERROR_LENGTH]}
    update_rows(session, OutboxRow, {message_id: change})


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
        envelope = _load_recipient(entry.public).seal(signed).encode()
        account = parse_account_id(document.broker.account)
    except ProtocolError as error:
        raise NoRecipientKeyError(str(error)) from error
    if len(envelope) > document.max_envelope_bytes:
        raise NoRecipientKeyError(
            f"{peer} takes envelopes of at most {document.max_envelope_bytes} bytes."
        )
    return SealedEnvelope(recipient=account, envelope=envelope, sealed_for=KeyId(entry.key_id))


@lru_cache(256)
def _load_recipient(public: str) -> RecipientKey:
    """Load a public key once, not for each message that is sealed for it."""
    return RecipientKey(decode_base64(public))


def record_attempts(context: NodeContext, attempts: Sequence[Attempt]) -> None:
    """Record what the broker said, and when to try again."""

    def record(session: Session) -> bool:
        now = context.clock()
        for attempt in record_confirmed(context, session, attempts, at=now):
            row = lock_message(session, attempt.message_id)
            outbox = session.get(OutboxRow, attempt.message_id, with_for_update=True)
            if row is None or outbox is None or outbox.transport_id != attempt.transport_id:
                continue  # the receipt was quicker than our record, or another worker took over
            if _is_anothers(outbox, attempt):
                outbox.may_have_left = True
                continue
            outbox.claimed_until = None
            if attempt.error is None:
                session.delete(outbox)  # asked for again: whoever misses it still asks again
            else:
                outbox.last_error = attempt.error[:_ERROR_LENGTH]
                _note_doubt(context, outbox, attempt)
                failures = max(1, outbox.attempts - outbox.handed_over)
                outbox.next_attempt_at = now + context.rules.retry_pause(failures)
        return _have_files(session, [attempt.message_id for attempt in attempts])

    # A power cut that undoes it finds the row as claimed, which is what a crash here leaves, too.
    if context.transact(record, durable=False):
        context.signals.chunks.notify()
    context.signals.inbox.notify()


def _have_files(session: Session, message_ids: Sequence[str]) -> bool:
    return any(_WITH_FILES.ask(session, {"message_ids": part}) for part in in_parts(message_ids))


def _is_anothers(outbox: OutboxRow, attempt: Attempt) -> bool:
    """Say whether another worker is trying it now, because this one took longer than its lease."""
    return attempt.claimed_until is not None and outbox.claimed_until not in {
        None,
        attempt.claimed_until,
    }


def _note_doubt(context: NodeContext, outbox: OutboxRow, attempt: Attempt) -> None:
    """Remember what an unconfirmed attempt leaves open."""
    match attempt.outcome:
        case AttemptOutcome.UNKNOWN:
            outbox.may_have_left = True
        case AttemptOutcome.STAYED:
            outbox.tried = not attempt.first
        case AttemptOutcome.FALSE_DUPLICATE:
            outbox.tried, outbox.may_have_left = False, True
            outbox.transport_id = context.random(16).hex()


def hurry(context: NodeContext) -> None:
    """Try at once what only failed because the broker was away."""

    def bring_forward(session: Session) -> None:
        now = context.clock()
        for outbox in session.exec(
            select(OutboxRow)
            .where(
                col(OutboxRow.last_error).is_not(None),
                OutboxRow.next_attempt_at > now,
            )
            .with_for_update(skip_locked=True)
        ):
            outbox.next_attempt_at = now

    context.transact(bring_forward)
    context.signals.outbox.notify()


def next_message_in(context: NodeContext) -> timedelta | None:
    """Return how long until the next message is due; ``None`` if the outbox is empty."""
    return next_due_in(context, OutboxRow)
