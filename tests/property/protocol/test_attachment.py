"""Attachments: opened whole or not at all, whatever is lost, doubled, swapped, cut or invented."""

import base64
import hashlib
import tracemalloc
from collections.abc import Iterable, Iterator
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nacl import bindings

from protocol.attachment import (
    CHUNK_FRAMING,
    TAG_BYTES,
    Assembly,
    AttachmentId,
    AttachmentSealer,
    Chunk,
    ChunkVerdict,
    open_attachment,
    seal_again,
)
from protocol.cbor import encode_array
from protocol.errors import (
    ForgedError,
    LocalProtocolError,
    MalformedError,
    MisaddressedError,
    RemoteProtocolError,
    UnopenableError,
)
from protocol.identifiers import MessageId
from protocol.limits import LIMITS
from protocol.links import NumberRange
from protocol.messages.attachments import AttachmentManifest, FileDescription, count_chunks
from protocol.messages.fields import Sensitivity
from protocol.padding import padme_length
from tests.support.messages import MESSAGE_ID, flip_bit

KIB = 1024
OTHER_MESSAGE = MessageId("f" * 32)
FILE = Random(7).randbytes(70 * KIB + 11)


def describe(size: int) -> FileDescription:
    """Return what people say of a file of this size."""
    return FileDescription(
        name="report of the guardian.pdf",
        media_type="application/pdf",
        sensitivity=Sensitivity.HEALTH,
        size=size,
    )


def pieces(content: bytes, length: int) -> Iterator[bytes]:
    """Hand a file out in pieces, as reading from a disk does."""
    for at in range(0, len(content), length):
        yield content[at : at + length]


def seal(
    content: bytes, *, chunk_size: int = 8 * KIB, piece: int = 5000, seed: int = 1
) -> tuple[AttachmentManifest, list[Chunk]]:
    """Seal a file for the usual message."""
    sealer = AttachmentSealer(
        describe(len(content)),
        message_id=MESSAGE_ID,
        chunk_size=chunk_size,
        random=Random(seed).randbytes,
    )
    chunks = list(sealer.seal(pieces(content, piece)))
    return sealer.make_manifest(), chunks


def reopen(manifest: AttachmentManifest, chunks: Iterable[Chunk]) -> bytes:
    """Open a file of the usual message, as a whole."""
    return b"".join(open_attachment(manifest, chunks, message_id=MESSAGE_ID))


MANIFEST, CHUNKS = seal(FILE)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40 * KIB),
    st.sampled_from([8 * KIB, 16 * KIB]),
    st.integers(1, 20 * KIB),
    st.randoms(use_true_random=False),
)
@example(8 * KIB, 8 * KIB, 8 * KIB, Random(1))
@example(16 * KIB, 8 * KIB, 1, Random(1))
def test_a_file_comes_back_from_chunks_in_any_order(
    size: int, chunk_size: int, piece: int, random: Random
) -> None:
    """Sealed from pieces of any length, arrived in any order, through the wire form and back."""
    content = FILE[:size]
    manifest, chunks = seal(content, chunk_size=chunk_size, piece=piece)
    manifest = AttachmentManifest.model_validate_json(manifest.model_dump_json())
    assembly, stored = Assembly(manifest), dict[int, Chunk]()
    arriving = [*chunks, *chunks[:2]]
    random.shuffle(arriving)
    for sent in arriving:
        chunk = Chunk.parse(sent.encode())
        verdict = assembly.accept(chunk)
        assert (verdict is ChunkVerdict.KNOWN) == (chunk.index in stored)
        stored[chunk.index] = chunk
    assert assembly.is_complete
    assert reopen(manifest, (stored[index] for index in sorted(stored))) == content


@given(st.integers(1, LIMITS.attachment))
def test_lengths_on_the_wire_tell_the_padded_size_only(size: int) -> None:
    """Number and lengths of chunks follow from the Padmé length, never beyond the limit."""
    padded = padme_length(size)
    count = count_chunks(size, chunk_size=LIMITS.chunk)
    assert count == count_chunks(padded, chunk_size=LIMITS.chunk) <= LIMITS.chunks
    assert padded <= LIMITS.attachment
    assert (count - 1) * LIMITS.chunk < padded <= count * LIMITS.chunk


