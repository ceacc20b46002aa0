"""Rows that wait for their moment and are claimed by one worker: the clauses they share."""

from datetime import datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import ColumnElement
from sqlmodel import col, or_, select

from node.service.context import DeliveryRules, NodeContext
from node.store.link_tables import MachineMailRow
from node.store.tables import OutboxRow, ReceiptDueRow

DueTable = type[OutboxRow] | type[ReceiptDueRow] | type[MachineMailRow]

#: How many of the earliest rows are looked at for when to wake: more than may be claimed at once.
_LOOK_AHEAD: Final = 200


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
        or_(
            col(table.claimed_until).is_(None),
            col(table.claimed_until) < now,
            col(table.claimed_until) > now + rules.lease,
        ),
    )


def claim(row: DueRow, *, now: datetime, rules: DeliveryRules) -> None:
    """Give the row to the worker that asks; another may take it when the lease is over."""
    row.claimed_until = now + rules.lease
    row.attempts += 1


def try_later(row: DueRow, *, now: datetime, rules: DeliveryRules) -> None:
    """Give the row back after an attempt that nobody confirmed."""
    row.claimed_until = None
    row.next_attempt_at = now + rules.retry_pause(row.attempts)


def next_due_in(context: NodeContext, table: DueTable) -> timedelta | None:
    """Return how long until the next row is due; ``None`` if there is none."""
    now = context.clock()
    with context.database.reading() as session:
        moments = session.exec(
            select(table.next_attempt_at, table.claimed_until)
            .order_by(col(table.next_attempt_at))
            .limit(_LOOK_AHEAD)
        ).all()
    free = [max(due, claimed or due) for due, claimed in moments]
    return None if not free else max(timedelta(0), min(free) - now)
