"""Attachments: chunks, manifests, sealing with a key and header that are given, opening."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
    crypto_secretstream_xchacha20poly1305_TAG_PUSH,
)
from pydantic import ValidationError

from protocol.attachment import (
    Assembly,
    AttachmentSealer,
    Chunk,
    choose_chunk_size,
    open_attachment,
    seal_again,
)
from protocol.cbor import encode_array
from protocol.errors import MalformedError
from protocol.identifiers import MessageId
from protocol.messages.attachments import AttachmentManifest, FileDescription
from protocol.messages.fields import Sensitivity
from tests.support.vectors.consignments import MESSAGE_ID
from tests.support.vectors.family import Family, Json, Operation, VectorError

_Given = Mapping[str, Any]

_KEY: Final = bytes(range(32))
_HEADER: Final = bytes(range(24))
_ID: Final = bytes(range(16))
_OTHER_MESSAGE: Final = "f" * 32
_SIZES: Final = {"one byte": 1, "nine bytes": 9, "8193 bytes": 8193, "20000 bytes": 20_000}


def make_content(size: int) -> bytes:
    """Return the content of a file of this size: byte number i is i mod 251."""
    return bytes(number % 251 for number in range(size))


def _read_manifest(fields: Mapping[str, Any]) -> AttachmentManifest:
    try:
        return AttachmentManifest.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise MalformedError("This is no manifest.") from error


def _manifest(data: _Given, _: _Given) -> str:
    _read_manifest(data["manifest"])
    return "accepted"


def _read_chunk(data: _Given, _: _Given) -> Json:
    chunk = Chunk.parse(bytes.fromhex(data["chunk"]))
    return {
        "attachment_id": chunk.attachment_id,
        "index": chunk.index,
        "ciphertext_sha256": chunk.digest.hex(),
    }


def _chunk_size(data: _Given, _: _Given) -> int:
    return choose_chunk_size(max_envelope_bytes=data["max_envelope_bytes"])


def _seal(data: _Given, given: _Given) -> list[str]:
    """Seal a file again whose manifest is given: key and header are in it."""
    manifest = _read_manifest(given["files"][data["file"]]["manifest"])
    chunks = seal_again(
        manifest,
        [make_content(manifest.size)],
        message_id=MessageId(given["message_id"]),
        wanted=range(manifest.chunk_count),
    )
    return [hashlib.sha256(chunk.encode()).hexdigest() for chunk in chunks]


def _load_chunks(names: Iterable[str], given: _Given) -> list[Chunk]:
    return [Chunk.parse(bytes.fromhex(given["chunks"][name])) for name in names]


def _accept(data: _Given, given: _Given) -> str:
    manifest = _read_manifest(given["files"][data["file"]]["manifest"])
    assembly = Assembly(manifest, held=data["held"])
    return assembly.accept(_load_chunks([data["chunk"]], given)[0]).value


def _open(data: _Given, given: _Given) -> Json:
    fields = given["files"][data["file"]]["manifest"] | data.get("changes", {})
    manifest = _read_manifest(fields)
    content = b"".join(
        open_attachment(
            manifest,
            _load_chunks(data["chunks"], given),
            message_id=MessageId(data["message_id"]),
        )
    )
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


class _GivenParts:
    """Hands out, instead of chance, the identifier, the key, and the header of the vectors."""

    def __init__(self) -> None:
        self._parts = iter((_ID, _KEY, _HEADER))

    def __call__(self, size: int) -> bytes:
        part = next(self._parts)
        if len(part) != size:
            raise VectorError("Sealing draws something else than identifier, key, and header.")
        return part


def _describe(size: int) -> FileDescription:
    return FileDescription(
        name="letter.pdf",
        media_type="application/pdf",
        sensitivity=Sensitivity.IDENTITY,
        size=size,
    )


def _seal_file(size: int) -> tuple[Json, list[bytes]]:
    """Return the manifest and the chunks of a file."""
    sealer = AttachmentSealer(
        _describe(size), message_id=MessageId(MESSAGE_ID), chunk_size=8192, random=_GivenParts()
    )
    chunks = [chunk.encode() for chunk in sealer.seal([make_content(size)])]
    manifest: Json = json.loads(sealer.make_manifest().model_dump_json())
    return manifest, chunks


def _seal_wrongly(
    pieces: Sequence[bytes], *, tags: Sequence[int], indexes: Sequence[int] | None = None
) -> tuple[Json, list[bytes]]:
    """Seal pieces with any tags and places; the manifest announces just these chunks."""
    state = crypto_secretstream_xchacha20poly1305_state()
    crypto_secretstream_xchacha20poly1305_init_pull(state, _HEADER, _KEY)
    chunks, digests, message_id = [], [], bytes.fromhex(MESSAGE_ID)
    for place, (piece, tag) in enumerate(zip(pieces, tags, strict=True)):
        bound = place if indexes is None else indexes[place]
        aad = encode_array(["TRM1-chunk", message_id, _ID, bound, len(pieces)])
        sealed = crypto_secretstream_xchacha20poly1305_push(state, piece, aad, tag)
        chunks.append(encode_array(["TRM1-chunk", _ID, place, sealed]))
        digests.append(hashlib.sha256(sealed).digest())
    manifest, _ = _seal_file(9 if len(pieces) == 1 else 8193)
    changed = manifest | {"chunk_sha256": base64.b64encode(b"".join(digests)).decode()}
    return changed, chunks


_MESSAGE_TAG: Final = crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL_TAG: Final = crypto_secretstream_xchacha20poly1305_TAG_FINAL
_PUSH_TAG: Final = crypto_secretstream_xchacha20poly1305_TAG_PUSH


def _list_wrong_files() -> Iterator[tuple[str, tuple[Json, list[bytes]], str]]:
    nine = make_content(9)
    long = make_content(8193).ljust(8704, b"\x00")
    first, second = long[:8192], long[8192:]
    both = (_MESSAGE_TAG, _FINAL_TAG)
    yield "padding that is not zero", _seal_wrongly([nine + b"\x01"], tags=[3]), "malformed"
    yield "no padding", _seal_wrongly([nine], tags=[3]), "malformed"
    yield "a byte more of padding", _seal_wrongly([nine + bytes(2)], tags=[3]), "malformed"
    yield "the last piece without FINAL", _seal_wrongly([nine + b"\x00"], tags=[0]), "unopenable"
    yield "the tag PUSH", _seal_wrongly([nine + b"\x00"], tags=[_PUSH_TAG]), "unopenable"
    early = _seal_wrongly([first, second], tags=(_FINAL_TAG, _FINAL_TAG))
    yield "FINAL before the last piece", early, "unopenable"
    swapped = _seal_wrongly([first, second], tags=both, indexes=(1, 0))
    yield "pieces bound to other places", swapped, "unopenable"
    uneven = _seal_wrongly([long[:8000], long[8000:]], tags=both)
    yield "pieces of other lengths", uneven, "malformed"


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="attachments",
        description="Files beside a message. The content of every file is made by a rule: byte "
        "number i, from 0, is i mod 251. Chunk objects are hexadecimal and stand in `given` under "
        "names; manifests stand there as the JSON objects that they are. The protocol has no "
        "rejection codes for chunks and files: only that something is refused counts here, not "
        "the code.",
        spec=("13",),
        operations={
            "manifest": Operation('Check a manifest by itself; "accepted".', _manifest),
            "chunk_size": Operation(
                "The chunk size for a recipient that takes objects of this size.", _chunk_size
            ),
            "read_chunk": Operation("Read a chunk object; what it holds.", _read_chunk),
            "seal": Operation(
                "Seal the file of this name for the message of `given`, with identifier, key and "
                "header of its manifest; the SHA-256 of each chunk object.",
                _seal,
            ),
            "accept": Operation(
                "Take in a chunk for the file of this name, of which the chunks at the places "
                "`held` are here; new or known.",
                _accept,
            ),
            "open": Operation(
                "Open the file of this name, its manifest changed as said, out of chunk objects, "
                "as one that came with the message `message_id`; size and SHA-256 of its content.",
                _open,
            ),
        },
        given={"message_id": MESSAGE_ID, "files": {}, "chunks": {}},
    )
    for name, size in _SIZES.items():
        _add_file(family, name, _seal_file(size))
    for name, sealed, error in _list_wrong_files():
        _add_wrong_file(family, name, sealed, error)
    _add_bad_openings(family)
    _add_chunks(family)
    _add_manifests(family)
    for most, size in {
        1_000_000: 524_288,
        524_369: 524_288,
        524_288: 262_144,
        16_384: 8192,
    }.items():
        data = {"max_envelope_bytes": most}
        family.good(f"chunk_size: for {most} bytes", "chunk_size", data, expected=size)
    return [family]


def _give(family: Family, name: str, sealed: tuple[Json, list[bytes]]) -> list[str]:
    manifest, chunks = sealed
    family.given["files"][name] = {"manifest": manifest}
    names = [f"{name}, {number}" for number in range(len(chunks))]
    family.given["chunks"] |= {each: chunk.hex() for each, chunk in zip(names, chunks, strict=True)}
    return names


def _add_file(family: Family, name: str, sealed: tuple[Json, list[bytes]]) -> None:
    names = _give(family, name, sealed)
    content = make_content(_SIZES[name])
    family.good(f"seal: {name}", "seal", {"file": name})
    opened = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    data = {"file": name, "message_id": MESSAGE_ID, "chunks": names}
    family.good(f"open: {name}", "open", data, expected=opened)
    family.good(f"manifest: {name}", "manifest", {"manifest": sealed[0]}, expected="accepted")
    for chunk in names:
        family.good(f"read_chunk: {chunk}", "read_chunk", {"chunk": family.given["chunks"][chunk]})
        taken = {"file": name, "held": [], "chunk": chunk}
        family.good(f"accept: {chunk}", "accept", taken, expected="new")


def _add_wrong_file(
    family: Family, name: str, sealed: tuple[Json, list[bytes]], error: str
) -> None:
    data = {"file": name, "message_id": MESSAGE_ID, "chunks": _give(family, name, sealed)}
    family.bad(f"open: {name}", "open", data, error=error)


def _add_bad_openings(family: Family) -> None:
    three = [f"20000 bytes, {number}" for number in range(3)]
    good = {"file": "20000 bytes", "message_id": MESSAGE_ID, "chunks": three}
    for name, changes, error in (
        ("for another message", {"message_id": _OTHER_MESSAGE}, "unopenable"),
        ("the last chunk is missing", {"chunks": three[:2]}, "unopenable"),
        ("no chunks", {"chunks": []}, "unopenable"),
        ("a chunk in the middle is missing", {"chunks": [three[0], three[2]]}, "forged"),
        ("chunks out of order", {"chunks": [three[1], three[0], three[2]]}, "forged"),
        ("a chunk twice", {"chunks": [three[0], *three]}, "forged"),
        ("a chunk of another file", {"chunks": ["8193 bytes, 0", *three[1:]]}, "forged"),
        ("another key", {"changes": {"key": base64.b64encode(bytes(32)).decode()}}, "unopenable"),
        (
            "another header",
            {"changes": {"header": base64.b64encode(bytes(24)).decode()}},
            "unopenable",
        ),
        ("another digest of the file", {"changes": {"sha256": "0" * 64}}, "forged"),
        ("a size a byte less", {"changes": {"size": 19_999}}, "malformed"),
    ):
        family.bad(f"open: {name}", "open", good | changes, error=error)


def _add_chunks(family: Family) -> None:
    known = {"file": "20000 bytes", "held": [0, 2], "chunk": "20000 bytes, 2"}
    family.good("accept: one that is here", "accept", known, expected="known")
    other = {"file": "20000 bytes", "held": [], "chunk": "8193 bytes, 0"}
    family.bad("accept: another content at its place", "accept", other, error="forged")
    plain = bytes.fromhex(family.given["chunks"]["nine bytes, 0"])
    sealed = plain[-27:]
    family.given["chunks"] |= {
        "nine bytes, changed": (plain[:-1] + bytes([plain[-1] ^ 1])).hex(),
        "nine bytes, as number 1": encode_array(["TRM1-chunk", _ID, 1, sealed]).hex(),
        "nine bytes, of another file": encode_array(["TRM1-chunk", bytes(16), 0, sealed]).hex(),
    }
    for chunk, error in {
        "nine bytes, changed": "forged",
        "nine bytes, as number 1": "forged",
        "nine bytes, of another file": "misaddressed",
    }.items():
        data = {"file": "nine bytes", "held": [], "chunk": chunk}
        family.bad(f"accept: {chunk}", "accept", data, error=error)
    for name, encoded in {
        "nothing": b"",
        "another magic": encode_array(["TRM1", _ID, 0, sealed]),
        "an identifier of 15 bytes": encode_array(["TRM1-chunk", bytes(15), 0, sealed]),
        "place 1024": encode_array(["TRM1-chunk", _ID, 1024, sealed]),
        "a place as text": encode_array(["TRM1-chunk", _ID, "0", sealed]),
        "no ciphertext": encode_array(["TRM1-chunk", _ID, 0, b""]),
        "a ciphertext of nothing": encode_array(["TRM1-chunk", _ID, 0, bytes(17)]),
        "an item less": encode_array(["TRM1-chunk", _ID, 0]),
        "a byte behind": plain + b"\x00",
        "cut by a byte": plain[:-1],
    }.items():
        data = {"chunk": encoded.hex()}
        family.bad(f"read_chunk: {name}", "read_chunk", data, error="malformed")


def _add_manifests(family: Family) -> None:
    good = family.given["files"]["20000 bytes"]["manifest"]
    for name, changes in {
        "a name with dots inside": {"name": "letter.of.march.pdf"},
        "a name in another script": {"name": "писмо.pdf"},
        "a name of 255 bytes": {"name": "x" * 251 + ".pdf"},
        "another class": {"sensitivity": "health"},
    }.items():
        data = {"manifest": good | changes}
        family.good(f"manifest: {name}", "manifest", data, expected="accepted")
    wrong: Mapping[str, Json] = {
        "an empty name": {"name": ""},
        "a name with a path": {"name": "../letter.pdf"},
        "a name with a backslash": {"name": "a\\b.pdf"},
        "a name with a colon": {"name": "c:letter.pdf"},
        "a name that begins with a full stop": {"name": ".letter"},
        "a name that ends with a full stop": {"name": "letter.pdf."},
        "a name with a zero-width character": {"name": "letter\u200b.pdf"},
        "a name that turns the reading order": {"name": "letter\u202efdp.exe"},
        "a name with a line separator": {"name": "letter\u2028.pdf"},
        "a name of 256 bytes": {"name": "x" * 252 + ".pdf"},
        "a media type in capital letters": {"media_type": "Application/PDF"},
        "a media type without a subtype": {"media_type": "application"},
        "a class that is none": {"sensitivity": "secret"},
        "an empty file": {"size": 0},
        "a file that is too large": {"size": 104_857_601},
        "a chunk size that is no power of two": {"chunk_size": 8193},
        "a chunk size that is too small": {"chunk_size": 4096, "chunk_count": 5},
        "a chunk size that is too large": {"chunk_size": 1_048_576, "chunk_count": 1},
        "a chunk more than fits the size": {"chunk_count": 4},
        "a digest of a chunk less": {"chunk_sha256": good["chunk_sha256"][:-44]},
        "digests in hexadecimal": {"chunk_sha256": "ab" * 96},
        "a key of 31 bytes": {"key": base64.b64encode(bytes(31)).decode()},
        "a key without padding": {"key": good["key"].rstrip("=")},
        "a key with bits to spare": {"key": good["key"][:-2] + "9="},
        "a header of 23 bytes": {"header": base64.b64encode(bytes(23)).decode()},
        "a digest in capital letters": {"sha256": "AB" * 32},
        "an identifier of 31 characters": {"attachment_id": "0" * 31},
        "a field too many": {"note": "x"},
    }
    for name, changes in wrong.items():
        data = {"manifest": good | changes}
        family.bad(f"manifest: {name}", "manifest", data, error="malformed")
    for field in good:
        data = {"manifest": {name: value for name, value in good.items() if name != field}}
        family.bad(f"manifest: without {field}", "manifest", data, error="malformed")
