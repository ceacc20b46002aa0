"""Sets of chunks as bytes: bit i, most significant first, stands in byte i // 8."""

from collections.abc import Iterable


def make_full(count: int) -> bytes:
    """Return the set of all indices below ``count``."""
    return set_bits(bytes(-(-count // 8)), range(count))


def has_bit(bits: bytes, index: int) -> bool:
    """Whether ``index`` is in the set; one beyond its length is not."""
    return index // 8 < len(bits) and bool(bits[index // 8] & (0x80 >> index % 8))


def set_bits(bits: bytes, indices: Iterable[int]) -> bytes:
    """Return the set with ``indices``, which must lie within its length."""
    changed = bytearray(bits)
    for index in indices:
        changed[index // 8] |= 0x80 >> index % 8
    return bytes(changed)


def clear_bits(bits: bytes, indices: Iterable[int]) -> bytes:
    """Return the set without ``indices``."""
    changed = bytearray(bits)
    for index in indices:
        if index // 8 < len(changed):
            changed[index // 8] &= ~(0x80 >> index % 8) & 0xFF
    return bytes(changed)


def list_bits(bits: bytes) -> list[int]:
    """Return the indices in the set, ascending."""
    return [index for index in range(8 * len(bits)) if has_bit(bits, index)]


def count_bits(bits: bytes) -> int:
    """Return how many indices are in the set."""
    return int.from_bytes(bits).bit_count()
