"""The files of ``protocol/vectors/primitives``: what they hold, and how they are made anew.

    python -m tests.support.primitive_vectors

Bytes are hexadecimal. ``result`` is ``valid`` or the rejection code (SPEC section 7.3). What was
sealed is random, so that it is taken over from the file that is there; all else follows from code.
"""

import base64
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from protocol.account_proof import sign_account_proof
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.padding import padme_length
from protocol.sealing import pad
from protocol.signing import SigningKey, derive_key_id
from tests.support.checkout import ROOT
from tests.support.sealing_vectors import make_envelope_vectors, make_key_vectors, seal_all
from tests.support.signature_vectors import Vector, make_signature_vectors

FOLDER: Final = ROOT / "protocol" / "vectors" / "primitives"
ACCOUNT: Final = Nkey(NkeyKind.ACCOUNT, SigningKey(b"a" * 32))
PARTICIPANT: Final = ParticipantCode("AL")
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def make_padding_vectors() -> Iterator[Vector]:
    """Yield padded contents: those that a sender makes, and those that none would."""

    def case(comment: str, padded: bytes, result: str = "malformed", **more: Any) -> Vector:
        return {"comment": comment, "padded": padded, **more, "result": result}

    for length in (0, 1, 4, 5, 6, 60, 61, 92, 124, 125, 508, 509, 1000):
        content = bytes(range(256)) * 4
        yield case(f"{length} bytes", pad(content[:length]), "valid", content=content[:length])
    good = pad(b"x" * 61)
    yield case("nothing", b"")
    yield case("no room for a length", b"\x00\x00\x00")
    yield case("cut by a byte", good[:-1])
    yield case("a byte more", good + b"\x00")
    yield case("padded to the next Padmé length", good.ljust(padme_length(len(good) + 1), b"\x00"))
    yield case("padded to a power of two", good.ljust(128, b"\x00"))
    yield case("the last byte of the padding is not zero", good[:-1] + b"\x01")
    yield case("the first byte of the padding is not zero", good[:65] + b"\x80" + good[66:])
    yield case("length that needs more padding", (69).to_bytes(4, "big") + good[4:])
    yield case("length behind the end", (73).to_bytes(4, "big") + good[4:])
    yield case("length one less than there is", (60).to_bytes(4, "big") + good[4:])
    yield case("length 2^32 - 1", b"\xff\xff\xff\xff" + good[4:])
    yield case("length in little-endian", (61).to_bytes(4, "little") + good[4:])
    yield case("not padded", (61).to_bytes(4, "big") + b"x" * 61)
    yield case("length zero with content behind", bytes(4) + b"x" * 62)


def make_padme_lengths() -> list[list[int]]:
    """List pairs: a length and its Padmé length."""
    lengths = [*range(34), 63, 64, 65, 100, 127, 128, 129, 1000, 5000, 65_535, 65_536, 65_537]
    return [[each, padme_length(each)] for each in (*lengths, 850_000, 999_999, 2**32 - 1)]


def make_key_id_vectors() -> Iterator[Vector]:
    """Yield raw public keys and their names (SHA-256, FIPS 180-4, cut to 16 bytes)."""
    for comment, public in {
        "no bytes": b"",
        "abc (FIPS 180-4)": b"abc",
        "55 bytes, one block with its padding": b"a" * 55,
        "56 bytes, two blocks": b"a" * 56,
        "64 bytes": b"a" * 64,
        "an Ed25519 key": SigningKey(bytes(range(32))).verify_key.public,
        "1216 zero bytes": bytes(1216),
    }.items():
        yield {"comment": comment, "public": public, "key_id": derive_key_id(public)}


def make_nkey_vectors() -> Iterator[Vector]:
    """Yield broker keys in text, public and private."""

    def case(comment: str, text: str, result: str = "malformed") -> Vector:
        return {"comment": comment, "text": text, "result": result}

    for kind in NkeyKind:
        key = Nkey(kind, SigningKey(bytes(range(32))))
        yield case(f"public, {kind.name.lower()}", key.public, "valid")
        yield case(f"seed, {kind.name.lower()}", key.encode_seed(), "valid")
    for name, text in {"public": str(ACCOUNT.public), "seed": ACCOUNT.encode_seed()}.items():
        yield case(f"{name}: lower case", text.lower())
        yield case(f"{name}: a blank behind", text + " ")
        yield case(f"{name}: a line end behind", text + "\n")
        yield case(f"{name}: padding behind", text + "=" * (-len(text) % 8 or 8))
        yield case(f"{name}: cut by a character", text[:-1])
        yield case(f"{name}: a character more", text + "A")
        yield case(f"{name}: O read as 0", text[:10] + "0" + text[11:])
        yield case(f"{name}: a letter that is not ASCII", text[:10] + "\u0130" + text[11:])
        for at in (0, 1, 2, 30, len(text) - 3, len(text) - 1):
            other = _ALPHABET[(_ALPHABET.index(text[at]) + 1) % 32]
            yield case(f"{name}: character {at} changed", text[:at] + other + text[at + 1 :])
        yield case(f"{name}: neighbours swapped", text[:20] + text[21] + text[20] + text[22:])
        raw = bytearray(base64.b32decode(text + "=" * (-len(text) % 8)))
        raw[-1], raw[-2] = raw[-2], raw[-1]
        swapped = base64.b32encode(bytes(raw)).decode().rstrip("=")
        yield case(f"{name}: checksum in the other byte order", swapped)
        raw[-1] = raw[-2] = 0
        yield case(f"{name}: checksum zero", base64.b32encode(bytes(raw)).decode().rstrip("="))
    for comment, prefix in {"server": 13 << 3, "cluster": 2 << 3, "curve": 23 << 3}.items():
        yield case(f"public, of a kind that is not used: {comment}", _write_nkey(prefix))
    good = ACCOUNT.signing_key.verify_key.public
    for size, bare in {"31": good[:-1], "33": good + b"\x00", "no": b""}.items():
        yield case(f"public, of {size} bytes, with its checksum", _write_checked(b"\x00" + bare))
    head, secret = bytes([18 << 3, 0]), ACCOUNT.signing_key.seed
    for comment, body in {
        "with the first prefix of a private key": bytes([15 << 3, 0]) + secret,
        "with the prefix of a public key": bytes([0, 0]) + secret,
        "of 31 bytes": head + secret[:-1],
        "of 33 bytes": head + secret + b"\x00",
        "with bits behind its kind": bytes([18 << 3, 1]) + secret,
        "of a kind that is not used: server": bytes([18 << 3 | 13 >> 2, 13 << 6 & 0xFF]) + secret,
    }.items():
        yield case(f"seed, {comment}, with its checksum", _write_checked(body))
    seed = ACCOUNT.encode_seed()
    yield case("seed: its spare bits set", seed[:-1] + _ALPHABET[_ALPHABET.index(seed[-1]) | 1])


