"""What was sealed once: ``frozen.json`` beside this module.

Sealing draws randomness inside the library, so that it never gives the same bytes twice. What the
vectors need is therefore sealed once and kept. Each time it is used it is opened, and compared with
what it has to hold.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from tests.support.vectors.family import VectorError

STORE: Final = Path(__file__).with_name("frozen.json")
SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_HINT: Final = "make it anew with scripts/generate_vectors.py --seal-again"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that has to be sealed: under a name, for a key, with its ``info``."""

    name: str
    plain: bytes
    info: bytes
    #: ML-KEM seed (64 bytes) and X25519 private key (32 bytes).
    private: bytes


def load_private(private: bytes) -> MLKEM768X25519PrivateKey:
    """Make the library's key of 96 raw bytes."""
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(private[:64]),
        X25519PrivateKey.from_private_bytes(private[64:]),
    )


def seal_all(wanted: Iterable[Wanted]) -> dict[str, bytes]:
    """Seal everything, each time to other bytes."""
    return {
        each.name: SUITE.encrypt(each.plain, load_private(each.private).public_key(), each.info)
        for each in wanted
    }


def save(sealed: Mapping[str, bytes], *, path: Path = STORE) -> None:
    """Keep what was sealed."""
    content = {name: data.hex() for name, data in sealed.items()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")


def load(wanted: Iterable[Wanted], *, path: Path = STORE) -> dict[str, bytes]:
    """Read what was sealed; raises ``VectorError`` unless it is exactly what is wanted."""
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise VectorError(f"Nothing was sealed yet: {_HINT}.") from None
    found: dict[str, bytes] = {}
    for each in wanted:
        if each.name not in kept:
            raise VectorError(f"'{each.name}' was never sealed: {_HINT}.")
        found[each.name] = bytes.fromhex(kept[each.name])
        try:
            plain = SUITE.decrypt(found[each.name], load_private(each.private), each.info)
        except InvalidTag:
            raise VectorError(f"'{each.name}' was sealed otherwise: {_HINT}.") from None
        if plain != each.plain:
            raise VectorError(f"'{each.name}' holds something else: {_HINT}.")
    if unused := set(kept) - set(found):
        raise VectorError(f"Nobody needs {', '.join(sorted(unused))} any more: {_HINT}.")
    return found
