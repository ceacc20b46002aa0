"""Files of others: taken in chunk by chunk, opened, asked for, scanned, and given to people."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlmodel import select

from node.domain.events import EventKind
from node.domain.file_states import Arrival, Scan
from node.domain.scanning import ScannerAwayError, ScanOutcome, ScanVerdict
from node.service.attachments import showing
from node.service.attachments.asking import ask_for_chunks
from node.service.attachments.opening import (
    OpenOutcome,
    look_through,
)
from node.service.attachments.receiving import ChunkFate
from node.service.attachments.scanning import handle_scan_again, list_unscanned, scan_file
from node.service.attachments.taking import WithheldFileError, open_copy
from node.service.context import NodeContext, StaleError
from node.service.notices import list_notices
from node.service.reading import get_message, handle_open
from node.store.attachment_tables import SentFileRow
from node.store.link_tables import MachineMailRow
from node.store.tables import MessageRow, OutboxRow, ReceiptDueRow
from protocol.attachment import Chunk
from protocol.identifiers import MessageId
from protocol.link_repair import RULES
from protocol.messages.link_repair import ResendRequestBody
from tests.support.node import Network, make_network
from tests.support.people import STAFF, acting
from tests.support.received_files import (
    OFFICER,
    STATEMENT,
    ScriptedScanner,
    SentMessage,
    announce,
    carry_chunks,
    list_kinds,
    list_received,
    make_text,
    open_all,
    send_sealed,
    take_small_objects,
)


@pytest.fixture
def network(url_of: Callable[[str], str], tmp_path: Path) -> Iterator[Network]:
    """AL, XK and MK, who take files; XK takes small objects only."""
    made = make_network(["AL", "XK", "MK"], url_of=url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    yield made
    made.close()


@pytest.fixture
def pair(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """Make the same on one database, where SQL does not differ."""
    made = make_network(["AL", "XK", "MK"], url_of=node_url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    yield made
    made.close()


def find_dispatch(network: Network, sent: SentMessage) -> str | None:
    """Say what the sender knows of its message."""
    with network.node("AL").database.reading() as session:
        return session.get_one(MessageRow, sent.message_id).dispatch


def count_owed(context: NodeContext) -> int:
    """Count the receipts that a node owes."""
    with context.database.reading() as session:
        return len(session.exec(select(ReceiptDueRow)).all())


def list_requests(context: NodeContext) -> list[ResendRequestBody]:
    """Return the requests for what is missing that wait to leave."""
    with context.database.reading() as session:
        rows = session.exec(
            select(MachineMailRow).where(MachineMailRow.type == "system.resend_request")
        ).all()
    return [ResendRequestBody.model_validate_json(row.body) for row in rows]


def take_copy(context: NodeContext, file_id: str) -> bytes:
    """Take a copy of a whole file."""
    copy = open_copy(context, file_id, who=acting(OFFICER))
    return b"".join(copy.read(0, copy.size - 1))


def test_a_message_is_shown_at_once_and_delivered_with_its_last_file(network: Network) -> None:
    """Chunks come in any order, some twice; only when all files opened, receipts are owed."""
    xk = network.node("XK")
    sent = announce(network, {"statement.txt": STATEMENT, "list.csv": make_text(9_000)})
    assert get_message(xk, sent.message_id, who=STAFF).item.readable
    handle_open(xk, sent.message_id, who=acting(OFFICER))
    assert count_owed(xk) == 0, "neither delivered nor read before the files are here"
    shuffled = [*sent.chunks, *sent.chunks[:3]]
    Random(5).shuffle(shuffled)
    fates = carry_chunks(network, shuffled[:4]) + carry_chunks(network, shuffled[4:])
    assert set(fates) <= {ChunkFate.STORED, ChunkFate.KNOWN}
    assert carry_chunks(network, sent.chunks[:1]) == [ChunkFate.KNOWN]
    assert count_owed(xk) == 0
    assert open_all(network) == [OpenOutcome.OPENED, OpenOutcome.OPENED]
    assert count_owed(xk) == 2
    network.settle()
    assert find_dispatch(network, sent) == "read"
    first, second = list_received(xk)
    assert take_copy(xk, first.file_id) == STATEMENT
    assert take_copy(xk, second.file_id) == make_text(9_000)
    assert list_kinds(network, sent)[:3] == [
        EventKind.FILE_TAKEN,
        EventKind.FILE_TAKEN,
        EventKind.FILES_ARRIVED,
    ]


def test_a_repeated_message_is_answered_by_nothing_until_its_files_are_here(pair: Network) -> None:
    """A copy before the files earns no receipt; one after them gets the receipt once more."""
    xk, al = pair.node("XK"), pair.node("AL")
    sent = announce(pair)
    for expected in (0, 1):
        with al.database.transaction() as session:
            session.get_one(OutboxRow, sent.message_id).next_attempt_at = pair.clock()
        pair.collect("AL")
        pair.settle_mailbox()
        assert count_owed(xk) == expected
        carry_chunks(pair, sent.chunks)
        open_all(pair)
        with xk.database.transaction() as session:  # lost after the broker had it
            for due in session.exec(select(ReceiptDueRow)):
                session.delete(due)
    assert len(list_received(xk)) == 1


def test_what_is_not_the_announced_chunk_is_dropped(pair: Network) -> None:
    """Altered, from somebody else, of no message that is here, or no chunk at all: not stored."""
    sent = announce(pair)
    good = Chunk.parse(sent.chunks[0])
    altered = Chunk(good.attachment_id, 0, good.ciphertext[:-1] + bytes([good.ciphertext[-1] ^ 1]))
    moved = Chunk(good.attachment_id, 1, good.ciphertext)
    stranger = Chunk(type(good.attachment_id)("ab" * 16), 0, good.ciphertext)
    fates = carry_chunks(pair, [altered.encode(), moved.encode(), b"\x80", stranger.encode(), b""])
    assert fates == [
        ChunkFate.REFUSED,
        ChunkFate.REFUSED,
        ChunkFate.REFUSED,
        ChunkFate.EARLY,
        ChunkFate.REFUSED,
    ]
    assert carry_chunks(pair, sent.chunks[:1], sender="MK") == [ChunkFate.EARLY]
    assert list_received(pair.node("XK"))[0].held == 0


def test_only_what_is_missing_is_asked_for_with_growing_pauses(network: Network) -> None:
    """While chunks come nobody asks; then the missing ranges are named, and again after a pause."""
    xk = network.node("XK")
    sent = announce(network)
    network.clock.advance(minutes=9)
    carry_chunks(network, [sent.chunks[0], sent.chunks[3], sent.chunks[7]])
    network.clock.advance(minutes=9)
    assert ask_for_chunks(xk) == 0
    network.clock.advance(minutes=2)
    assert ask_for_chunks(xk) == 1
    assert ask_for_chunks(xk) == 0, "one request at a time"
    (body,) = list_requests(xk)
    (wanted,) = body.chunks
    assert wanted.message_id == sent.message_id
    assert [(each.first, each.last) for each in wanted.ranges] == [(1, 2), (4, 6)]
    network.settle()
    row = list_received(xk)[0]
    assert row.ask_at is not None
    assert row.ask_at - network.clock() == RULES.pause(1)
    carry_chunks(network, sent.chunks)
    assert list_received(xk)[0].ask_at is None
    assert open_all(network) == [OpenOutcome.OPENED]


def test_a_file_that_never_comes_is_given_up_and_taken_in_all_the_same(pair: Network) -> None:
    """After the last question people are told; a chunk that comes later still counts."""
    xk = pair.node("XK")
    sent = announce(pair)
    for _ in range(RULES.questions + 1):
        pair.clock.advance(days=2)
        ask_for_chunks(xk)
        with xk.database.transaction() as session:
            for mail in session.exec(select(MachineMailRow)):
                session.delete(mail)
    row = list_received(xk)[0]
    assert (row.state, row.asked, row.ask_at) == (Arrival.GIVEN_UP, RULES.questions, None)
    assert list_kinds(pair, sent)[0] is EventKind.FILE_GIVEN_UP
    carry_chunks(pair, sent.chunks)
    assert open_all(pair) == [OpenOutcome.OPENED]


def test_a_sender_that_no_longer_has_a_file_ends_the_asking(pair: Network) -> None:
    """Only for a file that was asked for; people are told, and nothing is owed."""
    xk, al = pair.node("XK"), pair.node("AL")
    sent = announce(pair)
    with al.database.transaction() as session:
        for file in session.exec(select(SentFileRow)):
            al.blobs.delete(file.file_id)
            session.delete(file)
    pair.clock.advance(minutes=11)
    assert ask_for_chunks(xk) == 1
    pair.settle()
    row = list_received(xk)[0]
    assert (row.state, row.ask_at) == (Arrival.GONE, None)
    assert list_kinds(pair, sent)[0] is EventKind.FILE_GONE
    assert count_owed(xk) == 0


def test_a_file_that_cannot_open_has_its_message_rejected(pair: Network) -> None:
    """Announced chunks that were sealed for another message: the sender learns ``malformed``."""
    sent = send_sealed(pair.node("AL"), STATEMENT, sealed_for=MessageId("ab" * 16))
    pair.settle()
    carry_chunks(pair, sent.chunks)
    assert open_all(pair) == [OpenOutcome.BROKEN]
    pair.settle()
    assert find_dispatch(pair, sent) == "rejected"
    assert list_kinds(pair, sent)[0] is EventKind.FILE_BROKEN


def test_a_chunk_of_a_length_that_cannot_be_ends_its_file(pair: Network) -> None:
    """A manifest that announces a chunk longer than its file: nothing of it is stored."""
    sent = send_sealed(pair.node("AL"), STATEMENT, sealed_for=None, stated_size=9_000)
    pair.settle()
    assert carry_chunks(pair, sent.chunks[1:2]) == [ChunkFate.SPOILT]
    assert list_received(pair.node("XK"))[0].state == Arrival.BROKEN
    pair.settle()
    assert find_dispatch(pair, sent) == "rejected"


def test_what_the_disk_lost_is_asked_for_again(network: Network) -> None:
    """Found when the node starts, or when the file is read: it arrives anew, and opens."""
    xk = network.node("XK")
    sent = announce(network)
    carry_chunks(network, sent.chunks)
    open_all(network)
    network.settle()
    (row,) = list_received(xk)
    xk.blobs.delete(row.file_id)
    assert look_through(xk, has_scanner=False) == 1
    (row,) = list_received(xk)
    assert (row.state, row.held, row.ask_at) == (Arrival.ARRIVING, 0, network.clock())
    carry_chunks(network, sent.chunks)
    assert open_all(network) == [OpenOutcome.OPENED]
    xk.blobs.write_at(row.file_id, 3 * (8192 + 17) + 5, b"\0\0\0\0")
    copy = open_copy(xk, row.file_id, who=acting(OFFICER))
    with pytest.raises(WithheldFileError, match="damaged"):
        copy.read(30_000, 50_000)
    (row,) = list_received(xk)
    assert (row.state, row.held) == (Arrival.ARRIVING, 7)
    assert ask_for_chunks(xk) == 1
    assert carry_chunks(network, sent.chunks[3:4]) == [ChunkFate.STORED]
    assert open_all(network) == [OpenOutcome.OPENED]
    assert take_copy(xk, row.file_id) == STATEMENT


def test_a_crash_between_disk_and_row_repeats_work_and_nothing_else(pair: Network) -> None:
    """Chunks that were written and not counted come again; a new process goes on from the rows."""
    xk = pair.node("XK")
    sent = announce(pair)
    (row,) = list_received(xk)
    for index in (0, 1):  # written before the crash
        chunk = Chunk.parse(sent.chunks[index])
        xk.blobs.write_at(row.file_id, index * (8192 + 17), chunk.ciphertext)
    assert set(carry_chunks(pair, sent.chunks[:4])) == {ChunkFate.STORED}
    assert set(carry_chunks(pair, sent.chunks)) == {ChunkFate.KNOWN, ChunkFate.STORED}
    assert open_all(pair) == [OpenOutcome.OPENED]
    assert open_all(pair) == []


def test_a_file_waits_for_its_scanner_and_is_quarantined_if_it_finds_something(
    network: Network,
) -> None:
    """Delivered all the same; nobody can have it before or after; an administrator scans again."""
    xk = network.node("XK")
    scanner = ScriptedScanner(
        [
            ScannerAwayError("away"),
            ScanVerdict(ScanOutcome.FOUND, "Test.Marker"),
            ScanVerdict(ScanOutcome.UNSCANNABLE, "locked"),
        ]
    )
    sent = announce(network)
    carry_chunks(network, sent.chunks)
    open_all(network, has_scanner=True)
    network.settle()
    assert find_dispatch(network, sent) == "delivered"
    (file_id,) = list_unscanned(xk, limit=9)
    with pytest.raises(WithheldFileError, match="waits"):
        open_copy(xk, file_id, who=acting(OFFICER))
    with pytest.raises(ScannerAwayError):
        scan_file(xk, scanner, file_id)
    assert list_unscanned(xk, limit=9) == [file_id]
    network.clock.advance(minutes=11)
    assert any("for the malware scanner" in line for line in list_notices(xk))
    assert scan_file(xk, scanner, file_id) is ScanOutcome.FOUND
    assert list_kinds(network, sent)[0] is EventKind.FILE_QUARANTINED
    with pytest.raises(WithheldFileError, match="quarantined"):
        open_copy(xk, file_id, who=acting(OFFICER))
    assert any("malware found in 1" in line for line in list_notices(xk))
    (trouble,) = showing.list_troubled_files(xk)
    assert (trouble.scan, trouble.scan_detail) == (Scan.FOUND, "Test.Marker")
    with pytest.raises(StaleError):
        handle_scan_again(xk, file_id, row_version=trouble.row_version - 1, actor="admin")
    handle_scan_again(xk, file_id, row_version=trouble.row_version, actor="admin")
    look_through(xk, has_scanner=False)
    (trouble,) = showing.list_troubled_files(xk)
    assert (trouble.scan, trouble.scan_detail) == (Scan.FOUND, "Test.Marker"), (
        "asking frees nothing"
    )
    handle_scan_again(xk, file_id, row_version=trouble.row_version, actor="admin")
    assert scan_file(xk, scanner, file_id) is ScanOutcome.UNSCANNABLE
    with pytest.raises(WithheldFileError, match="could not look"):
        take_copy(xk, file_id)
    copy = open_copy(xk, file_id, who=acting(OFFICER), accepts_unscanned=True)
    assert b"".join(copy.read(0, copy.size - 1)) == STATEMENT
    assert scanner.seen == [len(STATEMENT)] * 3


def test_switching_the_scanner_off_lets_waiting_files_go(pair: Network) -> None:
    """A node that starts without a scanner shows what waited for one, as not scanned."""
    xk = pair.node("XK")
    sent = announce(pair)
    carry_chunks(pair, sent.chunks)
    open_all(pair, has_scanner=True)
    look_through(xk, has_scanner=False)
    (row,) = list_received(xk)
    assert row.scan == Scan.NONE
    assert take_copy(xk, row.file_id) == STATEMENT


def test_any_part_of_a_file_can_be_read_with_one_chunk_in_memory(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """Every range is the slice that it names, and a large file is never whole in memory."""
    network = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path / "disk")
    xk = network.node("XK")
    content = make_text(6 * 1024**2)
    sent = announce(network, {"statement.txt": content})
    carry_chunks(network, sent.chunks)
    open_all(network)
    (row,) = list_received(xk)
    for first, last in ((0, 0), (524_287, 524_288), (1_000_000, 3_000_000), (6_291_455, 6_291_455)):
        copy = open_copy(xk, row.file_id, who=acting(OFFICER), is_first_part=False)
        assert b"".join(copy.read(first, last)) == content[first : last + 1]
    copy = open_copy(xk, row.file_id, who=acting(OFFICER))
    tracemalloc.start()
    assert sum(map(len, copy.read(0, copy.size - 1))) == copy.size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 524_288
    network.close()
