"""The workers of received files: what is acknowledged when, and what waits."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from console.refusals import as_it_is
from node.adapters.clamd import build_scanner
from node.domain.file_intake import FILE_INTAKE, FileIntakeRules
from node.domain.file_states import Arrival, Scan
from node.domain.files import NoRoomError
from node.domain.ports import LinkDownError
from node.domain.scanning import ScannerAwayError
from node.service.attachments.received import list_held
from node.service.attachments.receiving import ArrivedChunk, ChunkFate, ChunkTaker
from node.workers.chunk_intake import ChunkIntake, EarlyChunks
from node.workers.received_files import FileOpening, FileScanning
from protocol.attachment import Chunk
from protocol.nkeys import PublicNkey
from protocol.subjects import AccountId, TrafficClass
from tests.support.clamd import MARKER, run_clamd
from tests.support.node import FakeClock, Network, make_network
from tests.support.received_files import (
    SentMessage,
    account_of,
    list_received,
    make_text,
    send_files,
    take_small_objects,
)


@pytest.fixture
def network(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, who take files."""
    made = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path / "disk")
    take_small_objects(made, "XK")
    yield made
    made.close()


@dataclass(eq=False)
class Letter:
    """A delivery that remembers what became of it."""

    sender: AccountId
    envelope: bytes
    fate: str = ""
    traffic: TrafficClass = TrafficClass.CHUNK
    problem: Exception | None = None
    is_out: bool = False

    async def ack(self) -> None:
        """Be forgotten."""
        if self.problem is not None:
            raise self.problem
        self.fate = "forgotten"

    async def delay(self, seconds: float) -> None:
        """Be kept back."""
        self.fate = f"kept for {seconds:g} s"
        self.is_out = False


