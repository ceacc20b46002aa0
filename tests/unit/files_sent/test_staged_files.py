"""Bringing a file in: streamed, encrypted, resumed, bounded, and deleted when nobody sends it."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from console.refusals import as_it_is
from node.adapters.blob_store import FolderBlobStore
from node.domain.files import FileRules, NoRoomError
from node.domain.ports import StoredContentError
from node.service.attachments.sniffing import RefusedFileError
from node.service.attachments.staging import (
    FileWriter,
    WrongOffsetError,
    handle_discard_file,
    list_staged,
    load_staged,
    read_staged,
)
from node.service.attachments.streaming import SilentLineError, take_stream
from node.service.attachments.sweeping import sweep_files
from node.service.context import NodeContext, NodeError, NotFoundError
from node.store.attachment_tables import StagedFileRow
from tests.support.files_sent import OWNER, begin_file, bring_in, make_picture
from tests.support.node import Network


@pytest.fixture
def rules() -> FileRules:
    """Small pieces, so that small files have many."""
    return FileRules(segment=4096, stride=16_384, reserve=0)


def read_back(node: NodeContext, file_id: str) -> bytes:
    """Return what was brought in."""
    with node.database.reading() as session:
        row = session.get_one(StagedFileRow, file_id)
    return b"".join(read_staged(node, file_id, wrapped_key=row.wrapped_key, size=row.size))


def test_a_file_comes_back_as_it_was_and_lies_encrypted(node: NodeContext, tmp_path: Path) -> None:
    """Content is read back byte for byte, and neither it nor its name stands on the disk."""
    content = make_picture(50_001)
    file = bring_in(node, content, name="Secret name.png")
    assert (file.received, file.complete) == (50_001, True)
    assert file.description.media_type == "image/png"
    assert read_back(node, file.file_id) == content
    on_disk = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"Secret name" not in on_disk
    assert content[:64] not in on_disk
    assert content[20_000:20_064] not in on_disk


def test_a_broken_line_costs_what_was_not_counted(node: NodeContext) -> None:
    """Whole segments are kept when a connection breaks; a new writer goes on from there."""
    content = make_picture(40_000)
    file_id = begin_file(node, len(content)).file_id
    writer = FileWriter(node, file_id, owner=OWNER, offset=0)
    writer.write(content[:30_000])
    broken = writer.finish()
    assert (broken.received, broken.complete) == (28_672, False)  # seven segments of 4096
    again = FileWriter(node, file_id, owner=OWNER, offset=broken.received)
    again.write(content[broken.received :])
    assert again.finish().complete
    assert read_back(node, file_id) == content


def test_a_killed_node_keeps_what_it_counted(node: NodeContext) -> None:
    """Without any farewell, what was counted is there, and what was written beyond it is not."""
    content = make_picture(40_000)
    file_id = begin_file(node, len(content)).file_id
    FileWriter(node, file_id, owner=OWNER, offset=0).write(content[:30_000])  # one stride counts
    assert load_staged(node, file_id, owner=OWNER).received == 16_384
    again = FileWriter(node, file_id, owner=OWNER, offset=16_384)
    again.write(content[16_384:])
    assert again.finish().complete
    assert read_back(node, file_id) == content


def test_a_file_that_was_whole_when_the_node_was_killed_is_finished_by_an_empty_piece(
    node: NodeContext,
) -> None:
    """Between the last byte and the look at the file, a crash leaves nothing that cannot go on."""
    content = make_picture(16_384)
    file_id = begin_file(node, len(content)).file_id
    FileWriter(node, file_id, owner=OWNER, offset=0).write(content)
    assert not load_staged(node, file_id, owner=OWNER).complete
    assert FileWriter(node, file_id, owner=OWNER, offset=16_384).finish().complete


def test_two_writers_never_mix_their_bytes(node: NodeContext) -> None:
    """Of two that began at the same place one goes on, and the other is told where it stands."""
    first, second = make_picture(40_000, seed=1), make_picture(40_000, seed=2)
    file_id = begin_file(node, 40_000).file_id
    one = FileWriter(node, file_id, owner=OWNER, offset=0)
    other = FileWriter(node, file_id, owner=OWNER, offset=0)
    one.write(first[:20_000])
    with pytest.raises(WrongOffsetError) as refused:
        other.write(second[:20_000])
    assert refused.value.members == {"offset": 16_384}
    one.write(first[20_000:])
    assert one.finish().complete
    assert read_back(node, file_id) == first


def test_a_piece_at_a_wrong_place_is_refused_with_the_right_one(node: NodeContext) -> None:
    """Neither a gap nor an overlap is written."""
    file_id = begin_file(node, 40_000).file_id
    for offset in (1, 4096):
        with pytest.raises(WrongOffsetError, match="go on from there"):
            FileWriter(node, file_id, owner=OWNER, offset=offset)


def test_more_bytes_than_announced_are_refused(node: NodeContext) -> None:
    """What was announced is what may come."""
    file_id = begin_file(node, 1000).file_id
    with pytest.raises(RefusedFileError, match="longer than the 1000 bytes"):
        FileWriter(node, file_id, owner=OWNER, offset=0).write(make_picture(1001))


def test_a_file_of_somebody_else_does_not_exist(node: NodeContext) -> None:
    """Neither seen, written, listed nor discarded by another."""
    file = bring_in(node, make_picture(100))
    with pytest.raises(NotFoundError):
        load_staged(node, file.file_id, owner="api:other")
    with pytest.raises(NotFoundError):
        FileWriter(node, file.file_id, owner="api:other", offset=100)
    handle_discard_file(node, file.file_id, owner="api:other")
    assert list_staged(node, owner="api:other") == []
    assert [each.file_id for each in list_staged(node, owner=OWNER)] == [file.file_id]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 104_857_601}, "at most 104.9 MB"),
        ({"name": "tool.exe"}, "This kind of file is not taken"),
        ({"name": "page.html"}, "This kind of file is not taken"),
        ({"recipient": "XX"}, "no Participant|not a Participant|no node"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_it_comes(
    node: NodeContext, changes: dict[str, Any], message: str
) -> None:
    """Size, kind and recipient are judged at the announcement, and nothing is kept."""
    with pytest.raises(RefusedFileError, match=message):
        begin_file(node, **{"size": 1000, **changes})
    assert list_staged(node, owner=OWNER) == []


def test_a_file_that_is_not_what_its_name_says_is_deleted(node: NodeContext) -> None:
    """The content is looked at when it is whole; what is refused leaves nothing behind."""
    with pytest.raises(RefusedFileError, match=r"let its name end with \.png"):
        bring_in(node, make_picture(5000), name="scan.pdf")
    assert list_staged(node, owner=OWNER) == []
    assert list(node.blobs.list_names()) == []


def test_nobody_brings_in_without_end(node: NodeContext) -> None:
    """Bytes and files of one person that wait are bounded; what was removed makes room."""
    tight = replace(node, file_rules=replace(node.file_rules, staged_by_one=2500))
    kept = [bring_in(tight, make_picture(1000)) for _ in range(2)]
    with pytest.raises(RefusedFileError, match="wait to be sent"):
        begin_file(tight, 1000)
    handle_discard_file(tight, kept[0].file_id, owner=OWNER)
    begin_file(tight, 1000)
    few = replace(node, file_rules=replace(node.file_rules, staged_files_by_one=2))
    with pytest.raises(RefusedFileError, match="wait to be sent"):
        begin_file(few, 1)


def test_the_disk_keeps_its_reserve(node: NodeContext) -> None:
    """A file that would leave too little for the database is refused before it comes."""
    free = node.blobs.free_bytes()
    tight = replace(node, file_rules=replace(node.file_rules, reserve=free + 1_000_000_000))
    with pytest.raises(NoRoomError, match="Tell its administrator"):
        begin_file(tight, 1000)


class FullStore(FolderBlobStore):
    """A disk that is full after some bytes."""

    room = 20_000

    def write_at(self, name: str, offset: int, data: bytes) -> None:
        """Write while there is room."""
        if offset + len(data) > self.room:
            raise NoRoomError(as_it_is("The disk of this node is full: nothing was lost."))
        super().write_at(name, offset, data)


def test_a_disk_that_fills_up_loses_nothing(node: NodeContext, tmp_path: Path) -> None:
    """What was counted stays, and the rest follows when there is room again."""
    content = make_picture(40_000)
    store = FullStore(tmp_path / "full")
    full = replace(node, blob_store=store)
    file_id = begin_file(full, len(content)).file_id
    writer = FileWriter(full, file_id, owner=OWNER, offset=0)
    with pytest.raises(NoRoomError):
        writer.write(content)
    assert load_staged(full, file_id, owner=OWNER).received == 16_384
    store.room = 10**9
    again = FileWriter(full, file_id, owner=OWNER, offset=16_384)
    again.write(content[16_384:])
    assert again.finish().complete
    assert read_back(full, file_id) == content


def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    """What the system says of a full disk becomes words that say what to do."""
    store = FolderBlobStore(tmp_path)
    with pytest.raises(NoRoomError, match="administrator"):
        store.write_at("ab" * 16, 1 << 62, b"x")  # beyond what a file can have here: EFBIG
    store.write_at("ab" * 16, 0, b"x")
    store.sync("ab" * 16)
    assert store.read_at("ab" * 16, 0, 10) == b"x"


@pytest.mark.parametrize("name", ["", "../keystore", "AB" * 16, "a" * 31, "a" * 33])
def test_a_blob_has_no_other_names(tmp_path: Path, name: str) -> None:
    """No name leads out of the folder."""
    with pytest.raises(ValueError, match="32 hexadecimal"):
        FolderBlobStore(tmp_path).write_at(name, 0, b"x")


def test_a_blob_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever can put a link into the folder cannot make the node write elsewhere."""
    store, outside = FolderBlobStore(tmp_path / "files"), tmp_path / "outside"
    outside.write_bytes(b"safe")
    name = "cd" * 16
    (tmp_path / "files" / "cd").mkdir()
    (tmp_path / "files" / "cd" / name).symlink_to(outside)
    with pytest.raises(OSError, match="symbolic"):
        store.write_at(name, 0, b"gone")
    assert outside.read_bytes() == b"safe"


