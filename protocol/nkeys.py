"""Broker keys: Ed25519 keys in the text form of the NATS project (``nats-io/nkeys``).

Base 32 over a kind, the key, and a checksum (CRC-16/XMODEM), so that people and configuration files
cannot mix up an operator, an account, and a user, nor mistype one into another.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType, Self

from protocol.errors import MalformedError
from protocol.signing import SigningKey, VerifyKey

PublicNkey = NewType("PublicNkey", str)
"""A public nkey in its canonical text form: 56 base-32 characters, the first names its kind."""

_PUBLIC_CHARACTERS: Final = 56
_SEED_CHARACTERS: Final = 58
_SEED_PREFIX: Final = 18 << 3
_CHECKSUM_BYTES: Final = 2
_KEYS_AT_HAND: Final = 1_024


class NkeyKind(StrEnum):
    """Whose key it is; the value is the first letter of the public form."""

    OPERATOR = "O"
    ACCOUNT = "A"
    USER = "U"

    @property
    def prefix(self) -> int:
        """The byte in front of a public key of this kind."""
        return _PREFIXES[self]


_PREFIXES: Final = {NkeyKind.OPERATOR: 14 << 3, NkeyKind.ACCOUNT: 0, NkeyKind.USER: 20 << 3}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}


def _encode_checked(body: bytes) -> str:
    checksum = binascii.crc_hqx(body, 0).to_bytes(_CHECKSUM_BYTES, "little")
    return base64.b32encode(body + checksum).rstrip(b"=").decode("ascii")


def _decode_checked(text: str, *, characters: int, what: str) -> bytes:
    """Return the bytes in front of the checksum; one text only exists for any bytes."""
    refusal = MalformedError(f"This is not {what}: copy it again from where it was issued.")
    if len(text) != characters or not text.isascii():
        raise refusal
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise refusal from error
    body = raw[:-_CHECKSUM_BYTES]
    # Comparing the whole encoding, not only the checksum, also refuses bits set beyond the bytes.
    if _encode_checked(body) != text:
        raise refusal
    return body


def decode_public_nkey(text: str) -> tuple[NkeyKind, VerifyKey]:
    """Return what ``text`` stands for; raises :class:`~protocol.errors.MalformedError`."""
    body = _decode_checked(text, characters=_PUBLIC_CHARACTERS, what="a public broker key (nkey)")
    kind = _KINDS.get(body[0])
    if kind is None:
        raise MalformedError(
            "This broker key is of a kind that is not used here: an operator, account or user key "
            "begins with O, A or U."
        )
    return kind, VerifyKey(body[1:])


# Each envelope names two accounts, and there are few. What is refused is not kept.
@lru_cache(_KEYS_AT_HAND)
def parse_public_nkey(text: str, *, kind: NkeyKind) -> PublicNkey:
    """Return the key if ``text`` is the canonical form of a public nkey of this ``kind``."""
    found, _ = decode_public_nkey(text)
    if found is not kind:
        raise MalformedError(
            f"This is an {found.name.lower()} key, an {kind.name.lower()} key is wanted: it begins "
            f"with {kind.value}."
        )
    return PublicNkey(text)


@dataclass(frozen=True, slots=True)
class Nkey:
    """A private broker key. Its ``repr`` shows the name of the key, never the seed."""

    kind: NkeyKind
    signing_key: SigningKey

    @classmethod
    def generate(cls, kind: NkeyKind) -> Self:
        """Make a new key from the operating system's randomness."""
        return cls(kind, SigningKey.generate())

    @property
    def public(self) -> PublicNkey:
        """The public half in text form."""
        return PublicNkey(
            _encode_checked(bytes([self.kind.prefix]) + self.signing_key.verify_key.public)
        )

    def encode_seed(self) -> str:
        """Write the private half as text, 58 characters that begin with SO, SA or SU: a secret."""
        prefix = self.kind.prefix
        head = bytes([_SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3])
        return _encode_checked(head + self.signing_key.seed)

    def sign(self, message: bytes) -> bytes:
        """Sign ``message`` bare, as the broker's challenge asks; 64 bytes."""
        return self.signing_key.sign_raw(message)


def parse_nkey_seed(text: str) -> Nkey:
    """Read the text form of a private key. The error never repeats the text."""
    body = _decode_checked(text, characters=_SEED_CHARACTERS, what="a broker key seed")
    kind = _KINDS.get((body[0] & 7) << 5 | body[1] >> 3)
    if body[0] & ~7 & 0xFF != _SEED_PREFIX or body[1] & 7 or kind is None:
        raise MalformedError(
            "This is not the seed of an operator, account or user: such a seed begins with SO, SA "
            "or SU."
        )
    return Nkey(kind, SigningKey(body[2:]))
