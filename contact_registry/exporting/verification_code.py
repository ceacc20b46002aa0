"""The short code that a printed list carries, so that its version can be compared over a telephone.

The code names a version of the registry and nothing else. It proves nothing about the paper: that
is done by printing the same version again from a verified registry, which gives the same bytes.

How it is computed, for whoever wants to do it elsewhere:

1. SHA-256 of the ASCII text ``trm-contact-list/1``, the version as a decimal number, and the
   SHA-256 of the registry's snapshot file in 64 small hexadecimal digits, each with a line feed
   after it.
2. Its first 50 bits, the most significant first, as ten characters of Crockford's base 32
   (the digits, then the letters without I, L, O, U), five bits each.
3. The Luhn check character over these ten (modulo 32, with the same alphabet).
4. Written ``XXXXX-XXXXX-C``.
"""

import hashlib
from typing import Final

from stdnum import luhn

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHARACTERS: Final = 10


def make_verification_code(version: int, sha256: str) -> str:
    """Return the code of a registry version; ``sha256`` is that of its snapshot, in hexadecimal."""
    digest = hashlib.sha256(f"trm-contact-list/1\n{version}\n{sha256}\n".encode()).digest()
    number = int.from_bytes(digest, "big") >> (256 - 5 * _CHARACTERS)
    shifts = range(5 * (_CHARACTERS - 1), -1, -5)
    body = "".join(_ALPHABET[(number >> shift) & 31] for shift in shifts)
    check = luhn.calc_check_digit(body, _ALPHABET)
    return f"{body[:5]}-{body[5:]}-{check}"
