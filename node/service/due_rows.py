"""Rows that wait for their moment and are claimed by one worker: the clauses they share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select, update

from node.service.context import DeliveryRules, NodeContext
from node.store.hook_tables import HookTellingRow
from node.store.link_tables import MachineMailRow
from node.store.tables import OutboxRow, ReceiptDueRow
from node.store.work_tables import MessageToFollowRow, NoticeRow

DueTable = type[OutboxRow] | type[ReceiptDueRow] | type[MachineMailRow]

_CLAIMED: Final = (
    OutboxRow,
    ReceiptDueRow,
    MachineMailRow,
    MessageToFollowRow,
    HookTellingRow,
    NoticeRow,
)


class DueRow(Protocol):
    """A row that waits."""

    next_attempt_at: datetime
    claimed_until: datetime | None
    attempts: int


def is_due(
    table: DueTable, *, now: datetime, rules: DeliveryRules
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions for a row that is due and that no worker has claimed.

    A moment that lies further ahead than any pause was written by a clock that was set back since:
    it counts as due.
    """
    return (
        or_(
            col(table.next_attempt_at) <= now,
            col(table.next_attempt_at) > now + rules.longest_pause,
        ),
        _is_free(table, now=now, rules=rules),
    )


def _is_free(table: DueTable, *, now: datetime, rules: DeliveryRules) -> ColumnElement[bool]:
    """Return the condition that no worker has claimed a row."""
    return or_(
        col(table.claimed_until).is_(None),
        col(table.claimed_until) < now,
        col(table.claimed_until) > now + rules.lease,
    )


def claim(row: DueRow, *, now: datetime, rules: DeliveryRules) -> None:
    """Give the row to the worker that asks; another may take it when the lease is over."""
    row.claimed_until = now + rules.lease
    row.attempts += 1


def try_later(row: DueRow, *, now: datetime, rules: DeliveryRules) -> None:
    """Give the row back after an attempt that nobody confirmed."""
    row.claimed_until = None
    row.next_attempt_at = now + rules.retry_pause(row.attempts)


def drop_claims(context: NodeContext) -> None:
    """Let go of what a process that ended had claimed, before this one works: not after a lease.

    Only where one process has the database to itself (SQLite); among several the lease decides.
    What it handed over and did not note is handed over again under the same transport id.
    """
    if not context.database.is_sqlite:
        return

    def drop(session: Session) -> None:
        for table in _CLAIMED:
            claimed = col(table.claimed_until)
            session.exec(update(table).where(claimed.is_not(None)).values(claimed_until=None))

    context.transact(drop)


def next_due_in(context: NodeContext, table: DueTable) -> timedelta | None:
    """Return how long until the next row is due; ``None`` if there is none."""
    return next_due(context, (table,))[0]


def next_due(context: NodeContext, tables: Sequence[DueTable]) -> list[timedelta | None]:
    """Return for each table how long until the next row that is free now is due.

    What a worker has claimed is left out: it counts again when the lease is over.
    """
    now = context.clock()
    with context.database.reading() as session:
        moments = [
            session.exec(
                select(table.next_attempt_at)
                .where(_is_free(table, now=now, rules=context.rules))
                .order_by(col(table.next_attempt_at))
                .limit(1)
            ).first()
            for table in tables
        ]
    return [None if due is None else max(timedelta(0), due - now) for due in moments]
