"""Received files under attack: shares, quarantine, audit, memory, and two processes at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlmodel import select

from node.domain.events import EventKind
from node.domain.file_intake import FileIntakeRules
from node.domain.file_states import Arrival
from node.domain.scanning import ScanOutcome, ScanVerdict
from node.service.attachments import showing
from node.service.attachments.asking import ask_for_chunks
from node.service.attachments.opening import OpenOutcome, look_through
from node.service.attachments.receiving import ChunkFate, ChunkTaker
from node.service.attachments.scanning import scan_file
from node.service.attachments.showing import list_files
from node.service.attachments.sweeping import forget_files_of_case
from node.service.attachments.taking import WithheldFileError, open_copy
from node.service.reading import get_message
from node.store.attachment_tables import ReceivedFileRow
from node.store.tables import MessageRow
from tests.support.node import Network, make_network
from tests.support.people import STAFF, acting
from tests.support.received_files import (
    OFFICER,
    STATEMENT,
    ScriptedScanner,
    announce,
    carry_chunks,
    list_kinds,
    list_received,
    open_all,
    send_manifest_again,
    take_small_objects,
)


@pytest.fixture
def network(url_of: Callable[[str], str], tmp_path: Path) -> Iterator[Network]:
    """AL and XK, who takes small objects only, on each kind of database."""
    made = make_network(["AL", "XK"], url_of=url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    yield made
    made.close()


@pytest.fixture
def pair(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """Make the same on one database, where SQL does not differ."""
    made = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    yield made
    made.close()


def test_one_sender_fills_its_own_share_of_the_disk_and_no_more(pair: Network) -> None:
    """A file beyond the share waits, is shown as such, and is taken in once there is room."""
    xk = pair.node("XK")
    first = announce(pair)
    second = announce(pair)
    strict = FileIntakeRules(of_one_peer=100_000)
    taker = ChunkTaker(xk, strict)
    at_once = [first.chunks[0], second.chunks[0], first.chunks[1], second.chunks[1]]
    stored, waits = ChunkFate.STORED, ChunkFate.NO_ROOM
    assert carry_chunks(pair, at_once, taker=taker) == [stored, waits, stored, waits]
    assert set(carry_chunks(pair, first.chunks[2:], taker=taker)) == {ChunkFate.STORED}
    assert set(carry_chunks(pair, second.chunks, taker=taker)) == {ChunkFate.NO_ROOM}
    view = list_files(xk, get_message(xk, second.message_id, who=STAFF))[0]
    assert view.has_no_room
    assert set(carry_chunks(pair, second.chunks)) == {ChunkFate.STORED}
    assert len(open_all(pair)) == 2


def test_what_was_found_stays_found_and_is_hidden_by_no_other_file(pair: Network) -> None:
    """Chunks that the disk loses, a node without a scanner, and many files that arrive."""
    xk = pair.node("XK")
    sent = announce(pair)
    carry_chunks(pair, sent.chunks)
    open_all(pair, has_scanner=True)
    (row,) = list_received(xk)
    scan_file(xk, ScriptedScanner([ScanVerdict(ScanOutcome.FOUND, "Test.Marker")]), row.file_id)
    xk.blobs.delete(row.file_id)
    assert look_through(xk, has_scanner=False) == 1
    carry_chunks(pair, sent.chunks)
    assert open_all(pair) == [OpenOutcome.OPENED]
    pair.clock.advance(minutes=1)
    announce(pair, {f"{place}.txt": b"a file" for place in range(3)})
    found, *others = showing.list_troubled_files(xk, limit=2)
    assert (found.file_id, found.scan_detail) == (row.file_id, "Test.Marker")
    assert [each.arrival for each in others] == [Arrival.ARRIVING] * 2
    with pytest.raises(WithheldFileError, match="quarantined"):
        open_copy(xk, row.file_id, who=acting(OFFICER), accepts_unscanned=True)


def test_every_taking_is_written_down_whatever_part_it_is_of(pair: Network) -> None:
    """To leave out the first byte is no way around; the parts of one taking are one entry."""
    xk = pair.node("XK")
    sent = announce(pair, {"one.txt": STATEMENT, "two.txt": b"another"})
    carry_chunks(pair, sent.chunks)
    open_all(pair)
    one, two = [row.file_id for row in list_received(xk)]

    def count_taken(file_id: str, actor: str = OFFICER) -> int:
        open_copy(xk, file_id, who=acting(actor), is_first_part=False)
        return list_kinds(pair, sent).count(EventKind.FILE_TAKEN)

    assert [count_taken(one), count_taken(one), count_taken(two)] == [1, 1, 2]
    assert count_taken(one, actor="officer-2") == 3
    pair.clock.advance(hours=2)
    assert count_taken(one) == 4


def test_files_of_a_message_that_an_update_made_readable_are_expected(pair: Network) -> None:
    """Its chunks were dropped by the earlier version; the new one asks for them, once."""
    xk = pair.node("XK")
    sent = announce(pair)
    with xk.database.transaction() as session:
        session.get_one(MessageRow, sent.message_id).readable = False
        for row in session.exec(select(ReceivedFileRow)):
            session.delete(row)
    for _ in range(2):
        look_through(xk, has_scanner=False)
        assert len(list_received(xk)) == 1
    pair.clock.advance(minutes=11)
    assert ask_for_chunks(xk) == 1
    carry_chunks(pair, sent.chunks)
    assert open_all(pair) == [OpenOutcome.OPENED]


def test_two_processes_take_in_one_file_and_lose_nothing(network: Network) -> None:
    """Chunk by chunk, both at once, each with its half: the row counts all that either stored."""
    xk = network.node("XK")
    sent = announce(network)
    start, fates = Barrier(2), list[ChunkFate]()

    def take(half: Sequence[bytes]) -> None:
        taker = ChunkTaker(xk)
        start.wait(30)
        for chunk in half:
            fates.extend(carry_chunks(network, [chunk], taker=taker))

    with ThreadPoolExecutor(2) as both:
        list(both.map(take, (sent.chunks[::2], sent.chunks[1::2])))
    assert fates == [ChunkFate.STORED] * 8
    assert open_all(network) == [OpenOutcome.OPENED]


def test_keys_of_files_do_not_stay_in_memory_and_erased_files_take_nothing(pair: Network) -> None:
    """What takes chunks in remembers digests alone; once a case's key is gone, not even these."""
    xk = pair.node("XK")
    sent = announce(pair)
    taker = ChunkTaker(xk)
    assert carry_chunks(pair, sent.chunks[:1], taker=taker) == [ChunkFate.STORED]
    assert [each.key for each in taker._manifests.values()] == [""]
    (row,) = list_received(xk)
    xk.blobs.delete(row.file_id)
    with xk.database.transaction() as session:  # as erasing does
        forget_files_of_case(session, session.get_one(MessageRow, sent.message_id).case_id or "")
        session.get_one(MessageRow, sent.message_id).signed_payload_sealed = b""
    assert carry_chunks(pair, sent.chunks[:2], taker=taker) == [ChunkFate.REFUSED] * 2
    assert xk.blobs.size(row.file_id) is None


def test_files_of_two_messages_under_one_identifier_do_not_mix(pair: Network) -> None:
    """A sender that copies a manifest into another message: the first opens, the second cannot."""
    xk, al = pair.node("XK"), pair.node("AL")
    first = announce(pair)
    copied = send_manifest_again(al, first)
    pair.settle()
    assert set(carry_chunks(pair, first.chunks)) == {ChunkFate.STORED}
    assert set(carry_chunks(pair, first.chunks)) == {ChunkFate.STORED}
    assert sorted(open_all(pair)) == [OpenOutcome.BROKEN, OpenOutcome.OPENED]
    outcomes = {row.message_id: row.state for row in list_received(xk)}
    assert outcomes[first.message_id] == Arrival.OPENED
    assert outcomes[copied] == Arrival.BROKEN
