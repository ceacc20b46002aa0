"""Deletions that one side owes the other: noted as messages come and go, and watched.

A withdrawal or a request to delete that came in is noted as soon as it is followed. Passing data on
is barred from the moment it was stored (:mod:`node.service.policy.passing_on`). Somebody here then
has the data erased and says so (:mod:`node.service.deleting`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, and_, col, or_, select

from node.domain.access import SYSTEM, Permission, Principal
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.states import Dispatch
from node.domain.withdrawals import (
    ESCALATED_AFTER,
    EVENT_OF_OUTCOME,
    OPEN_STATES,
    DeletionEvent,
    DeletionState,
    advance_deletion,
)
from node.service.case_work import CaseWork
from node.service.consent.circumstances import load_circumstances, set_circumstances
from node.service.context import NodeContext
from node.service.deleting import list_meant, list_passed_on
from node.service.following import FollowedMessage
from node.service.permitting import require
from node.service.records import IN, OUT, add_event, find_message
from node.service.telling import ERASURE, WITHDRAWN
from node.service.withdrawals import take_back
from node.store.consent_tables import DeletionRow
from node.store.tables import CaseRow, MessageRow
from protocol.messages.general import (
    ConsentWithdrawn,
    ConsentWithdrawnAnswer,
    Erasure,
    ErasureAnswer,
    ErasureOutcome,
)
from protocol.messages.head import CaseMessage
from protocol.messages.response import Response
from protocol.policy.gathering import find_shelter_codes

_AT_LEAST: Final = timedelta(days=1)
_AT_ONCE: Final = 100
_MOST_LISTED: Final = 200
_MOST_CODES: Final = 50
_ASKS: Final = frozenset({WITHDRAWN, ERASURE})


@dataclass(frozen=True, slots=True)
class DeletionView:
    """A deletion that is owed, by them or by us."""

    message_id: str
    direction: str
    case_id: str
    peer: str
    channel: str
    type: str
    state: DeletionState
    confirm_by: datetime
    answer_message: str | None
    answered_at: datetime | None
    row_version: int


def list_deletions(
    context: NodeContext,
    *,
    who: Principal,
    case_id: str | None = None,
    open_only: bool = True,
) -> list[DeletionView]:
    """List deletions in the channels of who asks, the most urgent first."""
    require(who, Permission.READ_CASES)
    statement = select(DeletionRow).where(col(DeletionRow.channel).in_(sorted(who.channels)))
    if case_id is not None:
        statement = statement.where(DeletionRow.case_id == case_id)
    if open_only:
        statement = statement.where(col(DeletionRow.state).in_(sorted(OPEN_STATES)))
    with context.database.reading() as session:
        rows = session.exec(
            statement.order_by(col(DeletionRow.confirm_by), DeletionRow.message_id).limit(
                _MOST_LISTED
            )
        ).all()
    return [view_of(row) for row in rows]


def view_of(row: DeletionRow) -> DeletionView:
    """Describe a row."""
    return DeletionView(
        message_id=row.message_id,
        direction=row.direction,
        case_id=row.case_id,
        peer=row.peer,
        channel=row.channel,
        type=row.type,
        state=DeletionState(row.state),
        confirm_by=row.confirm_by,
        answer_message=row.answer_message,
        answered_at=row.answered_at,
        row_version=row.row_version,
    )


# ------------------------------------------------------------------ what follows from messages


def follow_deletions(context: NodeContext, session: Session, followed: FollowedMessage) -> None:
    """Note what a stored message asks to be deleted, or says was deleted. Idempotent."""
    message, row = followed.case_message, followed.row
    if message is None or row.case_id is None:
        return
    if followed.is_incoming:
        _learn_shelters(context, session, message, case_id=row.case_id)
    if followed.is_incoming and message.type in _ASKS:
        _note_asked(context, session, row, message)
    elif isinstance(message, Response):
        _note_answered(context, session, row, message)


def _note_asked(
    context: NodeContext, session: Session, row: MessageRow, message: CaseMessage
) -> None:
    if row.case_id is None or session.get(DeletionRow, row.message_id) is not None:
        return
    session.add(
        DeletionRow(
            message_id=row.message_id,
            direction=IN,
            case_id=row.case_id,
            peer=row.peer,
            channel=message.channel,
            type=message.type,
            state=DeletionState.OPEN,
            confirm_by=message.answer_by or row.stored_at + _AT_LEAST,
        )
    )
    add_event(
        session,
        kind=EventKind.WITHDRAWAL_RECEIVED,
        at=context.clock(),
        actor=row.peer,
        case_id=row.case_id,
        message_id=row.message_id,
        code=message.type,
    )
    _stop_passing_on(context, session, row, message)


def _stop_passing_on(
    context: NodeContext, session: Session, row: MessageRow, told: CaseMessage
) -> None:
    """Take back what passes the data on and has not left. Whoever has it is told at the end."""
    if not isinstance(told, ConsentWithdrawn | Erasure):
        return
    case = session.get_one(CaseRow, row.case_id)
    meant = list_meant(context, session, told, peer=row.peer, case=case)
    for each in list_passed_on(context, session, meant, case=case):
        take_back(context, session, each, who=SYSTEM)


def _note_answered(
    context: NodeContext, session: Session, row: MessageRow, message: Response
) -> None:
    about = find_message(
        session,
        direction=OUT if row.direction == IN else IN,
        peer=row.peer,
        wire_id=message.in_reply_to,
    )
    deletion = about and session.get(DeletionRow, about.message_id, with_for_update=True)
    if not deletion or deletion.answer_message == row.message_id:
        return
    answer = message.body.answer
    outcome = (
        answer.outcome
        if isinstance(answer, ConsentWithdrawnAnswer | ErasureAnswer)
        else ErasureOutcome.NOT_ERASED  # nothing is available: nothing was deleted
    )
    state = advance_deletion(DeletionState(deletion.state), EVENT_OF_OUTCOME[outcome])
    if state is None:
        return
    deletion.state, deletion.answer_message = state, row.message_id
    deletion.answered_at = row.stored_at
    deletion.row_version += 1
    session.add(deletion)
    is_theirs = row.direction == IN
    add_event(
        session,
        kind=EventKind.DELETION_CONFIRMED if is_theirs else EventKind.DELETION_REPORTED,
        at=context.clock(),
        actor=row.peer if is_theirs else SYSTEM_ACTOR,
        case_id=deletion.case_id,
        message_id=deletion.message_id,
        code=outcome,
    )


def _learn_shelters(
    context: NodeContext, session: Session, message: CaseMessage, *, case_id: str
) -> None:
    """Note codes of shelters that came in this case: they may be named in it, too."""
    codes = find_shelter_codes(message)
    if not codes:
        return
    case = session.get_one(CaseRow, case_id)
    known = load_circumstances(context, session, case)
    learned = tuple(dict.fromkeys((*known.shelter_codes, *sorted(codes))))[:_MOST_CODES]
    who = Principal(actor=SYSTEM_ACTOR, permissions=frozenset())
    said = known.model_copy(update={"shelter_codes": learned})
    set_circumstances(CaseWork(context, session, case, who), said)


# ------------------------------------------------------------------ deadlines


def watch_deletions(context: NodeContext) -> int:
    """Move what is late, and say so in its case; returns how many moved."""
    now = context.clock()
    deadline, state = col(DeletionRow.confirm_by), col(DeletionRow.state)
    # Those that wait for their second moment stand in nobody's way.
    due = or_(
        and_(state == DeletionState.OPEN, deadline <= now),
        and_(state == DeletionState.OVERDUE, deadline <= now - ESCALATED_AFTER),
    )
    late = select(DeletionRow).where(due).order_by(deadline).limit(_AT_ONCE)
    with context.database.reading() as session:
        if session.exec(late).first() is None:
            return 0

    def move(session: Session) -> int:
        moved = 0
        for row in session.exec(late.with_for_update(skip_locked=True)).all():
            state = advance_deletion(DeletionState(row.state), _find_step(session, row))
            if state:
                _move(session, row, state=state, now=now)
                moved += 1
        return moved

    moved = context.transact(move)
    context.signals.inbox.notify()
    return moved


def _find_step(session: Session, row: DeletionRow) -> DeletionEvent:
    asked = session.get(MessageRow, row.message_id)
    if asked is not None and asked.dispatch == Dispatch.CANCELLED:
        return DeletionEvent.TAKEN_BACK
    is_open = row.state == DeletionState.OPEN
    return DeletionEvent.DEADLINE_PASSED if is_open else DeletionEvent.LONG_PASSED


def _move(session: Session, row: DeletionRow, *, state: DeletionState, now: datetime) -> None:
    row.state = state
    row.row_version += 1
    if state is DeletionState.OVERDUE:
        row.reminded_at = now
    if state is DeletionState.ESCALATED:
        row.escalated_at = now
    session.add(row)
    kinds = {
        DeletionState.OVERDUE: EventKind.DELETION_OVERDUE,
        DeletionState.ESCALATED: EventKind.DELETION_ESCALATED,
    }
    if state in kinds:
        add_event(
            session,
            kind=kinds[state],
            at=now,
            actor=SYSTEM_ACTOR,
            case_id=row.case_id,
            message_id=row.message_id,
            code=row.peer,
        )
