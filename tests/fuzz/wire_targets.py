"""Targets: the objects that cross the broker, from CBOR to the opened envelope."""

from collections.abc import Iterable
from functools import cache
from typing import Final

import cbor2
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from protocol.cbor import decode_array, encode_array
from protocol.envelope import Consignment, Envelope, SignedPayload, encode_info
from protocol.errors import RemoteProtocolError
from protocol.padding import padme_length
from protocol.sealing import MLKEM_PUBLIC_BYTES, OpeningKey, RecipientKey, pad, unpad
from protocol.suites import SUITE_HYBRID
from tests.fuzz.target import Target, require
from tests.support.messages import SIGNING_KEY, make_signed

REFUSALS: Final = (RemoteProtocolError,)
OPENING_KEY: Final = OpeningKey(bytes(range(96)))
SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
PAYLOADS: Final = (b"", b"{}", b'{"a": "' + b"x" * 300 + b'"}')


def check_cbor(data: bytes) -> None:
    """Read an array: another decoder reads it alike, and both write it as the same bytes."""
    items = decode_array(data[1:], length=data[0] % 8 if data else 0)
    require(held=cbor2.loads(data[1:]) == items, what="another decoder reads something else")
    require(held=cbor2.dumps(items, canonical=True) == data[1:], what="not the canonical form")
    require(held=encode_array(items) == data[1:], what="it is written as other bytes")


def check_consignment(data: bytes) -> None:
    """Read a consignment: it is written as the same bytes."""
    require(held=Consignment.parse(data).encode() == data, what="it has a second encoding")


def check_signed_payload(data: bytes) -> None:
    """Read a signed payload: it is written as the same bytes; only the sender's verifies."""
    signed = SignedPayload.parse(data)
    require(held=signed.encode() == data, what="it has a second encoding")
    require(held=signed.consignment.encode() == signed.consignment_bytes, what="the same, inside")
    signed.verify(SIGNING_KEY.verify_key)
    require(held=data in _signed_payloads(), what="a signature that nobody made verifies")


def check_envelope(data: bytes) -> None:
    """Read an envelope: it is written as the same bytes."""
    require(held=Envelope.parse(data).encode() == data, what="it has a second encoding")


def check_altered_envelope(data: bytes) -> None:
    """Open what resembles a sealed envelope: nothing opens but what was sealed."""
    OPENING_KEY.open(Envelope.parse(data)).verify(SIGNING_KEY.verify_key)
    require(held=data in set(seal_payloads()), what="an altered envelope opens and verifies")


def check_padding(data: bytes) -> None:
    """Take padding off: put on again it is the same bytes, and has a Padmé length."""
    content = unpad(data)
    require(held=pad(content) == data, what="it has a second padding")
    require(held=padme_length(len(data)) == len(data), what="its length is no Padmé length")


def check_sealed_content(data: bytes) -> None:
    """Let a peer seal anything at all for us: it is a signed payload or refused."""
    recipient = OPENING_KEY.recipient_key
    consignment = make_signed(b"").consignment_bytes
    info = encode_info(consignment, suite=SUITE_HYBRID, recipient_key_id=recipient.key_id)
    envelope = Envelope(
        consignment, SUITE_HYBRID, recipient.key_id, SUITE.encrypt(data, _load(recipient), info)
    )
    signed = OPENING_KEY.open(Envelope.parse(envelope.encode()))
    require(held=signed.consignment_bytes == consignment, what="it names other parties inside")
    require(held=pad(signed.encode()) == data, what="the sealed content has a second form")


@cache
def _load(key: RecipientKey) -> MLKEM768X25519PublicKey:
    """Load the key as the library wants it, away from the code under test."""
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(key.public[:MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(key.public[MLKEM_PUBLIC_BYTES:]),
    )


@cache
def _signed_payloads() -> frozenset[bytes]:
    return frozenset(make_signed(payload).encode() for payload in PAYLOADS)


@cache
def seal_payloads() -> tuple[bytes, ...]:
    """Seal the payloads once: sealing is random, and a seed is an input like any other."""
    seal = OPENING_KEY.recipient_key.seal
    return tuple(seal(make_signed(payload)).encode() for payload in PAYLOADS)


def _cbor_seeds() -> Iterable[bytes]:
    objects = (make_signed(b"").consignment_bytes, *sorted(_signed_payloads()))
    return (*(b"\x05" + each for each in objects), b"\x01\x81\x00", b"\x04\x84\x00\x40\x60\x18\x18")


WIRE_TARGETS: Final = (
    Target("cbor", check_cbor, _cbor_seeds, REFUSALS, longest=600),
    Target(
        "consignment",
        check_consignment,
        lambda: [make_signed(b"").consignment_bytes],
        REFUSALS,
        longest=200,
    ),
    Target(
        "signed_payload",
        check_signed_payload,
        lambda: sorted(_signed_payloads()),
        REFUSALS,
        longest=1_000,
    ),
    Target("envelope", check_envelope, seal_payloads, REFUSALS),
    Target("altered_envelope", check_altered_envelope, seal_payloads, REFUSALS),
    Target(
        "padding",
        check_padding,
        lambda: [pad(b"x" * length) for length in (0, 1, 5, 9, 100, 600)],
        REFUSALS,
        longest=1_000,
    ),
    Target(
        "sealed_content",
        check_sealed_content,
        lambda: [pad(each) for each in sorted(_signed_payloads())],
        REFUSALS,
        longest=1_000,
    ),
)
