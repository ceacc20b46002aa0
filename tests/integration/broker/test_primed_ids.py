"""Whoever learnt a deduplication id before it is used holds nothing up for long with it.

A mailbox takes an id once a day, whoever brings it first; a node's id has 128 random bits and
leaves it with the message. Here the intruder is told.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from node.domain.file_states import Arrival
from node.domain.states import Dispatch
from node.service import reading
from node.service.attachments.asking import ask_for_chunks
from node.service.attachments.chunk_sending import claim_files, give_back
from node.service.attachments.opening import list_complete, open_file
from node.service.composing import handle_send
from node.service.quarantine import list_quarantine
from node.store.tables import OutboxRow
from node.workers import chunk_intake
from node.workers.chunk_intake import ChunkIntake
from node.workers.chunk_relay import ChunkRelay
from node.workers.consumer import Consumer
from node.workers.relay import Relay
from protocol.subjects import TrafficClass
from tests.support.broker import BrokerPlace, Hub, LinkedNode
from tests.support.link_repair import member_of, received
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF
from tests.support.received_files import list_received, make_text, send_files, take_small_objects

AL, MK, XK = CODES = ("AL", "MK", "XK")
_NOISE: Final = b"under an id that was stolen"
CONTENT: Final = make_text(30_000)  # four chunks


@pytest.fixture
def network(node_url_of: Callable[[str], str], tmp_path: Path) -> Network:
    """AL, which writes, XK, to which it does, and MK, which intrudes."""
    return make_network(CODES, url_of=node_url_of, files=tmp_path)


@pytest.fixture
async def nodes(
    place: BrokerPlace, hub: Hub, network: Network
) -> AsyncIterator[dict[str, LinkedNode]]:
    """Connect all three to the shared broker, with the keys of their nodes."""
    async with AsyncExitStack() as stack:
        stack.callback(network.close)
        assert (await hub.admission.reconcile(network.directory.directory)).is_complete
        nodes = {}
        for code in CODES:
            nodes[code] = await stack.enter_async_context(
                LinkedNode(place, member_of(network.node(code)))
            )
            await nodes[code].wait_until_up()
        yield nodes


def find_id(network: Network, message_id: str) -> str:
    """Return the id under which a message leaves next."""
    with network.node(AL).database.reading() as session:
        return session.get_one(OutboxRow, message_id).transport_id


async def look() -> None:
    """Look at the registry: there is nothing newer."""


async def take(
    network: Network, nodes: dict[str, LinkedNode], code: str, traffic: TrafficClass
) -> None:
    """Let a node take in what lies in its mailbox of this class."""
    link = nodes[code].link
    await Consumer(network.node(code), link, traffic=traffic, refresh_registry=look).run_round()


async def test_a_message_whose_id_was_used_before_it_left_arrives_under_another(
    network: Network, nodes: dict[str, LinkedNode], hub: Hub
) -> None:
    """The broker drops it and says so: it counts as not handed over, and goes again, once."""
    al, victim = network.node(AL), nodes[XK].participant
    sent = handle_send(al, make_draft(), who=STAFF)
    stolen = find_id(network, sent.message_id)
    primed = await nodes[MK].put(victim, _NOISE, transport_id=stolen)
    assert not primed.duplicate

    relay = Relay(al, nodes[AL].link)
    await relay.run_round()
    view = reading.get_message(al, sent.message_id, who=STAFF)
    assert view.item.dispatch == Dispatch.QUEUED
    assert view.trying is not None
    assert "has this already" in (view.trying.last_error or "")
    assert find_id(network, sent.message_id) != stolen

    network.clock.advance(minutes=1)
    await relay.run_round()
    snapshot = await hub.mailboxes.count(victim.account)
    assert snapshot is not None
    assert snapshot.stored == 2
    await take(network, nodes, XK, TrafficClass.MESSAGE)
    assert received(network, XK) == [sent.message_id]
    (noise,) = list_quarantine(network.node(XK))
    assert noise.peer != AL
    await Relay(network.node(XK), nodes[XK].link).run_round()
    await take(network, nodes, AL, TrafficClass.RECEIPT)
    assert reading.get_message(al, sent.message_id, who=STAFF).item.dispatch == Dispatch.DELIVERED


async def test_a_chunk_whose_id_was_used_before_it_left_is_asked_for(
    network: Network, nodes: dict[str, LinkedNode], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker drops it; its recipient misses it, asks, and gets it under another id."""
    monkeypatch.setattr(chunk_intake, "_FETCH_SECONDS", 0.2)  # nobody waits for what will not come
    al, xk, victim = network.node(AL), network.node(XK), nodes[XK].participant
    take_small_objects(network, XK)
    send_files(al, {"statement.txt": CONTENT})
    await Relay(al, nodes[AL].link).run_round()
    await take(network, nodes, XK, TrafficClass.MESSAGE)
    (file,) = claim_files(al, limit=1)
    stolen = file.name_chunk(1)
    give_back(al, [file])
    primed = await nodes[MK].put(victim, _NOISE, traffic=TrafficClass.CHUNK, transport_id=stolen)
    assert not primed.duplicate

    relay, intake = ChunkRelay(al, nodes[AL].link), ChunkIntake(xk, nodes[XK].link)

    async def move() -> None:
        await relay.run_round()
        while relay.is_moving:
            await relay.run_round()
        while (found := await hub.mailboxes.count(victim.account)) is not None and found.stored:
            await intake.run_round()

    await move()
    [missed] = list_received(xk)
    assert (missed.state, missed.held) == (Arrival.ARRIVING, 3)
    network.clock.advance(minutes=11)
    assert ask_for_chunks(xk) == 1
    await Relay(xk, nodes[XK].link).run_round()
    await take(network, nodes, AL, TrafficClass.RECEIPT)
    await move()
    for file_id in list_complete(xk, limit=1):
        open_file(xk, file_id, has_scanner=False)
    [whole] = list_received(xk)
    assert whole.state == Arrival.OPENED
