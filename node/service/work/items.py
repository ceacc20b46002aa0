"""Items: made once for what they are about, moved by the table, seen by whom they concern."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, literal
from sqlmodel import Session, and_, col, false, or_, select, true
from sqlmodel.sql.expression import SelectOfScalar

from console.i18n import msg
from console.storage.columns import Moment
from node.domain.access import Permission, Principal
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.work import (
    ITEM_TABLE,
    KEPT_BY,
    LONGEST_DUE,
    SETTLED_BY_HAND,
    UNDONE,
    ItemAct,
    ItemKind,
    ItemState,
)
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.local_names import make_local_name
from node.service.permitting import ForbiddenError
from node.service.records import add_event
from node.service.work.calendar import compute_default_due
from node.store.bulk import in_parts, insert_rows
from node.store.tables import CaseRow
from node.store.work_tables import WorkEventRow, WorkItemRow
from protocol.identifiers import AuthorityId, CaseReference, Channel, Phase
from protocol.messages.codes import Urgency

_EVERY: Final = frozenset(Channel)
_MOST_HISTORY: Final = 1000
_TIMELINE: Final = {
    ItemAct.CLAIM: EventKind.ITEM_CLAIMED,
    ItemAct.RELEASE: EventKind.ITEM_RELEASED,
    ItemAct.OWNER_GONE: EventKind.ITEM_RELEASED,
    ItemAct.HAND_OVER: EventKind.ITEM_HANDED_OVER,
    ItemAct.MOVE: EventKind.ITEM_MOVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """Something that needs a person. One for each kind and subject, however often it is made.

    ``due_at`` None: a working day, or hours where it is urgent.
    """

    kind: ItemKind
    subject: str
    urgency: Urgency
    channel: Channel | None = None
    due_at: datetime | None = None
    #: Since when it waits; None: since now.
    since: datetime | None = None
    message_id: str | None = None
    case_id: str | None = None
    peer: str | None = None
    phase: Phase | None = None
    desk: AuthorityId | None = None


def open_item(context: NodeContext, session: Session, new: NewItem) -> WorkItemRow:
    """Make an item, or return the one there is; one that was done is opened again.

    What somebody said is done by hand stays done.
    """
    now = context.clock()
    row = find_item(session, new.kind, new.subject, lock=True)
    if row is not None:
        if row.state == ItemState.DONE and new.kind not in SETTLED_BY_HAND:
            move_item(session, row, ItemAct.REOPEN, at=now, actor=SYSTEM_ACTOR)
        return row
    return make_item(context, session, new)


def make_item(context: NodeContext, session: Session, new: NewItem) -> WorkItemRow:
    """Make an item that there was not, and that nobody else has touched when this returns.

    Raises ``IntegrityError`` where another process has made it meanwhile: whoever looked whether it
    is there looks again, in a new transaction, and leaves alone what has happened to it since.
    """
    row = WorkItemRow(**_describe(context, new))
    session.add(row)
    session.flush()
    return row


def open_items(context: NodeContext, session: Session, wanted: Sequence[NewItem]) -> None:
    """Make many items at once, as :func:`open_item` makes each."""
    there = set[tuple[str, str]]()
    for part in in_parts([new.subject for new in wanted]):
        known = select(WorkItemRow.kind, WorkItemRow.subject)
        there.update(session.exec(known.where(col(WorkItemRow.subject).in_(part))))
    for new in wanted:
        if (new.kind, new.subject) in there:
            open_item(context, session, new)
    fresh = [new for new in wanted if (new.kind, new.subject) not in there]
    insert_rows(session, WorkItemRow, [_describe(context, new) for new in fresh])


def _describe(context: NodeContext, new: NewItem) -> dict[str, Any]:
    """Return the columns of a new item."""
    now = context.clock()
    since = min(new.since or now, now)
    due = new.due_at or compute_default_due(context, new.desk, urgency=new.urgency, at=since)
    return {
        "item_id": make_local_name(context),
        "kind": new.kind,
        "subject": new.subject,
        "state": ItemState.OPEN,
        "message_id": new.message_id,
        "case_id": new.case_id,
        "peer": new.peer,
        "channel": new.channel,
        "phase": new.phase,
        "urgency": new.urgency,
        "desk": new.desk,
        "opened_at": since,
        "due_at": min(due, now + LONGEST_DUE),
        "unowned_since": now,
        "rung": 0,
        "due_rung": 0,
        "look_at": now,
        "row_version": 1,
    }


def find_item(
    session: Session, kind: ItemKind, subject: str, *, lock: bool = False
) -> WorkItemRow | None:
    """Return the item of this kind about this."""
    statement = select(WorkItemRow).where(WorkItemRow.kind == kind, WorkItemRow.subject == subject)
    return session.exec(_locked(statement) if lock else statement).one_or_none()


def hold_items(
    session: Session, item_ids: Collection[str], *, wait: bool = True
) -> Sequence[WorkItemRow]:
    """Keep items from everybody else until the end of the transaction; returns them as they are.

    For what was found without a lock: somebody may have moved it since, and moving it once more
    would tell people twice. Without those that are gone, and unless ``wait`` without those that
    others hold. One order for all, so that no two wait for each other.
    """
    held: list[WorkItemRow] = []
    for part in in_parts(sorted(item_ids)):
        named = select(WorkItemRow).where(col(WorkItemRow.item_id).in_(part))
        statement = _locked(named.order_by(col(WorkItemRow.item_id)), wait=wait)
        held += session.exec(statement).all()
    return held


def _locked(
    statement: SelectOfScalar[WorkItemRow], *, wait: bool = True
) -> SelectOfScalar[WorkItemRow]:
    """Let a statement lock items, and read what this session has of them anew."""
    locked = statement.with_for_update(skip_locked=not wait)
    return locked.execution_options(populate_existing=True)


def settle_item(
    session: Session, row: WorkItemRow, *, at: datetime, actor: str = SYSTEM_ACTOR
) -> None:
    """Note that what an item is about is done; nothing if it was noted before.

    The item is held: see :func:`hold_items`.
    """
    if row.state in UNDONE:
        move_item(session, row, ItemAct.SETTLE, at=at, actor=actor)


def move_item(  # noqa: PLR0913 - who does what with which item
    session: Session,
    row: WorkItemRow,
    act: ItemAct,
    *,
    at: datetime,
    actor: str,
    target: str | None = None,
    code: str | None = None,
) -> None:
    """Move an item by the table and write it into its history, and into its case's timeline.

    The item is held, or made in this transaction: two who move one that both have read before
    would tell people of it twice, or let the one undo what the other did.

    Raises ``StaleError`` if its state does not allow it.
    """
    state = ITEM_TABLE.get((ItemState(row.state), act))
    if state is None:
        raise StaleError(_explain(row))
    if state is ItemState.OPEN:
        row.claimed_by, row.claimed_at, row.unowned_since = None, None, at
        row.rung, row.told_at, row.done_at = 0, None, None
    if act is ItemAct.REOPEN:
        row.due_rung, row.staffed_since = 0, None
    if state is ItemState.CLAIMED:
        row.claimed_by, row.claimed_at = target, at
        row.told_at = row.told_at or at  # whoever takes it knows of it
        if act is ItemAct.HAND_OVER:
            row.told_at = None  # whoever gets it is told at once
    if state is ItemState.DONE:
        row.done_at = at
    row.state, row.look_at = state, at
    row.row_version += 1
    session.add(row)
    session.add(
        WorkEventRow(item_id=row.item_id, at=at, kind=act, actor=actor, target=target, code=code)
    )
    kind = _TIMELINE.get(act)
    if kind is not None and row.case_id is not None:
        add_event(
            session,
            kind=kind,
            at=at,
            actor=actor,
            case_id=row.case_id,
            message_id=row.message_id,
            code=(code or target or "")[:60] or None,
            channel=row.channel,
        )


def _explain(row: WorkItemRow) -> str:
    if row.state == ItemState.DONE:
        return "This is done already: nothing was changed. Look at the list again."
    if row.state == ItemState.CLAIMED:
        return (
            "Somebody has this already: nothing was changed. Ask them to hand it over, or to "
            "release it."
        )
    return "Nobody has this: claim it first."


# ------------------------------------------------------------------------------ seeing


def may_have(who: Principal, row: WorkItemRow) -> bool:
    """Whether somebody may know of an item: by its kind, and by the channel of what it is about."""
    needed = KEPT_BY[ItemKind(row.kind)]
    if not who.may(needed):
        return False
    if needed is Permission.WATCH_DELIVERY:
        return True
    return who.sees(Channel(row.channel) if row.channel else None)


def are_seen(who: Principal) -> ColumnElement[bool]:
    """Return the condition under which items are there for somebody: see :func:`may_have`."""
    in_channel: ColumnElement[bool] = true()
    if not who.channels >= _EVERY:
        in_channel = col(WorkItemRow.channel).in_(sorted(who.channels))
    delivery = [kind for kind, needed in KEPT_BY.items() if needed is Permission.WATCH_DELIVERY]
    others = [kind for kind, needed in KEPT_BY.items() if kind not in delivery and who.may(needed)]
    conditions: list[ColumnElement[bool]] = [false()]
    if who.may(Permission.WATCH_DELIVERY):
        conditions.append(col(WorkItemRow.kind).in_(delivery))
    if others:
        conditions.append(and_(col(WorkItemRow.kind).in_(others), in_channel))
    return or_(*conditions)


def require_item(
    session: Session, item_id: str, *, who: Principal, lock: bool = False
) -> WorkItemRow:
    """Return an item that is there for somebody; raises ``NotFoundError``, ``ForbiddenError``."""
    _require_any(who)
    statement = select(WorkItemRow).where(WorkItemRow.item_id == item_id)
    row = session.exec(_locked(statement) if lock else statement).one_or_none()
    if row is None or not may_have(who, row):
        raise NotFoundError("There is no such item here: look at the list again.")
    return row


def _require_any(who: Principal) -> None:
    if not any(who.may(needed) for needed in KEPT_BY.values()):
        raise ForbiddenError(
            msg(
                "Items are looked after by focal points, approvers and node administrators: "
                "ask one."
            )
        )


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items are listed."""

    states: frozenset[ItemState] = UNDONE
    #: Only those that this one has.
    owner: str | None = None
    desk: str | None = None
    case: CaseReference | None = None
    kind: ItemKind | None = None
    #: True: only what is immediate; False: only what is not.
    immediate: bool | None = None