def test_files_of_one_padded_length_look_alike() -> None:
    """One byte more inside the same step changes no length that the broker sees."""
    sizes = (66_000, 66_100)
    assert padme_length(sizes[0]) == padme_length(sizes[1])
    seen = [[len(chunk.encode()) for chunk in seal(FILE[:size])[1]] for size in sizes]
    assert seen[0] == seen[1]


def test_it_is_the_secretstream_of_libsodium() -> None:
    """Chunks open with the library's own calls, and what those sealed opens here."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(
        state, MANIFEST.header_bytes, MANIFEST.key_bytes
    )
    plain = b""
    for chunk in CHUNKS:
        bound = bind(chunk.index, len(CHUNKS), attachment=MANIFEST.attachment_id)
        opened, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(
            state, chunk.ciphertext, bound
        )
        plain += opened
        assert tag == (3 if chunk is CHUNKS[-1] else 0)
    assert plain == FILE + bytes(padme_length(len(FILE)) - len(FILE))
    manifest, chunks = seal_by_hand(cut(FILE))
    assert reopen(manifest, chunks) == FILE


def bind(index: int, count: int, *, attachment: str) -> bytes:
    """Return the associated data of a chunk, as the specification has it."""
    return encode_array(
        ["TRM1-chunk", bytes.fromhex(MESSAGE_ID), bytes.fromhex(attachment), index, count]
    )


def cut(content: bytes, *, padding: bytes | None = None) -> list[bytes]:
    """Pad and cut as a sender does; a dishonest one pads with something else."""
    length = padme_length(len(content))
    padded = content + (bytes(length - len(content)) if padding is None else padding)
    return list(pieces(padded, 8 * KIB))


def seal_by_hand(
    parts: list[bytes], *, tags: list[int] | None = None, size: int = len(FILE)
) -> tuple[AttachmentManifest, list[Chunk]]:
    """Seal with the library alone, in whatever way a dishonest sender may like."""
    attachment = AttachmentId("a" * 32)
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    key = bytes(range(32))
    header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key)
    tags = tags or [0] * (len(parts) - 1) + [3]
    chunks = [
        Chunk(
            attachment,
            index,
            bindings.crypto_secretstream_xchacha20poly1305_push(
                state, part, bind(index, len(parts), attachment=attachment), tags[index]
            ),
        )
        for index, part in enumerate(parts)
    ]
    manifest = AttachmentManifest(
        **describe(size).model_dump(),
        attachment_id=attachment,
        chunk_size=8 * KIB,
        chunk_count=len(parts),
        sha256=hashlib.sha256(FILE).hexdigest(),
        chunk_sha256=base64.b64encode(b"".join(chunk.digest for chunk in chunks)).decode(),
        key=base64.b64encode(key).decode(),
        header=base64.b64encode(header).decode(),
    )
    return manifest, chunks


def test_a_sender_that_lies_about_its_file_is_found_out() -> None:
    """Other padding, wrong ends, other lengths, another file: none comes out whole."""
    parts = cut(FILE)
    count = len(parts)
    rest = padme_length(len(FILE)) - len(FILE)
    uneven = [parts[0][:-1], parts[0][-1:] + parts[1], *parts[2:]]
    lies: list[tuple[type[RemoteProtocolError], tuple[AttachmentManifest, list[Chunk]]]] = [
        (MalformedError, seal_by_hand(cut(FILE, padding=b"\x01" * rest))),
        (MalformedError, seal_by_hand(uneven)),
        (UnopenableError, seal_by_hand(parts, tags=[0] * count)),
        (UnopenableError, seal_by_hand(parts, tags=[3] * count)),
        (UnopenableError, seal_by_hand(parts, tags=[2, *[0] * (count - 2), 3])),
        (ForgedError, seal_by_hand(cut(FILE[:-1] + b"\x00"))),
    ]
    for error, (manifest, chunks) in lies:
        with pytest.raises(error):
            reopen(manifest, chunks)


def test_a_small_size_does_not_let_long_chunks_in() -> None:
    """A manifest announces longer chunks than its size allows: they are not even stored."""
    parts = cut(FILE)
    for lie in (
        [parts[0] + bytes(500 * KIB), *parts[1:]],
        [*parts[:-1], parts[-1] + b"\x00"],
        [*parts[:-1], parts[-1][:-1]],
    ):
        manifest, chunks = seal_by_hand(lie)
        assembly = Assembly(manifest)
        refused = 0
        for chunk in chunks:
            try:
                assembly.accept(Chunk.parse(chunk.encode()))
            except MalformedError:
                refused += 1
        assert refused == 1
        assert not assembly.is_complete


@pytest.mark.parametrize(
    ("arriving", "error"),
    [
        (CHUNKS[:-1], UnopenableError),
        (CHUNKS[:1], UnopenableError),
        ([], UnopenableError),
        ([*CHUNKS, CHUNKS[-1]], ForgedError),
        ([CHUNKS[0], *CHUNKS], ForgedError),
        ([CHUNKS[1], CHUNKS[0], *CHUNKS[2:]], ForgedError),
        (CHUNKS[1:], ForgedError),
        ([Chunk(CHUNKS[0].attachment_id, 0, CHUNKS[1].ciphertext), *CHUNKS[1:]], ForgedError),
        ([Chunk(AttachmentId("0" * 32), 0, CHUNKS[0].ciphertext), *CHUNKS[1:]], MisaddressedError),
    ],
    ids=[
        "last-missing",
        "one-only",
        "none",
        "one-more",
        "first-twice",
        "swapped",
        "first-missing",
        "renumbered",
        "other-file",
    ],
)
def test_only_all_chunks_in_order_are_the_file(
    arriving: list[Chunk], error: type[RemoteProtocolError]
) -> None:
    """Cut, longer, swapped, renumbered, or of another file: it does not end as if it were whole."""
    with pytest.raises(error):
        reopen(MANIFEST, arriving)


@settings(max_examples=150)
@given(st.integers(0, len(CHUNKS) - 1), st.integers(min_value=0))
def test_any_flipped_bit_of_a_chunk_is_refused(index: int, position: int) -> None:
    """A changed chunk is malformed, of another file, or not the announced one."""
    data = flip_bit(CHUNKS[index].encode(), position)
    with pytest.raises(RemoteProtocolError):
        Assembly(MANIFEST).accept(Chunk.parse(data))


def test_a_manifest_in_another_message_opens_nothing() -> None:
    """One key belongs to one message, though the digests fit."""
    with pytest.raises(UnopenableError, match="another message"):
        list(open_attachment(MANIFEST, CHUNKS, message_id=OTHER_MESSAGE))


@given(st.sets(st.integers(0, len(CHUNKS) - 1)))
def test_an_interrupted_transfer_goes_on_where_it_was(held: set[int]) -> None:
    """After a crash on both sides, exactly what is missing is asked for and sent as it was."""
    assembly = Assembly(MANIFEST, held=held)
    missing = assembly.missing_ranges()
    wanted = {index for each in missing for index in range(each.first, each.last + 1)}
    assert wanted == set(range(len(CHUNKS))) - held
    again = list(seal_again(MANIFEST, pieces(FILE, 4096), message_id=MESSAGE_ID, wanted=wanted))
    assert again == [CHUNKS[index] for index in sorted(wanted)]
    assert assembly.is_complete == (not wanted)
    for chunk in again:
        assert assembly.accept(chunk) is ChunkVerdict.NEW
    assert (assembly.is_complete, assembly.missing_ranges()) == (True, ())


def test_missing_chunks_are_named_in_ranges() -> None:
    """Counted from 0, ascending, both ends included."""
    held = set(range(len(CHUNKS))) - {0, 1, 4}
    assert Assembly(MANIFEST, held=held).missing_ranges() == (NumberRange(0, 1), NumberRange(4, 4))


@given(st.integers(0, len(FILE) - 1))
def test_a_file_that_changed_is_not_sealed_under_the_old_key(position: int) -> None:
    """Sealing again stops before the first chunk that would differ leaves."""
    changed = bytearray(FILE)
    changed[position] ^= 1
    let_out: list[Chunk] = []
    again = seal_again(MANIFEST, [bytes(changed)], message_id=MESSAGE_ID, wanted=range(len(CHUNKS)))
    with pytest.raises(LocalProtocolError, match="not the one that was announced"):
        let_out.extend(again)
    assert let_out == CHUNKS[: position // (8 * KIB)]


def test_a_sealer_is_used_once_and_to_the_end() -> None:
    """No second content under one key, no manifest before the end, no other length than said."""

    def make(size: int) -> AttachmentSealer:
        return AttachmentSealer(
            describe(size),
            message_id=MESSAGE_ID,
            chunk_size=8 * KIB,
            random=Random(3).randbytes,
        )

    sealer = make(3)
    with pytest.raises(LocalProtocolError, match="once the whole file"):
        sealer.make_manifest()
    assert len(list(sealer.seal([b"abc"]))) == 1
    with pytest.raises(LocalProtocolError, match="one file once"):
        list(sealer.seal([b"abd"]))
    for content, word in (([b"abcd"], "longer"), ([b"a", b"b"], "shorter")):
        with pytest.raises(LocalProtocolError, match=word):
            list(make(3).seal(content))
    with pytest.raises(LocalProtocolError, match="too many chunks"):
        make(LIMITS.attachment)


def test_places_that_cannot_be_are_not_taken_for_chunks() -> None:
    """A store that says it has a chunk beyond the end belongs to another file."""
    with pytest.raises(LocalProtocolError):
        Assembly(MANIFEST, held=[len(CHUNKS)])


def test_memory_does_not_grow_with_the_file() -> None:
    """Sealing and opening 24 MiB holds a few chunks, not the file."""
    size = 24 * KIB * KIB
    block = bytes(KIB * KIB)
    sealer = AttachmentSealer(
        describe(size),
        message_id=MESSAGE_ID,
        chunk_size=LIMITS.chunk,
        random=Random(4).randbytes,
    )
    tracemalloc.start()
    try:
        count = sum(1 for _ in sealer.seal(block for _ in range(24)))
        manifest = sealer.make_manifest()
        sealed = seal_again(
            manifest, (block for _ in range(24)), message_id=MESSAGE_ID, wanted=range(count)
        )
        opened = sum(len(part) for part in open_attachment(manifest, sealed, message_id=MESSAGE_ID))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (count, opened) == (48, size)
    assert peak < 8 * KIB * KIB


# ------------------------------------------------------------------ bytes from outside


@settings(max_examples=250)
@given(st.binary(max_size=300))
@example(CHUNKS[-1].encode())
def test_any_bytes_either_parse_or_are_refused(data: bytes) -> None:
    """A chunk reads back to the same bytes, and garbage raises one kind of error."""
    try:
        chunk = Chunk.parse(data)
    except RemoteProtocolError:
        return
    assert chunk.encode() == data


@pytest.mark.parametrize(
    "items",
    [
        ["TRM1", bytes(16), 0, bytes(40)],
        ["TRM1-chunk", bytes(15), 0, bytes(40)],
        ["TRM1-chunk", "x" * 16, 0, bytes(40)],
        ["TRM1-chunk", bytes(16), LIMITS.chunks, bytes(40)],
        ["TRM1-chunk", bytes(16), b"0", bytes(40)],
        ["TRM1-chunk", bytes(16), 0, bytes(TAG_BYTES)],
        ["TRM1-chunk", bytes(16), 0, "x" * 40],
        ["TRM1-chunk", bytes(16), 0, bytes(LIMITS.chunk + CHUNK_FRAMING)],
    ],
    ids=["magic", "id-short", "id-text", "index", "index-bytes", "empty", "text", "too-large"],
)
def test_what_is_no_chunk_is_malformed(items: list[int | bytes | str]) -> None:
    """Each part has its type and bounds."""
    with pytest.raises(MalformedError):
        Chunk.parse(encode_array(items))
