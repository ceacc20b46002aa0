"""Recipient keys and envelopes that are wrong in one chosen way each, and some that are right.

The kinds of faults follow project Wycheproof (C2SP) for X25519 and ML-KEM, FIPS 203 section 7.2,
and RFC 7748 section 6.1. Sealing is random: what was sealed once is kept in the file, under
``sealed``, and every case is made of that anew, always the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PublicKey,
    Suite,
)

from protocol.cbor import encode_array
from protocol.envelope import Envelope, SignedPayload, encode_info
from protocol.padding import padme_length
from protocol.sealing import MLKEM_PUBLIC_BYTES, OpeningKey
from protocol.suites import SUITE_HYBRID
from tests.support.messages import make_signed

Vector = dict[str, Any]

PRIVATE: Final = bytes(range(96))
KEY: Final = OpeningKey(PRIVATE)
OTHER: Final = OpeningKey(bytes(range(96, 192)))
PUBLIC: Final = KEY.recipient_key.public
SIGNED: Final = make_signed(b'{"a": 1}')
CONSIGNMENT: Final = SIGNED.consignment_bytes
INFO: Final = encode_info(
    CONSIGNMENT, suite=SUITE_HYBRID, recipient_key_id=KEY.recipient_key.key_id
)
_Q: Final = 3329
_P: Final = 2**255 - 19
_KEM_BYTES: Final = 1088
_ENC_BYTES: Final = 1120

_ORDER_8: Final = (
    0xB8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)

#: Points of X25519 with which nothing can be shared (RFC 7748 section 6.1), the encodings above p
#: and those with the unused bit set included.
LOW_ORDER: Final[Mapping[str, bytes]] = {
    name: value.to_bytes(32, "little")
    for name, value in {
        "0": 0,
        "1": 1,
        "order 8, one": _ORDER_8[0],
        "order 8, other": _ORDER_8[1],
        "p - 1": _P - 1,
        "p": _P,
        "p + 1": _P + 1,
        "0 with the unused bit": 1 << 255,
        "1 with the unused bit": 1 | 1 << 255,
        "p - 1 with the unused bit": (_P - 1) | 1 << 255,
    }.items()
}  # fmt: skip


def _set_coefficient(public: bytes, index: int, value: int) -> bytes:
    """Put one 12-bit coefficient into an encapsulation key (FIPS 203, ByteEncode of 12 bits)."""
    bits = int.from_bytes(public[:MLKEM_PUBLIC_BYTES], "little")
    at = 12 * index
    bits = bits & ~(0xFFF << at) | value << at
    return bits.to_bytes(MLKEM_PUBLIC_BYTES, "little") + public[MLKEM_PUBLIC_BYTES:]


def make_key_vectors() -> Iterator[Vector]:
    """Yield recipient keys, some of which nothing can be sealed for."""

    def case(comment: str, public: bytes, result: str = "malformed") -> Vector:
        return {"comment": comment, "public": public, "result": result}

    mlkem, x25519 = PUBLIC[:MLKEM_PUBLIC_BYTES], PUBLIC[MLKEM_PUBLIC_BYTES:]
    yield case("a key as it should be", PUBLIC, "valid")
    yield case("a coefficient at its most, q - 1", _set_coefficient(PUBLIC, 0, _Q - 1), "valid")
    for index in (0, 1, 255, 256, 500, 766, 767):
        for value in (_Q, _Q + 1, 4095):
            changed = _set_coefficient(PUBLIC, index, value)
            yield case(f"coefficient {index} is {value}, not below q", changed)
    for length in (0, 31, 32, 64, 1183, 1184, 1215):
        yield case(f"cut to {length} bytes", PUBLIC[:length])
    yield case("a byte more", PUBLIC + b"\x00")
    yield case("twice", PUBLIC * 2)
    yield case("the halves exchanged", x25519 + mlkem)
    yield case("zeros", bytes(len(PUBLIC)))
    yield case("ones", b"\xff" * len(PUBLIC))
    yield case("the private key instead", PRIVATE)
    for name, point in LOW_ORDER.items():
        yield case(f"X25519 part of low order: {name}", mlkem + point)
    above = (9 + _P).to_bytes(32, "little")
    yield case("X25519 part 9 written as p + 9: RFC 7748 reads it as 9", mlkem + above, "valid")
    bit = x25519[:31] + bytes([x25519[31] | 0x80])
    yield case("X25519 part with its unused bit set: RFC 7748 ignores it", mlkem + bit, "valid")


def _frame(
    content: bytes, *, length: int | None = None, fill: bytes = b"\x00", more: int = 0
) -> bytes:
    framed = (len(content) if length is None else length).to_bytes(4, "big") + content
    return framed.ljust(padme_length(len(framed)) + more, fill)


def _describe_sealed() -> Iterator[tuple[str, bytes, Suite, bytes]]:
    """Yield what is sealed: a name, the content, the suite, the info."""
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    signed = SIGNED.encode()
    for name, content in {
        "good": _frame(signed),
        "no padding": signed,
        "empty": b"",
        "three bytes": b"\x00\x00\x00",
        "length one more": _frame(signed, length=len(signed) + 1),
        "length one less": _frame(signed, length=len(signed) - 1),
        "length 2^32 - 1": _frame(signed, length=2**32 - 1),
        "padding of ones": _frame(signed, fill=b"\x01"),
        "padding one longer": _frame(signed, more=1),
        "no payload": _frame(b""),
        "garbage": _frame(b"\xff" * 100),
        "an envelope": _frame(b"\x85\x64TRM1" + signed[13:]),
        "a byte after it": _frame(signed + b"\x00"),
        "other parties": _frame(_readdress(SIGNED).encode()),
    }.items():
        yield name, content, suite, INFO
    good = _frame(signed)
    yield "AES-256-GCM", good, Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM), INFO
    yield (
        "HKDF-SHA512", good,
        Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.CHACHA20_POLY1305), INFO,
    )  # fmt: skip
    yield "no info", good, suite, b""
    yield (
        "info of suite 2",
        good,
        suite,
        encode_array(["TRM1", CONSIGNMENT, 2, bytes.fromhex(KEY.key_id)]),
    )
    yield (
        "info of another key",
        good,
        suite,
        encode_info(CONSIGNMENT, suite=SUITE_HYBRID, recipient_key_id=OTHER.key_id),
    )


def _readdress(signed: SignedPayload) -> SignedPayload:
    changed = signed.consignment_bytes.replace(b"XK", b"MK")
    return SignedPayload(changed, signed.payload, signed.signer, signed.signature)


def seal_all() -> dict[str, bytes]:
    """Seal everything that the cases need, with new randomness."""
    public = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(PUBLIC[:MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(PUBLIC[MLKEM_PUBLIC_BYTES:]),
    )
    sealed = {
        name: suite.encrypt(content, public, info=info)
        for name, content, suite, info in _describe_sealed()
    }
    bare = X25519PublicKey.from_public_bytes(PUBLIC[MLKEM_PUBLIC_BYTES:])
    classical = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    sealed["X25519 alone"] = classical.encrypt(_frame(SIGNED.encode()), bare, info=INFO)
    return sealed


def _write(
    sealed: bytes, *, suite: int = 1, key: str = KEY.key_id, consignment: bytes = CONSIGNMENT
) -> bytes:
    return encode_array(["TRM1", consignment, suite, bytes.fromhex(key), sealed])


_CONTENT_RESULTS: Final[Mapping[str, str]] = {
    "good": "valid",
    "other parties": "misaddressed",
    "AES-256-GCM": "unopenable",
    "HKDF-SHA512": "unopenable",
    "X25519 alone": "unopenable",
    "no info": "unopenable",
    "info of suite 2": "unopenable",
    "info of another key": "unopenable",
}


def make_envelope_vectors(sealed: Mapping[str, bytes]) -> Iterator[Vector]:
    """Yield envelopes, one of which opens."""

    def case(comment: str, envelope: bytes, result: str = "unopenable", **changes: Any) -> Vector:
        return {
            "comment": comment,
            "private": PRIVATE,
            "envelope": envelope,
            **changes,
            "result": result,
        }

    for name, blob in sealed.items():
        yield case(f"sealed content: {name}", _write(blob), _CONTENT_RESULTS.get(name, "malformed"))
    good = sealed["good"]
    yield case("opened with another key", _write(good), private=OTHER.private)
    half = PRIVATE[:64] + OTHER.private[64:]
    yield case("opened with another X25519 half", _write(good), private=half)
    yield case(
        "opened with another ML-KEM half", _write(good), private=OTHER.private[:64] + PRIVATE[64:]
    )
    yield from (case(*each) for each in _clear_parts(good))
    yield from (case(*each) for each in _sealed_parts(good))


def _clear_parts(good: bytes) -> Iterator[tuple[str, bytes, str]]:
    parties = CONSIGNMENT.replace(b"XK", b"MK")
    yield "another recipient in the clear part", _write(good, consignment=parties), "unopenable"
    sender = CONSIGNMENT.replace(b"bAL", b"bBA")
    yield "another sender in the clear part", _write(good, consignment=sender), "unopenable"
    later = CONSIGNMENT[:-1] + bytes([CONSIGNMENT[-1] ^ 1])
    yield "another expiry in the clear part", _write(good, consignment=later), "unopenable"
    version = CONSIGNMENT[:1] + b"\x02" + CONSIGNMENT[2:]
    yield "version 2 of the consignment", _write(good, consignment=version), "unsupported"
    yield "another key named", _write(good, key=OTHER.key_id), "unopenable"
    for suite in (0, 2, 23, 24, 255, 256, 65_535):
        yield f"suite {suite}", _write(good, suite=suite), "unsupported"
    yield "suite 65536", _write(good, suite=65_536), "malformed"
    yield (
        "another magic",
        encode_array(["TRM2", CONSIGNMENT, 1, bytes.fromhex(KEY.key_id), good]),
        "malformed",
    )
    envelope = _write(good)
    yield "a byte after it", envelope + b"\x00", "malformed"
    yield "cut by a byte", envelope[:-1], "malformed"
    yield "an open-ended array", b"\x9f" + envelope[1:] + b"\xff", "malformed"
    yield "a tag in front", b"\xd9\xd9\xf7" + envelope, "malformed"
    long_suite = envelope.index(CONSIGNMENT) + len(CONSIGNMENT)
    longer = envelope[:long_suite] + b"\x18\x01" + envelope[long_suite + 1 :]
    yield "suite 1 in two bytes", longer, "malformed"


def _sealed_parts(good: bytes) -> Iterator[tuple[str, bytes, str]]:
    places = {
        "first byte of the ML-KEM ciphertext": 0,
        "last byte of the ML-KEM ciphertext": _KEM_BYTES - 1,
        "first byte of the X25519 share": _KEM_BYTES,
        "last byte of the X25519 share": _ENC_BYTES - 1,
        "first byte of the content": _ENC_BYTES,
        "last byte of the content": len(good) - 17,
        "first byte of the tag": len(good) - 16,
        "last byte of the tag": len(good) - 1,
    }
    for name, at in places.items():
        for mask in (0x01, 0x80):
            changed = good[:at] + bytes([good[at] ^ mask]) + good[at + 1 :]
            yield f"{name}, bit mask {mask:#04x}", _write(changed), "unopenable"
    for length in (0, 1, _KEM_BYTES, _ENC_BYTES - 1, _ENC_BYTES, _ENC_BYTES + 15, _ENC_BYTES + 16):
        yield f"sealed part cut to {length} bytes", _write(good[:length]), "unopenable"
    yield "a byte more in the sealed part", _write(good + b"\x00"), "unopenable"
    yield "sealed part of zeros", _write(bytes(len(good))), "unopenable"
    rest = good[_ENC_BYTES:]
    yield "ML-KEM ciphertext of zeros", _write(bytes(_KEM_BYTES) + good[_KEM_BYTES:]), "unopenable"
    for name, point in LOW_ORDER.items():
        share = good[:_KEM_BYTES] + point + rest
        yield f"X25519 share of low order: {name}", _write(share), "unopenable"
    yield (
        "the two parts of the key exchange in the other order",
        _write(good[_KEM_BYTES:_ENC_BYTES] + good[:_KEM_BYTES] + rest),
        "unopenable",
    )


def open_vector(vector: Mapping[str, Any]) -> SignedPayload:
    """Do what a recipient does with the envelope of a case."""
    return OpeningKey(vector["private"]).open(Envelope.parse(vector["envelope"]))
