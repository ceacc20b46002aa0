"""The little CBOR that the wire needs, strictly (RFC 8949 section 4.2.1).

Our objects are flat arrays of unsigned integers, byte strings, and texts; what nests, nests as a
byte string. A general decoder also knows tags, floats, maps, references, and big numbers, and each
of these is work that an unauthenticated sender can make us do. This one knows nothing else than
what we write, reads every byte once, and accepts exactly the bytes that :func:`encode_array` makes.
"""

from collections.abc import Sequence
from typing import Final

from protocol.errors import LocalProtocolError, MalformedError

Item = int | bytes | str

_UNSIGNED: Final = 0
_BYTES: Final = 2
_TEXT: Final = 3
_ARRAY: Final = 4

_INLINE: Final = 24  # an argument below this stands in the first byte
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LARGEST: Final = (1 << 64) - 1


def _encode_head(major: int, argument: int) -> bytes:
    if argument < _INLINE:
        return bytes([major << 5 | argument])
    for info, width in _WIDTHS.items():
        if argument < 1 << (8 * width):
            return bytes([major << 5 | info]) + argument.to_bytes(width, "big")
    raise LocalProtocolError("A number on the wire has at most 64 bits.")


def encode_array(items: Sequence[Item]) -> bytes:
    """Write a flat array in the one form that it has."""
    parts = [_encode_head(_ARRAY, len(items))]
    for item in items:
        if isinstance(item, bytes):
            parts += (_encode_head(_BYTES, len(item)), item)
        elif isinstance(item, str):
            text = item.encode()
            parts += (_encode_head(_TEXT, len(text)), text)
        elif 0 <= item <= _LARGEST:
            parts.append(_encode_head(_UNSIGNED, item))
        else:
            raise LocalProtocolError("A number on the wire is not negative and has 64 bits.")
    return b"".join(parts)


def _decode_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Return major type, argument, and where the content begins."""
    if at >= len(data):
        raise MalformedError("The object ends too early: it was cut.")
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info < _INLINE:
        return major, info, at
    width = _WIDTHS.get(info)
    if width is None or at + width > len(data):
        raise MalformedError("The object holds a length that cannot be: it was cut or altered.")
    argument = int.from_bytes(data[at : at + width], "big")
    shortest = _INLINE if width == 1 else 1 << (4 * width)
    if argument < shortest:
        raise MalformedError("The object is not in its one shortest form.")
    return major, argument, at + width


def decode_array(data: bytes, *, length: int) -> list[Item]:
    """Read a flat array of ``length`` items; raises ``MalformedError`` for anything else."""
    major, count, at = _decode_head(data, 0)
    if (major, count) != (_ARRAY, length):
        raise MalformedError(f"This is not an array of {length} items.")
    items: list[Item] = []
    for _ in range(length):
        major, argument, at = _decode_head(data, at)
        if major == _UNSIGNED:
            items.append(argument)
            continue
        if major not in {_BYTES, _TEXT} or argument > len(data) - at:
            raise MalformedError("The array holds something else than numbers, bytes, and texts.")
        content = data[at : at + argument]
        at += argument
        items.append(content if major == _BYTES else _decode_text(content))
    if at != len(data):
        raise MalformedError("Something follows the array: the object was altered.")
    return items


def _decode_text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("The array holds a text that is not UTF-8.") from error
