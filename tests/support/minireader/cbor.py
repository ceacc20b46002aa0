"""Deterministic CBOR of SPEC section 1: decode with cbor2, encode again, compare.

cbor2 reads what RFC 8949 allows. What it would not itself write in its canonical mode
(RFC 8949 section 4.2.1: shortest numbers, definite lengths, nothing behind) is refused.
"""

from typing import Any

import cbor2

from tests.support.minireader.rejection import RejectedError, malformed

UINT64_MOST = 2**64 - 1


def decode_array(encoded: bytes) -> list[Any]:
    """Decode one array in deterministic encoding; anything else is ``malformed``."""
    try:
        value = cbor2.loads(encoded)
        again = encode(value)
    except Exception as error:  # whatever the library says of foreign bytes means the same
        raise malformed("no deterministic CBOR") from error
    if again != encoded or not isinstance(value, list):
        raise malformed("no array in deterministic CBOR")
    return value


def encode(value: object) -> bytes:
    """Encode deterministically."""
    return bytes(cbor2.dumps(value, canonical=True))


def take_bytes(value: object, *, size: int | None = None) -> bytes:
    """Require a byte string, of one size if a size is given."""
    if not isinstance(value, bytes) or (size is not None and len(value) != size):
        raise malformed("no byte string of its size")
    return value


def take_uint(value: object, *, most: int = UINT64_MOST) -> int:
    """Require an unsigned number up to ``most``; true and false are no numbers."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise malformed("no number within its bounds")
    return value


def take_fields(encoded: bytes, *, count: int) -> list[Any]:
    """Require an array of exactly ``count`` items."""
    items = decode_array(encoded)
    if len(items) != count:
        raise malformed("another number of items")
    return items


def require_version(value: object, *, spoken: int, most: int = UINT64_MOST) -> None:
    """Refuse another version or suite as ``unsupported``, and what is none as ``malformed``."""
    if take_uint(value, most=most) != spoken:
        raise RejectedError("unsupported", "a version or suite that is not spoken")
