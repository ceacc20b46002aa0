"""The scan of a signed consent: brought in like any file, filed with the case, never sent by this.

Its bytes stay where they were written, encrypted under a key of the file's own. That key is sealed
under the key of the case, so whoever erases the case erases the scan, whatever a disk keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, select

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.attachments.staging import Description, read_staged
from node.service.audit import note_seen, record
from node.service.case_content import get_case_of, open_content, seal_content
from node.service.consent.records import is_of_theirs
from node.service.context import NodeContext, NotFoundError, StaleError
from node.store.attachment_tables import StagedFileRow
from node.store.consent_tables import CaseDocumentRow, ConsentRow
from node.store.tables import CaseRow


@dataclass(frozen=True, slots=True)
class Document:
    """A scan on file, and a way to read it."""

    document_id: str
    name: str
    media_type: str
    size: int
    pieces: Iterator[bytes]


def handle_file_document(
    context: NodeContext, case_id: str, consent_id: str, file_id: str, *, who: Principal
) -> str:
    """File what was brought in as the scan of a consent; returns its identifier.

    Raises ``NotFoundError`` for a consent or a file that is not there for who asks, ``StaleError``
    if the file is not whole yet or the consent has a scan.
    """

    def work(session: Session) -> str:
        case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        _get_consent(session, case, consent_id, who=who)
        row = session.get(StagedFileRow, file_id, with_for_update=True)
        if row is None or row.owner != who.actor or row.expires_at <= context.clock():
            raise NotFoundError(
                "There is no such file: it was sent, removed, or kept too long. Bring it in again."
            )
        if not row.complete:
            raise StaleError(msg("The file is not here as a whole: wait until it was brought in."))
        if _find(session, consent_id) is not None:
            raise StaleError(
                msg("This consent has a scan on file: record a new consent if another was signed.")
            )
        described = Description.model_validate_json(
            context.keys.decrypt(
                row.description_sealed, wrapped_key=None, context=f"file:{file_id}"
            )
        )
        session.add(
            CaseDocumentRow(
                document_id=file_id,
                case_id=case_id,
                consent_id=consent_id,
                description_sealed=seal_content(context, case, described, place=_place(file_id)),
                key_sealed=context.keys.encrypt(
                    row.wrapped_key, wrapped_key=case.wrapped_key, context=_key_place(file_id)
                ),
                size=row.size,
                added_at=context.clock(),
                added_by=who.actor,
            )
        )
        session.delete(row)
        session.flush()
        record(context, session, who, Act.DOCUMENT_FILED, subject=file_id)
        return file_id

    return context.transact(work)


def open_document(
    context: NodeContext, case_id: str, consent_id: str, *, who: Principal
) -> Document:
    """Return the scan of a consent; that somebody took it is noted. Raises ``NotFoundError``."""
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        _get_consent(session, case, consent_id, who=who)
        row = _find(session, consent_id)
        if row is None:
            raise NotFoundError("This consent has no scan on file: bring the signed paper in.")
        described = open_content(
            context, case, row.description_sealed, place=_place(row.document_id), kind=Description
        )
        wrapped_key = context.keys.decrypt(
            row.key_sealed, wrapped_key=case.wrapped_key, context=_key_place(row.document_id)
        )
    note_seen(context, who, Act.DOCUMENT_TAKEN, row.document_id)
    return Document(
        document_id=row.document_id,
        name=described.name,
        media_type=described.media_type,
        size=row.size,
        pieces=read_staged(context, row.document_id, wrapped_key=wrapped_key, size=row.size),
    )


def forget_documents(session: Session, case_id: str) -> list[str]:
    """Let go of a case's scans; returns blobs to delete **after the commit**."""
    names = []
    for row in session.exec(select(CaseDocumentRow).where(CaseDocumentRow.case_id == case_id)):
        names.append(row.document_id)
        session.delete(row)
    session.flush()
    return names


def _get_consent(session: Session, case: CaseRow, consent_id: str, *, who: Principal) -> ConsentRow:
    """Return a consent whose scan is theirs to see: the paper bears name and signature."""
    row = session.get(ConsentRow, consent_id)
    is_there = row is not None and row.case_id == case.case_id
    if row is None or not is_there or not is_of_theirs(session, row, who=who):
        raise NotFoundError("This case has no such consent: look it up in the list.")
    return row


def _find(session: Session, consent_id: str) -> CaseDocumentRow | None:
    return session.exec(
        select(CaseDocumentRow).where(CaseDocumentRow.consent_id == consent_id)
    ).one_or_none()


def _place(document_id: str) -> str:
    return f"document:{document_id}"


def _key_place(document_id: str) -> str:
    return f"document-key:{document_id}"
