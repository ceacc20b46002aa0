"""The broker swaps, alters, withholds, invents and looks at chunks of attachments."""

from node.domain.events import EventKind
from node.service.attachments.asking import ask_for_chunks
from node.service.attachments.opening import OpenOutcome, list_complete, open_file
from node.service.attachments.receiving import ChunkFate, ChunkTaker
from node.service.attachments.taking import open_copy
from protocol.attachment import AttachmentId, Chunk
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.wire import WireWithFiles
from tests.support.people import acting
from tests.support.received_files import (
    OFFICER,
    SentMessage,
    carry_chunks,
    list_received,
    make_text,
    send_files,
)

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED
_TEXT = make_text(40_000)


def _announce(wire: WireWithFiles, files: dict[str, bytes] | None = None) -> SentMessage:
    """Let AL send files; the message arrives, the chunks are in the broker's hands."""
    sent = send_files(wire.network.node("AL"), files or {"statement.txt": _TEXT})
    wire.give(*wire.take(to="XK"))
    return sent


def _open(wire: WireWithFiles) -> list[OpenOutcome]:
    xk = wire.network.node("XK")
    return [open_file(xk, each, has_scanner=False) for each in list_complete(xk, limit=9)]


def _read(wire: WireWithFiles) -> bytes:
    xk = wire.network.node("XK")
    copy = open_copy(xk, list_received(xk)[0].file_id, who=acting(OFFICER))
    return b"".join(copy.read(0, copy.size - 1))


def _end(wire: WireWithFiles, sent: SentMessage) -> None:
    """Carry every chunk honestly: the file opens, and the message counts as delivered."""
    carry_chunks(wire.network, sent.chunks)
    assert OpenOutcome.OPENED in _open(wire)
    wire.network.settle()
    assert _read(wire) == _TEXT
    assert wire.state(sent.message_id) == "delivered"


@attack(
    Family.CHUNKS,
    REFUSED,
    Promise.GENUINE,
    seen="nobody: a chunk that is not the announced one is dropped",
)
def alter_chunks(wire: WireWithFiles) -> None:
    """Change one bit of each chunk, cut some, lengthen some.

    The signed message names the hash of each: none is stored. The whole ones are.
    """
    sent = _announce(wire)
    bent = [chunk[:-1] + bytes([chunk[-1] ^ 1]) for chunk in sent.chunks]
    cut = [chunk[:-20] for chunk in sent.chunks] + [chunk + b"\x00" for chunk in sent.chunks]
    assert set(carry_chunks(wire.network, [*bent, *cut, b"", b"\xff" * 900])) == {ChunkFate.REFUSED}
    assert list_received(wire.network.node("XK"))[0].held == 0
    _end(wire, sent)


@attack(
    Family.CHUNKS,
    SURVIVED,
    Promise.GENUINE,
    seen="nobody: each chunk has its place",
)
def shuffle_and_repeat_chunks(wire: WireWithFiles) -> None:
    """Deliver the chunks last first, each three times, and some after the file was opened.

    The file is what was sent, byte for byte, once.
    """
    sent = _announce(wire)
    taker = ChunkTaker(wire.network.node("XK"))
    fates = carry_chunks(wire.network, [*reversed(sent.chunks)] * 3, taker=taker)
    assert fates.count(ChunkFate.STORED) >= len(sent.chunks)
    assert _open(wire) == [OpenOutcome.OPENED]
    assert set(carry_chunks(wire.network, sent.chunks)) == {ChunkFate.KNOWN}
    assert _open(wire) == []
    assert _read(wire) == _TEXT


@attack(
    Family.CHUNKS,
    REFUSED,
    Promise.GENUINE,
    seen="nobody: a place takes its own chunk alone",
)
def swap_chunks(wire: WireWithFiles) -> None:
    """Write another place, and another file, on the outside of each chunk.

    None is stored where it does not belong.
    """
    sent = _announce(wire, {"one.txt": _TEXT, "two.txt": _TEXT[::-1]})
    parsed = [Chunk.parse(each) for each in sent.chunks]
    swapped = [
        Chunk(one.attachment_id, one.index, other.ciphertext).encode()
        for one, other in zip(parsed, reversed(parsed), strict=True)
        if one is not other
    ]
    assert set(carry_chunks(wire.network, swapped)) == {ChunkFate.REFUSED}
    assert {row.held for row in list_received(wire.network.node("XK"))} == {0}


@attack(
    Family.CHUNKS,
    REFUSED,
    Promise.WORKS,
    seen="nobody: dropped before anything is stored",
)
def carry_chunks_as_another(wire: WireWithFiles) -> None:
    """Deliver AL's chunks under MK's name, and MK's inventions under AL's, a hundred of them.

    What nobody announced takes no room on the disk.
    """
    sent = _announce(wire)
    xk = wire.network.node("XK")
    assert set(carry_chunks(wire.network, sent.chunks, sender="MK")) == {ChunkFate.EARLY}
    invented = [
        Chunk(AttachmentId(f"{number:032x}"), number, bytes(8_000)).encode()
        for number in range(100)
    ]
    assert set(carry_chunks(wire.network, invented)) == {ChunkFate.EARLY}
    assert list_received(xk)[0].held == 0
    _end(wire, sent)


@attack(
    Family.CHUNKS,
    DETECTED,
    Promise.PROVEN,
    seen="the recipient: which file is not whole; the sender: not delivered",
)
def withhold_the_last_chunk(wire: WireWithFiles) -> None:
    """Deliver the message and all chunks but one.

    The message is shown with a file that is not here yet; it never counts as delivered; the missing
    chunk is asked for, and ends it when it comes.
    """
    sent = _announce(wire)
    carry_chunks(wire.network, sent.chunks[:-1])
    assert _open(wire) == []
    wire.network.settle()
    assert wire.shown() == [sent.message_id]
    assert wire.state(sent.message_id) == "on_its_way"
    wire.network.clock.advance(hours=1)
    assert ask_for_chunks(wire.network.node("XK")) == 1
    carry_chunks(wire.network, sent.chunks[-1:])
    assert _open(wire) == [OpenOutcome.OPENED]
    wire.be_honest()
    assert wire.state(sent.message_id) == "delivered"
    assert wire.told(EventKind.MESSAGE_RECEIVED) == 1


@attack(
    Family.CHUNKS,
    REFUSED,
    Promise.SECRET,
    seen="nobody: number and size of chunks, and when, are seen",
)
def look_into_chunks(wire: WireWithFiles) -> None:
    """Read all chunks of two files of different lengths for their contents, names and lengths.

    No word of them; equal chunks, and lengths that are padded.
    """
    lengths = set()
    for text in (_TEXT[:39_000], _TEXT[:39_500]):
        sent = _announce(wire, {"statement.txt": text})
        everything = b"".join(sent.chunks)
        lengths.add(len(everything))
        for word in (b"invented statement", b"statement.txt", b"text/plain"):
            assert word not in everything
        sizes = {len(Chunk.parse(each).ciphertext) for each in sent.chunks[:-1]}
        assert len(sizes) == 1
    assert len(lengths) == 1
