"""A digest that people read to each other over the telephone.

Sixty decimal digits in twelve groups of five: digits are said alike by everybody, in whichever
language two signers share. They hold the first 199 bits of a SHA-256 (its first 25 bytes modulo
10^60), so that nobody can make two files with the same digits.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from contact_registry.trust.operators import order_roles

_DIGITS: Final = 60
_GROUP: Final = 5
_MARK: Final = b"trm-signing-file-digest/1\n"
_NOT_DIGITS: Final = re.compile(r"[\s.,;-]+")


def digest_parts(signed: Mapping[str, bytes]) -> str:
    """Return the SHA-256 (hexadecimal) of what is signed, by role, whoever has signed it so far.

    Hashed are a mark, and for each role in its order: name, length and bytes of the signed part.
    The documents are in it: the signed parts name them by their SHA-256.
    """
    total = hashlib.sha256(_MARK)
    for role in order_roles(signed):
        total.update(f"{role}\n{len(signed[role])}\n".encode())
        total.update(signed[role])
    return total.hexdigest()


def speak_digest(sha256: str) -> str:
    """Return a SHA-256 as twelve groups of five digits."""
    number = int.from_bytes(bytes.fromhex(sha256)[:25], "big") % 10**_DIGITS
    digits = f"{number:0{_DIGITS}}"
    return " ".join(digits[at : at + _GROUP] for at in range(0, _DIGITS, _GROUP))


def is_same_digest(typed: str, sha256: str) -> bool:
    """Whether a person typed this digest; spaces, hyphens and dots may stand anywhere."""
    return _NOT_DIGITS.sub("", typed) == speak_digest(sha256).replace(" ", "")
