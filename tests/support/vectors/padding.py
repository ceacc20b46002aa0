"""Padmé lengths and the padding inside a sealed object."""

from collections.abc import Mapping
from typing import Any, Final

from protocol.padding import padme_length
from protocol.sealing import pad, unpad
from tests.support.vectors.family import Family, Operation

_Given = Mapping[str, Any]


def _padme(data: _Given, _: _Given) -> int:
    return padme_length(data["length"])


def _pad(data: _Given, _: _Given) -> str:
    return pad(bytes.fromhex(data["content"])).hex()


def _unpad(data: _Given, _: _Given) -> str:
    return unpad(bytes.fromhex(data["padded"])).hex()


_PADME: Final = {
    0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 10, 10: 10, 11: 12, 15: 16, 16: 16,
    17: 18, 31: 32, 32: 32, 33: 36, 63: 64, 65: 72, 100: 104, 127: 128, 129: 144, 255: 256,
    256: 256, 257: 272, 1000: 1024, 5000: 5120, 65_535: 65_536, 65_537: 67_584,
    850_000: 851_968, 1_000_000: 1_015_808, 2**32 - 1: 2**32, 2**32 + 1: 2**32 + 2**26,
}  # fmt: skip


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="padding",
        description="Padm\u00e9 lengths, and the padding inside a sealed object. Bytes are "
        "hexadecimal.",
        spec=("5",),
        operations={
            "padme": Operation("The Padm\u00e9 length of a length.", _padme),
            "pad": Operation("Length, content, zeros; the padded bytes.", _pad),
            "unpad": Operation("Undo that; the content.", _unpad),
        },
    )
    for length, padded in _PADME.items():
        family.good(f"padme: {length}", "padme", {"length": length}, expected=padded)
    for length in (0, 1, 4, 5, 12, 28, 29, 60, 61, 100, 123, 125, 252, 253, 300):
        content = bytes(each % 251 for each in range(length))
        padded_content = pad(content)
        data = {"content": content.hex()}
        family.good(f"pad: {length} bytes", "pad", data, expected=padded_content.hex())
        undone = {"padded": padded_content.hex()}
        family.good(f"unpad: {length} bytes", "unpad", undone, expected=content.hex())
    good = pad(b"x" * 61)
    undone = {"padded": (bytes([0, 0, 0, 62]) + good[4:]).hex()}
    longer = (b"x" * 61 + b"\x00").hex()
    family.good("unpad: content that ends in a zero", "unpad", undone, expected=longer)
    for name, bad in {
        "nothing": b"",
        "three bytes": bytes(3),
        "cut by a byte": good[:-1],
        "a byte more": good + b"\x00",
        "to the next length": good.ljust(80, b"\x00"),
        "to a power of two": good.ljust(128, b"\x00"),
        "not padded at all": good[:65],
        "the last byte is not zero": good[:-1] + b"\x01",
        "the first byte of the padding is not zero": good[:65] + b"\x80" + good[66:],
        "a length one too small": bytes([0, 0, 0, 60]) + good[4:],
        "a length that needs more padding": bytes([0, 0, 0, 69]) + good[4:],
        "a length beyond the end": b"\xff\xff\xff\xff" + good[4:],
        "a length in little-endian": bytes([61, 0, 0, 0]) + good[4:],
    }.items():
        family.bad(f"unpad: {name}", "unpad", {"padded": bad.hex()}, error="malformed")
    return [family]
