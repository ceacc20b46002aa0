"""What needs a person now, beyond what waits for a decision: unread things, and sent troubles."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, func, select

from node.domain.ports import MailboxFullError
from node.domain.states import DECIDABLE, Dispatch, Handling
from node.service.context import NodeContext
from node.service.reading import PAGE, Item
from node.service.records import IN, OUT
from node.store.tables import CaseRow, MessageRow, OutboxRow

_COPIED: Final = tuple(f.name for f in fields(Item) if f.name != "case_reference")


def list_waiting(context: NodeContext, *, limit: int = PAGE) -> list[Item]:
    """List what needs somebody here: to decide, nearest deadline first; then to read."""
    due = func.coalesce(MessageRow.answer_by, MessageRow.expires_at)
    mine = col(MessageRow.direction) == IN
    decide = mine & col(MessageRow.handling).in_(DECIDABLE)
    read = (
        mine
        & (col(MessageRow.handling) == Handling.NOTHING_EXPECTED)
        & col(MessageRow.opened_at).is_(None)
    )
    with context.database.reading() as session:
        rows = [
            *session.exec(
                select(MessageRow)
                .where(decide)
                .order_by(due, col(MessageRow.message_id))
                .limit(limit)
            ),
            *session.exec(
                select(MessageRow).where(read).order_by(col(MessageRow.stored_at)).limit(limit)
            ),
        ][:limit]
        return _items(session, rows)


def count_waiting(context: NodeContext) -> int:
    """Count what :func:`list_waiting` lists."""
    statement = (
        select(func.count())
        .select_from(MessageRow)
        .where(
            MessageRow.direction == IN,
            col(MessageRow.handling).in_(DECIDABLE)
            | (
                (col(MessageRow.handling) == Handling.NOTHING_EXPECTED)
                & col(MessageRow.opened_at).is_(None)
            ),
        )
    )
    with context.database.reading() as session:
        return session.exec(statement).one()


def count_received_since(context: NodeContext, moment: datetime) -> int:
    """Count what came in after ``moment``."""
    statement = (
        select(func.count())
        .select_from(MessageRow)
        .where(MessageRow.direction == IN, col(MessageRow.stored_at) > moment)
    )
    with context.database.reading() as session:
        return session.exec(statement).one()


def list_sent_troubles(context: NodeContext) -> list[Item]:
    """List what we sent that did not arrive, or got no decision in time.

    One that was followed by a later message in the same case to the same Participant is settled.
    """
    now = context.clock()
    refused = col(MessageRow.dispatch).in_((Dispatch.REJECTED, Dispatch.EXPIRED, Dispatch.GIVEN_UP))
    late = (
        (col(MessageRow.answer_by) < now)
        & col(MessageRow.handling).in_((Handling.NEW, Handling.OPENED))
        & (col(MessageRow.dispatch) != Dispatch.CANCELLED)
    )
    with context.database.reading() as session:
        rows = session.exec(
            select(MessageRow)
            .where(MessageRow.direction == OUT, refused | late)
            .order_by(col(MessageRow.stored_at).desc())
            .limit(PAGE)
        ).all()
        return _items(session, [row for row in rows if not _is_followed(session, row)])


def _is_followed(session: Session, row: MessageRow) -> bool:
    later = session.exec(
        select(MessageRow.message_id)
        .where(
            MessageRow.direction == OUT,
            MessageRow.case_id == row.case_id,
            MessageRow.peer == row.peer,
            col(MessageRow.stored_at) > row.stored_at,
        )
        .limit(1)
    ).first()
    return later is not None


def _items(session: Session, rows: Iterable[MessageRow]) -> list[Item]:
    items = []
    for row in rows:
        case = session.get(CaseRow, row.case_id) if row.case_id else None
        copied = {name: getattr(row, name) for name in _COPIED}
        items.append(Item(**copied, case_reference=case.reference if case else None))
    return items


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has not reached one Participant yet: metadata only."""

    peer: str
    count: int
    oldest_at: datetime
    attempts: int
    handed_over: int
    next_attempt_at: datetime
    last_error: str | None
    #: Those that the recipient's full mailbox refused, and since when the oldest of them waits.
    refused: int = 0
    refused_since: datetime | None = None


def list_outbox(context: NodeContext) -> list[Waiting]:
    """Sum up what the relay owes, per Participant, the oldest first."""
    with context.database.reading() as session:
        pairs = session.exec(
            select(OutboxRow, MessageRow.stored_at)
            .join(MessageRow, col(MessageRow.message_id) == col(OutboxRow.message_id))
            .order_by(col(MessageRow.stored_at))
        ).all()
    owed: dict[str, list[tuple[OutboxRow, datetime]]] = {}
    for row, stored_at in pairs:
        owed.setdefault(row.peer, []).append((row, stored_at))
    return [
        Waiting(
            peer=peer,
            count=len(rows),
            oldest_at=rows[0][1],
            attempts=max(row.attempts for row, _ in rows),
            handed_over=sum(1 for row, _ in rows if row.handed_over),
            next_attempt_at=min(row.next_attempt_at for row, _ in rows),
            last_error=next((row.last_error for row, _ in reversed(rows) if row.last_error), None),
            refused=sum(1 for row, _ in rows if row.last_error == MailboxFullError.TEXT),
            refused_since=next(
                (at for row, at in rows if row.last_error == MailboxFullError.TEXT), None
            ),
        )
        for peer, rows in owed.items()
    ]