def _write_nkey(prefix: int) -> str:
    return _write_checked(bytes([prefix]) + ACCOUNT.signing_key.verify_key.public)


def _write_checked(body: bytes) -> str:
    """Write an nkey as another implementation does: the checksum bit by bit."""
    checksum = 0
    for byte in body:
        checksum ^= byte << 8
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x1021 if checksum & 0x8000 else 0)) & 0xFFFF
    return base64.b32encode(body + checksum.to_bytes(2, "little")).decode().rstrip("=")


def make_base64_vectors() -> Iterator[Vector]:
    """Yield spellings of the proof of a broker account: standard base64, one spelling for each."""
    proof = sign_account_proof(PARTICIPANT, ACCOUNT)

    def case(comment: str, text: str, result: str = "malformed") -> Vector:
        fields = {"participant": PARTICIPANT, "account": ACCOUNT.public}
        return {"comment": comment, **fields, "proof": text, "result": result}

    raw = base64.b64decode(proof)
    yield case("as it should be", proof, "valid")
    yield case("without padding", proof.rstrip("="))
    yield case("one padding character too many", proof + "=")
    yield case("padding in front", "==" + proof[:-2])
    last = _BASE64.index(proof[-3])
    for spare in (1, 8, 15):
        yield case(f"spare bits {spare:04b} set", proof[:-3] + _BASE64[last | spare] + "==")
    yield case("a line end behind", proof + "\n")
    yield case("a blank in front", " " + proof)
    yield case("broken into lines", proof[:76] + "\n" + proof[76:])
    yield case("a zero character inside", proof[:40] + "\x00" + proof[40:])
    yield case("URL-safe alphabet", base64.urlsafe_b64encode(raw).decode())
    yield case("base32", base64.b32encode(raw).decode(), "forged")
    yield case("hexadecimal", raw.hex(), "forged")
    yield case("a letter that is not ASCII", "é" + proof[1:])
    yield case("full-width letters", proof.translate({ord("A"): 0xFF21}) + "\uff1d")
    yield case("nothing", "", "forged")
    yield case("canonical, 63 bytes", base64.b64encode(raw[:-1]).decode(), "forged")
    yield case("canonical, 65 bytes", base64.b64encode(raw + b"\x00").decode(), "forged")
    yield case("canonical, another signature", base64.b64encode(bytes(64)).decode(), "forged")


def make_files(sealed: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return every file: its name and what it holds."""
    listed: dict[str, tuple[str, Iterable[Vector], dict[str, Any]]] = {
        "signatures": ("Ed25519 over the signing statement", make_signature_vectors(), {}),
        "recipient_keys": ("keys to seal for, ML-KEM-768 and X25519", make_key_vectors(), {}),
        "envelopes": (
            "opening with suite 1", make_envelope_vectors(sealed), {"sealed": dict(sealed)},
        ),
        "padding": (
            "length, content, zeros", make_padding_vectors(), {"padme": make_padme_lengths()},
        ),
        "key_ids": ("names of public keys", make_key_id_vectors(), {}),
        "nkeys": ("broker keys in text", make_nkey_vectors(), {}),
        "base64": ("canonical base64, in the proof of an account", make_base64_vectors(), {}),
    }  # fmt: skip
    return {
        name: {"about": about, **more, "tests": list(tests)}
        for name, (about, tests, more) in listed.items()
    }


def _to_json(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} does not stand in a vector.")


def write_text(content: Mapping[str, Any]) -> str:
    """Write one file as it is kept."""
    return json.dumps(content, default=_to_json, indent=1, ensure_ascii=True) + "\n"


def load_file(name: str) -> dict[str, Any]:
    """Read one file; bytes are still hexadecimal."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def load_sealed() -> dict[str, bytes]:
    """Read what was sealed once."""
    return {name: bytes.fromhex(text) for name, text in load_file("envelopes")["sealed"].items()}


def main() -> int:
    """Write all files; what was sealed before stays."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sealed = load_sealed() if (FOLDER / "envelopes.json").exists() else seal_all()
    for name, content in make_files(sealed).items():
        Path(FOLDER / f"{name}.json").write_text(write_text(content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