def test_altered_content_is_noticed(node: NodeContext) -> None:
    """A segment that was changed or moved on the disk does not decrypt."""
    file = bring_in(node, make_picture(10_000))
    first = node.blobs.read_at(file.file_id, 0, 4136)
    node.blobs.write_at(file.file_id, 4136, first)  # the first segment at the second's place
    with pytest.raises(StoredContentError):
        read_back(node, file.file_id)


def test_what_nobody_sends_is_deleted(network: Network, node: NodeContext, tmp_path: Path) -> None:
    """What was begun goes after a week, a blob without a row after hours, at the second look."""
    left = bring_in(node, make_picture(1000))
    orphan, fresh = "0e" * 16, "0f" * 16
    for name, age in ((orphan, 7), (fresh, 5)):
        node.blobs.write_at(name, 0, b"x")
        written = (network.clock() - timedelta(hours=age)).timestamp()
        os.utime(next(tmp_path.rglob(name)), (written, written))
    first = sweep_files(node, suspected=frozenset())
    assert (first.count, first.suspected) == (
        0,
        frozenset({orphan}),
    )  # a clock that jumped must not decide
    second = sweep_files(node, suspected=first.suspected)
    assert (second.count, second.suspected) == (1, frozenset())
    assert node.blobs.size(orphan) is None
    assert node.blobs.size(fresh) == 1
    network.clock.advance(days=7, seconds=1)
    assert sweep_files(node, suspected={fresh}).count == 2
    assert node.blobs.size(left.file_id) is None
    with node.database.reading() as session:
        assert session.exec(select(StagedFileRow)).all() == []


