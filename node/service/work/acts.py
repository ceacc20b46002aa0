"""What people do with items: claim, release, hand over, move to another desk, settle."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from node.domain.access import Principal
from node.domain.work import KEPT_BY, SETTLED_BY_HAND, ItemAct, ItemKind, ItemState, Telling
from node.service.context import NodeContext, StaleError
from node.service.permitting import require
from node.service.principals import load_people
from node.service.work.items import may_have, move_item, require_item
from node.service.work.roster import WorkRefusedError
from node.service.work.routing import find_desk_of_ours
from node.store.work_tables import WorkEventRow, WorkItemRow


def owner_of(who: Principal) -> str:
    """Return how somebody stands as the owner of items: the person, else the program."""
    return who.person or who.actor


def handle_claim(
    context: NodeContext, item_id: str, *, who: Principal, seen: int | None = None
) -> WorkItemRow:
    """Take an item; of two who take it at once one wins, and the other is told who has it.

    Whoever has it already gets it as it is. Raises ``NotFoundError``, ``StaleError``.
    """

    def claim(session: Session, row: WorkItemRow) -> None:
        if row.state == ItemState.CLAIMED and row.claimed_by == owner_of(who):
            return
        _verify_seen(row, seen)
        _move(context, session, row, ItemAct.CLAIM, who=who, target=owner_of(who))

    return _act(context, item_id, claim, who=who)


def handle_release(
    context: NodeContext, item_id: str, *, who: Principal, seen: int | None = None
) -> WorkItemRow:
    """Give an item back: it is told about anew. One's own, or one that its owner leaves lying.

    Raises ``NotFoundError``, ``StaleError``.
    """

    def release(session: Session, row: WorkItemRow) -> None:
        _verify_seen(row, seen)
        _move(context, session, row, ItemAct.RELEASE, who=who, target=row.claimed_by)

    return _act(context, item_id, release, who=who)


def handle_hand_over(
    context: NodeContext, item_id: str, account_id: str, *, who: Principal, seen: int | None = None
) -> WorkItemRow:
    """Hand an item to a colleague, who is told at once.

    Raises :class:`WorkRefusedError` if they may not sign in, or may not have it, and
    ``NotFoundError``, ``StaleError``.
    """

    def hand_over(session: Session, row: WorkItemRow) -> None:
        _verify_seen(row, seen)
        receiver = load_people(session, [account_id]).get(account_id)
        if receiver is None or not may_have(receiver, row):
            raise WorkRefusedError(
                "They may not have this: choose a colleague who may sign in, has the role for it, "
                "and is cleared for its channel."
            )
        _move(context, session, row, ItemAct.HAND_OVER, who=who, target=account_id)

    return _act(context, item_id, hand_over, who=who)


def handle_move(
    context: NodeContext, item_id: str, desk: str, *, who: Principal, seen: int | None = None
) -> WorkItemRow:
    """Move an item to another desk of ours: nobody has it then, and that desk is told.

    Raises :class:`WorkRefusedError` for a desk that is not ours, ``NotFoundError``, ``StaleError``.
    """
    authority = find_desk_of_ours(context, desk, at=context.clock())

    def move(session: Session, row: WorkItemRow) -> None:
        _verify_seen(row, seen)
        if authority is None:
            raise WorkRefusedError(
                "That is no desk of ours today: choose one of our contacts in the directory. "
                "To another Participant a message is forwarded by a decision."
            )
        if row.desk == authority.id and row.state == ItemState.OPEN:
            return
        row.desk, row.staffed_since = authority.id, None
        _move(context, session, row, ItemAct.MOVE, who=who, code=authority.id)

    return _act(context, item_id, move, who=who)


def handle_settle(
    context: NodeContext, item_id: str, *, who: Principal, seen: int | None = None
) -> WorkItemRow:
    """Say that an item is done, where only a person can know it.

    Raises :class:`WorkRefusedError` where what it is about says so itself, ``NotFoundError``,
    ``StaleError``.
    """

    def settle(session: Session, row: WorkItemRow) -> None:
        _verify_seen(row, seen)
        if ItemKind(row.kind) not in SETTLED_BY_HAND:
            raise WorkRefusedError(
                "This is done when what it is about is: decide or answer the message, open it, "
                "or look after what did not arrive."
            )
        _move(context, session, row, ItemAct.SETTLE, who=who)

    return _act(context, item_id, settle, who=who)


def _act(
    context: NodeContext,
    item_id: str,
    work: Callable[[Session, WorkItemRow], None],
    *,
    who: Principal,
) -> WorkItemRow:
    def act(session: Session) -> WorkItemRow:
        row = require_item(session, item_id, who=who, lock=True)
        require(who, KEPT_BY[ItemKind(row.kind)])
        work(session, row)
        session.add(row)
        session.flush()
        return row

    row = context.transact(act)
    context.signals.followed.notify()
    context.signals.inbox.notify()
    return row


def _verify_seen(row: WorkItemRow, seen: int | None) -> None:
    if seen is not None and seen != row.row_version:
        raise StaleError(
            "Somebody changed this since you looked: nothing was changed. Look at it again."
        )


def _move(  # noqa: PLR0913 - who does what with which item
    context: NodeContext,
    session: Session,
    row: WorkItemRow,
    act: ItemAct,
    *,
    who: Principal,
    target: str | None = None,
    code: str | None = None,
) -> None:
    move_item(session, row, act, at=context.clock(), actor=who.actor, target=target, code=code)


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """Something that somebody was told. ``item``: None if they may not know what it is about."""

    notice_id: int
    at: datetime
    audience: str
    item_id: str
    desk: str | None
    urgency: str
    is_done: bool
    item: WorkItemRow | None


def list_told(
    context: NodeContext, *, who: Principal, before: int | None = None, limit: int
) -> Sequence[ToldNotice]:
    """List what somebody was told, the newest first. Anybody who may sign in may ask.

    ``before``: the number of the last one of the page before.
    """
    conditions = [
        col(WorkEventRow.target) == owner_of(who),
        col(WorkEventRow.kind) == Telling.TOLD,
    ]
    if before is not None:
        conditions.append(col(WorkEventRow.work_event_id) < before)
    with context.database.reading() as session:
        found = session.exec(
            select(WorkEventRow, WorkItemRow)
            .join(WorkItemRow, col(WorkItemRow.item_id) == col(WorkEventRow.item_id))
            .where(*conditions)
            .order_by(col(WorkEventRow.work_event_id).desc())
            .limit(limit)
        ).all()
    return [
        ToldNotice(
            notice_id=event.work_event_id or 0,
            at=event.at,
            audience=event.code or "",
            item_id=event.item_id,
            desk=row.desk,
            urgency=row.urgency,
            is_done=row.state == ItemState.DONE,
            item=row if may_have(who, row) else None,
        )
        for event, row in found
    ]
