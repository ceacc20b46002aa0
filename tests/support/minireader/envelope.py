"""Consignment, signed payload and envelope: SPEC sections 3 to 5."""

import re
from dataclasses import dataclass

from tests.support.minireader.cbor import (
    encode,
    require_version,
    take_bytes,
    take_fields,
    take_uint,
)
from tests.support.minireader.keys import derive_key_id
from tests.support.minireader.padding import unpad
from tests.support.minireader.rejection import RejectedError, malformed
from tests.support.minireader.sealing import derive_public, open_sealed
from tests.support.minireader.signature import make_statement, verify_ed25519

PARTICIPANT = re.compile(r"[A-Z][A-Z0-9]{1,7}", re.ASCII)
LAST_MOMENT = 253_402_300_799
ENVELOPE_MOST = 1_000_000
PAYLOAD_MOST = 850_000
UINT16_MOST = 65_535


@dataclass(frozen=True, slots=True)
class Consignment:
    """Who sends which message to whom, and until when (seconds since 1970) it is good."""

    message_id: bytes
    sender: str
    recipient: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """A payload with its signature; ``consignment_bytes`` as they were signed."""

    consignment_bytes: bytes
    consignment: Consignment
    payload: bytes
    signer_key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels: the consignment in clear, and a sealed part for one key."""

    consignment_bytes: bytes
    consignment: Consignment
    recipient_key_id: bytes
    sealed: bytes


def _take_participant(value: object) -> str:
    if not isinstance(value, str) or not PARTICIPANT.fullmatch(value):
        raise malformed("no Participant code")
    return value


def read_consignment(encoded: bytes) -> Consignment:
    """Read a consignment; its length is judged before its version, the rest behind it."""
    version, message_id, sender, recipient, expires_at = take_fields(encoded, count=5)
    require_version(version, spoken=1, most=UINT16_MOST)
    return Consignment(
        message_id=take_bytes(message_id, size=16),
        sender=_take_participant(sender),
        recipient=_take_participant(recipient),
        expires_at=take_uint(expires_at, most=LAST_MOMENT),
    )


def read_signed_payload(encoded: bytes) -> SignedPayload:
    """Read a signed payload without verifying it."""
    magic, consignment, payload, key_id, signature = take_fields(encoded, count=5)
    if magic != "TRM1-signed":
        raise malformed("no signed payload")
    if len(take_bytes(payload)) > PAYLOAD_MOST:
        raise malformed("the payload is too long")
    return SignedPayload(
        consignment_bytes=take_bytes(consignment),
        consignment=read_consignment(take_bytes(consignment)),
        payload=payload,
        signer_key_id=take_bytes(key_id, size=16),
        signature=take_bytes(signature, size=64),
    )


def verify_signed_payload(signed: SignedPayload, public: bytes) -> None:
    """Verify with the sender's key out of the registry."""
    if derive_key_id(public) != signed.signer_key_id:
        raise RejectedError("forged", "signed with another key than the one that it names")
    statement = make_statement("payload", signed.consignment_bytes, signed.payload)
    verify_ed25519(public, statement, signed.signature)


def read_envelope(encoded: bytes) -> Envelope:
    """Read an envelope without opening it."""
    if len(encoded) > ENVELOPE_MOST:
        raise malformed("the envelope is too long")
    magic, consignment, suite, key_id, sealed = take_fields(encoded, count=5)
    if magic != "TRM1":
        raise malformed("no envelope")
    require_version(suite, spoken=1, most=UINT16_MOST)
    return Envelope(
        consignment_bytes=take_bytes(consignment),
        consignment=read_consignment(take_bytes(consignment)),
        recipient_key_id=take_bytes(key_id, size=16),
        sealed=take_bytes(sealed),
    )


def make_info(consignment: bytes, recipient_key_id: bytes) -> bytes:
    """Make the sealing-info of suite 1."""
    return encode(["TRM1", consignment, 1, recipient_key_id])


def open_with(envelope: Envelope, private: bytes) -> SignedPayload:
    """Open an envelope with a key, whatever key it names, and compare both consignments."""
    info = make_info(envelope.consignment_bytes, envelope.recipient_key_id)
    signed = read_signed_payload(unpad(open_sealed(private, sealed=envelope.sealed, info=info)))
    if signed.consignment_bytes != envelope.consignment_bytes:
        raise RejectedError("misaddressed", "outside and inside name different parties")
    return signed


def open_envelope(envelope: Envelope, private: bytes) -> SignedPayload:
    """Open an envelope with the key that it names."""
    if derive_key_id(derive_public(private)) != envelope.recipient_key_id:
        raise RejectedError("unopenable", "sealed for another key")
    return open_with(envelope, private)
