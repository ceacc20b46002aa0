"""Which messages stand in a list: statements that cost the same however many messages there are.

Each list is a union of one short list for each channel, because an index is in order within one
channel only: somebody who is cleared for a channel of which there is little would else wait until
everything newer of the others was looked at. What nobody typed stands in these statements as
words, not as parameters: states, because an index of few rows (``ix_message_unread``,
``ix_message_refused``) is used only where the database can see that the question is about those;
channels and limits, because PostgreSQL makes the plan of a statement without parameters once, and
that of one with parameters anew each time where a guess at them seems dear, as it does on a large
store: ten times what the answer costs.

All return identifiers of messages, in the order of the list.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
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
_PLAIN: Final = re.compile(r"[a-z_]{1,30}")
#: Statements that are kept: there is one for each set of channels, list and limit.
_KEPT: Final = 256


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
        _compile(
            (f"direction = {_quote(direction)} {place}",),
            tuple(channels),
            order="stored_at DESC",
            limit=limit,
        ),
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
                f"direction = {_quote(direction)} AND handling = '{handling.value}' "
                f"AND answer_by {known} {place}"
            )
    return _ask(
        session,
        _compile(tuple(conditions), tuple(channels), order=f"{_DUE} ASC", limit=limit),
        after=after,
    )


def list_unread(session: Session, *, channels: Channels, limit: int) -> list[str]:
    """Return received messages that expect nothing and that nobody opened, the oldest first."""
    return _ask(session, _compile((_UNREAD,), tuple(channels), order="stored_at ASC", limit=limit))


def list_troubled(session: Session, *, channels: Channels, now: datetime, limit: int) -> list[str]:
    """Return sent messages that did not arrive, and those that were not decided in time.

    The newest first, at most ``limit`` of each.
    """
    refused = _compile((_REFUSED,), tuple(channels), order="stored_at DESC", limit=limit)
    late = _compile(
        tuple(
            f"direction = 'out' AND handling = '{handling.value}' AND answer_by < :now "
            "AND dispatch <> 'cancelled'"
            for handling in (Handling.NEW, Handling.OPENED)
        ),
        tuple(channels),
        order="answer_by DESC",
        limit=limit,
    )
    found = [*_ask(session, refused), *_ask(session, late, now=now)]
    return list(dict.fromkeys(found))


def count_open(session: Session, *, channels: Channels, most: int) -> int:
    """Count what :func:`list_due` lists as received, and :func:`list_unread`: up to ``most``."""
    statement = _compile_count(tuple(channels), most=most)
    if statement is None:
        return 0
    found: int = session.connection().execute(statement).scalar_one()
    return found


@lru_cache(_KEPT)
def _compile_count(channels: tuple[str | None, ...], *, most: int) -> TextClause | None:
    if not channels:
        return None
    conditions = [
        *(f"direction = 'in' AND handling = '{each.value}'" for each in sorted(DECIDABLE)),
        _UNREAD,
    ]
    parts = " UNION ALL ".join(
        f"SELECT 1 FROM (SELECT 1 FROM message WHERE {condition} "  # noqa: S608 - nothing that anybody typed is part of it
        f"AND {_name(channel)} LIMIT {most:d}) AS part"
        for condition in conditions
        for channel in channels
    )
    # One limit over all parts: what is beyond it is not counted, however many parts have more.
    return text(f"SELECT count(*) FROM ({parts} LIMIT {most:d}) AS counted")  # noqa: S608 - the same


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
    statement: TextClause | None,
    *,
    after: tuple[datetime, str] | None = None,
    **others: Any,
) -> list[str]:
    if statement is None:
        return []
    if after is not None:
        others |= {"after": after[0], "after_id": after[1]}
    return [row[0] for row in session.connection().execute(statement, others)]


@lru_cache(_KEPT)
def _compile(
    conditions: tuple[str, ...], channels: tuple[str | None, ...], *, order: str, limit: int
) -> TextClause | None:
    """Return the statement; nothing that anybody typed is part of its text. None: no channels."""
    if not channels:
        return None
    place, way = order.rsplit(" ", 1)
    parts = [
        f"SELECT message_id, place FROM (SELECT message_id, {place} AS place FROM message "  # noqa: S608 - see above
        f"WHERE {condition} AND {_name(channel)} "
        f"ORDER BY {_order_within(condition, place)} {way}, message_id {way} LIMIT {limit:d}) "
        "AS part"
        for condition in conditions
        for channel in channels
    ]
    whole = (
        f"SELECT message_id FROM ({' UNION ALL '.join(parts)}) AS found "  # noqa: S608 - see above
        f"ORDER BY place {way}, message_id {way} LIMIT {limit:d}"
    )
    return text(whole).bindparams(
        *(bindparam(name, type_=Moment()) for name in _MOMENTS if f":{name}" in _words(whole))
    )


def _words(statement: str) -> set[str]:
    return {word.strip(" (),") for word in statement.replace(",", " ").split()}


def _name(channel: str | None) -> str:
    return "channel IS NULL" if channel is None else f"channel = {_quote(channel)}"


def _quote(word: str) -> str:
    """Return a word of ours as SQL; refuses what is none, which nothing hands over."""
    if _PLAIN.fullmatch(word) is None:
        raise ValueError("Ask by a channel's or a direction's own name.")
    return f"'{word}'"


def _order_within(condition: str, order: str) -> str:
    """Return the column itself where the condition leaves one: an index is in its order."""
    if order != _DUE:
        return order
    return "expires_at" if "answer_by IS NULL" in condition else "answer_by"
