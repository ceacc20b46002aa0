"""How a sent message stands: the table, through what comes in, and in the document."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.domain.states import DISPATCH_TABLE, Dispatch, DispatchEvent, advance_dispatch
from node.service.composing import handle_send
from node.store.tables import MessageRow, OutboxRow
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK."""
    made = make_network(["AL", "XK"], url_of=node_url_of)
    yield made
    made.close()


@pytest.mark.parametrize("state", Dispatch)
def test_a_receipt_that_comes_moves_a_message_as_the_table_says(
    network: Network, state: Dispatch
) -> None:
    """Whatever was believed of it: proof that the other side has it beats it, and ends sending."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=STAFF)
    assert network.collect("AL") == 1

    def believe(now: Dispatch) -> None:
        with al.database.transaction() as session:
            session.get_one(MessageRow, sent.message_id).dispatch = now

    believe(state)
    network.settle()
    wanted = advance_dispatch(state, DispatchEvent.RECEIPT_DELIVERED) or state
    with al.database.reading() as session:
        assert session.get_one(MessageRow, sent.message_id).dispatch == wanted
        assert session.get(OutboxRow, sent.message_id) is None


def test_the_document_has_the_table_of_the_code() -> None:
    """Each cell that is filled there, and no other."""
    lines = DOCUMENT.read_text("utf-8").split("**Dispatch**", 1)[1].splitlines()
    rows = [line for line in lines if line.startswith("|")]
    head = [cell.strip().replace(" ", "_") for cell in rows[0].strip("|").split("|")][1:]
    found: dict[tuple[Dispatch, DispatchEvent], Dispatch] = {}
    for row in rows[2 : 2 + len(Dispatch)]:
        name, *cells = (re.sub(r"[` ]", "", cell) for cell in row.strip().strip("|").split("|"))
        for event, cell in zip(head, cells, strict=False):
            if cell:
                found[Dispatch(name), DispatchEvent(event)] = Dispatch(cell)
    assert found == dict(DISPATCH_TABLE)