@dataclass
class Mailbox:
    """A mailbox of chunks."""

    letters: list[Letter] = field(default_factory=list)
    fetched: int = 0

    async def fetch(self, traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        """Give what is not forgotten."""
        assert traffic is TrafficClass.CHUNK
        self.fetched += 1
        found = [letter for letter in self.letters if not letter.is_out][:batch]
        for letter in found:
            letter.is_out = True
        return found


def put(network: Network, sent: SentMessage) -> Mailbox:
    """Put the chunks of a message into XK's mailbox."""
    account = account_of(network, "AL")
    return Mailbox([Letter(account, chunk) for chunk in sent.chunks])


async def test_a_file_goes_through_all_workers(network: Network) -> None:
    """Fetched, stored, forgotten by the broker, opened, scanned: found, and quarantined."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000) + MARKER})
    network.settle()
    mailbox = put(network, sent)
    mailbox.letters[0].problem = LinkDownError("cut")
    await ChunkIntake(xk, mailbox).run_round()  # type: ignore[arg-type]  # the part that is used
    assert [letter.fate for letter in mailbox.letters] == ["", *["forgotten"] * 4]
    assert await FileOpening(xk, has_scanner=True).open_all() == 1
    with run_clamd() as clamd:
        scanner = build_scanner(clamd.address, max_bytes=2**20)
        assert scanner is not None
        assert await FileScanning(xk, scanner).scan_all() == 1
    (row,) = list_received(xk)
    assert (row.state, row.scan) == (Arrival.OPENED, Scan.FOUND)
    network.settle()
    with pytest.raises(ScannerAwayError):
        await _scan_while_away(network)


async def _scan_while_away(network: Network) -> None:
    """Let two files wait for a scanner that is not there: it is away, and both go on waiting."""
    xk = network.node("XK")
    for _ in range(2):
        sent = send_files(network.node("AL"), {"statement.txt": make_text(9_000)})
        network.settle()
        await ChunkIntake(xk, put(network, sent)).run_round()  # type: ignore[arg-type]  # as above
    await FileOpening(xk, has_scanner=True).open_all()
    with run_clamd() as clamd:
        scanner = build_scanner(clamd.address, max_bytes=2**20)
    assert scanner is not None
    try:
        await FileScanning(xk, scanner).scan_all()
    finally:
        assert [row.scan for row in list_received(xk)].count(Scan.WAITING) == 2


async def test_nothing_is_forgotten_that_is_not_on_the_disk(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes nothing: every chunk stays in the mailbox, and no row says otherwise."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000)})
    network.settle()
    mailbox = put(network, sent)

    def refuse(*_args: object) -> None:
        raise NoRoomError(as_it_is("full"))

    monkeypatch.setattr(type(xk.blobs), "sync", refuse)
    # One worker throughout: it may have fetched again already what it gave back.
    intake = ChunkIntake(xk, mailbox)  # type: ignore[arg-type]  # the part that is used
    with pytest.raises(NoRoomError):
        await intake.run_round()
    assert {letter.fate for letter in mailbox.letters} == {"kept for 5 s"}
    assert list_received(xk)[0].held == 0
    monkeypatch.undo()
    await intake.run_round()
    assert list_received(xk)[0].held == len(sent.chunks)


async def test_a_chunk_that_our_software_fails_on_holds_up_no_other(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left aside, and stays missing, so that it is asked for again; the others are stored."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000)})
    network.settle()
    mailbox = put(network, sent)
    parse, poison = Chunk.parse, sent.chunks[2]

    def fail(data: bytes) -> Chunk:
        if data == poison:
            raise ZeroDivisionError
        return parse(data)

    monkeypatch.setattr(Chunk, "parse", staticmethod(fail))
    await ChunkIntake(xk, mailbox).run_round()  # type: ignore[arg-type]  # the part that is used
    assert {letter.fate for letter in mailbox.letters} == {"forgotten"}
    (row,) = list_received(xk)
    assert list_held(row) == {0, 1, 3, 4}


async def test_the_next_chunks_are_fetched_while_others_are_stored(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storing begins only with the next fetch under way here; what it brought is never lost."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000)})
    network.settle()
    mailbox, second = put(network, sent), threading.Event()
    problems = [NoRoomError(as_it_is("full"))]
    take_in, fetch = ChunkTaker.take_in, mailbox.fetch

    def store(taker: ChunkTaker, arrived: Sequence[ArrivedChunk]) -> list[ChunkFate]:
        assert second.wait(30)
        if problems:
            raise problems.pop()
        return take_in(taker, arrived)

    async def fetch_and_tell(traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        found = await fetch(traffic, batch=batch, wait=wait)
        if mailbox.fetched > 1:
            second.set()
        return found

    monkeypatch.setattr(ChunkTaker, "take_in", store)
    monkeypatch.setattr(mailbox, "fetch", fetch_and_tell)
    intake = ChunkIntake(xk, mailbox, FileIntakeRules(batch=2))  # type: ignore[arg-type]  # as above
    with pytest.raises(NoRoomError):
        await intake.run_round()
    for _ in range(3):
        await intake.run_round()
    assert {letter.fate for letter in mailbox.letters} == {"forgotten"}
    assert list_received(xk)[0].held == len(sent.chunks)


async def test_nothing_is_fetched_without_room(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the reserve chunks wait in the mailbox, so that the database never stands still."""
    mailbox = Mailbox([])
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr("node.workers.chunk_intake.asyncio.sleep", pause)
    rules = FileIntakeRules(reserve=2**62)
    await ChunkIntake(network.node("XK"), mailbox, rules).run_round()  # type: ignore[arg-type]  # the part that is used
    assert (mailbox.fetched, len(paused)) == (0, 1)


async def test_a_chunk_that_is_a_moment_early_is_waited_for_here(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored as soon as its message is here, and does not come over the line once more."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000)})
    mailbox, pauses = put(network, sent), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            network.settle()

    monkeypatch.setattr("node.workers.chunk_intake.asyncio.sleep", pause)
    await ChunkIntake(xk, mailbox).run_round()  # type: ignore[arg-type]  # the part that is used
    assert {letter.fate for letter in mailbox.letters} == {"forgotten"}
    assert tuple(pauses) == FILE_INTAKE.early_pauses[:2]
    assert list_received(xk)[0].held == len(sent.chunks)


async def test_a_chunk_that_overtook_its_message_waits_for_it(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept by the broker a few times, and taken in once the message is here."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000)})
    mailbox = put(network, sent)

    async def pause(_seconds: float) -> None:
        """Nothing comes meanwhile."""

    monkeypatch.setattr("node.workers.chunk_intake.asyncio.sleep", pause)
    intake = ChunkIntake(xk, mailbox)  # type: ignore[arg-type]  # the part that is used
    await intake.run_round()
    assert {letter.fate for letter in mailbox.letters} == {"kept for 1 s"}
    network.settle()
    await intake.run_round()
    assert {letter.fate for letter in mailbox.letters} == {"forgotten"}
    assert list_received(xk)[0].held == len(sent.chunks)


async def test_the_broker_is_told_of_chunks_while_the_next_are_stored(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored is on the disk then; where nothing follows, the broker is told at once."""
    xk = network.node("XK")
    sent = send_files(network.node("AL"), {"statement.txt": make_text(40_000)})
    network.settle()
    mailbox, told = put(network, sent), list[int]()
    take_in, fetch = ChunkTaker.take_in, mailbox.fetch
    fetched = [threading.Event() for _ in range(5)]

    def store(taker: ChunkTaker, arrived: Sequence[ArrivedChunk]) -> list[ChunkFate]:
        assert fetched[len(told) + 1].wait(30), "the next were not fetched meanwhile"
        return take_in(taker, arrived)

    async def fetch_and_tell(traffic: TrafficClass, *, batch: int, wait: float) -> Sequence[Any]:
        found = await fetch(traffic, batch=batch, wait=wait)
        fetched[mailbox.fetched - 1].set()
        return found

    monkeypatch.setattr(ChunkTaker, "take_in", store)
    monkeypatch.setattr(mailbox, "fetch", fetch_and_tell)
    intake = ChunkIntake(xk, mailbox, FileIntakeRules(batch=2))  # type: ignore[arg-type]  # as above
    while list_received(xk)[0].held < len(sent.chunks):
        await intake.run_round()
        told.append(sum(letter.fate == "forgotten" for letter in mailbox.letters))
    assert told == [0, 2, 5]


def test_early_chunks_are_kept_within_bounds() -> None:
    """So many of one sender, so many of all, each so often: nobody blocks the others' chunks."""
    rules = replace(FILE_INTAKE, early_of_one=2, early=3, early_pauses=(1.0, 2.0))
    early, clock = EarlyChunks(rules), FakeClock()

    def ask(sender: str, name: bytes) -> float | None:
        chunk = ArrivedChunk(AccountId(PublicNkey(sender)), name)
        return early.find_pause(chunk, ChunkFate.EARLY, now=clock())

    assert [ask("A", b"1"), ask("A", b"2"), ask("A", b"3")] == [1.0, 1.0, None]
    assert [ask("B", b"1"), ask("C", b"1")] == [1.0, None]
    assert [ask("A", b"1"), ask("A", b"1")] == [2.0, None]
    assert ask("C", b"1")
    stored = ArrivedChunk(AccountId(PublicNkey("C")), b"1")
    assert early.find_pause(stored, ChunkFate.STORED, now=clock()) is None
    assert [ask("A", b"7"), ask("B", b"8")] == [1.0, None]
    clock.advance(minutes=1)
    assert ask("B", b"8"), "what another process got, or was lost, counts for a moment only"
