"""A file of any size goes through a node in pieces: brought in, sealed, handed over, taken in."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from node.service.attachments.receiving import ArrivedChunk, ChunkTaker
from node.service.attachments.staging import FileWriter
from node.service.composing import handle_send
from protocol.subjects import parse_account_id
from tests.support.files_sent import OWNER, PNG, begin_file, hand_over, make_file_draft
from tests.support.node import Network, make_network
from tests.support.people import acting
from tests.support.received_files import open_all

SIZE = 24 * 1024**2
#: Bytes that a step may hold at a time: some chunks, whatever the file's size.
MOST = 16_000_000


@pytest.fixture
def network(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, which handle files."""
    made = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Say how much was held at most since the last time that this was asked."""

    def read() -> int:
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        return held

    tracemalloc.start()
    yield read
    tracemalloc.stop()


def test_no_step_holds_a_whole_file(network: Network, peak: Callable[[], int]) -> None:
    """Both sides, from the first piece to the opened file."""
    al, xk = network.node("AL"), network.node("XK")
    peaks: dict[str, int] = {}
    peak()
    writer = FileWriter(al, begin_file(al, SIZE).file_id, owner=OWNER, offset=0)
    random, left = Random(1), SIZE
    while left:
        piece = random.randbytes(min(1024**2, left))
        writer.write(PNG + piece[len(PNG) :] if left == SIZE else piece)
        left -= len(piece)
    file = writer.finish()
    peaks["brought in"] = peak()
    handle_send(al, make_file_draft(file), who=acting(OWNER))
    peaks["sealed"] = peak()
    network.collect("AL")
    network.settle_mailbox()
    sender = parse_account_id(network.directory.current().keys[al.participant].broker.account)
    taker = ChunkTaker(xk)
    for _, chunk in hand_over(al):
        taker.take_in([ArrivedChunk(sender, chunk.encode())])
    peaks["taken in"] = peak()
    open_all(network)
    peaks["opened"] = peak()
    assert max(peaks.values()) < MOST < SIZE, peaks
