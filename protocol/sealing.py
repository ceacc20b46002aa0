"""Sealing a signed payload for one recipient (SPEC section 5).

HPKE (RFC 9180) in base mode with the hybrid KEM ML-KEM-768+X25519 (X-Wing combiner as published for
HPKE in draft-ietf-hpke-pq), HKDF-SHA256 and ChaCha20-Poly1305, all from ``cryptography``. Base mode
says nothing about the sender on purpose: the signature inside does.

The plaintext is the signed payload, its length in front, zero-filled to a Padmé length (Nikitin and
others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019,
section 4), so that a ciphertext tells at most a few bits of the length.
"""

from dataclasses import dataclass, field
from functools import lru_cache
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
    Envelope,
    SignedPayload,
    encode_info,
    verify_same_consignment,
)
from protocol.errors import LocalProtocolError, MalformedError, UnopenableError
from protocol.padding import padme_length
from protocol.signing import KeyId, derive_key_id
from protocol.suites import SUITE_HYBRID, SUITES

MLKEM_PUBLIC_BYTES: Final = 1184
MLKEM_SEED_BYTES: Final = 64
X25519_BYTES: Final = 32
PUBLIC_BYTES: Final = MLKEM_PUBLIC_BYTES + X25519_BYTES
PRIVATE_BYTES: Final = MLKEM_SEED_BYTES + X25519_BYTES

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_LENGTH_BYTES: Final = 4


#: A node seals for some dozens of peers: each has one newest key.
_KEYS_AT_HAND: Final = 256


@lru_cache(_KEYS_AT_HAND)
def _load_public(public: bytes) -> MLKEM768X25519PublicKey:
    """Check and expand a public key; kept, because a node seals for the same few all day."""
    if len(public) != PUBLIC_BYTES:
        raise MalformedError(
            f"A recipient key has {PUBLIC_BYTES} bytes: check the recipient's registry entry."
        )
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError as error:
        raise MalformedError(
            "The recipient key is not a valid key: check the recipient's registry entry."
        ) from error


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """A public encryption key: ML-KEM-768 (1184 bytes) then X25519 (32 bytes)."""

    public: bytes
    #: The name of this key.
    key_id: KeyId = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Name the key."""
        object.__setattr__(self, "key_id", derive_key_id(self.public))

    def seal(self, signed: SignedPayload) -> Envelope:
        """Seal ``signed`` so that only the holder of the private half can read it."""
        info = encode_info(
            signed.consignment_bytes, suite=SUITE_HYBRID, recipient_key_id=self.key_id
        )
        try:
            sealed = _SUITE.encrypt(pad(signed.encode()), _load_public(self.public), info=info)
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
    #: The public half.
    recipient_key: RecipientKey = field(init=False, compare=False)
    # Expanding the ML-KEM seed costs more than opening an envelope, so it is done once. What comes
    # of it lives and goes with the seeds, and tells no more than they do.
    _loaded: MLKEM768X25519PrivateKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse anything but 96 bytes."""
        if len(self.private) != PRIVATE_BYTES:
            raise LocalProtocolError(f"An opening key has {PRIVATE_BYTES} bytes.")
        mlkem = MLKEM768PrivateKey.from_seed_bytes(self.private[:MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(self.private[MLKEM_SEED_BYTES:])
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        object.__setattr__(self, "recipient_key", RecipientKey(public))
        object.__setattr__(self, "_loaded", MLKEM768X25519PrivateKey(mlkem, x25519))

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the operating system's randomness."""
        return cls(
            MLKEM768PrivateKey.generate().private_bytes_raw()
            + X25519PrivateKey.generate().private_bytes_raw()
        )

    @property
    def key_id(self) -> KeyId:
        """The name of the public half."""
        return self.recipient_key.key_id

    def open(self, envelope: Envelope) -> SignedPayload:
        """Open ``envelope``; the sender's signature is *not* yet checked: verify what comes back.

        Raises ``UnopenableError`` if any byte of it was changed or it was sealed for another key,
        ``UnsupportedError`` if it is of another suite than this key, ``MalformedError`` if what was
        sealed is no signed payload, ``MisaddressedError`` if the outside does not match what was
        signed.
        """
        SUITES.verify_key_suite(envelope.suite, key_suite=SUITE_HYBRID)
        try:
            padded = _SUITE.decrypt(envelope.sealed, self._loaded, info=envelope.info)
        except (InvalidTag, ValueError) as error:
            raise UnopenableError(
                "The envelope cannot be opened with this key: it was altered, or sealed for a key "
                "that is gone. The sender must seal it again with the newest registry entry."
            ) from error
        signed = SignedPayload.parse(unpad(padded))
        verify_same_consignment(envelope, signed)
        return signed


def pad(content: bytes) -> bytes:
    """Put the length in front and zeros behind, to the Padmé length."""
    framed = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    return framed.ljust(padme_length(len(framed)), b"\x00")


def unpad(padded: bytes) -> bytes:
    """Undo :func:`pad`; anything that :func:`pad` would not have made is malformed."""
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if (
        len(padded) < _LENGTH_BYTES
        or len(padded) != padme_length(end)
        or padded.count(0, end) != len(padded) - end
    ):
        raise MalformedError(
            "The padding inside the envelope is wrong: its sender's software is faulty."
        )
    return padded[_LENGTH_BYTES:end]
