"""Whatever the network does to envelopes, everything arrives once and both sides agree."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from node.domain.states import Dispatch
from node.service import reading
from node.service.composing import handle_send
from node.store.tables import EvidenceRow, OutboxRow, ReceiptDueRow
from tests.support.node import Network, make_draft, make_network, sqlite_urls

#: What may happen to the envelope at hand.
ACTIONS = ("deliver", "deliver", "lose", "twice", "last", "wait", "send")


def play(network: Network, actions: list[str]) -> set[str]:
    """Let the network misbehave as told; returns the ids of all messages that were accepted."""
    sent: set[str] = {handle_send(network.node("AL"), make_draft(), actor="u").message_id}
    for action in actions:
        if action == "send":
            sender = "XK" if len(sent) % 3 == 2 else "AL"
            body = dict(make_draft().body)
            draft = make_draft(recipient="AL" if sender == "XK" else "XK", body=body)
            sent.add(handle_send(network.node(sender), draft, actor="u").message_id)
        elif action == "wait":
            network.clock.advance(minutes=40)
        for code in network.nodes:
            network.collect(code)
        if not network.mailbox:
            continue
        if action == "last":  # reordered
            network.mailbox.rotate(1)
        carried = network.mailbox.popleft()
        if action == "lose":
            continue
        network.deliver(carried)
        if action == "twice":
            network.deliver(carried)
    return sent


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(ACTIONS), max_size=25))
def test_everything_arrives_once(actions: list[str]) -> None:
    """Lost, doubled, reordered, late: in the end each message is shown once, with its receipt."""
    with tempfile.TemporaryDirectory() as folder:
        network = make_network(["AL", "XK"], url_of=sqlite_urls(Path(folder)))
        try:
            sent = play(network, actions)
            for _ in range(6):  # then the network is good again for some hours
                network.settle()
                network.clock.advance(hours=7)
            received = [
                item.message_id
                for code in network.nodes
                for item in reading.list_items(network.node(code), direction="in")
            ]
            assert sorted(received) == sorted(sent)
            for code in network.nodes:
                context = network.node(code)
                for item in reading.list_items(context, direction="out"):
                    assert item.dispatch == Dispatch.DELIVERED
                with context.database.reading() as session:
                    assert session.exec(select(OutboxRow)).all() == []
                    assert session.exec(select(ReceiptDueRow)).all() == []
                    given = session.exec(select(EvidenceRow)).all()
                assert len({(row.message_id, row.given) for row in given}) == len(given)
        finally:
            network.close()
