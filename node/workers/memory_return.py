"""Gives memory back to the machine that the process has freed.

The C library keeps what is freed in the midst of its heap, for later use. What a node keeps so
after it has read many rows would be counted as its own for as long as it runs (malloc_trim(3)).
"""

import asyncio
import ctypes
from datetime import timedelta
from typing import Any, ClassVar


class MemoryReturn:
    """Looks now and then; takes some milliseconds in a thread, which holds up nobody."""

    EVERY: ClassVar = timedelta(seconds=15)

    def __init__(self) -> None:
        self._trim = find_trim()

    async def run_round(self) -> None:
        """Give back what is free; nothing happens where the C library has no way to."""
        if self._trim is not None:
            await asyncio.to_thread(self._trim, 0)


def find_trim() -> Any | None:
    """Return ``malloc_trim`` of the C library; None: it is not the GNU one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim
