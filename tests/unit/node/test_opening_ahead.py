"""Large files are opened while they still come; what counts is what opens in the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.domain.file_states import Arrival
from node.service.attachments.opening import OpenOutcome, list_complete, open_file
from node.service.attachments.opening_ahead import OpeningAhead
from node.service.context import NodeContext
from node.workers.received_files import FileOpening
from protocol.identifiers import make_message_id
from tests.support.node import Network, make_network
from tests.support.received_files import (
    STATEMENT,
    announce,
    carry_chunks,
    list_received,
    send_sealed,
    take_small_objects,
)


@pytest.fixture
def network(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, who take files in small chunks."""
    made = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    yield made
    made.close()


def open_with(xk: NodeContext, ahead: OpeningAhead) -> OpenOutcome:
    """Open the one complete file with what was opened of it before."""
    (file_id,) = list_complete(xk, limit=9)
    return open_file(xk, file_id, has_scanner=False, begun=ahead.take(file_id))


def test_what_came_in_order_is_opened_before_the_rest_is_here(network: Network) -> None:
    """Up to the first gap; the last chunk leaves only what came after the gap to be opened."""
    xk, sent = network.node("XK"), announce(network)
    ahead = OpeningAhead(xk)
    carry_chunks(network, [*sent.chunks[:3], sent.chunks[5]])
    assert not ahead.go_on()
    carry_chunks(network, [sent.chunks[3]])
    ahead.go_on()
    (row,) = list_received(xk)
    begun = ahead.take(row.file_id)
    assert begun is not None
    assert begun.opener.opened == 4
    carry_chunks(network, sent.chunks)
    assert open_file(xk, row.file_id, has_scanner=False, begun=begun) is OpenOutcome.OPENED
    assert begun.opener.opened == len(sent.chunks)
    assert ahead.take(row.file_id) is None


def test_a_file_that_does_not_go_on_leaves_no_key_in_memory(network: Network) -> None:
    """After a minute without chunks what was begun is forgotten; the file opens as a whole then."""
    xk, sent = network.node("XK"), announce(network)
    ahead = OpeningAhead(xk)
    carry_chunks(network, sent.chunks[:4])
    ahead.go_on()
    network.clock.advance(minutes=2)
    ahead.go_on()
    assert ahead.take(list_received(xk)[0].file_id) is None
    carry_chunks(network, sent.chunks)
    assert open_with(xk, ahead) is OpenOutcome.OPENED


def test_what_goes_wrong_ahead_is_told_when_the_file_is_complete(network: Network) -> None:
    """Sealed for another message, or lost by the disk meanwhile: no worker fails over it."""
    al, xk = network.node("AL"), network.node("XK")
    ahead = OpeningAhead(xk)
    stranger = send_sealed(al, STATEMENT, sealed_for=make_message_id(al.random))
    network.settle()
    carry_chunks(network, stranger.chunks[:4])
    assert not ahead.go_on()
    assert not ahead.go_on()
    carry_chunks(network, stranger.chunks)
    assert open_with(xk, ahead) is OpenOutcome.BROKEN
    sent = announce(network)
    carry_chunks(network, sent.chunks[:4])
    (row,) = (each for each in list_received(xk) if each.state == Arrival.ARRIVING)
    xk.blobs.write_at(row.file_id, 0, b"damaged")
    ahead.go_on()
    carry_chunks(network, sent.chunks[4:])
    assert open_with(xk, ahead) is OpenOutcome.LOST
    carry_chunks(network, sent.chunks)
    assert open_with(xk, ahead) is OpenOutcome.OPENED


async def test_the_worker_opens_what_it_began(network: Network) -> None:
    """Chunks that come between two rounds: the file is opened once it is complete, not before."""
    xk, sent = network.node("XK"), announce(network)
    opening = FileOpening(xk, has_scanner=False)
    carry_chunks(network, sent.chunks[:5])
    assert await opening.open_all() == 0
    assert not await opening.open_ahead()
    assert list_received(xk)[0].state == Arrival.ARRIVING
    carry_chunks(network, sent.chunks)
    assert await opening.open_all() == 1
    assert list_received(xk)[0].state == Arrival.OPENED
