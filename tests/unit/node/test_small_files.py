"""A small file is opened with the chunk that makes it whole, and its receipt leaves at once."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.domain.events import EventKind
from node.domain.file_states import Arrival, Scan
from node.service.attachments import receiving
from node.service.attachments.opening import OpenOutcome
from node.service.attachments.received import ChunksLostError
from node.service.attachments.receiving import ArrivedChunk, ChunkFate, ChunkTaker
from node.service.receipts import ReceiptParcel, claim_receipts
from node.workers.chunk_intake import ChunkIntake
from protocol.errors import RejectionCode
from protocol.identifiers import MessageId
from protocol.messages.system import ReceiptItem, ReceiptStatus
from protocol.subjects import AccountId, TrafficClass
from tests.support.node import Network, make_network
from tests.support.received_files import (
    STATEMENT,
    account_of,
    announce,
    carry_chunks,
    list_kinds,
    list_received,
    make_text,
    open_all,
    send_sealed,
    take_small_objects,
)

NOTE = make_text(9_000)
"""Two chunks of the least size."""


@pytest.fixture
def network(url_of: Callable[[str], str], tmp_path: Path) -> Iterator[Network]:
    """AL and XK, who takes small objects only, and hands receipts on as they are owed."""
    made = make_network(["AL", "XK"], url_of=url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    made.node("XK").leaving.receipts.set_open(is_open=True)
    yield made
    made.close()


def take_up(network: Network, *, has_scanner: bool = False) -> ChunkTaker:
    """Return what takes chunks in at XK, and opens what they make whole."""
    return ChunkTaker(network.node("XK"), has_scanner=has_scanner)


def take_receipts(network: Network) -> list[ReceiptItem]:
    """Return what XK has handed on for its relay."""
    parcels: Sequence[ReceiptParcel] = network.node("XK").leaving.receipts.take(10)
    return [item for parcel in parcels for item in parcel.items]


def test_a_small_file_is_opened_with_its_last_chunk(network: Network) -> None:
    """Its receipt is signed and claimed, and nobody else looks for it; a copy changes nothing."""
    sent, taker = announce(network, {"note.txt": NOTE}), take_up(network)
    assert take_receipts(network) == []
    assert carry_chunks(network, sent.chunks[:1], taker=taker) == [ChunkFate.STORED]
    assert list_received(network.node("XK"))[0].state == Arrival.ARRIVING
    assert carry_chunks(network, sent.chunks[1:], taker=taker) == [ChunkFate.STORED]
    (row,) = list_received(network.node("XK"))
    assert (row.state, row.scan, row.held) == (Arrival.OPENED, Scan.NONE, 2)
    assert list_kinds(network, sent)[0] is EventKind.FILES_ARRIVED
    (item,) = take_receipts(network)
    assert (item.message_id, item.status) == (sent.message_id, ReceiptStatus.DELIVERED)
    assert claim_receipts(network.node("XK")) == []
    assert carry_chunks(network, sent.chunks, taker=taker) == [ChunkFate.KNOWN] * 2
    assert open_all(network) == []
    assert take_receipts(network) == []


def test_a_message_earns_one_receipt_for_all_its_files(network: Network) -> None:
    """Also where they come together, and one of them is large and opened by itself."""
    sent = announce(network, {"a.txt": NOTE, "b.txt": make_text(4_000), "c.txt": STATEMENT})
    carry_chunks(network, sent.chunks, taker=take_up(network))
    states = [row.state for row in list_received(network.node("XK"))]
    assert states == [Arrival.OPENED, Arrival.OPENED, Arrival.ARRIVING]
    assert take_receipts(network) == []
    assert open_all(network) == [OpenOutcome.OPENED]
    assert [item.message_id for item in take_receipts(network)] == [sent.message_id]


def test_a_receipt_waits_in_the_store_where_no_relay_takes_it(network: Network) -> None:
    """It is owed all the same."""
    sent, xk = announce(network, {"note.txt": NOTE}), network.node("XK")
    xk.leaving.receipts.set_open(is_open=False)
    carry_chunks(network, sent.chunks, taker=take_up(network))
    assert take_receipts(network) == []
    (parcel,) = claim_receipts(xk)
    assert [item.message_id for item in parcel.items] == [sent.message_id]


def test_a_small_file_waits_for_the_scanner(network: Network) -> None:
    """Opened, and scanned before anybody gets it."""
    sent = announce(network, {"note.txt": NOTE})
    carry_chunks(network, sent.chunks, taker=take_up(network, has_scanner=True))
    (row,) = list_received(network.node("XK"))
    assert (row.state, row.scan) == (Arrival.OPENED, Scan.WAITING)


def test_a_small_file_that_does_not_open_is_rejected(network: Network) -> None:
    """Its message is, for good."""
    sent = send_sealed(network.node("AL"), NOTE, sealed_for=MessageId("ab" * 16))
    network.settle()
    carry_chunks(network, sent.chunks, taker=take_up(network))
    (row,) = list_received(network.node("XK"))
    assert row.state == Arrival.BROKEN
    (item,) = take_receipts(network)
    assert (item.status, item.reason) == (ReceiptStatus.REJECTED, RejectionCode.MALFORMED)


def test_what_the_disk_lost_meanwhile_is_left_to_be_looked_into(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunks count as stored; whoever opens the file finds out what is missing."""

    def lose(*_arguments: object) -> None:
        raise ChunksLostError

    sent = announce(network, {"note.txt": NOTE})
    monkeypatch.setattr(receiving, "open_whole", lose)
    assert set(carry_chunks(network, sent.chunks, taker=take_up(network))) == {ChunkFate.STORED}
    (row,) = list_received(network.node("XK"))
    assert (row.state, row.held) == (Arrival.ARRIVING, 2)
    assert take_receipts(network) == []
    assert open_all(network) == [OpenOutcome.OPENED]


