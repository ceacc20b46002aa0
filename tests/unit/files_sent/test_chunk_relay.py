"""The chunk relay: its window, its waiting, and that nothing it does holds a message up."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from node.domain.files import FileRules
from node.domain.ports import LinkDownError, MailboxFullError
from node.domain.states import Dispatch
from node.service.attachments import chunk_sending
from node.service.attachments.states import SentState
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.rush import Rush
from node.store.attachment_tables import SentFileRow
from node.store.tables import MessageRow
from node.workers import chunk_relay
from node.workers.chunk_relay import ChunkRelay, Window
from node.workers.relay import Relay
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.broker_line import Line
from tests.support.files_sent import OWNER, make_picture, send_file
from tests.support.node import Network, make_draft, make_network
from tests.support.people import acting

CONTENT = make_picture(1_200_000)  # three chunks


def leave(node: NodeContext) -> None:
    """Let the broker have every message."""

    def change(session: Session) -> None:
        for row in session.exec(select(MessageRow)):
            row.dispatch = Dispatch.ON_ITS_WAY

    node.transact(change)


def file_of(node: NodeContext) -> SentFileRow:
    """Return the one file's row."""
    with node.database.reading() as session:
        return session.exec(select(SentFileRow)).one()


async def finish(relay: ChunkRelay) -> None:
    """Let a relay work until nothing moves any more."""
    await relay.run_round()
    while relay.is_moving:
        await relay.run_round()


async def test_a_file_is_handed_over_with_few_chunks_on_the_line(node: NodeContext) -> None:
    """Every chunk once, and never more than the window on the line."""
    send_file(node, make_picture(8_000_000))
    leave(node)
    line = Line()
    await finish(ChunkRelay(node, line))
    assert sorted(chunk.index for chunk in line.chunks()) == list(range(16))
    assert 1 < line.most_on_the_line <= node.file_rules.window
    assert len({transport_id for _, transport_id, _ in line.taken}) == 16
    assert file_of(node).state == SentState.HANDED_OVER


async def test_a_message_does_not_wait_for_chunks(node: NodeContext) -> None:
    """While every chunk is stuck on the line, a message that comes later leaves."""
    send_file(node, CONTENT)
    line = Line(hold_chunks=asyncio.Event())
    messages, chunks = Relay(node, line), ChunkRelay(node, line)
    await messages.run_round()
    stuck = asyncio.create_task(finish(chunks))
    await line.chunk_came.wait()
    handle_send(node, make_draft(urgency="immediate"), who=acting(OWNER))
    await messages.run_round()
    assert [traffic for traffic, _, _ in line.taken] == [TrafficClass.MESSAGE] * 2
    assert line.hold_chunks is not None
    line.hold_chunks.set()
    await stuck
    assert len(line.chunks()) == 3


