"""What people and programs see of the files of a message, and administrators of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, select

from node.domain.access import Principal
from node.domain.file_states import Arrival, Scan, is_for_people
from node.domain.states import Dispatch
from node.service.attachments.sniffing import RefusedFileError, match_name
from node.service.attachments.states import SentState
from node.service.context import NodeContext
from node.service.permitting import is_seen
from node.service.reading import MessageView
from node.service.records import IN
from node.store.attachment_tables import ReceivedFileRow, SentFileRow
from node.store.tables import MessageRow
from protocol.messages.attachments import AttachmentManifest
from protocol.messages.head import CaseMessage

UNKNOWN_TYPE = "application/octet-stream"
"""The media type of what is not on the list of kinds that are exchanged."""


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a message."""

    file_id: str
    name: str
    size: int
    sensitivity: str
    #: Received: how far it is, and what the scanner said; None for one that we sent.
    arrival: Arrival | None
    scan: Scan
    #: Sent: how far it is; None for one that we received.
    sent: SentState | None
    #: Sent: whether its recipient has signed that it has all of the message.
    is_confirmed: bool
    #: Parts of it that are here, or with the broker.
    parts_done: int
    parts: int
    #: How often missing parts were asked for, and when they will be next.
    asked: int
    ask_at: datetime | None
    has_no_room: bool
    #: Whether its name ends like one of the kinds that are exchanged here.
    is_usual: bool

    @property
    def percent(self) -> int:
        """How much of it is here, or has left: 100 is said of all of it alone."""
        return self.parts_done * 100 // self.parts

    @property
    def is_unscanned(self) -> bool:
        """Whether people may have it only after they were warned."""
        return self.is_for_people and self.scan is Scan.UNSCANNABLE

    @property
    def is_for_people(self) -> bool:
        """Whether people may have it."""
        return self.arrival is not None and is_for_people(self.arrival, self.scan)


def list_files(context: NodeContext, view: MessageView) -> tuple[FileView, ...]:
    """Describe the files of a message, in their order; one that cannot be read has none."""
    message = view.message
    if not isinstance(message, CaseMessage) or not message.attachments:
        return ()
    message_id = view.item.message_id
    with context.database.reading() as session:
        if view.item.direction == IN:
            received = {row.place: row for row in _list_received(session, message_id)}
            return tuple(
                _describe_received(received[place], manifest)
                for place, manifest in enumerate(message.attachments)
                if place in received
            )
        sent = session.exec(select(SentFileRow).where(SentFileRow.message_id == message_id)).all()
    by_place = {row.place: row for row in sent}
    is_confirmed = view.item.dispatch in {Dispatch.DELIVERED, Dispatch.READ}
    return tuple(
        _describe_sent(by_place[place], manifest, is_confirmed=is_confirmed)
        for place, manifest in enumerate(message.attachments)
        if place in by_place
    )


def _list_received(session: Session, message_id: str) -> Sequence[ReceivedFileRow]:
    return session.exec(
        select(ReceivedFileRow)
        .where(ReceivedFileRow.message_id == message_id)
        .order_by(col(ReceivedFileRow.place))
    ).all()


def _describe_received(row: ReceivedFileRow, manifest: AttachmentManifest) -> FileView:
    return FileView(
        file_id=row.file_id,
        name=manifest.name,
        size=manifest.size,
        sensitivity=manifest.sensitivity,
        arrival=Arrival(row.state),
        scan=Scan(row.scan),
        sent=None,
        is_confirmed=False,
        parts_done=row.held,
        parts=row.chunk_count,
        asked=row.asked,
        ask_at=row.ask_at,
        has_no_room=row.trouble is not None,
        is_usual=find_media_type(manifest.name) != UNKNOWN_TYPE,
    )


def _describe_sent(
    row: SentFileRow, manifest: AttachmentManifest, *, is_confirmed: bool
) -> FileView:
    return FileView(
        file_id=row.file_id,
        name=manifest.name,
        size=manifest.size,
        sensitivity=manifest.sensitivity,
        arrival=None,
        scan=Scan.NONE,
        sent=SentState(row.state),
        is_confirmed=is_confirmed,
        parts_done=row.chunk_count - row.owed,
        parts=row.chunk_count,
        asked=row.asked,
        ask_at=None,
        has_no_room=False,
        is_usual=True,
    )


def find_media_type(name: str) -> str:
    """Return the media type of the kind that a name ends like; the sender's word is not asked."""
    try:
        return match_name(name).media_type
    except RefusedFileError:
        return UNKNOWN_TYPE


@dataclass(frozen=True, slots=True)
class FilesOfMessage:
    """The files of one message, in numbers."""

    count: int
    #: Parts of all of them, and those that are here, or with the broker.
    parts: int
    parts_done: int
    #: Files of a received message that are not here yet, or never will be.
    missing: int
    quarantined: int

    @property
    def percent(self) -> int:
        """How much of them is here, or has left."""
        return self.parts_done * 100 // self.parts