def list_items(
    context: NodeContext,
    chosen: ItemFilter,
    *,
    who: Principal,
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> Sequence[WorkItemRow]:
    """List items that are there for somebody, the nearest deadline first.

    ``after``: deadline and identifier of the last item of the page before.
    """
    _require_any(who)
    conditions = [are_seen(who), col(WorkItemRow.state).in_(sorted(chosen.states))]
    if chosen.owner is not None:
        conditions.append(col(WorkItemRow.claimed_by) == chosen.owner)
    if chosen.desk is not None:
        conditions.append(col(WorkItemRow.desk) == chosen.desk)
    if chosen.kind is not None:
        conditions.append(col(WorkItemRow.kind) == chosen.kind)
    if chosen.immediate is not None:
        is_immediate = col(WorkItemRow.urgency) == Urgency.IMMEDIATE
        conditions.append(is_immediate if chosen.immediate else ~is_immediate)
    if chosen.case is not None:
        of_reference = select(CaseRow.case_id).where(CaseRow.reference == chosen.case)
        conditions.append(col(WorkItemRow.case_id).in_(of_reference))
    if after is not None:
        due_at, item_id = after
        due, moment = col(WorkItemRow.due_at), literal(due_at, Moment)
        conditions.append(
            or_(due > moment, and_(due == moment, col(WorkItemRow.item_id) > item_id))
        )
    statement = (
        select(WorkItemRow)
        .where(*conditions)
        .order_by(col(WorkItemRow.due_at), col(WorkItemRow.item_id))
        .limit(limit)
    )
    with context.database.reading() as session:
        return session.exec(statement).all()


def list_history(session: Session, item_id: str) -> Sequence[WorkEventRow]:
    """Return the last that was done with an item, and who was told of it, oldest first."""
    newest = session.exec(
        select(WorkEventRow)
        .where(WorkEventRow.item_id == item_id)
        .order_by(col(WorkEventRow.work_event_id).desc())
        .limit(_MOST_HISTORY)
    ).all()
    return newest[::-1]


def load_item(
    context: NodeContext, item_id: str, *, who: Principal
) -> tuple[WorkItemRow, Sequence[WorkEventRow]]:
    """Return an item with its history; raises ``NotFoundError``."""
    with context.database.reading() as session:
        row = require_item(session, item_id, who=who)
        return row, list_history(session, row.item_id)
