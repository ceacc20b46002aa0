"""Notes in a case. They stay at this node: no message, no export carries them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel
from sqlalchemy import literal
from sqlmodel import Session, col, select, tuple_

from console.storage.columns import Moment
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import note_seen
from node.service.case_content import get_case_of, open_content, seal_content
from node.service.cases.strands import get_strand, name_seen
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.records import add_event
from node.service.search.indexing import forget_note, index_note
from node.store.case_tables import CaseNoteRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel

NOTE_LENGTH: Final = 20_000
"""Characters of a note."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note. ``text`` is None once it was deleted."""

    note_id: str
    channel: str
    author: str
    at: datetime
    changed_at: datetime | None
    deleted_at: datetime | None
    text: str | None
    row_version: int


class _Text(BaseModel):
    text: str


def list_notes(
    context: NodeContext,
    case_id: str,
    *,
    who: Principal,
    limit: int,
    after: tuple[datetime, str] | None = None,
) -> list[Note]:
    """List the notes of a case in the caller's channels, newest first.

    ``after``: moment and identifier of the last one of the page before. Raises ``NotFoundError``.
    """
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        place = tuple_(col(CaseNoteRow.at), col(CaseNoteRow.note_id))
        statement = (
            select(CaseNoteRow)
            .where(CaseNoteRow.case_id == case_id, col(CaseNoteRow.channel).in_(name_seen(who)))
            .order_by(col(CaseNoteRow.at).desc(), col(CaseNoteRow.note_id).desc())
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(place < tuple_(literal(after[0], Moment()), after[1]))
        notes = [_show(context, case, row) for row in session.exec(statement)]
    note_seen(context, who, Act.NOTES_SEEN, case_id)
    return notes


def handle_add_note(
    context: NodeContext,
    case_id: str,
    text: str,
    *,
    who: Principal,
    channel: Channel | None = None,
) -> Note:
    """Write a note. Raises ``NotFoundError``, ``ForbiddenError``, ``RefusedDraftError``."""

    def work(session: Session) -> Note:
        case, strand = get_strand(context, session, case_id, who=who, channel=channel)
        row = CaseNoteRow(
            note_id=context.random(16).hex(),
            case_id=case_id,
            channel=strand.channel,
            author=who.actor,
            at=context.clock(),
        )
        _store_text(context, session, case, row, text)
        _tell(context, session, row, EventKind.NOTE_ADDED, who=who)
        return _show(context, case, row)

    return context.transact(work)


def handle_change_note(  # noqa: PLR0913 - which note becomes what, on which view of it
    context: NodeContext,
    case_id: str,
    note_id: str,
    text: str,
    *,
    who: Principal,
    row_version: int,
) -> Note:
    """Give a note another text. Raises ``NotFoundError``; ``StaleError`` if it changed since."""

    def work(session: Session) -> Note:
        case, row = _find(context, session, case_id, note_id, who=who, row_version=row_version)
        row.changed_at = context.clock()
        row.row_version += 1
        _store_text(context, session, case, row, text)
        _tell(context, session, row, EventKind.NOTE_CHANGED, who=who)
        return _show(context, case, row)

    return context.transact(work)


def handle_delete_note(
    context: NodeContext, case_id: str, note_id: str, *, who: Principal, row_version: int
) -> None:
    """Delete the text of a note for good; that there was one stays. Raises as changing does."""

    def work(session: Session) -> None:
        _, row = _find(context, session, case_id, note_id, who=who, row_version=row_version)
        row.deleted_at = context.clock()
        row.row_version += 1
        _drop_text(context, session, row)
        _tell(context, session, row, EventKind.NOTE_DELETED, who=who)

    context.transact(work)


def _store_text(
    context: NodeContext, session: Session, case: CaseRow, row: CaseNoteRow, text: str
) -> None:
    row.text_sealed = seal_content(context, case, _Text(text=text), place=_place(row))
    session.add(row)
    session.flush()
    index_note(
        context, session, note_id=row.note_id, case_id=row.case_id, channel=row.channel, text=text
    )


def _drop_text(_context: NodeContext, session: Session, row: CaseNoteRow) -> None:
    row.text_sealed = None
    session.add(row)
    session.flush()
    forget_note(session, row.note_id)


def _find(  # noqa: PLR0913 - which note of which case, for whom, on which view of it
    context: NodeContext,
    session: Session,
    case_id: str,
    note_id: str,
    *,
    who: Principal,
    row_version: int,
) -> tuple[CaseRow, CaseNoteRow]:
    case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
    row = session.get(CaseNoteRow, note_id, with_for_update=True)
    if row is None or row.case_id != case_id or row.channel not in name_seen(who):
        raise NotFoundError("There is no such note here: open it again from its case.")
    if row.deleted_at is not None or row.row_version != row_version:
        raise StaleError(
            "Somebody changed or deleted this note meanwhile: nothing was changed. Read it again."
        )
    get_strand(context, session, case_id, who=who, channel=Channel(row.channel))
    return case, row


def _tell(
    context: NodeContext, session: Session, row: CaseNoteRow, kind: EventKind, *, who: Principal
) -> None:
    add_event(
        session,
        kind=kind,
        at=context.clock(),
        actor=who.actor,
        case_id=row.case_id,
        code=row.note_id,
        channel=row.channel,
    )


def _place(row: CaseNoteRow) -> str:
    return f"note:{row.note_id}"


def _show(context: NodeContext, case: CaseRow, row: CaseNoteRow) -> Note:
    text = None
    if row.text_sealed is not None:
        text = open_content(context, case, row.text_sealed, place=_place(row), kind=_Text).text
    return Note(
        note_id=row.note_id,
        channel=row.channel,
        author=row.author,
        at=row.at,
        changed_at=row.changed_at,
        deleted_at=row.deleted_at,
        text=text,
        row_version=row.row_version,
    )
