"""A file goes with its message: claimed as both were stored, and handed over as soon as may be."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlmodel import col, select

from node.domain.ports import LinkDownError
from node.domain.states import Dispatch
from node.service.attachments import chunk_sending, sealing
from node.service.attachments.sealing import SealedFiles
from node.service.attachments.staging import FileDraft, FileWriter, handle_begin_file
from node.service.attachments.states import SentState
from node.service.cancelling import handle_cancel
from node.service.composing import handle_send
from node.service.context import NodeContext, StaleError
from node.service.send_desk import SendDesk
from node.store.attachment_tables import SentFileRow
from node.store.tables import MessageRow
from node.workers.chunk_relay import ChunkRelay
from node.workers.fresh_relay import FreshRelay, make_message_relay
from protocol.messages.fields import Sensitivity
from protocol.subjects import TrafficClass
from tests.support.broker_line import Line
from tests.support.files_sent import OWNER, bring_in, make_file_draft, make_picture, send_file
from tests.support.node import Network, make_draft
from tests.support.people import acting, token_of

CONTENT = make_picture(1_200_000)  # three chunks
PROGRAM = "api:program"


async def open_for(node: NodeContext, line: Line) -> tuple[FreshRelay[Any, Any], ChunkRelay]:
    """Return workers for messages and files that have said that they take some."""
    messages, files = make_message_relay(node, line), ChunkRelay(node, line)
    node.leaving.messages.filled.notify()  # the rounds below do not wait
    node.signals.chunks.notify()
    await asyncio.sleep(0)
    await messages.run_round()
    await files.run_round()
    return messages, files


async def finish(files: ChunkRelay) -> None:
    """Let files move until nothing does."""
    await files.run_round()
    while files.is_moving:
        await files.run_round()


async def note(messages: FreshRelay[Any, Any]) -> None:
    """Run rounds until what was sent is recorded."""
    while messages.owes_a_note:
        await messages.run_round()


def list_files(node: NodeContext) -> Sequence[SentFileRow]:
    """Return the rows of all files, in the order of their places."""
    with node.database.reading() as session:
        return session.exec(select(SentFileRow).order_by(col(SentFileRow.place))).all()


def find_dispatch(node: NodeContext, message_id: str) -> str | None:
    """Return how far a message got."""
    with node.database.reading() as session:
        return session.get_one(MessageRow, message_id).dispatch


async def test_chunks_leave_as_soon_as_the_broker_has_their_message(node: NodeContext) -> None:
    """Never before it, and without waiting until that is noted."""
    line = Line()
    messages, files = await open_for(node, line)
    sent = send_file(node, CONTENT)
    assert chunk_sending.claim_files(node, limit=1) == []
    assert len(node.leaving.files.take(1)) == 0
    await messages.run_round()
    assert find_dispatch(node, sent.message_id) == Dispatch.QUEUED
    await finish(files)
    assert [traffic for traffic, _, _ in line.taken] == [
        TrafficClass.MESSAGE,
        *[TrafficClass.CHUNK] * 3,
    ]
    assert sorted(chunk.index for chunk in line.chunks()) == [0, 1, 2]
    await note(messages)
    (row,) = list_files(node)
    assert (row.state, row.owed, row.claimed_until) == (SentState.HANDED_OVER, 0, None)
    assert find_dispatch(node, sent.message_id) == Dispatch.ON_ITS_WAY


async def test_nothing_of_a_file_leaves_whose_message_the_broker_did_not_take(
    node: NodeContext,
) -> None:
    """It is let go of, and goes as soon as its message does; taken back, it stays for good."""
    down = LinkDownError("down")
    line = Line(judge=lambda traffic: down if traffic is TrafficClass.MESSAGE else None)
    messages, files = await open_for(node, line)
    sent = send_file(node, CONTENT)
    with pytest.raises(StaleError):  # it is being handed over at this moment
        handle_cancel(node, sent.message_id, who=acting(OWNER))
    await messages.run_round()
    await note(messages)
    assert list_files(node)[0].claimed_until is None
    await finish(files)
    assert line.taken == []
    handle_cancel(node, sent.message_id, who=acting(OWNER))
    line.judge = lambda _traffic: None
    node.signals.chunks.notify()
    await finish(files)
    assert line.taken == []


async def test_what_has_to_wait_is_given_back_to_the_store(node: NodeContext) -> None:
    """A second file for a recipient who is served, and the second one of a message."""
    line = Line(hold_chunks=asyncio.Event())
    messages, files = await open_for(node, line)
    send_file(node, CONTENT)
    pictures = [bring_in(node, make_picture(600_000, seed=seed)) for seed in (1, 2)]
    handle_send(node, make_file_draft(*pictures), who=acting(OWNER))
    assert [row.claimed_until is None for row in list_files(node)].count(True) == 1
    await messages.run_round()
    await note(messages)
    await files.run_round()
    waiting = [row for row in list_files(node) if row.claimed_until is None]
    assert len(waiting) == 2
    assert line.hold_chunks is not None
    line.hold_chunks.set()
    await finish(files)
    assert len(line.chunks()) == 3 + 2 + 2
    assert {row.state for row in list_files(node)} == {SentState.HANDED_OVER}


async def test_a_line_that_is_down_keeps_no_file_claimed(node: NodeContext) -> None:
    """Files have a connection of their own: messages may leave while it is away."""
    messages, _ = await open_for(node, Line())
    files = ChunkRelay(node, Line(is_up=False))
    send_file(node, CONTENT)
    await messages.run_round()
    assert list_files(node)[0].claimed_until is not None
    await files.run_round()
    assert list_files(node)[0].claimed_until is None
    assert not node.leaving.files.takes_more


async def test_a_file_that_is_lost_with_its_process_is_found_in_the_store(
    network: Network, node: NodeContext
) -> None:
    """At once where no other process can have it, else when the claim ends; the same names."""
    line = Line()
    messages, _ = await open_for(node, line)
    send_file(node, CONTENT)
    await messages.run_round()
    await note(messages)
    (lost,) = node.leaving.files.take(10)
    chunk_sending.drop_claims(node)  # the process was killed, and begins again
    if not node.database.is_sqlite:
        assert chunk_sending.claim_files(node, limit=1) == []
        network.clock.advance(seconds=chunk_sending.LEASE.total_seconds() + 1)
    (found,) = chunk_sending.claim_files(node, limit=1)
    assert (found.file_id, found.indices) == (lost.file_id, lost.indices)
    assert found.name_chunk(1) == lost.name_chunk(1)


async def test_a_large_file_and_one_without_workers_wait_in_the_store(
    node: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing large is kept in memory, and nothing that nobody takes is claimed."""
    send_file(node, CONTENT)
    assert list_files(node)[0].claimed_until is None
    messages, _ = await open_for(node, Line())
    monkeypatch.setattr(sealing, "_CHUNKS_IN_MEMORY", 2)
    send_file(node, CONTENT)
    await messages.run_round()
    assert [row.claimed_until for row in list_files(node)] == [None, None]
    assert node.leaving.files.take(10) == []


