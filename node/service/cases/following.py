"""What messages do to the course of their cases: a follower (see ``service.following``)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

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
from node.service.case_work import CaseWork
from node.service.cases.statements import (
    Said,
    SaidInMessage,
    gather_statements,
    keep_said,
    sum_up,
)
from node.service.cases.strands import touch_strands
from node.service.consent.circumstances import load_circumstances, set_circumstances
from node.service.context import NodeContext
from node.service.following import FollowedMessage
from node.service.records import add_event
from node.store.bulk import in_parts
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, MessageRow
from protocol.messages.codes import PersonGroup


class _Place(NamedTuple):
    """A case in a channel."""

    case_id: str
    channel: str


def follow_cases(context: NodeContext, session: Session, batch: Sequence[FollowedMessage]) -> None:
    """Keep what messages say of their cases; take closed cases up again if something came."""
    counting = [
        (_Place(case_id, each.channel or UNKNOWN_CHANNEL), each)
        for each in batch
        if (case_id := each.row.case_id) is not None and each.row.dispatch != Dispatch.CANCELLED
    ]
    strands = touch_strands(
        session, [(place.case_id, place.channel, each.row.stored_at) for place, each in counting]
    )
    _keep(context, session, counting, strands)
    for place, each in counting:
        if each.is_incoming:
            _take_up(session, strands[place], each.row)


def _keep(
    context: NodeContext,
    session: Session,
    counting: Sequence[tuple[_Place, FollowedMessage]],
    strands: Mapping[tuple[str, str], CaseStrandRow],
) -> None:
    saying = [
        (place, each.row, message.sender, statements)
        for place, each in counting
        if (message := each.case_message) is not None
        and (statements := list(gather_statements(message)))
    ]
    cases = _load_cases(session, {place.case_id for place, *_ in saying})
    said = [
        SaidInMessage(
            message_id=row.message_id,
            participant=sender,
            case=cases[place.case_id],
            channel=place.channel,
            at=row.stored_at,
            statements=statements,
        )
        for place, row, sender, statements in saying
    ]
    keep_said(context, session, said)
    spoken_of = dict.fromkeys((each.case.case_id, each.channel) for each in said)
    sum_up(session, [strands[place] for place in spoken_of])
    for each in said:
        is_said = Said(StatementKind.PERSON_GROUP, PersonGroup.CHILD) in each.statements
        # unless somebody here has said otherwise since
        if is_said and strands[each.case.case_id, each.channel].treated_as_child:
            _treat_as_child(context, session, each.case)


def _load_cases(session: Session, case_ids: Iterable[str]) -> dict[str, CaseRow]:
    found: dict[str, CaseRow] = {}
    for part in in_parts(sorted(case_ids)):
        rows = session.exec(select(CaseRow).where(col(CaseRow.case_id).in_(part)))
        found.update({row.case_id: row for row in rows})
    return found


def _treat_as_child(context: NodeContext, session: Session, case: CaseRow) -> None:
    """Let the policy go by it, too, until somebody here says that the person is an adult."""
    known = load_circumstances(context, session, case)
    if not known.treated_as_child:
        is_child = known.model_copy(update={"treated_as_child": True})
        set_circumstances(CaseWork(context, session, case, SYSTEM), is_child)


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