async def test_a_file_goes_on_while_something_immediate_moves(
    node: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One chunk after the other, for as long as the rush lasts."""
    monkeypatch.setattr(chunk_relay, "_ROOM", 0)
    node.signals.rush = Rush(lambda: 1.0)
    node.signals.rush.note()
    send_file(node, make_picture(8_000_000))
    leave(node)
    line = Line()
    await finish(ChunkRelay(node, line))
    assert sorted(chunk.index for chunk in line.chunks()) == list(range(16))
    assert line.most_on_the_line == 1


@pytest.mark.parametrize("problem", [MailboxFullError("full"), LinkDownError("down")])
async def test_what_the_broker_does_not_take_is_tried_again(
    network: object, node: NodeContext, problem: Exception
) -> None:
    """Back-pressure and a broken line lose nothing; the reason is kept for people to read."""
    send_file(node, CONTENT)
    leave(node)
    answers: Iterator[Exception | None] = iter([None, problem, problem])
    line = Line(judge=lambda _traffic: next(answers, None))
    await finish(ChunkRelay(node, line))
    row = file_of(node)
    assert (row.state, row.owed, row.last_error) == (SentState.MOVING, 2, str(problem))
    assert row.claimed_until is None
    node.clock.advance(seconds=1)  # type: ignore[attr-defined]  # the test's clock
    await finish(ChunkRelay(node, line))
    assert sorted(chunk.index for chunk in line.chunks()) == [0, 1, 2]
    assert (file_of(node).owed, file_of(node).last_error) == (0, None)


async def test_a_damaged_file_stops(node: NodeContext) -> None:
    """A chunk that is not the announced one never leaves, and its row says why."""
    send_file(node, CONTENT)
    leave(node)
    node.blobs.write_at(file_of(node).file_id, 600_000, b"\x00\x01")
    line = Line()
    await finish(ChunkRelay(node, line))
    assert 1 not in [chunk.index for chunk in line.chunks()]
    row = file_of(node)
    assert (row.state, row.owed) == (SentState.GONE, 0)
    assert "damaged" in (row.last_error or "")


async def test_without_the_broker_nothing_is_claimed(node: NodeContext) -> None:
    """A file stays free for others while this worker cannot reach the broker."""
    send_file(node, CONTENT)
    leave(node)
    await finish(ChunkRelay(node, Line(is_up=False)))
    assert file_of(node).claimed_until is None


async def test_a_full_mailbox_keeps_no_other_recipient_waiting(
    tmp_path: Path, node_url_of: Callable[[str], str], rules: FileRules
) -> None:
    """However many files wait for one recipient, it is tried with one chunk, and others go on."""
    network = make_network(["AL", "XK", "MK"], url_of=node_url_of, files=tmp_path)
    # One lane: on a quick line a second one would be under way when the first is refused.
    node = replace(network.node("AL"), file_rules=replace(rules, window=1))
    for _ in range(3):
        send_file(node, make_picture(600_000))
    leave(node)

    def give_to_another(session: Session) -> None:
        rows = session.exec(select(SentFileRow).order_by(col(SentFileRow.next_attempt_at))).all()
        rows[-1].peer = "MK"

    node.transact(give_to_another)
    account = node.directory.current().keys[ParticipantCode("XK")].broker.account
    line = Line(full=parse_account_id(account))
    await finish(ChunkRelay(node, line))
    assert (line.refused, len(line.chunks())) == (1, 2)
    network.close()


async def test_a_claim_is_kept_while_its_worker_lives(network: Network, node: NodeContext) -> None:
    """A renewed claim outlives its lease; one that nobody renews is another worker's soon."""
    send_file(node, CONTENT)
    leave(node)
    (file,) = chunk_sending.claim_files(node, limit=1)
    network.clock.advance(seconds=15)
    chunk_sending.renew_claim(node, file)
    network.clock.advance(seconds=15)
    assert chunk_sending.claim_files(node, limit=1) == []
    network.clock.advance(seconds=6)
    assert [each.file_id for each in chunk_sending.claim_files(node, limit=1)] == [file.file_id]
    chunk_sending.drop_claims(node)  # the process was killed, and begins again
    free = [file.file_id] if node.database.is_sqlite else []  # PostgreSQL: another may have it
    assert [each.file_id for each in chunk_sending.claim_files(node, limit=1)] == free


async def test_an_urgent_file_gets_the_next_place_on_the_line() -> None:
    """Places go by priority, then by who waited longer; one who gives up waiting takes none."""
    window, order = Window(largest=1), []

    async def stand(priority: int, name: str) -> None:
        await window.take(priority)
        order.append(name)
        window.give_back()

    await window.take(0)
    waiting = [
        asyncio.create_task(stand(priority, name))
        for priority, name in ((2, "slow"), (1, "gone"), (1, "first"), (1, "second"), (0, "urgent"))
    ]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    window.give_back()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == ["urgent", "first", "second", "slow"]
    assert window.taken == 0


def test_the_window_follows_the_line() -> None:
    """It grows while the broker is quick, shrinks when it is slow or refuses, within bounds."""
    window = Window(largest=8)
    sizes = []
    for seconds, failed in [(0.1, False)] * 4 + [(1.0, False), (3.0, False)] + [(0.1, True)] * 4:
        window.note(seconds=seconds, failed=failed)
        sizes.append(window.size)
    assert sizes == [2, 4, 8, 8, 8, 4, 2, 1, 1, 1]
