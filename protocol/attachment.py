"""Files beside a message: sealed in chunks, checked one by one, opened in order (SPEC section 6a).

A file is a secretstream of libsodium (XChaCha20-Poly1305 in a chain, ``crypto_secretstream``) under
a key of its own, cut into chunks that travel in class ``b``, so that a large file never holds up an
urgent message. The signed message carries the :class:`AttachmentManifest`: key, header, and the
digest of the file and of each chunk.

- Chunks are accepted in any order, each by its digest: :class:`Assembly`. Nothing has to be opened
  for that, so a damaged or invented chunk costs one hash.
- A secretstream cannot seek. A recipient keeps chunks as they came until all are there, then opens
  them from the first to the last; after a crash it looks which ones it has, asks for the rest, and
  begins opening anew. A sender that has to send a chunk again seals the file again from its
  beginning with the same key and header, which gives the same bytes: :func:`seal_again` compares
  each chunk with the manifest before it lets it out, because another content under the same key
  would break the encryption of both.
- Each chunk is bound, as associated data, to message, attachment, place, and count. The digests
  bind it already; this makes a manifest that was copied into another message open nothing, so that
  one key belongs to one message.
- The file is zero-filled to its Padmé length before it is cut: its size tells little.

Memory: one chunk at a time, on either side.
"""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NewType, Self

from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_ABYTES,
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
)
from nacl.exceptions import CryptoError

from protocol.cbor import decode_array, encode_array
from protocol.errors import (
    ForgedError,
    LocalProtocolError,
    MalformedError,
    MisaddressedError,
    UnopenableError,
)
from protocol.identifiers import MessageId, RandomBytes, parse_message_id
from protocol.limits import LIMITS
from protocol.links import NumberRange, collect_ranges
from protocol.messages.attachments import (
    HEADER_BYTES,
    KEY_BYTES,
    SMALLEST_CHUNK,
    AttachmentManifest,
    FileDescription,
    count_chunks,
)
from protocol.padding import padme_length

AttachmentId = NewType("AttachmentId", str)
"""16 random bytes as 32 lower-case hexadecimal characters."""

TAG_BYTES: Final = crypto_secretstream_xchacha20poly1305_ABYTES
"""What sealing adds to each chunk."""

CHUNK_FRAMING: Final = 64 + TAG_BYTES
"""No chunk object is longer than its plain bytes by more than this."""

