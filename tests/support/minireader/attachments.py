"""Files beside a message: manifest, chunk objects, opening (SPEC section 13)."""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.minireader.cbor import encode, take_bytes, take_fields, take_uint
from tests.support.minireader.keys import decode_base64
from tests.support.minireader.padding import compute_padme
from tests.support.minireader.rejection import RejectedError, malformed
from tests.support.minireader.secretstream import ABYTES, FINAL, MESSAGE, Stream

NAME_MOST = 255
INDEX_MOST = 1023
CHUNK_SIZES = tuple(1 << power for power in range(19, 12, -1))
FRAMING = 81


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk object as it travels in class ``b``."""

    attachment_id: bytes
    index: int
    ciphertext: bytes


def _count_chunks(manifest: dict[str, Any]) -> int:
    chunk_size: int = manifest["chunk_size"]
    return -(-compute_padme(manifest["size"]) // chunk_size)


def _is_file_name(name: str) -> bool:
    return (
        len(name.encode("utf-8", "surrogatepass")) <= NAME_MOST
        and not set(name) & set('/\\:*?"<>|')
        and not any(unicodedata.category(one) in {"Cf", "Zl", "Zp"} for one in name)
        and not name.startswith(".")
        and not name.endswith(".")
    )


def _is_base64_of(text: str, size: int) -> bool:
    try:
        return len(decode_base64(text)) == size
    except RejectedError:
        return False


def find_manifest_faults(manifest: dict[str, Any], path: str) -> Iterator[str]:
    """Find what a manifest of the right shape says that does not hold together."""
    if not _is_file_name(manifest["name"]):
        yield f"{path}.name"
    if not _is_base64_of(manifest["key"], 32):
        yield f"{path}.key"
    if not _is_base64_of(manifest["header"], 24):
        yield f"{path}.header"
    fits = manifest["chunk_size"] in CHUNK_SIZES and (
        manifest["chunk_count"] == _count_chunks(manifest)
    )
    if not fits or not _is_base64_of(manifest["chunk_sha256"], 32 * manifest["chunk_count"]):
        yield path


def choose_chunk_size(max_envelope_bytes: int) -> int:
    """Choose the largest chunk size whose objects a recipient takes."""
    for size in CHUNK_SIZES:
        if size + FRAMING <= max_envelope_bytes:
            return size
    raise malformed("no chunk fits into so little")


def read_chunk(encoded: bytes) -> Chunk:
    """Read a chunk object."""
    magic, attachment_id, index, ciphertext = take_fields(encoded, count=4)
    if magic != "TRM1-chunk":
        raise malformed("no chunk")
    if len(take_bytes(ciphertext)) <= ABYTES:
        raise malformed("a chunk without content")
    return Chunk(
        attachment_id=take_bytes(attachment_id, size=16),
        index=take_uint(index, most=INDEX_MOST),
        ciphertext=ciphertext,
    )


def check_chunk(chunk: Chunk, manifest: dict[str, Any]) -> None:
    """Check that a chunk is the one that the manifest names at its place."""
    if chunk.attachment_id.hex() != manifest["attachment_id"]:
        raise RejectedError("misaddressed", "a chunk of another file")
    digests = decode_base64(manifest["chunk_sha256"])
    named = digests[32 * chunk.index : 32 * chunk.index + 32]
    rest = compute_padme(manifest["size"]) - chunk.index * manifest["chunk_size"]
    if hashlib.sha256(chunk.ciphertext).digest() != named:
        raise RejectedError("forged", "not the chunk that the manifest names here")
    if len(chunk.ciphertext) != min(manifest["chunk_size"], rest) + ABYTES:
        raise malformed("a chunk of another length")


def _bind(manifest: dict[str, Any], message_id: bytes, index: int) -> bytes:
    identifier = bytes.fromhex(manifest["attachment_id"])
    return encode(["TRM1-chunk", message_id, identifier, index, manifest["chunk_count"]])


def _begin(manifest: dict[str, Any]) -> Stream:
    return Stream(decode_base64(manifest["key"]), decode_base64(manifest["header"]))


def seal_file(content: bytes, manifest: dict[str, Any], message_id: bytes) -> list[bytes]:
    """Seal a file under the key and header of its manifest: its chunk objects."""
    stream = _begin(manifest)
    padded = content.ljust(compute_padme(len(content)), b"\0")
    size, count = manifest["chunk_size"], manifest["chunk_count"]
    objects = []
    for index in range(count):
        sealed = stream.push(
            padded[index * size : (index + 1) * size],
            aad=_bind(manifest, message_id, index),
            tag=FINAL if index == count - 1 else MESSAGE,
        )
        identifier = bytes.fromhex(manifest["attachment_id"])
        objects.append(encode(["TRM1-chunk", identifier, index, sealed]))
    return objects


def open_file(chunks: Sequence[Chunk], manifest: dict[str, Any], message_id: bytes) -> bytes:
    """Open a file out of all its chunks, in their order."""
    for index, chunk in enumerate(chunks):
        if index >= manifest["chunk_count"] or chunk.index != index:
            raise RejectedError("forged", "not the chunk of this place")
        check_chunk(chunk, manifest)
    if len(chunks) != manifest["chunk_count"]:
        raise RejectedError("unopenable", "a chunk is missing")
    stream = _begin(manifest)
    padded, last = b"", len(chunks) - 1
    whole = compute_padme(manifest["size"])
    for index, chunk in enumerate(chunks):
        tag, piece = stream.pull(chunk.ciphertext, aad=_bind(manifest, message_id, index))
        if tag != (FINAL if index == last else MESSAGE):
            raise RejectedError("unopenable", "another tag than the one for its place")
        if len(piece) != min(manifest["chunk_size"], whole - len(padded)):
            raise malformed("a piece of another length")
        padded += piece
    content = padded[: manifest["size"]]
    if len(padded) != whole or any(padded[manifest["size"] :]):
        raise malformed("another padding")
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise RejectedError("forged", "not the file that the manifest names")
    return content