@dataclass
class Letter:
    """A chunk in the mailbox."""

    sender: AccountId
    envelope: bytes
    traffic: TrafficClass = TrafficClass.CHUNK
    is_forgotten: bool = False

    async def ack(self) -> None:
        """Be forgotten."""
        self.is_forgotten = True


@dataclass
class OneByOne:
    """A mailbox that gives one chunk each time, and then nothing."""

    letters: list[Letter]
    given: list[Letter] = field(default_factory=list)

    async def fetch(self, _traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        """Give the next one."""
        await asyncio.sleep(0)
        found, self.letters = self.letters[:1], self.letters[1:]
        self.given += found
        return found


async def test_the_rest_of_a_small_file_is_stored_with_its_beginning(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one transaction; a moment is waited for it, and not where nothing is missing."""
    sent, counts, take_in = announce(network, {"note.txt": NOTE}), list[int](), ChunkTaker.take_in

    def count(taker: ChunkTaker, arrived: Sequence[ArrivedChunk]) -> list[ChunkFate]:
        counts.append(len(arrived))
        return take_in(taker, arrived)

    monkeypatch.setattr(ChunkTaker, "take_in", count)
    monkeypatch.setattr("node.workers.chunk_intake._MOMENT", 30.0)
    letters = [Letter(account_of(network, "AL"), chunk) for chunk in sent.chunks]
    mailbox = OneByOne(list(letters))
    intake = ChunkIntake(network.node("XK"), mailbox, has_scanner=False)  # type: ignore[arg-type]  # the part that is used
    await intake.run_round()
    assert counts == [2]
    assert all(letter.is_forgotten for letter in letters)
    assert list_received(network.node("XK"))[0].state == Arrival.OPENED


def test_nothing_is_waited_for_that_is_not_known_to_come(network: Network) -> None:
    """Chunks before their message, of a whole file, of nobody's: no rest is expected."""
    taker, account = take_up(network), account_of(network, "AL")
    sent = announce(network, {"note.txt": NOTE})
    first, second = (ArrivedChunk(account, chunk) for chunk in sent.chunks)
    assert taker.count_missing([first]) == 1
    assert taker.count_missing([first, second]) == 0
    assert taker.count_missing([ArrivedChunk(account_of(network, "XK"), first.body)]) == 0
    assert taker.count_missing([ArrivedChunk(account, b"\x80")]) == 0
    taker.take_in([first, second])
    assert taker.count_missing([first]) == 0
