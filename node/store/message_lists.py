"""Which messages stand in a list: statements that cost the same however many messages there are.

Each list is a union of one short list for each channel, because an index is in order within one
channel only: somebody who is cleared for a channel of which there is little would else wait until
everything newer of the others was looked at. States stand in these statements as words, not as
parameters: an index of few rows (``ix_message_unread``, ``ix_message_refused``) is used only where
the database can see that the question is about those.

All return identifiers of messages, in the order of the list.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import TextClause, bindparam, exists, text
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from console.storage.columns import Moment
from node.domain.states import DECIDABLE, Handling
from node.store.bulk import in_parts
from node.store.tables import MessageRow

Channels = Sequence[str | None]
"""Channels of whoever asks; None stands for messages whose channel nobody knows."""

_DUE: Final = "coalesce(answer_by, expires_at)"
_UNREAD: Final = (
    f"direction = 'in' AND handling = '{Handling.NOTHING_EXPECTED.value}' AND opened_at IS NULL"
)
_REFUSED: Final = "direction = 'out' AND dispatch IN ('rejected', 'expired', 'given_up')"
_MOMENTS: Final = frozenset({"after", "now"})


def list_newest(
    session: Session,
    *,
    direction: str,
    channels: Channels,
    limit: int,
    after: tuple[datetime, str] | None = None,
) -> list[str]:
    """Return messages of one direction, the newest first; ``after``: below this one."""
    place = "" if after is None else "AND (stored_at, message_id) < (:after, :after_id)"
    return _ask(
        session,
        _compile((f"direction = :direction {place}",), tuple(channels), "stored_at", "DESC"),
        channels,
        direction=direction,
        limit=limit,
        after=after,
    )


def list_due(
    session: Session,
    *,
    channels: Channels,
    limit: int,
    direction: str = "in",
    after: tuple[datetime, str] | None = None,
) -> list[str]:
    """Return messages of one direction that wait for a decision, nearest deadline first."""
    conditions = []
    for handling in sorted(DECIDABLE):
        for column, known in (("answer_by", "IS NOT NULL"), ("expires_at", "IS NULL")):
            place = "" if after is None else f"AND ({column}, message_id) > (:after, :after_id)"
            conditions.append(
                f"direction = :direction AND handling = '{handling.value}' "
                f"AND answer_by {known} {place}"
            )
    return _ask(
        session,
        _compile(tuple(conditions), tuple(channels), _DUE, "ASC"),
        channels,
        direction=direction,
        limit=limit,
        after=after,
    )


def list_unread(session: Session, *, channels: Channels, limit: int) -> list[str]:
    """Return received messages that expect nothing and that nobody opened, the oldest first."""
    statement = _compile((_UNREAD,), tuple(channels), "stored_at", "ASC")
    return _ask(session, statement, channels, limit=limit)


def list_troubled(session: Session, *, channels: Channels, now: datetime, limit: int) -> list[str]:
    """Return sent messages that did not arrive, and those that were not decided in time.

    The newest first, at most ``limit`` of each.
    """
    refused = _compile((_REFUSED,), tuple(channels), "stored_at", "DESC")
    late = _compile(
        tuple(
            f"direction = 'out' AND handling = '{handling.value}' AND answer_by < :now "
            "AND dispatch <> 'cancelled'"
            for handling in (Handling.NEW, Handling.OPENED)
        ),
        tuple(channels),
        "answer_by",
        "DESC",
    )
    found = [
        *_ask(session, refused, channels, limit=limit),
        *_ask(session, late, channels, limit=limit, now=now),
    ]
    return list(dict.fromkeys(found))


def count_open(session: Session, *, channels: Channels, most: int) -> int:
    """Count what :func:`list_due` lists as received, and :func:`list_unread`: up to ``most``."""
    if not channels:
        return 0
    statement = _compile_count(tuple(channels))
    named = {f"channel{n}": name for n, name in enumerate(channels) if name}
    found: int = session.connection().execute(statement, {**named, "limit": most}).scalar_one()
    return found


@cache
def _compile_count(channels: tuple[str | None, ...]) -> TextClause:
    conditions = [
        *(f"direction = 'in' AND handling = '{each.value}'" for each in sorted(DECIDABLE)),
        _UNREAD,
    ]
    parts = " UNION ALL ".join(
        f"SELECT 1 FROM (SELECT 1 FROM message WHERE {condition} "  # noqa: S608 - nothing that anybody typed is part of it
        f"AND {_name(number, channel)} LIMIT :limit) AS part"
        for condition in conditions
        for number, channel in enumerate(channels)
    )
    # One limit over all parts: what is beyond it is not counted, however many parts have more.
    return text(f"SELECT count(*) FROM ({parts} LIMIT :limit) AS counted")  # noqa: S608 - the same


def find_followed(session: Session, message_ids: Sequence[str]) -> set[str]:
    """Return which of these were followed by a later one in the same case to the same peer."""
    later = aliased(MessageRow)
    is_followed = exists().where(
        col(later.direction) == col(MessageRow.direction),
        col(later.case_id) == col(MessageRow.case_id),
        col(later.peer) == col(MessageRow.peer),
        col(later.stored_at) > col(MessageRow.stored_at),
    )
    found = set[str]()
    for part in in_parts(message_ids):
        statement = select(MessageRow.message_id).where(
            col(MessageRow.message_id).in_(part), is_followed
        )
        found.update(session.exec(statement))
    return found


def _ask(
    session: Session,
    statement: TextClause,
    channels: Channels,
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
    **others: Any,
) -> list[str]:
    if not channels:
        return []
    named: dict[str, Any] = {f"channel{n}": name for n, name in enumerate(channels) if name}
    if after is not None:
        named |= {"after": after[0], "after_id": after[1]}
    rows = session.connection().execute(statement, {**named, **others, "limit": limit})
    return [row[0] for row in rows]


@cache
def _compile(
    conditions: tuple[str, ...], channels: tuple[str | None, ...], order: str, way: str
) -> TextClause:
    """Return the statement; nothing that anybody typed is part of its text."""
    parts = [
        f"SELECT message_id, place FROM (SELECT message_id, {order} AS place FROM message "  # noqa: S608 - see above
        f"WHERE {condition} AND {_name(number, channel)} "
        f"ORDER BY {_order_within(condition, order)} {way}, message_id {way} LIMIT :limit) AS part"
        for condition in conditions
        for number, channel in enumerate(channels)
    ]
    whole = (
        f"SELECT message_id FROM ({' UNION ALL '.join(parts)}) AS found "  # noqa: S608 - see above
        f"ORDER BY place {way}, message_id {way} LIMIT :limit"
    )
    return text(whole).bindparams(
        *(bindparam(name, type_=Moment()) for name in _MOMENTS if f":{name}" in _words(whole))
    )


def _words(statement: str) -> set[str]:
    return {word.strip(" (),") for word in statement.replace(",", " ").split()}


def _name(number: int, channel: str | None) -> str:
    return "channel IS NULL" if channel is None else f"channel = :channel{number}"


def _order_within(condition: str, order: str) -> str:
    """Return the column itself where the condition leaves one: an index is in its order."""
    if order != _DUE:
        return order
    return "expires_at" if "answer_by IS NULL" in condition else "answer_by"