def test_nobody_fills_the_node_with_what_is_not_sent(node: NodeContext) -> None:
    """All files that wait have one bound together, whosever they are."""
    node = replace(node, file_rules=replace(node.file_rules, staged_by_all=5000))
    begin_file(node, 3000)
    with pytest.raises(NoRoomError, match="send or remove"):
        begin_file(node, 3000)


def test_a_file_that_is_removed_while_it_comes_does_not_exist(node: NodeContext) -> None:
    """Removed in another window: its last bytes are answered as for any unknown file."""
    content = make_picture(600_000)
    begun = begin_file(node, len(content))
    writer = FileWriter(node, begun.file_id, owner=OWNER, offset=0)
    writer.write(content)
    handle_discard_file(node, begun.file_id, owner=OWNER)
    with pytest.raises(NotFoundError, match="Bring it in again"):
        writer.finish()


async def test_a_line_that_falls_silent_is_given_up(node: NodeContext) -> None:
    """What came before is kept, and where to go on is known."""
    content = make_picture(600_000)
    begun = begin_file(node, len(content))

    async def fall_silent() -> AsyncIterator[bytes]:
        yield content[:300_000]
        await asyncio.Event().wait()

    with pytest.raises(SilentLineError, match="go on from there"):
        await take_stream(
            fall_silent(),
            partial(FileWriter, node, begun.file_id, owner=OWNER, offset=0),
            silence=0,
        )
    assert load_staged(node, begun.file_id, owner=OWNER).received == 299_008


def test_a_program_without_files_says_so(network: Network) -> None:
    """A process that handles no files names the one that does."""
    with pytest.raises(NodeError, match="use the running node"):
        begin_file(replace(network.node("AL"), blob_store=None), 1000)
