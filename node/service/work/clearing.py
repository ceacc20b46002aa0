"""Clearing away what was kept long enough: acts on items, and forms that met a locked screen."""

from datetime import timedelta
from typing import Final

from sqlmodel import col, delete, select

from console.storage.kept_forms import LIFETIME
from node.domain.work import ItemState
from node.service.context import NodeContext
from node.store.bulk import delete_rows
from node.store.kept_form_tables import KeptFormRow
from node.store.work_tables import WorkEventRow, WorkItemRow

KEPT_FOR: Final = timedelta(days=366)
"""What happened with an item is kept so long; what matters of it is in the timeline of its case."""
#: Rows that are looked at in one go, the oldest ones: few, because SQLite has one writer at a time.
_LOOKED_AT: Final = 1_000


def clear_work_events(context: NodeContext, *, after: int = 0) -> int | None:
    """Delete some of what is older than :data:`KEPT_FOR` and belongs to items that are done.

    Looks at the next rows behind ``after``; returns where to go on, ``None`` at the end of what is
    old. Of an item that still waits everything is kept.
    """
    before = context.clock() - KEPT_FOR
    with context.database.reading() as session:
        looked_at = session.exec(
            select(WorkEventRow.work_event_id, WorkEventRow.at, WorkItemRow.state)
            .join(WorkItemRow, col(WorkItemRow.item_id) == col(WorkEventRow.item_id))
            .where(col(WorkEventRow.work_event_id) > after)
            .order_by(col(WorkEventRow.work_event_id))
            .limit(_LOOKED_AT)
        ).all()
    old = [(name, state) for name, at, state in looked_at if name is not None and at < before]
    over = [name for name, state in old if state == ItemState.DONE]
    if over:
        context.transact(lambda session: delete_rows(session, WorkEventRow, over), durable=False)
    return old[-1][0] if old and len(old) == _LOOKED_AT else None


def clear_kept_forms(context: NodeContext) -> None:
    """Delete forms that met a locked screen, a day after: also of somebody who never came back."""
    old = col(KeptFormRow.kept_at) <= context.clock() - LIFETIME
    with context.database.reading() as session:
        if session.exec(select(KeptFormRow.account_id).where(old).limit(1)).first() is None:
            return
    context.transact(lambda session: session.execute(delete(KeptFormRow).where(old)))
