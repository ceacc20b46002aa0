"""What follows from a stored message: items, the course of its case, webhooks, words to search for.

Whoever stores a message, received or sent, alone or with others, notes it (:func:`note_to_follow`)
in the same transaction. A worker takes the notes in the order of storing, opens each message once,
and hands it to every follower in one transaction that also takes the note away. So intake and
sending stay as quick as they are, and nothing that should follow is ever lost.

A follower is asked **at least once**: a crash, or another follower that fails, makes it be asked
again in a new transaction, so it looks for what it did before. One that raises delays its own
message alone, with growing pauses, and shows as an alarm. Followers work on the store and on
nothing else: no network, no waiting.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import BindParameter, and_, bindparam, func, or_
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from console.i18n import Message, nmsg
from console.process.tasks import describe_failure
from console.storage.columns import leave_unread
from node.service.context import NodeContext
from node.service.records import IN, open_signed
from node.store.bulk import delete_rows, in_parts, insert_rows, table_of, update_rows
from node.store.prepared import Prepared
from node.store.tables import CaseRow, MessageRow
from node.store.work_tables import MessageToFollowRow
from protocol.identifiers import Channel
from protocol.messages.catalogue import UnreadableMessage, parse_payload
from protocol.messages.head import CaseMessage, Head

log = structlog.get_logger(__name__)

_MESSAGE, _CASE, _NOTE = (table_of(each) for each in (MessageRow, CaseRow, MessageToFollowRow))
_NAMED: Final = _MESSAGE.c.message_id.in_(bindparam("message_ids", expanding=True))
_OF_CASES: Final = _MESSAGE.outerjoin(_CASE, _CASE.c.case_id == _MESSAGE.c.case_id)
_THERE: Final = Prepared(
    sql_select(
        _MESSAGE.c.message_id,
        _MESSAGE.c.payload_sha256,
        # Content of whatever length, under a key that was not thrown away, or under none.
        and_(
            func.length(_MESSAGE.c.signed_payload_sealed) > 0,
            func.coalesce(func.length(_CASE.c.wrapped_key), 1) > 0,
        ),
    )
    .select_from(_OF_CASES)
    .where(_NAMED)
)
_SEALED: Final = Prepared(
    sql_select(_MESSAGE.c.message_id, _MESSAGE.c.signed_payload_sealed, _CASE.c.wrapped_key)
    .select_from(_OF_CASES)
    .where(_NAMED)
)
_NOW: Final[BindParameter[datetime]] = bindparam("now")
_QUESTION: Final = (
    sql_select(_NOTE.c.follow_id, _NOTE.c.message_id)
    .where(
        or_(
            _NOTE.c.next_attempt_at <= _NOW,
            # Written by a clock that was set back since.
            _NOTE.c.next_attempt_at > bindparam("beyond"),
        ),
        or_(
            _NOTE.c.claimed_until.is_(None),
            _NOTE.c.claimed_until < _NOW,
            _NOTE.c.claimed_until > bindparam("lease_end"),
        ),
    )
    .order_by(_NOTE.c.follow_id)
    .limit(bindparam("limit"))
)
_DUE: Final = Prepared(_QUESTION)
_TAKEN: Final = Prepared(_QUESTION.with_for_update(skip_locked=True))
_STILL: Final = Prepared(
    sql_select(_NOTE.c.follow_id)
    .where(_NOTE.c.follow_id.in_(bindparam("follow_ids", expanding=True)))
    .with_for_update()
)
#: Messages of one transaction: few, because SQLite has one writer at a time and sending needs it.
AT_ONCE: Final = 64
#: Pauses after an attempt that failed; the last one repeats.
_PAUSES: Final = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3_600))
#: Failures after which people are told.
_TOLD_AFTER: Final = 3
_ERROR_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedMessage:
    """A stored message, as followers get it."""

    #: Its row, of the follower's session: it may be changed. Its sealed payload is not loaded.
    row: MessageRow
    #: What it says; unreadable: of an unknown type, or of a newer version.
    message: Head | UnreadableMessage

    @property
    def is_incoming(self) -> bool:
        """Whether it was received, not sent."""
        return self.row.direction == IN

    @property
    def case_message(self) -> CaseMessage | None:
        """The message if people exchange such messages and this version reads it, else None."""
        return self.message if isinstance(self.message, CaseMessage) else None

    @property
    def channel(self) -> Channel | None:
        """Its channel; None if it cannot be read."""
        return self.message.channel if isinstance(self.message, CaseMessage) else None


Follower = Callable[[NodeContext, Session, Sequence[FollowedMessage]], None]
"""What is done about stored messages, all of one transaction together, in their order.

