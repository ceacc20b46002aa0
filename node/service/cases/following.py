"""What each message does to the course of its case: a follower (see ``service.following``)."""

from sqlmodel import Session

from node.domain.access import SYSTEM
from node.domain.cases import (
    REOPENS_NOTHING,
    UNKNOWN_CHANNEL,
    StatementKind,
    StrandEvent,
    StrandState,
    advance_strand,
)
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.states import Dispatch, Handling
from node.service.cases.statements import Said, gather_statements, keep_statement, sum_up
from node.service.cases.strands import touch_strand
from node.service.consent.circumstances import load_circumstances, set_circumstances
from node.service.context import NodeContext
from node.service.following import FollowedMessage
from node.service.records import add_event
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, MessageRow
from protocol.messages.codes import PersonGroup
from protocol.messages.head import CaseMessage


def follow_case(context: NodeContext, session: Session, followed: FollowedMessage) -> None:
    """Keep what a message says of its case; take a closed case up again if something came."""
    row, message = followed.row, followed.case_message
    if row.case_id is None or row.dispatch == Dispatch.CANCELLED:
        return
    channel = followed.channel or UNKNOWN_CHANNEL
    strand = touch_strand(session, row.case_id, channel, at=row.stored_at, lock=True)
    if message is not None:
        case = session.get_one(CaseRow, row.case_id)
        _keep(context, session, message, row=row, case=case, strand=strand)
    if followed.is_incoming:
        _take_up(session, strand, row)


def _keep(  # noqa: PLR0913 - a message, and what it belongs to
    context: NodeContext,
    session: Session,
    message: CaseMessage,
    *,
    row: MessageRow,
    case: CaseRow,
    strand: CaseStrandRow,
) -> None:
    statements = list(gather_statements(message))
    for said in statements:
        keep_statement(
            context,
            session,
            said,
            case=case,
            strand=strand,
            participant=message.sender,
            at=row.stored_at,
            message_id=row.message_id,
        )
    if statements:
        sum_up(session, strand)
    is_said = Said(StatementKind.PERSON_GROUP, PersonGroup.CHILD) in statements
    if is_said and strand.treated_as_child:  # unless somebody here has said otherwise since
        _treat_as_child(context, session, case)


def _treat_as_child(context: NodeContext, session: Session, case: CaseRow) -> None:
    """Let the policy go by it, too, until somebody here says that the person is an adult."""
    known = load_circumstances(context, session, case)
    if not known.treated_as_child:
        is_child = known.model_copy(update={"treated_as_child": True})
        set_circumstances(context, session, case, is_child, who=SYSTEM)


def _take_up(session: Session, strand: CaseStrandRow, row: MessageRow) -> None:
    """Open a closed strand again if something came that people have to see."""
    is_told_only = row.handling == Handling.NOTHING_EXPECTED and row.readable
    if is_told_only or row.type in REOPENS_NOTHING:
        return
    if strand.closed_at is None or row.stored_at <= strand.closed_at:
        return  # it was there when the case was closed
    state = advance_strand(StrandState(strand.state), StrandEvent.OPENER_RECEIVED)
    if state is None:
        return
    strand.state, strand.outcome, strand.closed_at = state, None, None
    strand.row_version += 1
    session.add(strand)
    add_event(
        session,
        kind=EventKind.CASE_REOPENED,
        at=row.stored_at,
        actor=SYSTEM_ACTOR,
        case_id=row.case_id,
        message_id=row.message_id,
        code="message_received",
    )
