"""What a look at items costs where nothing is due, and what a clock that was set back leaves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.service.work.escalation import hurry_where_clock_was_set_back, look_at_due
from node.workers.deadlines import keep_deadlines
from tests.support.duty import add_person, load_items
from tests.support.node import Network, make_draft, make_network, sqlite_urls
from tests.support.people import STAFF


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, where ana works and has been told of one item."""
    made = make_network(["AL", "XK"], url_of=node_url_of)
    add_person(made.node("XK"), "ana")
    handle_send(made.node("AL"), make_draft(), who=STAFF)
    made.settle()
    follow_all(made.node("XK"))
    keep_deadlines(made.node("XK"))
    yield made
    made.close()


def list_plans(context: NodeContext, look: Callable[[NodeContext], object]) -> list[str]:
    """Return how SQLite reads items for what ``look`` asks."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    event.listen(context.database.engine, "before_cursor_execute", note)
    look(context)
    event.remove(context.database.engine, "before_cursor_execute", note)
    with context.database.reading() as session:
        return [
            line
            for statement, values in asked
            for *_, line in session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
        ]


def test_a_look_reads_only_what_is_due(tmp_path: Path) -> None:
    """It asks for a range of the index by moment, however much waits and was told already."""
    network = make_network(["XK"], url_of=sqlite_urls(tmp_path))
    plans = list_plans(network.node("XK"), look_at_due)
    network.close()
    assert plans
    assert all("ix_work_item_look (state=? AND look_at<?)" in plan for plan in plans), plans


def test_a_clock_set_back_by_minutes_keeps_nobody_from_being_told(network: Network) -> None:
    """What was told at a moment that has not come yet is told anew, by the look through all."""
    xk = network.node("XK")
    network.clock.advance(minutes=-30)
    assert not keep_deadlines(xk, whole=False)
    assert keep_deadlines(xk) == 1
    (item,) = load_items(xk)
    assert item.told_at == network.clock()
    assert not hurry_where_clock_was_set_back(xk)
