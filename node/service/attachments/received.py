"""Received files: their rows, which chunks of them are here, and how they move.

A file is kept as its chunks came, each at its place in one blob: encrypted under a key that stands
in the message alone, and so under the key of the case. Whoever changes a row holds it locked.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, col, select

from node.domain.access import SYSTEM
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.file_states import (
    Arrival,
    ArrivalEvent,
    Scan,
    ScanEvent,
    advance_arrival,
    advance_scan,
)
from node.domain.ports import StoredContentError
from node.service.attachments import bitmaps
from node.service.attachments.sealed_files import read_sealed_chunks
from node.service.context import NodeContext, NotFoundError
from node.service.owing import owe_what_is_due
from node.service.records import add_event, load_message, lock_message
from node.store.attachment_tables import ReceivedFileRow
from node.store.tables import MessageRow
from protocol.attachment import Chunk, open_attachment
from protocol.identifiers import MessageId
from protocol.messages.attachments import AttachmentManifest
from protocol.messages.head import CaseMessage

_TOLD_OF: Final = {
    Arrival.BROKEN: EventKind.FILE_BROKEN,
    Arrival.GONE: EventKind.FILE_GONE,
    Arrival.GIVEN_UP: EventKind.FILE_GIVEN_UP,
}


class ChunksLostError(Exception):
    """Chunks that were here are not, or are not what they were: they are asked for again."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A received file as it can be read: where it lies, and how it is opened."""

    file_id: str
    #: On the wire: chunks are bound to it.
    wire_id: MessageId
    manifest: AttachmentManifest


def name_file(message_id: str, place: int) -> str:
    """Return our name for a file of a message: the same again if the message comes again."""
    return hashlib.sha256(f"{message_id}\x00{place}".encode()).hexdigest()[:32]


def expect_files(
    context: NodeContext, session: Session, row: MessageRow, message: CaseMessage
) -> None:
    """Make a row for each file of a message that has just been stored."""
    rows = describe_files(context, message, message_id=row.message_id, peer=row.peer)
    session.add_all(ReceivedFileRow(**each) for each in rows)
    session.flush()


