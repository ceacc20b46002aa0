"""Lists of messages are right for every set of channels, page after page, on both databases."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from node.domain.states import DECIDABLE, Dispatch, Handling
from node.service.context import NodeContext
from node.store import message_lists
from node.store.tables import MessageRow
from tests.support.node import NOON, Network, make_network, sqlite_urls

CHANNELS: Sequence[str | None] = ("assistance", "police", "trend", None)
SOME: Sequence[Sequence[str | None]] = (CHANNELS, ("police",), ("assistance", None), ())


def fill(context: NodeContext, *, count: int = 120) -> list[MessageRow]:
    """Store messages in every state, several at one moment."""
    random = Random(7)
    rows = [
        MessageRow(
            message_id=f"{number:032x}",
            wire_id=f"{number:032x}",
            direction=random.choice(("in", "out")),
            peer="XK",
            type="general.message",
            version=1,
            readable=True,
            channel=random.choice(CHANNELS),
            stored_at=NOON + timedelta(minutes=random.randrange(40)),
            answer_by=random.choice((None, NOON + timedelta(hours=random.randrange(-9, 9)))),
            expires_at=NOON + timedelta(days=random.randrange(9)),
            payload_sha256="0" * 64,
            signer_key_id="0" * 32,
            signed_payload_sealed=b"",
            handling=random.choice(tuple(Handling)),
            dispatch=random.choice(tuple(Dispatch)),
            opened_at=random.choice((None, NOON)),
        )
        for number in range(count)
    ]
    with context.database.transaction() as session:
        session.add_all(rows)
    return rows


def is_seen(row: MessageRow, channels: Sequence[str | None]) -> bool:
    """Say whether a row is in one of these channels."""
    return row.channel in channels


def walk_due(session: Session, channels: Sequence[str | None], *, direction: str) -> list[str]:
    """Go through the list page by page."""
    found: list[str] = []
    after = None
    while part := message_lists.list_due(
        session, channels=channels, limit=4, direction=direction, after=after
    ):
        found += part
        last = session.get_one(MessageRow, part[-1])
        after = (last.answer_by or last.expires_at, last.message_id)
    return found


@pytest.mark.parametrize("channels", SOME, ids=str)
def test_lists_are_those_of_the_rows(network: Network, channels: Sequence[str | None]) -> None:
    """Newest, due, unread and troubled messages: what a look at every row finds, in this order."""
    context = network.node("AL")
    rows = [row for row in fill(context) if is_seen(row, channels)]
    with context.database.reading() as session:
        for direction in ("in", "out"):
            ours = [row for row in rows if row.direction == direction]
            newest = sorted(ours, key=lambda row: (row.stored_at, row.message_id), reverse=True)
            found: list[str] = []
            after = None
            while part := message_lists.list_newest(
                session, direction=direction, channels=channels, limit=7, after=after
            ):
                found += part
                last = session.get_one(MessageRow, part[-1])
                after = (last.stored_at, last.message_id)
            assert found == [row.message_id for row in newest]
            due = sorted(
                (row for row in ours if row.handling in DECIDABLE),
                key=lambda row: (row.answer_by or row.expires_at, row.message_id),
            )
            assert walk_due(session, channels, direction=direction) == [r.message_id for r in due]
        unread = sorted(
            (
                row
                for row in rows
                if row.direction == "in"
                and row.handling == Handling.NOTHING_EXPECTED
                and row.opened_at is None
            ),
            key=lambda row: (row.stored_at, row.message_id),
        )
        listed = message_lists.list_unread(session, channels=channels, limit=50)
        assert listed == [row.message_id for row in unread]
        waiting = [r for r in rows if r.direction == "in" and r.handling in DECIDABLE]
        counted = message_lists.count_open(session, channels=channels, most=200)
        assert counted == len(waiting) + len(unread)
        troubled = {
            row.message_id
            for row in rows
            if row.direction == "out"
            and (
                row.dispatch in {Dispatch.REJECTED, Dispatch.EXPIRED, Dispatch.GIVEN_UP}
                or (
                    row.answer_by is not None
                    and row.answer_by < NOON
                    and row.handling in {Handling.NEW, Handling.OPENED}
                    and row.dispatch != Dispatch.CANCELLED
                )
            )
        }
        listed = message_lists.list_troubled(session, channels=channels, now=NOON, limit=200)
        assert set(listed) == troubled
        assert len(listed) == len(troubled)


def test_lists_are_read_from_indexes_alone(tmp_path: Path) -> None:
    """Each list is one short walk through an index: no statement reads the whole table."""
    network = make_network(["AL"], url_of=sqlite_urls(tmp_path))
    context = network.node("AL")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    with context.database.reading() as session:
        event.listen(context.database.engine, "before_cursor_execute", note)
        message_lists.list_newest(session, direction="in", channels=CHANNELS, limit=5)
        message_lists.list_due(session, channels=CHANNELS, limit=5, after=(NOON, "0"))
        message_lists.list_unread(session, channels=CHANNELS, limit=5)
        message_lists.list_troubled(session, channels=CHANNELS, now=NOON, limit=5)
        message_lists.count_open(session, channels=CHANNELS, most=5)
        event.remove(context.database.engine, "before_cursor_execute", note)
        plans = [
            line
            for statement, values in asked
            for *_, line in session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
        ]
    network.close()
    touching = [line for line in plans if " message " in f"{line} "]
    assert len(asked) == 6
    assert len(touching) > 50
    assert all(line.startswith("SEARCH message USING") for line in touching), touching
