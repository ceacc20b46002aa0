"""The objects that cross the broker, as bytes and back (SPEC sections 3 to 5).

Everything here is deterministic CBOR (RFC 8949 section 4.2.1): arrays of fixed length holding text,
byte strings and unsigned integers. A decoder accepts exactly the bytes that the encoder would make
of what it read, so that no object has two encodings.

::

    consignment    = [1, message id (16 bytes), sender, recipient, expires at (seconds since 1970)]
    signed payload = ["TRM1-signed", consignment, payload, signer key id (16 bytes), signature]
    envelope       = ["TRM1", consignment, suite, recipient key id (16 bytes), sealed]
    sealing info   = ["TRM1", consignment, suite, recipient key id (16 bytes)]

The signature covers consignment and payload and not the recipient's key: a message sealed again
for a newer key keeps its signature, its digest, and with them its evidence. The recipient's key is
bound by the sealing instead, whose ``info`` is the clear part of the envelope.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Self

from protocol.cbor import Item, decode_array, encode_array
from protocol.errors import (
    ForgedError,
    LocalProtocolError,
    MalformedError,
    MisaddressedError,
    UnsupportedError,
)
from protocol.identifiers import (
    MessageId,
    ParticipantCode,
    parse_participant_code,
)
from protocol.limits import LIMITS
from protocol.signing import SIGNATURE_BYTES, Context, KeyId, SigningKey, VerifyKey
from protocol.suites import LARGEST_SUITE, SUITES

PROTOCOL_VERSION: Final = 1

_MAGIC: Final = "TRM1"
_SIGNED_MAGIC: Final = "TRM1-signed"
_ID_BYTES: Final = 16
_CONSIGNMENTS_AT_HAND: Final = 32
_LATEST_INSTANT: Final = 253_402_300_799  # the last second of the year 9999


def _decode(data: bytes, *, what: str, length: int) -> list[Item]:
    if len(data) > LIMITS.envelope:
        raise MalformedError(
            f"The {what} has {len(data)} bytes; the limit is {LIMITS.envelope}. Send large content "
            "as an attachment."
        )
    try:
        return decode_array(data, length=length)
    except MalformedError as error:
        raise MalformedError(f"This is no {what}: {error}") from error


def _bytes(item: Item, *, what: str, length: int | None = None) -> bytes:
    if not isinstance(item, bytes) or (length is not None and len(item) != length):
        raise MalformedError(f"The {what} is not a byte string of the right length.")
    return item


def _text(item: Item, *, what: str) -> str:
    if not isinstance(item, str):
        raise MalformedError(f"The {what} is not text.")
    return item


def _unsigned(item: Item, *, what: str, most: int) -> int:
    if not isinstance(item, int) or item > most:
        raise MalformedError(f"The {what} is not a number between 0 and {most}.")
    return item


@dataclass(frozen=True, slots=True)
class Consignment:
    """What is signed beside the payload and visible on the envelope."""

    message_id: MessageId
    sender: ParticipantCode
    recipient: ParticipantCode
    #: A recipient never shows the message after this moment (UTC, whole seconds).
    expires_at: datetime

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        if self.expires_at.tzinfo is None or self.expires_at.microsecond:
            raise LocalProtocolError("expires_at is in UTC and whole seconds.")
        return encode_array(
            [
                PROTOCOL_VERSION,
                bytes.fromhex(self.message_id),
                self.sender,
                self.recipient,
                int(self.expires_at.timestamp()),
            ]
        )

    @staticmethod
    def parse(data: bytes) -> "Consignment":
        """Read a consignment; raises ``MalformedError`` or ``UnsupportedError``."""
        return _read_consignment(data)


# One message is read through its envelope, its signed payload and the properties of both, and each
# asks for the same consignment. What is refused is not kept, so only short ones are.
@lru_cache(_CONSIGNMENTS_AT_HAND)
def _read_consignment(data: bytes) -> Consignment:
    version, message_id, sender, recipient, expires = _decode(data, what="consignment", length=5)
    spoken = _unsigned(version, what="version", most=0xFFFF)
    if spoken != PROTOCOL_VERSION:
        raise UnsupportedError(
            f"Protocol version {spoken} is not spoken here: this node needs an update."
        )
    return Consignment(
        message_id=MessageId(_bytes(message_id, what="message id", length=_ID_BYTES).hex()),
        sender=parse_participant_code(_text(sender, what="sender")),
        recipient=parse_participant_code(_text(recipient, what="recipient")),
        expires_at=datetime.fromtimestamp(
            _unsigned(expires, what="expiry", most=_LATEST_INSTANT), tz=UTC
        ),
    )


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """A payload with its signature: verifies alone, offline, years later.

    ``consignment_bytes`` and ``payload`` are kept as received: what is verified and hashed is never
    a re-serialization.
    """

    consignment_bytes: bytes
    payload: bytes
    signer: KeyId
    signature: bytes

    @classmethod
    def sign(cls, payload: bytes, *, consignment: Consignment, key: SigningKey) -> Self:
        """Sign ``payload`` for ``consignment`` with the sender's key."""
        if len(payload) > LIMITS.payload:
            raise LocalProtocolError(
                f"The message has {len(payload)} bytes; the limit is {LIMITS.payload}. Shorten its "
                "texts or attach them as a file."
            )
        header = consignment.encode()
        return cls(
            consignment_bytes=header,
            payload=payload,
            signer=key.key_id,
            signature=key.sign(Context.PAYLOAD, header, payload),
        )

    @property
    def consignment(self) -> Consignment:
        """The parsed consignment."""
        return Consignment.parse(self.consignment_bytes)

    @property
    def digest(self) -> str:
        """SHA-256 of the payload bytes, in hex: what receipts and links name."""
        return hashlib.sha256(self.payload).hexdigest()

    def verify(self, key: VerifyKey) -> None:
        """Raise :class:`~protocol.errors.ForgedError` unless ``key`` signed exactly this."""
        if key.key_id != self.signer:
            raise ForgedError(
                "The message names another signing key than the one it is checked by."
            )
        key.verify(Context.PAYLOAD, self.consignment_bytes, self.payload, signature=self.signature)

    def encode(self) -> bytes:
        """Deterministic CBOR."""
        return encode_array(
            [
                _SIGNED_MAGIC,
                self.consignment_bytes,
                self.payload,
                bytes.fromhex(self.signer),
                self.signature,
            ]
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signed payload; the signature is *not* yet checked: call :meth:`verify`."""
        magic, consignment, payload, signer, signature = _decode(
            data, what="signed payload", length=5
        )
        if magic != _SIGNED_MAGIC:
            raise MalformedError("This is not a signed payload of TRM1.")
        consignment_bytes = _bytes(consignment, what="consignment")
        Consignment.parse(consignment_bytes)
        return cls(
            consignment_bytes=consignment_bytes,
            payload=_bytes(payload, what="payload"),
            signer=KeyId(_bytes(signer, what="signer key id", length=_ID_BYTES).hex()),
            signature=_bytes(signature, what="signature", length=SIGNATURE_BYTES),
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the broker carries: a clear consignment and the sealed signed payload."""

    consignment_bytes: bytes
    suite: int
    recipient_key_id: KeyId
    sealed: bytes

    @property
    def consignment(self) -> Consignment:
        """The parsed consignment."""
        return Consignment.parse(self.consignment_bytes)

    @property
    def info(self) -> bytes:
        """Everything in the clear, as the sealing binds it."""
        return encode_info(
            self.consignment_bytes, suite=self.suite, recipient_key_id=self.recipient_key_id
        )

    def encode(self) -> bytes:
        """Deterministic CBOR; raises ``LocalProtocolError`` if it would not pass the broker."""
        data = encode_array(
            [
                _MAGIC,
                self.consignment_bytes,
                self.suite,
                bytes.fromhex(self.recipient_key_id),
                self.sealed,
            ]
        )
        if len(data) > LIMITS.envelope:
            raise LocalProtocolError(f"An envelope has at most {LIMITS.envelope} bytes.")
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an envelope; raises ``MalformedError`` or ``UnsupportedError``."""
        magic, consignment, suite, recipient_key, sealed = _decode(data, what="envelope", length=5)
        if magic != _MAGIC:
            raise MalformedError("This is not an envelope of TRM1.")
        consignment_bytes = _bytes(consignment, what="consignment")
        Consignment.parse(consignment_bytes)
        used = _unsigned(suite, what="suite", most=LARGEST_SUITE)
        SUITES.verify_spoken(used)
        return cls(
            consignment_bytes=consignment_bytes,
            suite=used,
            recipient_key_id=KeyId(
                _bytes(recipient_key, what="recipient key id", length=_ID_BYTES).hex()
            ),
            sealed=_bytes(sealed, what="sealed part"),
        )


def encode_info(consignment_bytes: bytes, *, suite: int, recipient_key_id: KeyId) -> bytes:
    """Return the ``info`` of the sealing (RFC 9180 section 5.1): the clear part of the envelope."""
    return encode_array([_MAGIC, consignment_bytes, suite, bytes.fromhex(recipient_key_id)])


def verify_same_consignment(envelope: Envelope, signed: SignedPayload) -> None:
    """Refuse an envelope whose clear part is not what its sender signed.

    Without this a recipient of a message could seal it again, as it stands, for a third party.
    """
    if envelope.consignment_bytes != signed.consignment_bytes:
        raise MisaddressedError(
            "The envelope and the signed message inside name different parties."
        )
