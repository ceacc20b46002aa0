"""The curve of Ed25519 in plain integers (RFC 8032 section 5.1), to make what no library makes.

Slow, and not safe for real secrets: it serves signatures that are wrong in one chosen way.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Self

P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, P) % P
_ROOT: Final = pow(2, (P - 1) // 4, P)


@dataclass(frozen=True, slots=True)
class Point:
    """A point in affine coordinates."""

    x: int
    y: int

    def __add__(self, other: Self) -> "Point":
        product = _D * self.x * other.x * self.y * other.y
        return Point(
            (self.x * other.y + other.x * self.y) * pow(1 + product, -1, P) % P,
            (self.y * other.y + self.x * other.x) * pow(1 - product, -1, P) % P,
        )

    def __neg__(self) -> "Point":
        return Point(-self.x % P, self.y)

    def times(self, factor: int) -> "Point":
        """Add the point to itself so many times."""
        result, doubled = NEUTRAL, Point(self.x, self.y)
        while factor:
            if factor & 1:
                result = result + doubled
            doubled, factor = doubled + doubled, factor >> 1
        return result

    def encode(self) -> bytes:
        """Write the canonical 32 bytes."""
        return (self.y | (self.x & 1) << 255).to_bytes(32, "little")


NEUTRAL: Final = Point(0, 1)


def find_point(y: int, *, odd: bool = False) -> Point | None:
    """Return the point with this ``y`` and an odd or even ``x``, or None if there is none."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * _ROOT % P
    if x * x % P != square or (x == 0 and odd):
        return None
    return Point(x if x & 1 == odd else P - x, y)


def _find_base() -> Point:
    base = find_point(4 * pow(5, -1, P) % P)
    if base is None:
        raise ValueError("The base point of Ed25519 is on the curve.")
    return base


BASE: Final = _find_base()


def list_torsion() -> list[Point]:
    """List the eight points of small order, the neutral one first."""
    y = 2
    while True:
        point = find_point(y)
        seed = point.times(L) if point is not None else NEUTRAL
        if seed.times(4) != NEUTRAL:
            return [seed.times(factor) for factor in range(8)]
        y += 1


def read_scalar(seed: bytes) -> int:
    """Return the secret scalar of a seed (RFC 8032 section 5.1.5)."""
    digest = bytearray(hashlib.sha512(seed).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    return int.from_bytes(digest, "little")


def challenge(r: bytes, public: bytes, message: bytes) -> int:
    """Return the scalar that a signature must answer."""
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L


def join(r: bytes, s: int) -> bytes:
    """Write a signature."""
    return r + s.to_bytes(32, "little")
