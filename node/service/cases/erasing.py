"""What of the course of a case goes when the case is erased."""

from sqlalchemy import delete, or_
from sqlmodel import Session, col

from node.service.search.indexing import forget_case
from node.store.case_tables import (
    CaseConfidentialRow,
    CaseLinkRow,
    CaseNoteRow,
    CaseStatementRow,
    CaseStrandRow,
)


def erase_case_records(session: Session, case_id: str) -> None:
    """Delete notes, statements, links, the confidential part, the strands, the words."""
    forget_case(session, case_id)
    for table in (CaseNoteRow, CaseStatementRow, CaseConfidentialRow, CaseStrandRow):
        session.execute(delete(table).where(col(table.case_id) == case_id))
    session.execute(
        delete(CaseLinkRow).where(
            or_(
                col(CaseLinkRow.first_case_id) == case_id,
                col(CaseLinkRow.second_case_id) == case_id,
            )
        )
    )
