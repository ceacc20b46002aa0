"""A recipient's steps 1 to 8 (SPEC section 8.2), before it looks what it already has."""

import datetime as dt
from dataclasses import dataclass

from tests.support.minireader.envelope import (
    Consignment,
    SignedPayload,
    open_envelope,
    read_envelope,
    verify_signed_payload,
)
from tests.support.minireader.keys import derive_key_id
from tests.support.minireader.payload import Message, read_message
from tests.support.minireader.rejection import RejectedError, malformed


@dataclass(frozen=True, slots=True)
class Listed:
    """What the registry has of a Participant: its broker account, its signing keys."""

    account: str
    signing_keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Recipient:
    """The one who takes an envelope in: its code, its private key, the registry it knows."""

    participant: str
    private_key: bytes
    registry: dict[str, Listed]


def _find_sender(recipient: Recipient, account: str) -> str:
    for code, listed in recipient.registry.items():
        if listed.account == account:
            return code
    raise RejectedError("unknown_sender", "no Participant has this account")


def _verify(signed: SignedPayload, listed: Listed) -> None:
    for public in listed.signing_keys:
        if derive_key_id(public) == signed.signer_key_id:
            verify_signed_payload(signed, public)
            return
    raise RejectedError("unknown_sender", "the registry lists no such signing key")


def _compare(message: Message, consignment: Consignment) -> None:
    fields = message.fields
    named = (fields["message_id"], fields["sender"], fields["recipient"])
    if named != (consignment.message_id.hex(), consignment.sender, consignment.recipient):
        raise RejectedError("misaddressed", "payload and consignment name different parties")


def receive(
    encoded: bytes, recipient: Recipient, *, account: str, travel_class: str, now: dt.datetime
) -> tuple[Message, SignedPayload]:
    """Take an envelope in; the first step that fails decides the code."""
    envelope = read_envelope(encoded)
    sender = _find_sender(recipient, account)
    if (envelope.consignment.recipient, envelope.consignment.sender) != (
        recipient.participant,
        sender,
    ):
        raise RejectedError("misaddressed", "for somebody else, or not from whom it travelled as")
    signed = open_envelope(envelope, recipient.private_key)
    _verify(signed, recipient.registry[sender])
    if now.timestamp() > signed.consignment.expires_at:
        raise RejectedError("expired", "came after its expiry")
    message = read_message(signed.payload)
    _compare(message, signed.consignment)
    by_type = "r" if message.fields["type"].startswith("system.") else "m"
    if travel_class not in {by_type, "l"}:
        raise malformed("travelled in the wrong class")
    return message, signed
