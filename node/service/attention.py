"""What needs a person now, beyond what waits for a decision: unread things, and sent troubles."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, func, select

from node.domain.access import Permission, Principal
from node.domain.ports import MailboxFullError
from node.service.context import NodeContext
from node.service.permitting import is_seen, list_channels, require
from node.service.reading import PAGE, Item
from node.service.records import IN, load_references, load_rows
from node.store import message_lists
from node.store.tables import MessageRow, OutboxRow

MOST_COUNTED: Final = 200
"""Beyond this the number says "many": counting more would take longer the more there are."""
_COPIED: Final = tuple(f.name for f in fields(Item) if f.name != "case_reference")


def list_waiting(context: NodeContext, *, who: Principal, limit: int = PAGE) -> list[Item]:
    """List what needs somebody here: to decide, nearest deadline first; then to read."""
    require(who, Permission.READ_CASES)
    channels = list_channels(who)
    with context.database.reading() as session:
        found = [
            *message_lists.list_due(session, channels=channels, limit=limit),
            *message_lists.list_unread(session, channels=channels, limit=limit),
        ][:limit]
        return _items(session, load_rows(session, found))


def count_waiting(context: NodeContext, *, who: Principal) -> int:
    """Count what :func:`list_waiting` lists, up to :data:`MOST_COUNTED`."""
    channels = list_channels(who)
    with context.database.reading() as session:
        return message_lists.count_open(session, channels=channels, most=MOST_COUNTED)


def count_received_since(context: NodeContext, moment: datetime, *, who: Principal) -> int:
    """Count what came in after ``moment``."""
    statement = (
        select(func.count())
        .select_from(MessageRow)
        .where(MessageRow.direction == IN, col(MessageRow.stored_at) > moment, is_seen(who))
    )
    with context.database.reading() as session:
        return session.exec(statement).one()


def list_sent_troubles(context: NodeContext, *, who: Principal) -> list[Item]:
    """List what we sent that did not arrive, or got no decision in time.

    One that was followed by a later message in the same case to the same Participant is settled.
    """
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        found = message_lists.list_troubled(
            session, channels=list_channels(who), now=context.clock(), limit=PAGE
        )
        rows = sorted(load_rows(session, found), key=lambda row: row.stored_at, reverse=True)
        followed = message_lists.find_followed(session, [row.message_id for row in rows[:PAGE]])
        return _items(session, [row for row in rows[:PAGE] if row.message_id not in followed])


def _items(session: Session, rows: Sequence[MessageRow]) -> list[Item]:
    references = load_references(session, {row.case_id for row in rows if row.case_id})
    return [
        Item(
            **{name: getattr(row, name) for name in _COPIED},
            case_reference=references.get(row.case_id or ""),
        )
        for row in rows
    ]


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
