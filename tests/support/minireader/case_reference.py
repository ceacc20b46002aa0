"""Case references of SPEC section 2.2: ISO/IEC 7064 MOD 37,36."""

import re

from tests.support.minireader.rejection import malformed

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
COUNT = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
REFERENCE = re.compile(f"TRM-([{ALPHABET}]{{5}})-([{ALPHABET}]{{5}})-([{ALPHABET}])")
WRITTEN_AS = str.maketrans("OIL", "011")


def compute_check(ten: str) -> str:
    """Compute the check character over the ten."""
    p = 36
    for character in ten:
        p = (p + COUNT.index(character)) % 36 or 36
        p = 2 * p % 37
    return COUNT[(37 - p) % 36]


def read_reference(text: str) -> str:
    """Read a reference as it stands on the wire."""
    parts = REFERENCE.fullmatch(text)
    if parts is None or compute_check(parts[1] + parts[2]) != parts[3]:
        raise malformed("no case reference, or its check character does not fit")
    return text


def read_typed(text: str) -> str:
    """Read what a person typed, with the mercy of section 2.2."""
    bare = re.sub(r"[\s-]", "", text.upper()).removeprefix("TRM").translate(WRITTEN_AS)
    return read_reference(f"TRM-{bare[:5]}-{bare[5:10]}-{bare[10:]}")
