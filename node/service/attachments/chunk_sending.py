"""The chunks that we owe: claim a file, hand its chunks over a few at a time, note what is there.

Chunks leave only once the broker has their message (SPEC section 13), and none does any more when
the message came to an end. A file belongs to one worker while it hands chunks over; what a worker
that was killed had not noted is handed over again under the same transport ids, which the broker
knows, and which change nothing at the recipient.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from node.domain.ports import StoredContentError
from node.domain.states import Dispatch
from node.service.attachments.bitmaps import clear_bits, count_bits, list_bits, set_bits
from node.service.attachments.sealed_files import read_sealed_chunks
from node.service.attachments.states import SentEvent, SentState, advance_sent
from node.service.context import NodeContext
from node.service.records import OUT, load_signed
from node.store.attachment_tables import SentFileRow
from node.store.tables import CaseRow, MessageRow
from protocol.attachment import Chunk
from protocol.errors import ProtocolError
from protocol.identifiers import ParticipantCode
from protocol.messages.attachments import AttachmentManifest
from protocol.messages.catalogue import parse_payload
from protocol.messages.head import CaseMessage
from protocol.messages.link_repair import (
    AttachmentGone,
    AttachmentGoneReason,
    ChunksWanted,
)

log = structlog.get_logger(__name__)

#: Pauses after chunks that the broker did not take. A full mailbox is usual here: few chunks of one
#: sender lie in it at a time, and its owner's node takes them out as fast as its line allows.
PAUSES: Final = tuple(timedelta(seconds=s) for s in (0.2, 0.5, 1, 2, 5, 10, 30))
LEASE: Final = timedelta(seconds=20)
"""A worker that lives renews it several times; one that was killed holds a file up for so long."""
PUBLISH_SECONDS: Final = 120.0
"""How long the broker may take to confirm a chunk: half a megabyte at 35 kbit/s."""
_ERROR_LENGTH: Final = 200
#: Looked at when asked how long until the next is due.
_LOOK_AHEAD: Final = 50
#: Files whose message came to an end, put away in one look for a recipient's next one.
_MOST_STOPPED: Final = 50
#: Between two times that chunks of one file are owed anew on request: half of the first pause after
#: which an honest peer asks again.
_ASKED_PAUSE: Final = timedelta(minutes=5)

#: A message in these states takes its chunks with it.
_ENDED: Final = frozenset(Dispatch) - {Dispatch.QUEUED, Dispatch.ON_ITS_WAY}
#: What was only given up is no secret from its recipient: whoever asks for it gets it whole.
_WITHDRAWN: Final = frozenset({Dispatch.CANCELLED})


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file whose chunks are handed over now."""

    file_id: str
    message_id: str
    peer: ParticipantCode
    manifest: AttachmentManifest
    #: What is owed, ascending.
    indices: tuple[int, ...]
    transport_id: str
    #: Lower goes first.
    priority: int

    def name_chunk(self, index: int) -> str:
        """Return the transport id of one chunk: the same whenever it is tried."""
        return hashlib.sha256(f"{self.transport_id}:{index}".encode()).hexdigest()[:32]


def give_back(context: NodeContext, files: Sequence[ClaimedFile]) -> None:
    """Let go of claimed files of which nothing was handed over: the store says when they go."""

    def drop(session: Session) -> None:
        for file in sorted(files, key=lambda each: each.file_id):
            row = session.get(SentFileRow, file.file_id, with_for_update=True)
            if row is not None and row.transport_id == file.transport_id:
                row.claimed_until = None

    if files:
        context.transact(drop, durable=False)


def claim_files(
    context: NodeContext, *, limit: int, busy: Collection[str] = ()
) -> list[ClaimedFile]:
    """Claim files that owe chunks, most urgent first, one for each recipient that is not busy."""
    return context.transact(lambda session: _claim(context, session, limit=limit, busy=busy))


def _claim(
    context: NodeContext, session: Session, *, limit: int, busy: Collection[str]
) -> list[ClaimedFile]:
    # Recipients first: however many files wait for one, they do not hide those for another.
    peers = session.exec(
        select(SentFileRow.peer)
        .join(MessageRow, col(MessageRow.message_id) == col(SentFileRow.message_id))
        .where(*_is_due(context), col(SentFileRow.peer).not_in(busy))
        .group_by(col(SentFileRow.peer))
        .order_by(func.min(SentFileRow.priority), func.min(SentFileRow.next_attempt_at))
        .limit(limit)
    ).all()
    found = (_claim_next(context, session, peer) for peer in peers)
    return [file for file in found if file is not None]


def _is_due(context: NodeContext) -> tuple[ColumnElement[bool], ...]:
    now = context.clock()
    return (
        col(SentFileRow.next_attempt_at).is_not(None),
        col(MessageRow.dispatch) != Dispatch.QUEUED,
        or_(
            col(SentFileRow.next_attempt_at) <= now,
            col(SentFileRow.next_attempt_at) > now + context.rules.longest_pause,
        ),
        or_(
            col(SentFileRow.claimed_until).is_(None),
            col(SentFileRow.claimed_until) < now,
            col(SentFileRow.claimed_until) > now + LEASE,
        ),
    )


