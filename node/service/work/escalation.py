"""Looking at items: who is told now, by the ladders, and when each is looked at again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select, update

from console.i18n import Message, nmsg
from node.domain.access import Principal
from node.domain.events import SYSTEM_ACTOR
from node.domain.work import (
    LAST_RUNG,
    LONGEST_LOOK,
    OVERDUE_RUNG,
    UNDONE,
    Facts,
    ItemAct,
    ItemState,
    judge,
)
from node.service.context import NodeContext
from node.service.principals import load_people
from node.service.tokens import PROGRAM, has_working_token
from node.service.work.items import may_have, move_item
from node.service.work.sources import work_on_each
from node.service.work.telling import Hall, tell
from node.store.work_tables import WorkItemRow
from protocol.messages.codes import Urgency

log = structlog.get_logger(__name__)

#: Items of one transaction: few, because SQLite has one writer at a time and sending needs it.
AT_ONCE: Final = 64
_PUT_OFF: Final = timedelta(minutes=5)
#: Two processes read their clocks at different moments, and what one has just told lies ahead of
#: the other's: that is no clock that was set back.
_BESIDE: Final = timedelta(minutes=1)
#: Whatever nobody was told of for so long, the ladders would have told somebody of it by then.
_FIRST_TOLD_WITHIN: Final = timedelta(minutes=15)
_TOLD_AGAIN_WITHIN: Final = timedelta(hours=25)


def look_at_due(context: NodeContext, *, limit: int = AT_ONCE) -> int:
    """Look at items whose moment has come; returns how many. Fewer than ``limit``: no more are due.

    Items that another process looks at are left to it. One that makes this software fail is put
    off, and keeps nobody from being told of the others; :func:`list_work_notices` counts it.
    """
    due = _is_due(context)
    with context.database.reading() as session:
        if session.exec(select(WorkItemRow.item_id).where(due).limit(1)).first() is None:
            return 0

    def look(session: Session) -> int:
        rows = session.exec(
            select(WorkItemRow)
            .where(due)
            .order_by(col(WorkItemRow.look_at), col(WorkItemRow.item_id))
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if rows:
            hall = Hall.enter(context, session)
            told = {row.item_id: (row.rung, row.due_rung, row.told_at) for row in rows}
            for row, _ in work_on_each(session, rows, lambda row: _look_at(hall, row)):
                hall.forget(row.item_id)
                row.look_at = hall.now + _PUT_OFF
                session.add(row)
            for item_id in hall.write():
                row = session.get_one(WorkItemRow, item_id)
                row.rung, row.due_rung, row.told_at = told[item_id]  # nobody was, after all
                row.look_at = hall.now + _PUT_OFF
            if hall.history:
                log.info("items_told", count=len(hall.history))
        return len(rows)

    return context.transact(look)


def _is_due(context: NodeContext) -> ColumnElement[bool]:
    """Return the condition for an item to be looked at: a range of an index, however many wait."""
    return col(WorkItemRow.state).in_(sorted(UNDONE)) & (
        col(WorkItemRow.look_at) <= context.clock()
    )


def hurry_where_clock_was_set_back(context: NodeContext) -> bool:
    """Let items be looked at now that a clock wrote which was set back since; whether any were.

    Their look lies further ahead than any does, or their last telling has not come yet. This reads
    all that is undone: it is for now and then.
    """
    now = context.clock()
    written_ahead = (
        col(WorkItemRow.state).in_(sorted(UNDONE))
        & (col(WorkItemRow.look_at) > now)
        & or_(
            col(WorkItemRow.look_at) > now + LONGEST_LOOK + _BESIDE,
            col(WorkItemRow.told_at) > now + _BESIDE,
        )
    )
    with context.database.reading() as session:
        if session.exec(select(WorkItemRow.item_id).where(written_ahead).limit(1)).first() is None:
            return False
    context.transact(
        lambda session: session.exec(update(WorkItemRow).where(written_ahead).values(look_at=now))
    )
    return True


def _look_at(hall: Hall, row: WorkItemRow) -> None:
    now = hall.now
    hall.forget(row.item_id)  # of a look that failed, together with others
    _release_if_owner_is_gone(hall, row)
    row.unowned_since = min(row.unowned_since, now)
    row.opened_at = min(row.opened_at, now)
    presence = hall.desk(row.desk).presence
    row.staffed_since = min(row.staffed_since or now, now) if presence.is_staffed else None
    judgement = judge(
        Facts(
            state=ItemState(row.state),
            urgency=Urgency(row.urgency),
            opened_at=row.opened_at,
            due_at=row.due_at,
            unowned_since=row.unowned_since,
            rung=row.rung,
            due_rung=row.due_rung,
            told_at=row.told_at,
            staffed_since=row.staffed_since,
        ),
        now=now,
    )
    if judgement.audiences:
        repeated = (row.rung, row.due_rung) == (judgement.rung, judgement.due_rung)
        tell(hall, row, judgement.audiences, repeated=repeated)
    elif row.told_at is not None and row.told_at > now:
        row.told_at = now
    if (row.rung, row.due_rung) != (judgement.rung, judgement.due_rung):
        row.rung, row.due_rung = judgement.rung, judgement.due_rung
    opens_at = presence.opens_at
    row.look_at = judgement.look_at
    if opens_at is not None and now < opens_at < row.look_at:
        row.look_at = opens_at
    hall.session.add(row)


def _release_if_owner_is_gone(hall: Hall, row: WorkItemRow) -> None:
    """Nobody has an item whose owner may not come in, or may not know of it, any more."""
    owner = row.claimed_by
    if row.state != ItemState.CLAIMED or owner is None:
        return
    if is_gone(hall.session, hall.people, row, now=hall.now):
        move_item(
            hall.session,
            row,
            ItemAct.OWNER_GONE,
            at=hall.now,
            actor=SYSTEM_ACTOR,
            target=owner,
        )


def is_gone(
    session: Session, people: Mapping[str, Principal], item: WorkItemRow, *, now: datetime
) -> bool:
    """Whether the owner of an item may not come in, or may not know of it, any more.

    A program owns what it claimed for as long as a token of its label works.
    """
    owner = item.claimed_by or ""
    if owner.startswith(PROGRAM):
        return not has_working_token(session, owner.removeprefix(PROGRAM), now=now)
    who = people.get(owner)
    return who is None or not may_have(who, item)


def hurry_where_owners_are_gone(context: NodeContext) -> int:
    """Let items be looked at now whose owner does not count any more; returns how many kinds."""
    now = context.clock()
    owned = (col(WorkItemRow.claimed_by), col(WorkItemRow.kind), col(WorkItemRow.channel))
    with context.database.reading() as session:
        found = session.exec(
            select(*owned).where(col(WorkItemRow.state) == ItemState.CLAIMED).distinct()
        ).all()
        people = load_people(session, {owner for owner, _, _ in found if owner})
        gone = [
            (owner, kind, channel)
            for owner, kind, channel in found
            if is_gone(
                session,
                people,
                WorkItemRow.model_construct(claimed_by=owner, kind=kind, channel=channel),
                now=now,
            )
        ]
    if not gone:
        return 0

    def hurry(session: Session) -> None:
        for values in gone:
            same = [
                name.is_(None) if value is None else name == value
                for name, value in zip(owned, values, strict=True)
            ]
            claimed = col(WorkItemRow.state) == ItemState.CLAIMED
            session.exec(update(WorkItemRow).where(claimed, *same).values(look_at=now))

    context.transact(hurry)
    return len(gone)


def list_work_notices(session: Session, *, now: datetime) -> list[Message]:
    """Say how many items nobody has although their time is over; empty if there are none.

    Numbers only: administrators read it.
    """
    undone = col(WorkItemRow.state) == ItemState.OPEN
    late = session.exec(
        select(func.count()).where(undone, WorkItemRow.due_rung >= OVERDUE_RUNG)
    ).one()
    everybody = session.exec(
        select(func.count()).where(undone, WorkItemRow.rung >= LAST_RUNG)
    ).one()
    told = col(WorkItemRow.told_at)
    untold = session.exec(
        select(func.count()).where(
            undone,
            or_(
                told.is_(None) & (col(WorkItemRow.unowned_since) < now - _FIRST_TOLD_WITHIN),
                told < now - _TOLD_AGAIN_WITHIN,
            ),
        )
    ).one()
    lines: list[Message] = []
    if untold:
        lines.append(
            nmsg(
                "work: nobody has %(count)s item, and this node failed to tell anybody of it: look "
                "at the list of items by hand, ring the desks, and report this to the makers",
                "work: nobody has %(count)s items, and this node failed to tell anybody of them: "
                "look at the list of items by hand, ring the desks, and report this to the makers",
                untold,
            )
        )
    if late:
        lines.append(
            nmsg(
                "work: %(count)s item is overdue and nobody has it: ring the desks",
                "work: %(count)s items are overdue and nobody has them: ring the desks",
                late,
            )
        )
    if everybody:
        lines.append(
            nmsg(
                "work: nobody took %(count)s item although everybody was told: ring the desks",
                "work: nobody took %(count)s items although everybody was told: ring the desks",
                everybody,
            )
        )
    return lines
