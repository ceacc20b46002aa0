"""Ed25519 as SPEC section 4 narrows it, around the verification of ``cryptography`` (OpenSSL).

OpenSSL checks the equation without cofactor, S < L, and R as bytes. Canonical keys and small
order are ours to check: a point is named by its y, and few y belong to points of small order.
"""

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.minireader.rejection import RejectedError, malformed

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def _find_root(square: int) -> int | None:
    """Find a square root modulo p (RFC 8032 section 5.1.3), None if there is none."""
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == square % P:
            return candidate
    return None


def _find_small_order() -> frozenset[int]:
    """Find the y of all eight points of small order.

    Orders 1, 2 and 4 have y = 1, -1 and 0. A point of order 8 doubles to y = 0, so x² = -y²,
    and the curve leaves d y⁴ + 2 y² - 1 = 0.
    """
    found = {1, P - 1, 0}
    middle = _find_root((1 + D) % P)
    if middle is not None:
        for sign in (1, -1):
            root = _find_root((sign * middle - 1) * pow(D, -1, P) % P)
            if root is not None:
                found |= {root, P - root}
    return frozenset(found)


SMALL_ORDER_Y = _find_small_order()


def _is_small_order(encoded: bytes) -> bool:
    return (int.from_bytes(encoded, "little") & (2**255 - 1)) % P in SMALL_ORDER_Y


def make_statement(context: str, *parts: bytes) -> bytes:
    """Make the signing statement over parts in a context."""
    hashes = b"".join(hashlib.sha256(part).digest() for part in parts)
    return b"TRM1\0" + context.encode("ascii") + b"\0" + hashes


def verify_ed25519(public: bytes, statement: bytes, signature: bytes) -> None:
    """Verify a signature over a statement, with one answer only."""
    if len(public) != 32:
        raise malformed("a public key has 32 bytes")
    if len(signature) != 64:
        raise RejectedError("forged", "a signature has 64 bytes")
    if (int.from_bytes(public, "little") & (2**255 - 1)) >= P or _is_small_order(public):
        raise RejectedError("forged", "a public key in another spelling, or of small order")
    if _is_small_order(signature[:32]) or int.from_bytes(signature[32:], "little") >= L:
        raise RejectedError("forged", "R of small order, or S not below L")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError) as error:
        raise RejectedError("forged", "the signature does not match") from error
