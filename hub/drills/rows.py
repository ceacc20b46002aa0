"""Drills as rows and back."""

from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col, or_, select

from contact_registry.drills.models import Drill, DrillResult
from contact_registry.drills.states import OPEN, DrillState
from hub.store.drill_tables import DrillRow
from protocol.drill_answer import AnsweredBy, DrillOutcome, DrillQuestion
from protocol.identifiers import AuthorityId, Phase

_OPEN_CODES = tuple(state.value for state in OPEN)
_SILENT_CODES = (*_OPEN_CODES, DrillState.WITHDRAWN.value)


def read_row(row: DrillRow) -> Drill:
    """Return the drill of a row."""
    result = None
    if row.outcome and row.answered_by and row.answered_at and row.received_at:
        result = DrillResult(
            outcome=DrillOutcome(row.outcome),
            answered_by=AnsweredBy(row.answered_by),
            answered_at=row.answered_at,
            received_at=row.received_at,
            signed=row.signed,
            recorded_by=row.recorded_by,
        )
    return Drill(
        question=DrillQuestion.parse(row.question),
        state=DrillState(row.state),
        result=result,
        asked_by=row.asked_by,
        closed_because=row.closed_because,
        row_version=row.row_version,
    )


def write_row(row: DrillRow, drill: Drill, *, revision: int) -> DrillRow:
    """Write into a row everything about a drill that can change."""
    row.state = drill.state.value
    row.open_for = open_key(drill) if drill.is_open else None
    row.revision = revision
    row.row_version = drill.row_version
    row.closed_because = drill.closed_because
    result = drill.result
    if result is not None:
        row.outcome, row.answered_by = result.outcome.value, result.answered_by.value
        row.answered_at, row.received_at = result.answered_at, result.received_at
        row.signed, row.recorded_by = result.signed, result.recorded_by
    return row


def make_row(drill: Drill, *, revision: int) -> DrillRow:
    """Make the row of a new drill."""
    question = drill.question
    row = DrillRow(
        drill_id=question.drill_id,
        participant=question.participant,
        authority=question.authority,
        phase=question.phase.value,
        question=question.encode(),
        asked_at=question.asked_at,
        answer_by=question.answer_by,
        asked_by=drill.asked_by,
        state=drill.state.value,
        revision=revision,
        row_version=drill.row_version,
    )
    return write_row(row, drill, revision=revision)


def open_key(drill: Drill) -> str:
    """Name what is asked while the question is open."""
    authority, phase = drill.desk_phase
    return f"{authority} {phase.value}"


def list_current_rows(session: Session) -> list[DrillRow]:
    """Return what tells how every desk stands: open questions, and each pair's last result."""
    last = (
        select(
            col(DrillRow.authority).label("authority"),
            col(DrillRow.phase).label("phase"),
            func.max(col(DrillRow.asked_at)).label("asked_at"),
        )
        .where(col(DrillRow.state).not_in(_SILENT_CODES))
        .group_by(col(DrillRow.authority), col(DrillRow.phase))
        .subquery()
    )
    is_last: ColumnElement[bool] = and_(
        col(DrillRow.authority) == last.c.authority,
        col(DrillRow.phase) == last.c.phase,
        col(DrillRow.asked_at) == last.c.asked_at,
        col(DrillRow.state).not_in(_SILENT_CODES),
    )
    statement = (
        select(DrillRow)
        .outerjoin(last, is_last)
        .where(or_(col(DrillRow.open_for).is_not(None), last.c.authority.is_not(None)))
        .order_by(col(DrillRow.asked_at).desc(), col(DrillRow.drill_id))
    )
    return list(session.exec(statement).all())


def find_open_row(session: Session, authority: AuthorityId, phase: Phase) -> DrillRow | None:
    """Return the open question to a desk about a phase, locked for a change."""
    statement = (
        select(DrillRow)
        .where(DrillRow.open_for == f"{authority} {phase.value}")
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.exec(statement).first()


def lock_row(session: Session, drill_id: str) -> DrillRow | None:
    """Return a drill's row, locked for a change."""
    statement = (
        select(DrillRow)
        .where(DrillRow.drill_id == drill_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.exec(statement).first()
