"""Messages as whoever runs the node sees them: from where to where, when, in which state."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import col

from node.domain.access import Permission, Principal
from node.domain.states import Dispatch
from node.service.context import NodeContext
from node.service.permitting import require
from node.service.reading import PAGE
from node.store.tables import MessageRow, OutboxRow

_COLUMNS: Final = (
    col(MessageRow.message_id),
    col(MessageRow.direction),
    col(MessageRow.peer),
    col(MessageRow.stored_at),
    col(MessageRow.expires_at),
    col(MessageRow.dispatch),
    col(MessageRow.link_generation),
    col(MessageRow.link_seq),
    col(OutboxRow.attempts),
    col(OutboxRow.next_attempt_at),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriageFilter:
    """Which messages are listed; what is empty does not narrow."""

    peer: str = ""
    direction: str = ""
    dispatch: Dispatch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One message without what it says: neither its type nor its case nor a desk."""

    message_id: str
    direction: str
    peer: str
    stored_at: datetime
    expires_at: datetime
    #: Of one that we sent.
    dispatch: Dispatch | None
    link_generation: int | None
    link_seq: int | None
    #: Of one that still waits for its receipt.
    attempts: int
    next_attempt_at: datetime | None


def list_carried(
    context: NodeContext,
    wanted: CarriageFilter,
    *,
    who: Principal,
    after: tuple[datetime, str] | None = None,
    limit: int = PAGE,
) -> list[Carried]:
    """List messages, newest first; ``after``: moment and identifier of the last one before."""
    require(who, Permission.WATCH_DELIVERY)
    statement = (
        select(*_COLUMNS)
        .join(OutboxRow, col(OutboxRow.message_id) == col(MessageRow.message_id), isouter=True)
        .where(*_narrow(wanted, after))
        .order_by(col(MessageRow.stored_at).desc(), col(MessageRow.message_id).desc())
        .limit(limit)
    )
    with context.database.reading() as session:
        rows = session.execute(statement).all()
    return [
        Carried(
            message_id=row[0],
            direction=row[1],
            peer=row[2],
            stored_at=row[3],
            expires_at=row[4],
            dispatch=Dispatch(row[5]) if row[5] else None,
            link_generation=row[6],
            link_seq=row[7],
            attempts=row[8] or 0,
            next_attempt_at=row[9],
        )
        for row in rows
    ]


def _narrow(
    wanted: CarriageFilter, after: tuple[datetime, str] | None
) -> Iterator[ColumnElement[bool]]:
    if wanted.peer:
        yield col(MessageRow.peer) == wanted.peer
    if wanted.direction:
        yield col(MessageRow.direction) == wanted.direction
    if wanted.dispatch is not None:
        yield col(MessageRow.dispatch) == wanted.dispatch.value
    if after is not None:
        moment, message_id = after
        stored = col(MessageRow.stored_at)
        yield or_(stored < moment, and_(stored == moment, col(MessageRow.message_id) < message_id))
