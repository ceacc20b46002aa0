"""Sizes in the largest unit that still tells what matters."""

from typing import Final

from console.i18n import Message, msg

_UNIT: Final = 1024


def say_size(size: int) -> Message:
    """Say a number of bytes."""
    if size < _UNIT**2:
        return msg("%(count)s KB", count=str(-(-size // _UNIT)))
    if size < _UNIT**3:
        return msg("%(count)s MB", count=str(-(-size // _UNIT**2)))
    return msg("%(count)s GB", count=f"{size / _UNIT**3:.1f}")