async def test_what_waits_in_memory_holds_no_key(node: NodeContext) -> None:
    """Chunks are sealed: who hands them over needs none, and what is erased must not live on."""
    messages, _ = await open_for(node, Line())
    send_file(node, CONTENT)
    await messages.run_round()
    (file,) = node.leaving.files.take(10)
    assert (file.manifest.key, file.manifest.header) == ("", "")


async def test_no_message_waits_until_a_file_is_sealed(
    node: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program sends a large file; what others send meanwhile is accepted at once."""
    begun, goes_on = threading.Event(), threading.Event()

    def seal(*arguments: Any, **more: Any) -> SealedFiles:
        begun.set()
        assert goes_on.wait(30)
        return sealing.seal_files(*arguments, **more)

    monkeypatch.setattr("node.service.composing.seal_files", seal)
    desk, token = SendDesk(node), token_of(node)
    announced = FileDraft(name="a.png", sensitivity=Sensitivity.PROTECTION, size=len(CONTENT))
    begun_file = handle_begin_file(node, announced, owner=PROGRAM)
    writer = FileWriter(node, begun_file.file_id, owner=PROGRAM, offset=0)
    writer.write(CONTENT)
    draft = make_file_draft(writer.finish())
    slow = asyncio.create_task(desk.send(draft, token=token, submission_key=None))
    assert await asyncio.to_thread(begun.wait, 30)
    urgent = make_draft(urgency="immediate")
    await desk.send(urgent, token=token, submission_key=None)
    assert not slow.done()
    goes_on.set()
    await slow
    assert len(list_files(node)) == 1