def count_files(context: NodeContext, case_id: str, *, who: Principal) -> dict[str, FilesOfMessage]:
    """Return in numbers what files the messages of a case have; messages without are left out."""
    with context.database.reading() as session:
        received = session.exec(
            select(ReceivedFileRow)
            .join(MessageRow, col(MessageRow.message_id) == col(ReceivedFileRow.message_id))
            .where(MessageRow.case_id == case_id, is_seen(who))
        ).all()
        sent = session.exec(
            select(SentFileRow)
            .join(MessageRow, col(MessageRow.message_id) == col(SentFileRow.message_id))
            .where(MessageRow.case_id == case_id, is_seen(who))
        ).all()
    rows: dict[str, list[ReceivedFileRow | SentFileRow]] = {}
    for incoming in received:
        rows.setdefault(incoming.message_id, []).append(incoming)
    for outgoing in sent:
        rows.setdefault(outgoing.message_id, []).append(outgoing)
    return {message_id: _count(of_one) for message_id, of_one in rows.items()}


def _count(rows: Sequence[ReceivedFileRow | SentFileRow]) -> FilesOfMessage:
    received = [row for row in rows if isinstance(row, ReceivedFileRow)]
    sent = [row for row in rows if isinstance(row, SentFileRow)]
    return FilesOfMessage(
        count=len(rows),
        parts=sum(row.chunk_count for row in rows),
        parts_done=sum(row.held for row in received)
        + sum(row.chunk_count - row.owed for row in sent),
        missing=sum(row.state != Arrival.OPENED for row in received),
        quarantined=sum(row.scan == Scan.FOUND for row in received),
    )


# ------------------------------------------------------------------ for administrators


TROUBLES: Final = 100
"""Files of each kind of trouble that are listed."""


@dataclass(frozen=True, slots=True)
class FileTrouble:
    """A received file that somebody should know of: metadata alone."""

    file_id: str
    message_id: str
    peer: str
    noticed_at: datetime
    size: int
    arrival: Arrival
    scan: Scan
    scan_detail: str | None
    scanned_at: datetime | None
    parts_done: int
    parts: int
    has_no_room: bool
    row_version: int


def _list_troubles() -> tuple[ColumnElement[bool], ...]:
    """Each kind of trouble by itself: many files of one must not hide another."""
    state, scan = col(ReceivedFileRow.state), col(ReceivedFileRow.scan)
    return (
        *(
            and_(state == Arrival.OPENED, scan == said)
            for said in (Scan.FOUND, Scan.UNSCANNABLE, Scan.WAITING)
        ),
        state.in_((Arrival.BROKEN, Arrival.GONE, Arrival.GIVEN_UP)),
        state == Arrival.ARRIVING,
    )


def list_troubled_files(context: NodeContext, *, limit: int = TROUBLES) -> list[FileTrouble]:
    """List received files that people cannot have, or should be careful with.

    At most ``limit`` of each kind, the newest first; never what they are called.
    """
    with context.database.reading() as session:
        rows = [
            row
            for trouble in _list_troubles()
            for row in session.exec(
                select(ReceivedFileRow)
                .where(trouble)
                .order_by(col(ReceivedFileRow.noticed_at).desc(), col(ReceivedFileRow.file_id))
                .limit(limit)
            )
        ]
    return [_describe_trouble(row) for row in rows]


def find_unscanned(context: NodeContext, file_id: str) -> FileTrouble | None:
    """Return a file that is here and could not be scanned; None if it is no such file (now)."""
    with context.database.reading() as session:
        row = session.get(ReceivedFileRow, file_id)
    if row is None or (row.state, row.scan) != (Arrival.OPENED, Scan.UNSCANNABLE):
        return None
    return _describe_trouble(row)


def _describe_trouble(row: ReceivedFileRow) -> FileTrouble:
    return FileTrouble(
        file_id=row.file_id,
        message_id=row.message_id,
        peer=row.peer,
        noticed_at=row.noticed_at,
        size=row.size,
        arrival=Arrival(row.state),
        scan=Scan(row.scan),
        scan_detail=row.scan_detail,
        scanned_at=row.scanned_at,
        parts_done=row.held,
        parts=row.chunk_count,
        has_no_room=row.trouble is not None,
        row_version=row.row_version,
    )


def count_quarantined_files(context: NodeContext) -> int:
    """Count received files in which the scanner found something."""
    with context.database.reading() as session:
        return session.exec(
            select(func.count())
            .select_from(ReceivedFileRow)
            .where(ReceivedFileRow.state == Arrival.OPENED, ReceivedFileRow.scan == Scan.FOUND)
        ).one()
