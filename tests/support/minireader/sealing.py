"""Suite 1 of SPEC section 5 by hand: X-Wing from its two parts, HPKE's key schedule, the AEAD.

Written from RFC 9180 sections 4 and 5 with HMAC alone, in base mode, for one message.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.support.minireader.rejection import RejectedError, malformed

MLKEM_PUBLIC = 1184
MLKEM_CIPHERTEXT = 1088
ENC = MLKEM_CIPHERTEXT + 32
TAG = 16
MLKEM_SEED = 64
Q = 3329
XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")
SUITE_ID = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (3).to_bytes(2, "big")
BASE_MODE = b"\0"


def _extract(salt: bytes, label: bytes, secret: bytes) -> bytes:
    """LabeledExtract with HKDF-SHA256."""
    material = b"HPKE-v1" + SUITE_ID + label + secret
    return hmac.digest(salt or bytes(32), material, "sha256")


def _expand(key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand; one block of SHA-256 is as much as this suite ever needs."""
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + info
    return hmac.digest(key, labeled + b"\x01", "sha256")[:length]


def _schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Run HPKE's key schedule in base mode: the AEAD's key and first nonce."""
    context = BASE_MODE + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    secret = _extract(shared, b"secret", b"")
    return _expand(secret, b"key", context, 32), _expand(secret, b"base_nonce", context, 12)


def _exchange(scalar: bytes, public: bytes) -> bytes | None:
    """Do X25519; None for a shared secret of zeros."""
    try:
        return X25519PrivateKey.from_private_bytes(scalar).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:  # how OpenSSL reports a result of zeros
        return None


def derive_public(private: bytes) -> bytes:
    """Derive the recipient key from the two private halves: ML-KEM seed, X25519 scalar."""
    mlkem = MLKEM768PrivateKey.from_seed_bytes(private[:MLKEM_SEED])
    x25519 = X25519PrivateKey.from_private_bytes(private[MLKEM_SEED:])
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def check_recipient_key(public: bytes) -> None:
    """Refuse a key that nothing may be sealed for."""
    if len(public) != MLKEM_PUBLIC + 32:
        raise malformed("a recipient key has 1216 bytes")
    coefficients = int.from_bytes(public[: MLKEM_PUBLIC - 32], "little")
    for place in range(0, (MLKEM_PUBLIC - 32) * 8, 12):
        if coefficients >> place & 0xFFF >= Q:
            raise malformed("a coefficient is not below 3329")
    # Any scalar shows whether the point is of small order: scalars are multiples of eight.
    if _exchange(bytes(32), public[MLKEM_PUBLIC:]) is None:
        raise malformed("the X25519 half is of small order")


def open_sealed(private: bytes, *, sealed: bytes, info: bytes) -> bytes:
    """Open what was sealed for a key; every failure is ``unopenable``, for one reason."""
    refusal = RejectedError("unopenable", "no key held here opens it, or it was altered")
    if len(sealed) < ENC + TAG:
        raise refusal
    ciphertext, share = sealed[:MLKEM_CIPHERTEXT], sealed[MLKEM_CIPHERTEXT:ENC]
    first = MLKEM768PrivateKey.from_seed_bytes(private[:MLKEM_SEED]).decapsulate(ciphertext)
    second = _exchange(private[MLKEM_SEED:], share)
    if second is None:
        raise refusal
    own_share = derive_public(private)[MLKEM_PUBLIC:]
    shared = hashlib.sha3_256(first + second + share + own_share + XWING_LABEL).digest()
    key, nonce = _schedule(shared, info)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed[ENC:], None)
    except InvalidTag as error:
        raise refusal from error
