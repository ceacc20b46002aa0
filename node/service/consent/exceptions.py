"""Exceptions to consent as this side records them: the ground, why, and who knows.

An exception belongs to one channel: messages of that channel rest on it, and people who are cleared
for it see it. Why somebody wrote without consent says what was written.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.service.case_content import get_case_of, open_content
from node.service.case_work import CaseWork
from node.service.cases.strands import choose_channel
from node.service.context import NodeContext
from node.service.permitting import is_of_channel
from node.store.consent_tables import ExceptionRow
from node.store.tables import CaseRow
from protocol.identifiers import Channel
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
    #: None: nobody knows any more in which, and no message rests on it.
    channel: str | None
    recorded_at: datetime
    recorded_by: str


def handle_record_exception(
    context: NodeContext,
    case_id: str,
    draft: ExceptionDraft,
    *,
    who: Principal,
    channel: Channel | None = None,
) -> ExceptionView:
    """Record an exception for messages of a channel; the newest of its ground counts there.

    Raises ``NotFoundError``, ``ForbiddenError``; ``RefusedDraftError`` if who records it sees the
    case in several channels and names none.
    """

    def record(session: Session) -> ExceptionView:
        work = CaseWork.begin(context, session, case_id, who=who)
        meant = choose_channel(session, work.case, who=who, wanted=channel)
        return _view(record_exception(work, draft, channel=meant), draft)

    return context.transact(record)


def record_exception(work: CaseWork, draft: ExceptionDraft, *, channel: Channel) -> ExceptionRow:
    """Do it in the caller's transaction."""
    exception_id = work.context.random(16).hex()
    row = ExceptionRow(
        exception_id=exception_id,
        case_id=work.case.case_id,
        channel=channel,
        content_sealed=work.seal(draft, place=_place(exception_id)),
        recorded_at=work.context.clock(),
        recorded_by=work.who.actor,
    )
    work.session.add(row)
    work.session.flush()
    told = EventKind.EXCEPTION_RECORDED
    work.tell(told, at=row.recorded_at, code=draft.ground, channel=channel)
    work.record(Act.EXCEPTION_RECORDED, exception_id)
    return row


def list_exceptions(context: NodeContext, case_id: str, *, who: Principal) -> list[ExceptionView]:
    """List the exceptions of a case in the channels of who asks, the oldest first."""
    with context.database.reading() as session:
        case = get_case_of(session, case_id, who=who, permission=Permission.READ_CASES)
        return [
            _view(row, open_exception(context, case, row.exception_id, row.content_sealed))
            for row in session.exec(
                select(ExceptionRow)
                .where(
                    ExceptionRow.case_id == case_id,
                    is_of_channel(session, case_id, col(ExceptionRow.channel), who=who),
                )
                .order_by(col(ExceptionRow.recorded_at), col(ExceptionRow.exception_id))
            )
        ]


def _view(row: ExceptionRow, content: ExceptionDraft) -> ExceptionView:
    return ExceptionView(row.exception_id, content, row.channel, row.recorded_at, row.recorded_by)


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
