"""Padmé: lengths that tell little (SPEC section 5).

Nikitin and others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
2019, section 4: of a length only the highest bits stay, so that what an observer sees of a size is
at most a few bits, for at most 12 percent more.
"""


def padme_length(length: int) -> int:
    """Return the Padmé length for ``length`` bytes: at most 12 percent more."""
    if length <= 1:
        return length
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1 if low_bits > 0 else 0
    return (length + mask) & ~mask
