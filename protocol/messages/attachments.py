"""What a message says of a file that travels beside it (SPEC section 10).

The manifest is part of the signed payload. It pins every byte: the digest of the file, and the
digest of each encrypted chunk, so a chunk is accepted or refused as it arrives, from whoever put it
into the mailbox. The file's key is here and nowhere else.
"""

import base64
import binascii
import unicodedata
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from protocol.limits import LIMITS
from protocol.messages.fields import (
    DigestField,
    Line,
    MessageIdField,
    Sensitivity,
    StatedClass,
)
from protocol.padding import padme_length

KEY_BYTES: Final = 32
HEADER_BYTES: Final = 24
DIGEST_BYTES: Final = 32
SMALLEST_CHUNK: Final = 8192
"""Fits the smallest envelope that a node may demand (16 384 bytes)."""

_NAME_BYTES: Final = 255  # what common file systems take
_NOT_IN_NAMES: Final = frozenset('/\\:*?"<>|')
_BASE64_DIGESTS: Final = (LIMITS.chunks * DIGEST_BYTES + 2) // 3 * 4


def _check_name(name: str) -> str:
    if _NOT_IN_NAMES & set(name) or name.startswith(".") or name.endswith("."):
        raise ValueError(
            'A file name holds no path, none of the characters / \\ : * ? " < > |, and neither '
            "begins nor ends with a full stop: rename the file."
        )
    # Format characters are invisible: they can hide what kind of file it is (invoice.exe.pdf).
    if any(unicodedata.category(character) in {"Cf", "Zl", "Zp"} for character in name):
        raise ValueError("The file name holds an invisible character: rename the file.")
    if len(name.encode()) > _NAME_BYTES:
        raise ValueError(f"A file name has at most {_NAME_BYTES} bytes: rename the file.")
    return name


FileName = Annotated[Line, AfterValidator(_check_name)]
"""A name to show. A recipient never uses it as a path: it stores files under names of its own."""

MediaType = Annotated[
    str,
    Field(
        max_length=127,
        pattern=r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$",
    ),
]
"""RFC 6838 section 4.2, lower case. The sender's word: a recipient looks for itself."""


def read_base64(text: str) -> bytes:
    """Read base64 (RFC 4648 section 4) in its one form; raises ``ValueError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("This is not base64.") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("This base64 has bits to spare.")
    return data


def _check_base64(text: str, *, length: int) -> str:
    if len(read_base64(text)) != length:
        raise ValueError(f"Here stand {length} bytes in base64.")
    return text


def _check_key(text: str) -> str:
    return _check_base64(text, length=KEY_BYTES)


def _check_header(text: str) -> str:
    return _check_base64(text, length=HEADER_BYTES)


def count_chunks(size: int, *, chunk_size: int) -> int:
    """Return how many chunks a file of ``size`` bytes makes, its padding included."""
    return -(-padme_length(size) // chunk_size)


class FileDescription(StatedClass):
    """What people say of a file."""

    name: Annotated[FileName, Sensitivity.NONE]
    media_type: Annotated[MediaType, Sensitivity.NONE]
    #: Bytes of the file. What travels is longer: padded, and a tag in each chunk.
    size: Annotated[int, Field(ge=1, le=LIMITS.attachment), Sensitivity.NONE]


class AttachmentManifest(FileDescription):
    """A file that belongs to a message, and what is needed to fetch, check and open it.

    Rules: the chunk size is a power of two; the count of chunks fits size and chunk size, and
    ``chunk_sha256`` holds one digest for each.
    """

    attachment_id: Annotated[MessageIdField, Sensitivity.NONE]
    #: Plain bytes in each chunk but the last; a power of two.
    chunk_size: Annotated[int, Field(ge=SMALLEST_CHUNK, le=LIMITS.chunk), Sensitivity.NONE]
    chunk_count: Annotated[int, Field(ge=1, le=LIMITS.chunks), Sensitivity.NONE]
    #: Of the file, without padding.
    sha256: Annotated[DigestField, Sensitivity.NONE]
    #: The digests of all encrypted chunks, 32 bytes each, one after another, in base64.
    chunk_sha256: Annotated[str, Field(max_length=_BASE64_DIGESTS, repr=False), Sensitivity.NONE]
    key: Annotated[
        str, Field(max_length=44, repr=False), AfterValidator(_check_key), Sensitivity.NONE
    ]
    header: Annotated[
        str, Field(max_length=32, repr=False), AfterValidator(_check_header), Sensitivity.NONE
    ]

    @model_validator(mode="after")
    def _verify_counts(self) -> Self:
        if self.chunk_size & (self.chunk_size - 1):
            raise ValueError("A chunk size is a power of two.")
        if self.chunk_count != count_chunks(self.size, chunk_size=self.chunk_size):
            raise ValueError("The number of chunks does not fit the size of the file.")
        _check_base64(self.chunk_sha256, length=self.chunk_count * DIGEST_BYTES)
        return self

    @property
    def chunk_digests(self) -> tuple[bytes, ...]:
        """The SHA-256 of each encrypted chunk, in order."""
        data = read_base64(self.chunk_sha256)
        return tuple(data[at : at + DIGEST_BYTES] for at in range(0, len(data), DIGEST_BYTES))

    @property
    def key_bytes(self) -> bytes:
        """The 32 raw bytes."""
        return read_base64(self.key)

    @property
    def header_bytes(self) -> bytes:
        """The 24 raw bytes."""
        return read_base64(self.header)