def describe_files(
    context: NodeContext, message: CaseMessage, *, message_id: str, peer: str
) -> list[dict[str, Any]]:
    """Return the row of each file of a message that is stored under our name for it."""
    now = context.clock()
    return [
        {
            "file_id": name_file(message_id, place),
            "message_id": message_id,
            "place": place,
            "peer": peer,
            "attachment_id": manifest.attachment_id,
            "size": manifest.size,
            "chunk_size": manifest.chunk_size,
            "chunk_count": manifest.chunk_count,
            "held_map": bytes(-(-manifest.chunk_count // 8)),
            "state": Arrival.ARRIVING,
            "scan": Scan.NONE,
            "noticed_at": now,
            "ask_at": now + context.rules.repair.pause(0),
        }
        for place, manifest in enumerate(message.attachments)
    ]


def lock_file(session: Session, file_id: str) -> ReceivedFileRow | None:
    """Return a file's row and keep others from changing it."""
    return session.exec(
        select(ReceivedFileRow).where(ReceivedFileRow.file_id == file_id).with_for_update()
    ).one_or_none()


def list_held(row: ReceivedFileRow) -> set[int]:
    """Return the places of the chunks that are here."""
    return set(bitmaps.list_bits(row.held_map))


def note_held(row: ReceivedFileRow, held: Iterable[int]) -> None:
    """Write down which chunks are here."""
    row.held_map = bitmaps.set_bits(bytes(-(-row.chunk_count // 8)), held)
    row.held = bitmaps.count_bits(row.held_map)
    row.row_version += 1


def load_file(context: NodeContext, session: Session, file_id: str) -> HeldFile:
    """Return a file with its manifest; raises ``NotFoundError``, ``StoredContentError``."""
    row = session.get(ReceivedFileRow, file_id)
    stored = None if row is None else load_message(context, session, row.message_id, who=SYSTEM)
    if row is None or stored is None or not isinstance(stored.message, CaseMessage):
        raise NotFoundError("There is no such file here: open it again from its message.")
    return HeldFile(
        file_id=file_id,
        wire_id=MessageId(stored.row.wire_id),
        manifest=stored.message.attachments[row.place],
    )


def read_file(context: NodeContext, file: HeldFile) -> Iterator[bytes]:
    """Yield the content of a file, checked to its end; at most a chunk of it is in memory.

    Raises :class:`ChunksLostError` where the disk no longer gives what came, and
    ``RemoteProtocolError`` if it is not the file that was announced: it never will be.
    """
    chunks = _read_chunks(context, file)
    yield from open_attachment(file.manifest, chunks, message_id=file.wire_id)


def _read_chunks(context: NodeContext, file: HeldFile) -> Iterator[Chunk]:
    try:
        yield from read_sealed_chunks(context.blobs, file.file_id, file.manifest)
    except StoredContentError as error:
        raise ChunksLostError("The disk no longer has a file that came.") from error


def find_lost(context: NodeContext, file: HeldFile, held: Iterable[int]) -> set[int]:
    """Return which of the chunks that should be here are not, or not as they came."""
    lost = set()
    for index in held:
        try:
            list(read_sealed_chunks(context.blobs, file.file_id, file.manifest, indices=(index,)))
        except StoredContentError:
            lost.add(index)
    return lost


# ------------------------------------------------------------------ how it moves


def move_file(
    context: NodeContext, session: Session, row: ReceivedFileRow, event: ArrivalEvent
) -> bool:
    """Move a locked file; tells people and its sender what follows. Says whether it moved."""
    state = advance_arrival(Arrival(row.state), event)
    if state is None:
        return False
    has_changed = state != row.state
    row.state = state
    row.row_version += 1
    session.add(row)
    if not has_changed:
        return True
    now = context.clock()
    if state is Arrival.OPENED:
        row.opened_at, row.trouble = now, None
    else:
        row.opened_at = None
    if state is not Arrival.ARRIVING:
        row.ask_at = None
    session.flush()
    message = lock_message(session, row.message_id)
    if message is None:
        return True
    if state in _TOLD_OF:
        _tell(session, message, kind=_TOLD_OF[state], at=now)
    elif state is Arrival.OPENED and _are_all_opened(session, row.message_id):
        _tell(session, message, kind=EventKind.FILES_ARRIVED, at=now)
    owe_what_is_due(context, session, message)
    return True


def move_scan(row: ReceivedFileRow, event: ScanEvent) -> bool:
    """Move what is known of a locked file's scan; says whether it moved."""
    state = advance_scan(Scan(row.scan), event)
    if state is None:
        return False
    row.scan = state
    row.row_version += 1
    return True


def end_waiting(row: ReceivedFileRow, event: ScanEvent) -> None:
    """Let a locked file wait no more for a verdict; one that was found in stays quarantined.

    An administrator may have had it scanned again: asking is no verdict.
    """
    was_found = row.scan == Scan.WAITING and row.scan_detail is not None
    move_scan(row, ScanEvent.SAYS_FOUND if was_found else event)
    if row.scan != Scan.FOUND:
        row.scan_detail, row.scanned_at = None, None


def lose_chunks(
    context: NodeContext, session: Session, row: ReceivedFileRow, lost: Iterable[int]
) -> None:
    """Note that chunks of a locked file are not here any more, and ask for them at once."""
    if not move_file(context, session, row, ArrivalEvent.CHUNKS_LOST):
        return
    note_held(row, list_held(row) - set(lost))
    end_waiting(row, ScanEvent.FILE_LOST)
    row.asked, row.asked_at, row.ask_at = 0, None, context.clock()
    session.add(row)
    session.flush()


def _are_all_opened(session: Session, message_id: str) -> bool:
    states = session.exec(
        select(ReceivedFileRow.state).where(ReceivedFileRow.message_id == message_id)
    )
    return all(state == Arrival.OPENED for state in states)


def _tell(session: Session, message: MessageRow, *, kind: EventKind, at: datetime) -> None:
    add_event(
        session,
        kind=kind,
        at=at,
        actor=message.peer if kind is EventKind.FILES_ARRIVED else SYSTEM_ACTOR,
        case_id=message.case_id,
        message_id=message.message_id,
    )


def list_file_rows(session: Session, message_id: str) -> Sequence[ReceivedFileRow]:
    """Return the files of a received message, in their order."""
    return session.exec(
        select(ReceivedFileRow)
        .where(ReceivedFileRow.message_id == message_id)
        .order_by(col(ReceivedFileRow.place))
    ).all()
