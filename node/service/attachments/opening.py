"""Opening received files once all their chunks are here, and looking after what the disk lost.

Opening shows that the file is the one that was announced, from its first byte to its last; nothing
of it is written anywhere. Only then does its message count as delivered (SPEC section 13).
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Final

from sqlalchemy import exists
from sqlmodel import Session, col, select

from node.domain.access import SYSTEM
from node.domain.file_states import Arrival, ArrivalEvent, Scan, ScanEvent
from node.domain.ports import StoredContentError
from node.service.attachments.opening_ahead import Begun
from node.service.attachments.received import (
    ChunksLostError,
    HeldFile,
    end_waiting,
    expect_files,
    find_lost,
    list_file_rows,
    list_held,
    load_file,
    lock_file,
    lose_chunks,
    move_file,
    move_scan,
)
from node.service.attachments.sealed_files import chunk_offset
from node.service.context import NodeContext, NotFoundError
from node.service.receipt_rows import Owed
from node.service.receipts import claim_receipts_of, sign_owed
from node.service.records import IN, load_message
from node.store.attachment_tables import ReceivedFileRow
from node.store.tables import MessageRow
from protocol.attachment import TAG_BYTES
from protocol.errors import ProtocolError, RemoteProtocolError
from protocol.messages.head import CaseMessage
from protocol.padding import padme_length

#: Rows looked through at a time.
_PAGE: Final = 500


class OpenOutcome(StrEnum):
    """What became of a file whose chunks are all here."""

    OPENED = "opened"
    BROKEN = "broken"
    #: Our disk lost some of it meanwhile.
    LOST = "lost"
    #: Its message, or the key of its case, is not here any more.
    ERASED = "erased"


def list_complete(context: NodeContext, *, limit: int) -> list[str]:
    """Return files whose chunks are all here and that nobody has opened, oldest first."""
    with context.database.reading() as session:
        return list(
            session.exec(
                select(ReceivedFileRow.file_id)
                .where(
                    ReceivedFileRow.state == Arrival.ARRIVING,
                    col(ReceivedFileRow.held) == col(ReceivedFileRow.chunk_count),
                )
                .order_by(col(ReceivedFileRow.noticed_at), col(ReceivedFileRow.file_id))
                .limit(limit)
            )
        )


def open_file(
    context: NodeContext, file_id: str, *, has_scanner: bool, begun: Begun | None = None
) -> OpenOutcome:
    """Open a file to its end, and record what came of it. Blocking, as long as reading it takes.

    ``begun``: what was opened of it already.
    """
    try:
        with context.database.reading() as session:
            file = load_file(context, session, file_id)
    except (NotFoundError, StoredContentError, ProtocolError):
        event = ArrivalEvent.SAID_GONE  # it is not asked about again
        context.transact(partial(_record, context, file_id=file_id, event=event, has_scanner=False))
        return OpenOutcome.ERASED
    try:
        event = open_whole(context, file, begun)
    except ChunksLostError:
        note_lost(context, file)
        return OpenOutcome.LOST
    owed = context.transact(
        partial(_record, context, file_id=file_id, event=event, has_scanner=has_scanner)
    )
    hand_receipts_on(context, owed)
    context.signals.inbox.notify()
    return OpenOutcome.OPENED if event is ArrivalEvent.OPENED else OpenOutcome.BROKEN


def open_whole(context: NodeContext, file: HeldFile, begun: Begun | None = None) -> ArrivalEvent:
    """Open a file whose chunks are all here, or the rest of it; returns what that says of it.

    Raises :class:`ChunksLostError`.
    """
    try:
        (begun or Begun.of(file)).finish(context)
    except RemoteProtocolError:
        return ArrivalEvent.DOES_NOT_OPEN
    return ArrivalEvent.OPENED


def _record(
    context: NodeContext, session: Session, *, file_id: str, event: ArrivalEvent, has_scanner: bool
) -> list[Owed]:
    row = lock_file(session, file_id)
    if row is None:
        return []
    return record_opening(context, session, row, event, has_scanner=has_scanner)


def record_opening(
    context: NodeContext,
    session: Session,
    row: ReceivedFileRow,
    event: ArrivalEvent,
    *,
    has_scanner: bool,
) -> list[Owed]:
    """Move a locked file by what its opening said; returns receipts for :func:`hand_receipts_on`.

    They were earned by it, and are claimed for the relay of this process.
    """
    if not move_file(context, session, row, event):
        return []
    if has_scanner and event is ArrivalEvent.OPENED:
        move_scan(row, ScanEvent.WANTED)
    session.add(row)
    message = session.get(MessageRow, row.message_id)
    return [] if message is None else claim_receipts_of(context, session, message)


def hand_receipts_on(context: NodeContext, owed: Sequence[Owed]) -> None:
    """Sign what was earned and claimed, **after the commit**; else the store is looked into."""
    if owed:
        context.leaving.receipts.put(sign_owed(context, owed))
    else:
        context.signals.receipts.notify()


def note_lost(context: NodeContext, file: HeldFile) -> None:
    """Find out which chunks the disk lost, and ask for them: their sender keeps them."""
    with context.database.reading() as session:
        row = session.get(ReceivedFileRow, file.file_id)
        held = set() if row is None else list_held(row)
    lost = find_lost(context, file, sorted(held))

    def record(session: Session) -> None:
        row = lock_file(session, file.file_id)
        if row is not None and lost:
            lose_chunks(context, session, row, lost)

    context.transact(record)


# ------------------------------------------------------------------ when a node starts


def look_through(context: NodeContext, *, has_scanner: bool) -> int:
    """Compare every row with the disk, as a node does once when it starts; returns what is lost.

    After a restore the database and the folder of files may be of different moments. Only lengths
    are compared: what is in a chunk is checked whenever it is read.
    """
    lost = 0
    _expect_after_update(context)
    after = ""
    while True:
        with context.database.reading() as session:
            rows = session.exec(
                select(ReceivedFileRow)
                .where(
                    col(ReceivedFileRow.file_id) > after,
                    col(ReceivedFileRow.state).in_((Arrival.ARRIVING, Arrival.OPENED)),
                )
                .order_by(col(ReceivedFileRow.file_id))
                .limit(_PAGE)
            ).all()
        if not rows:
            return lost
        after = rows[-1].file_id
        for row in rows:
            is_short = row.held > 0 and _is_short(context, row)
            if is_short:
                lost += 1
            if is_short or (not has_scanner and row.scan == Scan.WAITING):
                context.transact(
                    partial(_mend, context, file_id=row.file_id, has_scanner=has_scanner)
                )


def _expect_after_update(context: NodeContext) -> None:
    """Expect the files of messages that an earlier version of this software could not read.

    They were receipted as such and their chunks dropped; their sender keeps them until asked.
    """
    with context.database.reading() as session:
        unread = session.exec(
            select(MessageRow.message_id)
            .where(MessageRow.direction == IN, col(MessageRow.readable).is_(other=False))
            .where(~exists().where(col(ReceivedFileRow.message_id) == col(MessageRow.message_id)))
        ).all()
    for message_id in unread:
        context.transact(partial(_expect_if_readable, context, message_id=message_id))


def _expect_if_readable(context: NodeContext, session: Session, *, message_id: str) -> None:
    try:
        stored = load_message(context, session, message_id, who=SYSTEM)
    except (NotFoundError, StoredContentError, ProtocolError):
        return  # its case was erased
    if isinstance(stored.message, CaseMessage) and not list_file_rows(session, message_id):
        expect_files(context, session, stored.row, stored.message)


def _is_short(context: NodeContext, row: ReceivedFileRow) -> bool:
    return (context.blobs.size(row.file_id) or 0) < _expected_length(row, max(list_held(row)))


def _expected_length(row: ReceivedFileRow, highest: int) -> int:
    """Return how long a blob is that holds chunk ``highest``; the last chunk may be short."""
    if highest == row.chunk_count - 1:
        return padme_length(row.size) + row.chunk_count * TAG_BYTES
    return chunk_offset(highest + 1, chunk_size=row.chunk_size)


def _mend(context: NodeContext, session: Session, *, file_id: str, has_scanner: bool) -> None:
    row = lock_file(session, file_id)
    if row is None:
        return
    if not has_scanner and row.scan == Scan.WAITING:
        end_waiting(row, ScanEvent.SWITCHED_OFF)
    length = context.blobs.size(file_id) or 0
    lost = {index for index in list_held(row) if _expected_length(row, index) > length}
    if lost:
        lose_chunks(context, session, row, lost)
    session.add(row)