def _claim_next(context: NodeContext, session: Session, peer: str) -> ClaimedFile | None:
    """Claim the file of one recipient that goes first, and put away those that may not leave."""
    rows = session.exec(
        select(SentFileRow, MessageRow)
        .join(MessageRow, col(MessageRow.message_id) == col(SentFileRow.message_id))
        .where(*_is_due(context), SentFileRow.peer == peer)
        .order_by(col(SentFileRow.priority), col(SentFileRow.next_attempt_at))
        .limit(_MOST_STOPPED)
        .with_for_update(skip_locked=True, of=SentFileRow)
    ).all()
    for row, message in rows:
        if not _may_leave(row, message):
            _stop(row, SentEvent.MESSAGE_ENDED)
            continue
        try:
            manifest = _find_manifest(context, session, row, message)
        except (StoredContentError, ProtocolError) as error:
            _stop(row, SentEvent.LOST, error=str(error))
            log.error("file_lost", message_id=row.message_id, file_id=row.file_id)  # noqa: TRY400 - no traceback: contents
            continue
        row.claimed_until = context.clock() + LEASE
        return ClaimedFile(
            file_id=row.file_id,
            message_id=row.message_id,
            peer=ParticipantCode(row.peer),
            manifest=manifest,
            indices=tuple(list_bits(row.owed_map)),
            transport_id=row.transport_id,
            priority=row.priority,
        )
    return None


def _may_leave(row: SentFileRow, message: MessageRow) -> bool:
    """Whether chunks may leave: after its end only what was asked for, taken back never."""
    if message.dispatch in _WITHDRAWN:
        return False
    return message.dispatch not in _ENDED or row.asked > 0


def drop_claims(context: NodeContext) -> None:
    """Let go of what a process that ended held, when this one begins: at once, not after a lease.

    Only where one process has the database to itself (SQLite); among several the lease decides.
    """
    if not context.database.is_sqlite:
        return

    def drop(session: Session) -> None:
        for row in session.exec(
            select(SentFileRow).where(col(SentFileRow.claimed_until).is_not(None))
        ):
            row.claimed_until = None

    context.transact(drop)


def renew_claim(context: NodeContext, file: ClaimedFile) -> None:
    """Keep a claimed file for another :data:`LEASE`, if it is still claimed."""

    def renew(session: Session) -> None:
        row = session.get(SentFileRow, file.file_id, with_for_update=True)
        if row is not None and row.claimed_until and row.transport_id == file.transport_id:
            row.claimed_until = context.clock() + LEASE

    context.transact(renew)


def _find_manifest(
    context: NodeContext, session: Session, row: SentFileRow, message: MessageRow
) -> AttachmentManifest:
    case = session.get(CaseRow, message.case_id) if message.case_id else None
    said = parse_payload(load_signed(context, message, case).payload)
    if isinstance(said, CaseMessage):
        for manifest in said.attachments:
            if manifest.attachment_id == row.attachment_id:
                return manifest
    raise StoredContentError("The message of this file names no such file: restore a backup.")


def _stop(row: SentFileRow, event: SentEvent, *, error: str | None = None) -> None:
    state = advance_sent(SentState(row.state), event)
    if state is not None:
        row.state = state
    row.owed_map, row.owed = b"", 0
    row.next_attempt_at = row.claimed_until = None
    row.last_error = error[:_ERROR_LENGTH] if error else None


def read_chunks(context: NodeContext, file: ClaimedFile, indices: Sequence[int]) -> list[Chunk]:
    """Read a window of chunks; raises ``StoredContentError`` if one is not the announced one."""
    return list(read_sealed_chunks(context.blobs, file.file_id, file.manifest, indices=indices))


def record_chunks(
    context: NodeContext,
    file: ClaimedFile,
    stored: Collection[int],
    *,
    error: str | None = None,
    release: bool = False,
) -> bool:
    """Note what the broker has; whether the file is still this worker's and owes more.

    ``release``: give it back, to be taken up at once, or after a pause if there is an ``error``.
    """

    def record(session: Session) -> bool:
        row = session.get(SentFileRow, file.file_id, with_for_update=True)
        if row is None or row.transport_id != file.transport_id or not row.owed_map:
            return False  # asked for anew, or ended meanwhile: what was sent does no harm
        now = context.clock()
        row.owed_map = clear_bits(row.owed_map, stored)
        row.owed = count_bits(row.owed_map)
        row.last_error = error[:_ERROR_LENGTH] if error else None
        if stored or error:
            row.attempts = 0 if stored else row.attempts + 1
        if not row.owed:
            row.state = advance_sent(SentState(row.state), SentEvent.ALL_STORED) or row.state
            row.owed_map, row.next_attempt_at, row.claimed_until = b"", None, None
            return False
        if stored:
            row.state = advance_sent(SentState(row.state), SentEvent.SOME_STORED) or row.state
        if release or error:
            row.claimed_until = None
            pause = PAUSES[min(row.attempts, len(PAUSES) - 1)] if error else timedelta(0)
            row.next_attempt_at = now + pause
            return False
        row.claimed_until = now + LEASE
        message = session.get(MessageRow, row.message_id)
        return message is not None and _may_leave(row, message)

    # A power cut that undoes it makes the same chunks go once more.
    more = context.transact(record, durable=False)
    context.signals.inbox.notify()
    return more


