"""Whole numbers that a form, an address or a header brings as text."""

from typing import Final

_FITS_A_ROW: Final = 9
"""Digits of a number that fits the smallest column that keeps one (31 bits)."""


def read_number(text: str, *, digits: int = _FITS_A_ROW) -> int | None:
    """Return the number that a text says in at most so many ASCII digits; ``None`` for all else.

    ``int`` alone also takes signs, spaces, underscores, digits of every script, and any length.
    """
    is_number = len(text) <= digits and text.isascii() and text.isdecimal()
    return int(text) if is_number else None
