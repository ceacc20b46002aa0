"""Ed25519 signatures (RFC 8032) over domain-separated bytes.

Nothing is ever signed bare: each kind of object has a :class:`Context`, so that a signature made
for one kind can never be presented as another. What is signed is ::

    "TRM1" 0x00 context 0x00 sha256(part 1) sha256(part 2) ...

Hashing each part before concatenation makes the boundaries between parts unambiguous.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType, Self

from nacl.bindings import crypto_sign_PUBLICKEYBYTES, crypto_sign_SEEDBYTES
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey as NaclSigningKey
from nacl.signing import VerifyKey as NaclVerifyKey

from protocol.errors import ForgedError, LocalProtocolError, MalformedError

KeyId = NewType("KeyId", str)
"""32 lower-case hex characters that name a public key: see :func:`derive_key_id`."""

SIGNATURE_BYTES = 64


class Context(StrEnum):
    """The kinds of objects that are signed. A value is never used for a second kind."""

    PAYLOAD = "payload"
    EVIDENCE_BUNDLE = "evidence-bundle"
    DRILL_ANSWER = "drill-answer"
    HUB_REQUEST = "hub-request"


def derive_key_id(public: bytes) -> KeyId:
    """Name a public key: the first 16 bytes of the SHA-256 of its raw bytes, in hex."""
    return KeyId(hashlib.sha256(public).hexdigest()[:32])


def _statement(context: Context, parts: tuple[bytes, ...]) -> bytes:
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return b"TRM1\x00" + context.encode() + b"\x00" + digests


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """The public half of a signing key: 32 raw bytes."""

    public: bytes
    #: The name of this key.
    key_id: KeyId = field(init=False, compare=False, repr=False)
    _loaded: NaclVerifyKey = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse anything but 32 bytes."""
        if len(self.public) != crypto_sign_PUBLICKEYBYTES:
            raise MalformedError(
                f"An Ed25519 public key has 32 bytes, not {len(self.public)}: "
                "check the registry entry."
            )
        object.__setattr__(self, "key_id", derive_key_id(self.public))
        object.__setattr__(self, "_loaded", NaclVerifyKey(self.public))

    def verify(self, context: Context, *parts: bytes, signature: bytes) -> None:
        """Check ``signature`` over ``parts``.

        Raises :class:`~protocol.errors.ForgedError` if it was not made by this key for this context
        over exactly these parts.
        """
        self.verify_raw(_statement(context, parts), signature=signature)

    def verify_raw(self, message: bytes, *, signature: bytes) -> None:
        """Check a signature of another protocol (TUF metadata, broker tokens) over ``message``."""
        if len(signature) != SIGNATURE_BYTES:
            raise ForgedError("A signature has 64 bytes: the object was cut or altered.")
        try:
            self._loaded.verify(message, signature)
        except BadSignatureError as error:
            raise ForgedError("The signature does not match: the object was altered.") from error


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """The private half: a 32-byte seed. Its ``repr`` shows only the key id."""

    seed: bytes
    #: The public half.
    verify_key: VerifyKey = field(init=False, compare=False)
    # Deriving the key pair costs as much as a signature, so it is done once. It lives and goes with
    # the seed, and tells no more than the seed does.
    _loaded: NaclSigningKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse anything but 32 bytes."""
        if len(self.seed) != crypto_sign_SEEDBYTES:
            raise LocalProtocolError("A signing key is made from a seed of 32 random bytes.")
        loaded = NaclSigningKey(self.seed)
        object.__setattr__(self, "_loaded", loaded)
        object.__setattr__(self, "verify_key", VerifyKey(bytes(loaded.verify_key)))

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the operating system's randomness."""
        return cls(bytes(NaclSigningKey.generate()))

    @property
    def key_id(self) -> KeyId:
        """The name of the public half."""
        return self.verify_key.key_id

    def sign(self, context: Context, *parts: bytes) -> bytes:
        """Sign ``parts`` for ``context``; 64 bytes."""
        return self.sign_raw(_statement(context, parts))

    def sign_raw(self, message: bytes) -> bytes:
        """Sign ``message`` for a protocol that brings its own framing (TUF, broker tokens)."""
        return self._loaded.sign(message).signature

    def __repr__(self) -> str:
        """Show the key id, never the seed."""
        return f"SigningKey({self.key_id})"
