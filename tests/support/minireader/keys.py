"""Key ids, text forms of keys, and the proof of a broker account: SPEC sections 1, 11, 12."""

import base64
import binascii
import hashlib
import re

from tests.support.minireader.rejection import malformed
from tests.support.minireader.signature import verify_ed25519

# First characters of the nkeys in use, by the prefix byte that yields them.
PREFIXES = {14 << 3: "operator", 0: "account", 20 << 3: "user"}
SEED_PREFIX = 18 << 3
BASE32 = re.compile(r"[A-Z2-7]+", re.ASCII)


def derive_key_id(public: bytes) -> bytes:
    """Name a public key: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(public).digest()[:16]


def decode_base64(text: str) -> bytes:
    """Decode RFC 4648 section 4 with padding, in its one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed("no base64") from error
    if base64.b64encode(raw).decode() != text:
        raise malformed("base64 in another spelling")
    return raw


def _checksum(data: bytes) -> int:
    """CRC-16/XMODEM, which NATS puts behind its keys, low byte first."""
    return binascii.crc_hqx(data, 0)


def _decode_base32(text: str) -> bytes:
    if not BASE32.fullmatch(text):
        raise malformed("no base32")
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise malformed("no base32") from error
    if base64.b32encode(raw).decode().rstrip("=") != text:
        raise malformed("base32 with bits to spare")
    body, check = raw[:-2], raw[-2:]
    if len(raw) < 3 or _checksum(body).to_bytes(2, "little") != check:
        raise malformed("the checksum does not fit")
    return body


def read_nkey_public(text: str) -> tuple[str, bytes]:
    """Read a public nkey: its kind and its 32 bytes."""
    body = _decode_base32(text)
    kind = PREFIXES.get(body[0])
    if len(body) != 33 or kind is None:
        raise malformed("no public key of a kind in use")
    return kind, body[1:]


def read_nkey_seed(text: str) -> tuple[str, bytes]:
    """Read the seed of an nkey: its kind and its 32 bytes.

    The five bits that say "seed" stand in front of the five of the kind; six bits stay zero.
    """
    body = _decode_base32(text)
    if len(body) != 34:
        raise malformed("no seed of a kind in use")
    kind = PREFIXES.get((body[0] & 7) << 5 | body[1] >> 3)
    if body[0] & 0xF8 != SEED_PREFIX or body[1] & 7 or kind is None:
        raise malformed("no seed of a kind in use")
    return kind, body[2:]


def write_nkey_public(kind: str, public: bytes) -> str:
    """Write a public key as the text of its kind."""
    prefix = next(byte for byte, name in PREFIXES.items() if name == kind)
    body = bytes([prefix]) + public
    return base64.b32encode(body + _checksum(body).to_bytes(2, "little")).decode().rstrip("=")


def make_account_claim(*, participant: str, account: str) -> bytes:
    """Make what the holder of an account signs."""
    return b"\0".join((b"trm broker account v1", participant.encode(), account.encode()))


def verify_account_proof(*, participant: str, account: str, proof: str) -> None:
    """Verify that the holder of a broker account says for which Participant it is."""
    signature = decode_base64(proof)
    kind, public = read_nkey_public(account)
    if kind != "account":
        raise malformed("no key of kind account")
    claim = make_account_claim(participant=participant, account=account)
    verify_ed25519(public, claim, signature)