_MAGIC: Final = "TRM1-chunk"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """One encrypted piece of a file, as it travels.

    ``["TRM1-chunk", attachment id (16 bytes), index from 0, ciphertext]``, deterministic CBOR.
    """

    attachment_id: AttachmentId
    index: int
    ciphertext: bytes
    #: SHA-256 of the ciphertext, what the manifest lists: computed once, a chunk is large.
    digest: bytes = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.ciphertext).digest())

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode_array(
            [_MAGIC, bytes.fromhex(self.attachment_id), self.index, self.ciphertext]
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a chunk; raises ``MalformedError``. What it holds is not yet checked."""
        if len(data) > LIMITS.chunk + CHUNK_FRAMING:
            raise MalformedError("This chunk is larger than any: its sender's software is faulty.")
        magic, attachment, index, ciphertext = decode_array(data, length=4)
        if magic != _MAGIC:
            raise MalformedError("This is not a chunk of TRM1.")
        if not isinstance(attachment, bytes) or len(attachment) != _ID_BYTES:
            raise MalformedError("The attachment id is not a byte string of 16 bytes.")
        if not isinstance(index, int) or index >= LIMITS.chunks:
            raise MalformedError("The place of this chunk is not a number that a file can have.")
        if not isinstance(ciphertext, bytes) or len(ciphertext) <= TAG_BYTES:
            raise MalformedError("The chunk holds nothing.")
        return cls(AttachmentId(attachment.hex()), index, ciphertext)


def choose_chunk_size(*, max_envelope_bytes: int) -> int:
    """Return the chunk size for a recipient, who takes objects of at most so many bytes."""
    size = LIMITS.chunk
    while size > SMALLEST_CHUNK and size + CHUNK_FRAMING > max_envelope_bytes:
        size //= 2
    if size + CHUNK_FRAMING > max_envelope_bytes:
        raise LocalProtocolError("The recipient's node takes no objects that could hold a chunk.")
    return size


class AttachmentSealer:
    """Seals one file for one message. Use it once.

    ``random`` must be the operating system's. Exhaust :meth:`seal`, then take the manifest. Nothing
    may be sent before the message with the manifest is signed and stored: until then the chunks are
    kept, or thrown away and made again by :func:`seal_again`.
    """

    def __init__(
        self,
        file: FileDescription,
        *,
        message_id: MessageId,
        chunk_size: int,
        random: RandomBytes,
    ) -> None:
        if count_chunks(file.size, chunk_size=chunk_size) > LIMITS.chunks:
            raise LocalProtocolError(
                "The file makes too many chunks for what the recipient's node takes at a time: "
                "split it."
            )
        self.attachment_id = AttachmentId(random(_ID_BYTES).hex())
        self._file = file
        self._message_id = message_id
        self._chunk_size = chunk_size
        self._key, self._header = random(KEY_BYTES), random(HEADER_BYTES)
        self._digests: list[bytes] = []
        self._whole = hashlib.sha256()
        self._begun = self._done = False

    def seal(self, content: Iterable[bytes]) -> Iterator[Chunk]:
        """Yield the chunks of ``content``, which comes in pieces of any length.

        Raises ``LocalProtocolError`` if it has another length than was said.
        """
        if self._begun:  # a second content under one key would break the encryption of both
            raise LocalProtocolError("A sealer seals one file once: make a new one.")
        self._begun = True
        stream = _Stream(
            key=self._key,
            header=self._header,
            place=_Place(
                self._message_id,
                self.attachment_id,
                count_chunks(self._file.size, chunk_size=self._chunk_size),
            ),
        )
        plain = _cut(self._watch(content), size=self._file.size, chunk_size=self._chunk_size)
        for index, piece in enumerate(plain):
            chunk = Chunk(self.attachment_id, index, stream.push(index, piece))
            self._digests.append(chunk.digest)
            yield chunk
        self._done = True

    def _watch(self, content: Iterable[bytes]) -> Iterator[bytes]:
        for piece in content:
            self._whole.update(piece)
            yield piece

    def make_manifest(self) -> AttachmentManifest:
        """Return what the message has to say; raises ``LocalProtocolError`` before the end."""
        if not self._done:
            raise LocalProtocolError("The manifest is known once the whole file was sealed.")
        return AttachmentManifest(
            attachment_id=self.attachment_id,
            name=self._file.name,
            media_type=self._file.media_type,
            sensitivity=self._file.sensitivity,
            size=self._file.size,
            chunk_size=self._chunk_size,
            chunk_count=len(self._digests),
            sha256=self._whole.hexdigest(),
            chunk_sha256=base64.b64encode(b"".join(self._digests)).decode(),
            key=base64.b64encode(self._key).decode(),
            header=base64.b64encode(self._header).decode(),
        )


def seal_again(
    manifest: AttachmentManifest,
    content: Iterable[bytes],
    *,
    message_id: MessageId,
    wanted: Collection[int],
) -> Iterator[Chunk]:
    """Yield the wanted chunks of a file that was sealed before, as they were.

    Raises ``LocalProtocolError`` at the first chunk that is not the announced one: the content is
    not what it was, and sealing another one under this key would give both away.
    """
    digests = manifest.chunk_digests
    stream = _Stream.of(manifest, message_id=message_id)
    last = max(wanted, default=-1)
    plain = _cut(content, size=manifest.size, chunk_size=manifest.chunk_size)
    for index, piece in enumerate(plain):
        if index > last:
            return
        chunk = Chunk(AttachmentId(manifest.attachment_id), index, stream.push(index, piece))
        if chunk.digest != digests[index]:
            raise LocalProtocolError(
                "The stored file is not the one that was announced: restore it from a backup, or "
                "send it anew as another attachment."
            )
        if index in wanted:
            yield chunk


class ChunkVerdict(StrEnum):
    """What a chunk brings."""

    NEW = "new"
    KNOWN = "known"


class Assembly:
    """Which chunks of a file are here.

    It holds places, not contents. After a crash it is made anew from the places that are stored.
    """

    def __init__(self, manifest: AttachmentManifest, *, held: Iterable[int] = ()) -> None:
        self._manifest = manifest
        self._digests = manifest.chunk_digests
        self._held = set(held)
        if any(not 0 <= index < manifest.chunk_count for index in self._held):
            raise LocalProtocolError(
                "Stored chunks do not belong to this file: delete them, they are asked for again."
            )

    def accept(self, chunk: Chunk) -> ChunkVerdict:
        """Check a chunk against the manifest; a new one is to be stored as it came.

        Raises ``MisaddressedError`` for another file's chunk, ``ForgedError`` for one that is not
        the announced one. ``MalformedError``: it is the announced one and has a length that the
        size of the file rules out; then the file will never open.
        """
        _verify_chunk(chunk, manifest=self._manifest, digests=self._digests)
        if chunk.index in self._held:
            return ChunkVerdict.KNOWN
        self._held.add(chunk.index)
        return ChunkVerdict.NEW

    @property
    def is_complete(self) -> bool:
        """Whether the file can be opened."""
        return len(self._held) == len(self._digests)

    def missing_ranges(self) -> tuple[NumberRange, ...]:
        """Return what to ask for, ascending, counted from 0."""
        return collect_ranges(set(range(len(self._digests))) - self._held)


def _verify_chunk(
    chunk: Chunk, *, manifest: AttachmentManifest, digests: tuple[bytes, ...]
) -> None:
    """Refuse a chunk that is not the one its manifest announced, or that cannot be.

    A manifest that says a small size and announces long chunks would fill the recipient's disk.
    """
    if chunk.attachment_id != manifest.attachment_id:
        raise MisaddressedError("The chunk belongs to another file.")
    if chunk.index >= len(digests) or chunk.digest != digests[chunk.index]:
        raise ForgedError("The chunk is not the one that was announced: ask for it again.")
    rest = padme_length(manifest.size) - chunk.index * manifest.chunk_size
    if len(chunk.ciphertext) != min(manifest.chunk_size, rest) + TAG_BYTES:
        raise MalformedError("A chunk of the file has a wrong length: its sender must send anew.")


class AttachmentOpener:
    """Opens a file chunk by chunk, from the first to the last, as they come. Use it once.

    **What it gives is the file only once** :meth:`finish` **has returned**: write it to a temporary
    place, and take it over then.
    """

    def __init__(self, manifest: AttachmentManifest, *, message_id: MessageId) -> None:
        self._manifest = manifest
        self._digests = manifest.chunk_digests
        self._stream = _Stream.of(manifest, message_id=message_id)
        self._whole = hashlib.sha256()
        self._left = manifest.size
        self.opened = 0  # chunks: the place of the next one

    def open(self, chunk: Chunk) -> bytes:
        """Return what the next chunk holds of the file; nothing if it is padding.

        Raises ``MisaddressedError``, ``ForgedError`` for a chunk that is not the next one or was
        altered, ``UnopenableError`` if it does not open, ``MalformedError`` for wrong padding.
        """
        if chunk.index != self.opened:
            raise ForgedError("The chunks of the file are not in order: sort them by their place.")
        _verify_chunk(chunk, manifest=self._manifest, digests=self._digests)
        plain = self._stream.pull(chunk.index, chunk.ciphertext)
        content = plain[: self._left]
        if any(plain[self._left :]):
            raise MalformedError("The padding of the file is wrong: its sender must send it anew.")
        self._left -= len(content)
        self.opened += 1
        self._whole.update(content)
        return content

    def finish(self) -> None:
        """Say that no chunk is left; raises ``UnopenableError`` if that is not so.

        ``ForgedError`` if the file is not the one that was announced.
        """
        if self.opened != len(self._digests):
            raise UnopenableError("The file ends too early: chunks are missing, ask for them.")
        if self._whole.hexdigest() != self._manifest.sha256:
            raise ForgedError("The file is not the announced one: its sender must send it anew.")


def open_attachment(
    manifest: AttachmentManifest, chunks: Iterable[Chunk], *, message_id: MessageId
) -> Iterator[bytes]:
    """Yield the file out of all its chunks, in order; raises what :class:`AttachmentOpener` does.

    **What was yielded is the file only if this ends without an error.**
    """
    opener = AttachmentOpener(manifest, message_id=message_id)
    for chunk in chunks:
        if content := opener.open(chunk):
            yield content
    opener.finish()


def _cut(content: Iterable[bytes], *, size: int, chunk_size: int) -> Iterator[bytes]:
    """Yield ``content`` with its padding, in pieces of the chunk size; each byte moves once."""
    waiting: list[bytes | memoryview] = []
    missing = chunk_size
    for piece in _pad(content, size=size, chunk_size=chunk_size):
        rest = memoryview(piece)
        while len(rest) >= missing:
            waiting.append(rest[:missing])
            yield b"".join(waiting)
            rest, missing = rest[missing:], chunk_size
            waiting.clear()
        if rest:
            waiting.append(rest)
            missing -= len(rest)
    if waiting:
        yield b"".join(waiting)


def _pad(content: Iterable[bytes], *, size: int, chunk_size: int) -> Iterator[bytes]:
    seen = 0
    for piece in content:
        seen += len(piece)
        if seen > size:
            raise LocalProtocolError("The file is longer than was said: look at its size again.")
        yield piece
    if seen != size:
        raise LocalProtocolError("The file is shorter than was said: look at its size again.")
    left = padme_length(size) - size
    for at in range(0, left, chunk_size):
        yield bytes(min(chunk_size, left - at))


@dataclass(frozen=True, slots=True)
class _Place:
    """What each chunk is bound to."""

    message_id: MessageId
    attachment_id: AttachmentId
    count: int

    def associated_data(self, index: int) -> bytes:
        return encode_array(
            [
                _MAGIC,
                bytes.fromhex(parse_message_id(self.message_id)),
                bytes.fromhex(self.attachment_id),
                index,
                self.count,
            ]
        )


class _Stream:
    """A secretstream with a header that is given, so that it can be made twice.

    libsodium draws the header itself when it begins to seal, and takes it in when it begins to
    open. Both lead to the same state, so this begins as if to open, in both directions.
    """

    def __init__(self, *, key: bytes, header: bytes, place: _Place) -> None:
        self._state = crypto_secretstream_xchacha20poly1305_state()
        crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)
        self._place = place

    @classmethod
    def of(cls, manifest: AttachmentManifest, *, message_id: MessageId) -> Self:
        return cls(
            key=manifest.key_bytes,
            header=manifest.header_bytes,
            place=_Place(message_id, AttachmentId(manifest.attachment_id), manifest.chunk_count),
        )

    def _tag(self, index: int) -> int:
        return (
            crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if index == self._place.count - 1
            else crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
        )

    def push(self, index: int, plain: bytes) -> bytes:
        return crypto_secretstream_xchacha20poly1305_push(
            self._state, plain, self._place.associated_data(index), self._tag(index)
        )

    def pull(self, index: int, ciphertext: bytes) -> bytes:
        try:
            plain, tag = crypto_secretstream_xchacha20poly1305_pull(
                self._state, ciphertext, self._place.associated_data(index)
            )
        except (CryptoError, ValueError) as error:
            raise UnopenableError(
                "The file does not open: it was sealed for another message, or its manifest is "
                "wrong. Its sender must send it anew."
            ) from error
        if tag != self._tag(index):
            raise UnopenableError(
                "The file ends at another place than was announced: its sender must send it anew."
            )
        return plain
