"""Sealing a signed payload for one recipient (SPEC section 5).

HPKE (RFC 9180) in base mode with the hybrid KEM ML-KEM-768+X25519 (X-Wing combiner as published for
HPKE in draft-ietf-hpke-pq), HKDF-SHA256 and ChaCha20-Poly1305, all from ``cryptography``. Base mode
says nothing about the sender on purpose: the signature inside does.

The plaintext is the signed payload, its length in front, zero-filled to a Padmé length (Nikitin and
others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019,
section 4), so that a ciphertext tells at most a few bits of the length.
"""

from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from protocol.envelope import (
    SUITE_HYBRID,
    Envelope,
    SignedPayload,
    encode_info,
    verify_same_consignment,
)
from protocol.errors import LocalProtocolError, MalformedError, UnopenableError
from protocol.signing import KeyId, derive_key_id

MLKEM_PUBLIC_BYTES: Final = 1184
MLKEM_SEED_BYTES: Final = 64
X25519_BYTES: Final = 32
PUBLIC_BYTES: Final = MLKEM_PUBLIC_BYTES + X25519_BYTES
PRIVATE_BYTES: Final = MLKEM_SEED_BYTES + X25519_BYTES

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """A public encryption key: ML-KEM-768 (1184 bytes) then X25519 (32 bytes)."""

    public: bytes

    @property
    def key_id(self) -> KeyId:
        """The name of this key."""
        return derive_key_id(self.public)

    def _load(self) -> MLKEM768X25519PublicKey:
        if len(self.public) != PUBLIC_BYTES:
            raise MalformedError(
                f"A recipient key has {PUBLIC_BYTES} bytes: check the recipient's registry entry."
            )
        try:
            return MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.public[:MLKEM_PUBLIC_BYTES]),
                X25519PublicKey.from_public_bytes(self.public[MLKEM_PUBLIC_BYTES:]),
            )
        except ValueError as error:
            raise MalformedError(
                "The recipient key is not a valid key: check the recipient's registry entry."
            ) from error

    def seal(self, signed: SignedPayload) -> Envelope:
        """Seal ``signed`` so that only the holder of the private half can read it."""
        info = encode_info(
            signed.consignment_bytes, suite=SUITE_HYBRID, recipient_key_id=self.key_id
        )
        try:
            sealed = _SUITE.encrypt(pad(signed.encode()), self._load(), info=info)
        except ValueError as error:  # a point of small order: no secret can be shared with it
            raise MalformedError(
                "Nothing can be sealed for the recipient's key: its registry entry is faulty."
            ) from error
        return Envelope(
            consignment_bytes=signed.consignment_bytes,
            suite=SUITE_HYBRID,
            recipient_key_id=self.key_id,
            sealed=sealed,
        )


@dataclass(frozen=True, slots=True, repr=False)
class OpeningKey:
    """The private half: ML-KEM-768 seed (64 bytes) then X25519 (32 bytes). No repr."""

    private: bytes

    def __post_init__(self) -> None:
        """Refuse anything but 96 bytes."""
        if len(self.private) != PRIVATE_BYTES:
            raise LocalProtocolError(f"An opening key has {PRIVATE_BYTES} bytes.")

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the operating system's randomness."""
        return cls(
            MLKEM768PrivateKey.generate().private_bytes_raw()
            + X25519PrivateKey.generate().private_bytes_raw()
        )

    def _load(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        return (
            MLKEM768PrivateKey.from_seed_bytes(self.private[:MLKEM_SEED_BYTES]),
            X25519PrivateKey.from_private_bytes(self.private[MLKEM_SEED_BYTES:]),
        )

    @property
    def recipient_key(self) -> RecipientKey:
        """The public half."""
        mlkem, x25519 = self._load()
        return RecipientKey(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    @property
    def key_id(self) -> KeyId:
        """The name of the public half."""
        return self.recipient_key.key_id

    def open(self, envelope: Envelope) -> SignedPayload:
        """Open ``envelope``; the sender's signature is *not* yet checked: verify what comes back.

        Raises ``UnopenableError`` if any byte of it was changed or it was sealed for another key,
        ``MalformedError`` if what was sealed is no signed payload, ``MisaddressedError`` if the
        outside does not match what was signed.
        """
        try:
            padded = _SUITE.decrypt(
                envelope.sealed, MLKEM768X25519PrivateKey(*self._load()), info=envelope.info
            )
        except (InvalidTag, ValueError) as error:
            raise UnopenableError(
                "The envelope cannot be opened with this key: it was altered, or sealed for a key "
                "that is gone. The sender must seal it again with the newest registry entry."
            ) from error
        signed = SignedPayload.parse(unpad(padded))
        verify_same_consignment(envelope, signed)
        return signed


def padme_length(length: int) -> int:
    """Return the Padmé length for ``length`` bytes: at most 12 percent more."""
    if length <= 1:
        return length
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1 if low_bits > 0 else 0
    return (length + mask) & ~mask


def pad(content: bytes) -> bytes:
    """Put the length in front and zeros behind, to the Padmé length."""
    framed = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    return framed.ljust(padme_length(len(framed)), b"\x00")


def unpad(padded: bytes) -> bytes:
    """Undo :func:`pad`; anything that :func:`pad` would not have made is malformed."""
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    content = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(padded) < _LENGTH_BYTES or len(content) != length or pad(content) != padded:
        raise MalformedError(
            "The padding inside the envelope is wrong: its sender's software is faulty."
        )
    return content
