"""Having received files scanned: each waits until the scanner has said something about it.

Whatever the scanner says, the message stays shown and its sender's receipt stays as it is: the file
arrived. What is found is quarantined: nobody can open it, and people are told.
"""

from functools import partial
from typing import Final

from sqlmodel import Session, col, func, select

from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.file_states import Arrival, Scan, ScanEvent
from node.domain.ports import StoredContentError
from node.domain.scanning import MalwareScanner, ScannerAwayError, ScanOutcome, ScanVerdict
from node.service.attachments.opening import note_lost
from node.service.attachments.received import (
    ChunksLostError,
    load_file,
    lock_file,
    move_scan,
    read_file,
)
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.records import add_event
from node.store.attachment_tables import ReceivedFileRow
from node.store.tables import MessageRow
from protocol.errors import ProtocolError

_EVENT_OF: Final = {
    ScanOutcome.CLEAN: ScanEvent.SAYS_CLEAN,
    ScanOutcome.FOUND: ScanEvent.SAYS_FOUND,
    ScanOutcome.UNSCANNABLE: ScanEvent.CANNOT_LOOK,
}
_TOLD_OF: Final = {
    Scan.FOUND: EventKind.FILE_QUARANTINED,
    Scan.UNSCANNABLE: EventKind.FILE_UNSCANNED,
}
_DETAIL: Final = 200


def list_unscanned(context: NodeContext, *, limit: int) -> list[str]:
    """Return files that wait for the scanner, the one first that was tried longest ago."""
    tried = func.coalesce(ReceivedFileRow.scanned_at, ReceivedFileRow.noticed_at)
    with context.database.reading() as session:
        return list(
            session.exec(
                select(ReceivedFileRow.file_id)
                .where(
                    ReceivedFileRow.state == Arrival.OPENED, ReceivedFileRow.scan == Scan.WAITING
                )
                .order_by(tried, col(ReceivedFileRow.file_id))
                .limit(limit)
            )
        )


def scan_file(context: NodeContext, scanner: MalwareScanner, file_id: str) -> ScanOutcome | None:
    """Have a file scanned and record what the scanner says; None if there is nothing to scan.

    Raises ``ScannerAwayError``: the file goes on waiting, behind the others.
    """
    try:
        with context.database.reading() as session:
            file = load_file(context, session, file_id)
    except (NotFoundError, StoredContentError, ProtocolError):
        _record(context, file_id, event=ScanEvent.SWITCHED_OFF)  # its case was erased
        return None
    try:
        verdict = scanner.scan(read_file(context, file), size=file.manifest.size)
    except ScannerAwayError:
        _record(context, file_id)
        raise
    except ChunksLostError:
        note_lost(context, file)
        return None
    _record(context, file_id, event=_EVENT_OF[verdict.outcome], verdict=verdict)
    context.signals.inbox.notify()
    return verdict.outcome


def _record(
    context: NodeContext,
    file_id: str,
    *,
    event: ScanEvent | None = None,
    verdict: ScanVerdict | None = None,
) -> None:
    context.transact(partial(_note, context, file_id=file_id, event=event, verdict=verdict))


def _note(
    context: NodeContext,
    session: Session,
    *,
    file_id: str,
    event: ScanEvent | None,
    verdict: ScanVerdict | None,
) -> None:
    row = lock_file(session, file_id)
    if row is None or row.scan != Scan.WAITING:
        return
    row.scanned_at = context.clock()
    session.add(row)
    if event is None or not move_scan(row, event):
        return
    row.scan_detail = (verdict.detail or "")[:_DETAIL] or None if verdict else None
    if Scan(row.scan) in _TOLD_OF:
        tell(context, session, row, kind=_TOLD_OF[Scan(row.scan)], actor=SYSTEM_ACTOR)


def tell(
    context: NodeContext, session: Session, row: ReceivedFileRow, *, kind: EventKind, actor: str
) -> None:
    """Write into the timeline of the file's case; the code says which file of its message."""
    message = session.get(MessageRow, row.message_id)
    add_event(
        session,
        kind=kind,
        at=context.clock(),
        actor=actor,
        case_id=message.case_id if message else None,
        message_id=row.message_id,
        code=say_place(row),
    )


def say_place(row: ReceivedFileRow) -> str:
    """Say which file of its message it is, counted from 1."""
    return str(row.place + 1)


def handle_scan_again(context: NodeContext, file_id: str, *, row_version: int, actor: str) -> None:
    """Have a file scanned once more, after the scanner has learnt something new.

    Raises ``NotFoundError``; ``StaleError`` if it was changed since the page was shown.
    """

    def again(session: Session) -> None:
        row = lock_file(session, file_id)
        if row is None:
            raise NotFoundError("There is no such file here: open the list again.")
        was = Scan(row.scan)
        if row.row_version != row_version or not move_scan(row, ScanEvent.WANTED_AGAIN):
            raise StaleError("Something happened to this file meanwhile: look at the list again.")
        if was is not Scan.FOUND:  # until the scanner says otherwise, what it found counts
            row.scan_detail = None
        session.add(row)
        tell(context, session, row, kind=EventKind.FILE_SCANNED_AGAIN, actor=actor)

    context.transact(again)
    context.signals.scans.notify()
