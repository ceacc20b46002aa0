"""Signatures that are wrong in one chosen way each, and some that are right.

The kinds of faults follow project Wycheproof (C2SP) and Chalkias, Garillot and Nikolaenko, "Taming
the many EdDSAs" (2020); keys, messages and signatures are our own. Everything is made anew from
the seeds here, always the same.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from protocol.signing import Context, SigningKey
from tests.support.edwards import (
    BASE,
    NEUTRAL,
    L,
    P,
    Point,
    challenge,
    join,
    list_torsion,
    read_scalar,
)

SEED: Final = bytes(range(32))
KEY: Final = SigningKey(SEED)
PARTS: Final = (b"consignment", b'{"a": 1}')
STATEMENT: Final = b"TRM1\x00payload\x00" + b"".join(sha256(part).digest() for part in PARTS)
SIGNATURE: Final = KEY.sign(Context.PAYLOAD, *PARTS)
_R: Final = SIGNATURE[:32]
_S: Final = int.from_bytes(SIGNATURE[32:], "little")

Vector = dict[str, Any]


def _case(comment: str, signature: bytes, *, result: str = "forged", **changes: Any) -> Vector:
    fields: dict[str, Any] = {
        "comment": comment,
        "public": KEY.verify_key.public,
        "context": Context.PAYLOAD.value,
        "parts": list(PARTS),
        "signature": signature,
    }
    return fields | changes | {"result": result}


def make_signature_vectors() -> Iterator[Vector]:
    """Yield all cases."""
    yield from _plain()
    yield from _scalars()
    yield from _small_order_keys()
    yield from _small_order_commitments()
    yield from _mixed_order()


def _plain() -> Iterator[Vector]:
    other = SigningKey(b"\x01" * 32)
    yield _case("a signature as it should be", SIGNATURE, result="valid")
    empty = KEY.sign(Context.PAYLOAD, b"", b"")
    yield _case("two empty parts", empty, parts=[b"", b""], result="valid")
    yield _case("no part at all", KEY.sign(Context.PAYLOAD), parts=[], result="valid")
    yield _case("the parts in another order", SIGNATURE, parts=list(reversed(PARTS)))
    moved = [PARTS[0] + PARTS[1][:1], PARTS[1][1:]]
    yield _case("the boundary between the parts moved by a byte", SIGNATURE, parts=moved)
    yield _case("both parts in one", SIGNATURE, parts=[b"".join(PARTS)])
    yield _case("a part more, empty", SIGNATURE, parts=[*PARTS, b""])
    yield _case("another payload", SIGNATURE, parts=[PARTS[0], b'{"a": 2}'])
    context = Context.EVIDENCE_BUNDLE
    yield _case("made for another kind of object", KEY.sign(context, *PARTS))
    yield _case("presented as another kind of object", SIGNATURE, context=context.value)
    yield _case("over the bare parts, without a statement", KEY.sign_raw(b"".join(PARTS)))
    yield _case("by another key", other.sign(Context.PAYLOAD, *PARTS))
    yield _case("under another key", SIGNATURE, public=other.verify_key.public)
    for length in (0, 1, 31, 32, 63):
        yield _case(f"cut to {length} bytes", SIGNATURE[:length])
    yield _case("a zero byte more", SIGNATURE + b"\x00")
    yield _case("twice", SIGNATURE * 2)
    yield _case("signature and message, as some libraries join them", SIGNATURE + STATEMENT)
    yield _case("halves exchanged", SIGNATURE[32:] + SIGNATURE[:32])
    yield _case("bytes of each half reversed", _R[::-1] + SIGNATURE[32:][::-1])
    yield _case("zeros", bytes(64))
    yield _case("ones", b"\xff" * 64)
    for position in (0, 7, 100, 255, 256, 300, 503, 504, 507, 508, 509, 510, 511):
        changed = bytearray(SIGNATURE)
        changed[position // 8] ^= 1 << position % 8
        yield _case(f"bit {position} changed", bytes(changed))
    for length in (0, 31, 33, 64):
        public = (KEY.verify_key.public * 2)[:length]
        yield _case(f"a public key of {length} bytes", SIGNATURE, public=public, result="malformed")


def _scalars() -> Iterator[Vector]:
    for factor in (1, 2, 7, 14):
        yield _case(f"S + {factor} L, the same number to a lax verifier", join(_R, _S + factor * L))
    for comment, scalar in {
        "S = 0": 0, "S = 1": 1, "S = L": L, "S = L - 1": L - 1, "S = L + 1": L + 1,
        "S negated": L - _S, "S = 2^252": 2**252, "S = 2^255 - 1": 2**255 - 1,
        "S = 2^256 - 1": 2**256 - 1, "S with its highest bit set": _S | 1 << 255,
    }.items():  # fmt: skip
        yield _case(comment, join(_R, scalar))


def _spellings(point: Point) -> Iterator[tuple[str, bytes]]:
    """Yield the canonical encoding of a point and those that a lax decoder reads as the same."""
    sign = point.x & 1
    for what, y in (("", point.y), (", y + p", point.y + P)):
        if y < 2**255:
            yield (
                f"canonical{what}" if not what else f"not canonical{what}",
                ((y | sign << 255).to_bytes(32, "little")),
            )
            if point.x == 0:
                yield (
                    f"not canonical, x = 0 with its sign set{what}",
                    ((y | 1 << 255).to_bytes(32, "little")),
                )


def _small_order_keys() -> Iterator[Vector]:
    """Yield keys of small order under which somebody without a secret makes a good equation."""
    for order, point in _list_small():
        for spelling, public in _spellings(point):
            r = 1
            while True:  # one try in ``order`` has a challenge that makes the key vanish
                commitment = BASE.times(r)
                answered = challenge(commitment.encode(), public, STATEMENT)
                if point.times(answered) == NEUTRAL:
                    break
                r += 1
            yield _case(
                f"public key of order {order}, {spelling}: anybody signs for it",
                join(commitment.encode(), r),
                public=public,
            )


def _small_order_commitments() -> Iterator[Vector]:
    """Yield commitments of small order, answered by the holder of the key."""
    secret, public = read_scalar(SEED), KEY.verify_key.public
    for order, point in _list_small():
        for spelling, r in _spellings(point):
            answer = challenge(r, public, STATEMENT) * secret % L
            yield _case(f"R of order {order}, {spelling}: S answers it", join(r, answer))


def _mixed_order() -> Iterator[Vector]:
    """Yield keys and commitments with a part of small order: cofactored verifiers disagree here."""
    secret = read_scalar(SEED)
    twist = list_torsion()[1]
    commitment = BASE.times(5) + twist
    r, public = commitment.encode(), KEY.verify_key.public
    answer = (5 + challenge(r, public, STATEMENT) * secret) % L
    yield _case("R with a part of order 8: only the cofactored equation holds", join(r, answer))
    mixed = (BASE.times(secret % L) + twist).encode()
    for nonce in range(1, 200):
        r = BASE.times(nonce).encode()
        answered = challenge(r, mixed, STATEMENT)
        answer = (nonce + answered * secret) % L
        if answered % 8 == 1:
            yield _case(
                "public key with a part of order 8: only the cofactored equation holds",
                join(r, answer),
                public=mixed,
            )
            break
    for nonce in range(1, 200):
        r = BASE.times(nonce).encode()
        answered = challenge(r, mixed, STATEMENT)
        answer = (nonce + answered * secret) % L
        if answered % 8 == 0:
            yield _case(
                "public key with a part of order 8: both equations hold; only its holder can do it",
                join(r, answer),
                public=mixed,
                result="valid",
            )
            break


def _list_small() -> Iterator[tuple[str, Point]]:
    for number, point in enumerate(list_torsion()):
        order = next(n for n in (1, 2, 4, 8) if point.times(n) == NEUTRAL)
        yield f"{order} (point {number})", point
