"""Exceptions to consent as this side records them: the ground, why, and who knows."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.audit import record
from node.service.case_content import get_case_of, open_content, seal_content
from node.service.context import NodeContext
from node.service.permitting import sees_whole_case
from node.service.records import add_event
from node.store.consent_tables import ExceptionRow
from node.store.tables import CaseRow
from protocol.messages.fields import Narrative, TriState
from protocol.messages.head import ExceptionGround
from protocol.policy.facts import ExceptionRecord


class ExceptionDraft(BaseModel):
    """Why something is sent without consent, and whether the person was told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ground: ExceptionGround
    justification: Narrative
    person_told: TriState = TriState.UNKNOWN
    reason_not_told: Narrative | None = None


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """An exception on file."""

    exception_id: str
    content: ExceptionDraft
    recorded_at: datetime
    recorded_by: str


def handle_record_exception(
    context: NodeContext, case_id: str, draft: ExceptionDraft, *, who: Principal
) -> ExceptionView:
    """Record an exception; the newest of a ground counts."""

    def work(session: Session) -> ExceptionView:
        case = get_case_of(session, case_id, who=who, permission=Permission.WORK_CASES)
        row = record_exception(context, session, case, draft, who=who)
        return ExceptionView(row.exception_id, draft, row.recorded_at, row.recorded_by)

    return context.transact(work)


def record_exception(
    context: NodeContext, session: Session, case: CaseRow, draft: ExceptionDraft, *, who: Principal
) -> ExceptionRow:
    """Do it in the caller's transaction."""
    exception_id = context.random(16).hex()
    row = ExceptionRow(
        exception_id=exception_id,
        case_id=case.case_id,
        content_sealed=seal_content(context, case, draft, place=_place(exception_id)),
        recorded_at=context.clock(),
        recorded_by=who.actor,
    )
    session.add(row)
    session.flush()
    add_event(
        session,
        kind=EventKind.EXCEPTION_RECORDED,
        at=row.recorded_at,
        actor=who.actor,
        case_id=case.case_id,
        code=draft.ground,
    )
    record(context, session, who, Act.EXCEPTION_RECORDED, subject=exception_id)
    return row


def list_exceptions(context: NodeContext, case_id: str, *, who: Principal) -> list[ExceptionView]:
    """List the exceptions of a case, the oldest first.

    Why somebody wrote without consent says what was written, and for which channel it was recorded
    is not noted: in a case with channels that are not theirs, somebody sees only their own.
    """
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        sees_all = sees_whole_case(session, case_id, who=who)
        return [
            ExceptionView(
                row.exception_id,
                open_exception(context, case, row.exception_id, row.content_sealed),
                row.recorded_at,
                row.recorded_by,
            )
            for row in session.exec(
                select(ExceptionRow)
                .where(ExceptionRow.case_id == case_id)
                .order_by(col(ExceptionRow.recorded_at), col(ExceptionRow.exception_id))
            )
            if sees_all or row.recorded_by == who.actor
        ]


def describe_exception(content: ExceptionDraft) -> ExceptionRecord:
    """Return an exception as the policy takes it."""
    return ExceptionRecord(
        ground=content.ground,
        justification=content.justification,
        person_told=content.person_told,
        reason_not_told=content.reason_not_told or "",
    )


def _place(exception_id: str) -> str:
    return f"exception:{exception_id}"


def open_exception(
    context: NodeContext, case: CaseRow, exception_id: str, sealed: bytes
) -> ExceptionDraft:
    """Return what a row says."""
    return open_content(context, case, sealed, place=_place(exception_id), kind=ExceptionDraft)