Idempotent; raises if it has to be asked again: then each is tried alone.
"""


def one_by_one(follow: Callable[[NodeContext, Session, FollowedMessage], None]) -> Follower:
    """Make a follower of what is done about one message: for what few messages need."""

    def follow_each(
        context: NodeContext, session: Session, batch: Sequence[FollowedMessage]
    ) -> None:
        for followed in batch:
            follow(context, session, followed)

    return follow_each


def note_to_follow(session: Session, message_ids: Iterable[str], *, at: datetime) -> None:
    """Note messages that are stored in this transaction, in their order.

    Notify ``signals.to_follow`` after the commit.
    """
    rows = [{"message_id": message_id, "next_attempt_at": at} for message_id in message_ids]
    insert_rows(session, MessageToFollowRow, rows)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A claimed note whose message was opened."""

    follow_id: int
    message_id: str
    message: Head | UnreadableMessage


def follow_due(context: NodeContext, followers: Sequence[Follower], *, limit: int = AT_ONCE) -> int:
    """Let followers work on what is due; returns how many messages were looked at.

    Zero: nothing is due, or another process works on it.
    """
    claimed = _claim(context, limit=limit)
    if not claimed:
        context.leaving.read.clear()
        return 0
    opened = _open_all(context, claimed)
    try:
        context.transact(lambda session: _apply(context, session, opened, followers))
    except Exception as error:  # noqa: BLE001 - each is tried alone, where what fails is recorded and shown
        log.warning("followed_one_by_one", count=len(opened), error=describe_failure(error))
        for each in opened:
            _follow_alone(context, each, followers)
    return len(claimed)


def _follow_alone(context: NodeContext, opened: _Opened, followers: Sequence[Follower]) -> None:
    try:
        context.transact(lambda session: _apply(context, session, [opened], followers))
    except Exception as error:  # noqa: BLE001 - recorded with the message, shown, tried again
        _put_off(context, opened.follow_id, opened.message_id, error)


def _claim(context: NodeContext, *, limit: int) -> list[tuple[int, str]]:
    """Claim what is due; looks before it takes the write lock for nothing."""
    now, lease = context.clock(), context.rules.lease
    asked = {"now": now, "lease_end": now + lease, "beyond": now + _PAUSES[-1], "limit": limit}
    with context.database.reading() as session:
        if not _DUE.ask(session, asked):
            return []

    def take(session: Session) -> list[tuple[int, str]]:
        found = [(follow_id, message_id) for follow_id, message_id in _TAKEN.ask(session, asked)]
        changes = {follow_id: {"claimed_until": now + lease} for follow_id, _ in found}
        update_rows(session, MessageToFollowRow, changes)
        return found

    return context.transact(take, durable=False)