def record_lost(context: NodeContext, file: ClaimedFile, *, problem: str) -> None:
    """Note that a file is not on our disk any more as it was announced: nothing of it leaves."""

    def record(session: Session) -> None:
        row = session.get(SentFileRow, file.file_id, with_for_update=True)
        if row is not None:
            _stop(row, SentEvent.LOST, error=problem)

    context.transact(record)
    log.error("file_lost", message_id=file.message_id, file_id=file.file_id)


def next_chunks_in(context: NodeContext, *, busy: Collection[str] = ()) -> timedelta | None:
    """Return how long until chunks are due; None if none are owed that may leave.

    ``busy``: recipients that are left out.
    """
    now = context.clock()
    with context.database.reading() as session:
        moments = session.exec(
            select(SentFileRow.next_attempt_at, SentFileRow.claimed_until)
            .join(MessageRow, col(MessageRow.message_id) == col(SentFileRow.message_id))
            .where(
                col(SentFileRow.next_attempt_at).is_not(None),
                MessageRow.dispatch != Dispatch.QUEUED,
                col(SentFileRow.peer).not_in(busy),
            )
            .order_by(col(SentFileRow.next_attempt_at))
            .limit(_LOOK_AHEAD)
        ).all()
    free = [max(due, claimed or due) for due, claimed in moments if due is not None]
    return None if not free else max(timedelta(0), min(free) - now)


def owe_again(
    context: NodeContext,
    session: Session,
    *,
    peer: str,
    wanted: Sequence[ChunksWanted],
    now: datetime,
) -> tuple[AttachmentGone, ...]:
    """Owe chunks anew that their recipient misses; returns what does not come any more.

    What is asked for too often is not answered: its recipient asks again.
    """
    gone = []
    for each in wanted:
        found = session.exec(
            select(SentFileRow, MessageRow)
            .join(MessageRow, col(MessageRow.message_id) == col(SentFileRow.message_id))
            .where(
                SentFileRow.peer == peer,
                SentFileRow.attachment_id == each.attachment_id,
                MessageRow.direction == OUT,
                MessageRow.wire_id == each.message_id,
            )
        ).first()
        reason = AttachmentGoneReason.UNKNOWN
        if found is not None:
            row, message = found
            session.refresh(row, with_for_update=True)
            if not _is_gone(context, row, message):
                _owe(context, row, each, now=now)
                continue
            reason = AttachmentGoneReason.ERASED
        gone.append(AttachmentGone(attachment_id=each.attachment_id, reason=reason))
    return tuple(gone)


def owe_whole(context: NodeContext, session: Session, message_id: str) -> None:
    """Owe every chunk of a message's files anew: it is sent again after it had come to an end."""
    for row in session.exec(
        select(SentFileRow).where(SentFileRow.message_id == message_id).with_for_update()
    ):
        if row.state != SentState.GONE:
            _set_owed(context, row, range(row.chunk_count))


def _is_gone(context: NodeContext, row: SentFileRow, message: MessageRow) -> bool:
    return (
        row.state == SentState.GONE
        or message.dispatch in _WITHDRAWN
        or context.blobs.size(row.file_id) is None
    )


def _owe(context: NodeContext, row: SentFileRow, wanted: ChunksWanted, *, now: datetime) -> None:
    pause = min(_ASKED_PAUSE, context.rules.repair.pauses[0] / 2)
    too_soon = row.asked_at is not None and timedelta(0) <= now - row.asked_at < pause
    if row.asked >= context.file_rules.asked_at_most or too_soon:
        return
    indices = [
        index
        for each in wanted.ranges
        for index in range(each.first, min(each.last + 1, row.chunk_count))
    ]
    if indices:
        row.asked, row.asked_at = row.asked + 1, now
        _set_owed(context, row, indices)


def _set_owed(context: NodeContext, row: SentFileRow, indices: Iterable[int]) -> None:
    empty = bytes(-(-row.chunk_count // 8))
    row.owed_map = set_bits(row.owed_map or empty, indices)
    row.owed = count_bits(row.owed_map)
    row.state = advance_sent(SentState(row.state), SentEvent.ASKED_AGAIN) or row.state
    row.transport_id = context.random(16).hex()
    row.attempts, row.last_error, row.claimed_until = 0, None, None
    row.next_attempt_at = context.clock()
