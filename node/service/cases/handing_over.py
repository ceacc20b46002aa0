"""Handing a case over: whoever coordinates it from now on is told, and gets what is open in it."""

from sqlmodel import Session, col, select

from node.domain.access import Principal
from node.domain.work import UNDONE, ItemAct, ItemKind, ItemState
from node.service.case_work import CaseWork
from node.service.context import NodeContext
from node.service.work.acts import owner_of
from node.service.work.calendar import compute_default_due
from node.service.work.items import (
    NewItem,
    find_item,
    may_have,
    move_item,
    open_item,
    settle_item,
)
from node.store.case_tables import CaseStrandRow
from node.store.work_tables import WorkItemRow
from protocol.identifiers import AuthorityId, Channel
from protocol.messages.codes import Urgency


def give_to(
    work: CaseWork,
    strand: CaseStrandRow,
    *,
    before: str | None,
    manager: Principal,
    desk: AuthorityId,
) -> None:
    """Tell a new case manager, and give them the items that the one before had in this case.

    They say themselves that they have taken over; until then they are reminded, and when they
    cannot be, others are told. Who names themselves needs no telling.
    """
    context, session, who = work.context, work.session, work.who
    now, person = context.clock(), owner_of(manager)
    if before is not None and before != person:
        _give_items(work, strand, before=before, manager=manager)
    if person == owner_of(who):
        settle_take_over(context, session, strand, who=who)
        return
    if before == person:
        return
    new = NewItem(
        kind=ItemKind.TAKE_OVER,
        subject=_name(strand),
        urgency=Urgency.URGENT if strand.treated_as_child else Urgency.STANDARD,
        channel=Channel(strand.channel),
        case_id=strand.case_id,
        desk=desk,
    )
    item = open_item(context, session, new)
    if item.state == ItemState.DONE:  # it was handed over before, and taken
        move_item(session, item, ItemAct.REOPEN, at=now, actor=who.actor)
        item.opened_at = now
        item.due_at = compute_default_due(context, desk, urgency=Urgency(item.urgency), at=now)
    item.desk = desk
    move_item(session, item, ItemAct.HAND_OVER, at=now, actor=who.actor, target=person)


def settle_take_over(
    context: NodeContext, session: Session, strand: CaseStrandRow, *, who: Principal
) -> None:
    """Nobody has to take a case over any more: it has nobody new, or is closed."""
    item = find_item(session, ItemKind.TAKE_OVER, _name(strand), lock=True)
    if item is not None:
        settle_item(session, item, at=context.clock(), actor=who.actor)


def _give_items(work: CaseWork, strand: CaseStrandRow, *, before: str, manager: Principal) -> None:
    rows = work.session.exec(
        select(WorkItemRow)
        .where(
            WorkItemRow.case_id == strand.case_id,
            WorkItemRow.channel == strand.channel,
            WorkItemRow.claimed_by == before,
            WorkItemRow.kind != ItemKind.TAKE_OVER,
            col(WorkItemRow.state).in_(sorted(UNDONE)),
        )
        .order_by(col(WorkItemRow.item_id))
        .with_for_update()
    ).all()
    for row in rows:
        if may_have(manager, row):
            move_item(
                work.session,
                row,
                ItemAct.HAND_OVER,
                at=work.context.clock(),
                actor=work.who.actor,
                target=owner_of(manager),
            )


def _name(strand: CaseStrandRow) -> str:
    return f"{strand.case_id}:{strand.channel}"