def _open_all(context: NodeContext, claimed: Sequence[tuple[int, str]]) -> list[_Opened]:
    """Open messages; without those that do not open now, or are not there any more."""
    names = [message_id for _, message_id in claimed]
    sealed: dict[str, tuple[bytes, bytes | None]] = {}
    with context.database.reading() as session:
        there: dict[str, str | None] = {}
        for part in in_parts(names):
            for name, digest, is_kept in _THERE.ask(session, {"message_ids": part}):
                there[name] = digest if is_kept else None
        digests = {name: digest for name, digest in there.items() if digest is not None}
        read = context.leaving.read.take(digests, at=context.clock())
        for part in in_parts([name for name in there if name not in read]):
            for name, payload, key in _SEALED.ask(session, {"message_ids": part}):
                sealed[name] = (payload, key)
    gone = [follow_id for follow_id, message_id in claimed if message_id not in there]
    if gone:  # erased meanwhile: nothing follows from them any more
        context.transact(
            lambda session: delete_rows(session, MessageToFollowRow, gone), durable=False
        )
    opened = []
    for follow_id, message_id in claimed:
        if message_id in read:
            opened.append(_Opened(follow_id, message_id, read[message_id]))
        if message_id not in sealed:
            continue
        payload, key = sealed[message_id]
        try:
            signed = open_signed(context, payload, wrapped_key=key, message_id=message_id)
            opened.append(_Opened(follow_id, message_id, parse_payload(signed.payload)))
        except Exception as error:  # noqa: BLE001 - a damaged row holds up nobody else: recorded, shown, tried again
            _put_off(context, follow_id, message_id, error)
    return opened


def _apply(
    context: NodeContext,
    session: Session,
    opened: Sequence[_Opened],
    followers: Sequence[Follower],
) -> None:
    """Let every follower work on messages whose notes are still there; take the notes away."""
    notes, rows = set[int](), dict[str, MessageRow]()
    for part in in_parts(opened):
        asked = {"follow_ids": [each.follow_id for each in part]}
        notes.update(follow_id for (follow_id,) in _STILL.ask(session, asked))
        found = session.exec(
            select(MessageRow)
            .options(leave_unread(MessageRow.signed_payload_sealed))
            .where(col(MessageRow.message_id).in_([each.message_id for each in part]))
        )
        rows.update((row.message_id, row) for row in found)
    batch: list[FollowedMessage] = []
    for each in opened:
        row = rows.get(each.message_id)
        if each.follow_id not in notes or row is None:
            continue  # another process was quicker, or it was erased
        batch.append(FollowedMessage(row=row, message=each.message))
    for follow in followers:
        follow(context, session, batch)
    delete_rows(session, MessageToFollowRow, [each.follow_id for each in opened])


def _put_off(context: NodeContext, follow_id: int, message_id: str, error: BaseException) -> None:
    """Record that a message could not be followed, and when it is tried again."""
    described, now = describe_failure(error), context.clock()

    def record(session: Session) -> int:
        row = session.get(MessageToFollowRow, follow_id, with_for_update=True)
        if row is None:
            return 0
        row.next_attempt_at = now + _PAUSES[min(row.attempts, len(_PAUSES) - 1)]
        row.attempts += 1
        row.last_error = described[:_ERROR_LENGTH]
        row.claimed_until = None
        session.add(row)
        return row.attempts

    failures = context.transact(record)
    log.warning("message_not_followed", message=message_id, error=described, failures=failures)


def list_following_notices(session: Session) -> list[Message]:
    """Say which messages nothing follows from although it should; empty if there are none."""
    rows = session.exec(
        select(MessageToFollowRow)
        .where(MessageToFollowRow.attempts >= _TOLD_AFTER)
        .order_by(col(MessageToFollowRow.follow_id))
        .limit(20)
    )
    return [
        nmsg(
            "message %(message)s: it is stored, but its work items, notices and search words are "
            "missing: this node's software failed on it %(count)s time (%(error)s). It is tried "
            "again by itself; open the message by hand, and report this to the makers",
            "message %(message)s: it is stored, but its work items, notices and search words are "
            "missing: this node's software failed on it %(count)s times (%(error)s). It is tried "
            "again by itself; open the message by hand, and report this to the makers",
            row.attempts,
            message=row.message_id,
            error=str(row.last_error),
        )
        for row in rows
    ]
