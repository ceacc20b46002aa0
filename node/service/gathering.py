"""Waiting a moment for company: what is done for many at once costs little more than for one.

Where several came together the last time, others are about to come; who waits some milliseconds
for them shares their transaction instead of having the next one to itself. What comes alone waits
for nobody, and where very many come together there is nothing to be gained.
"""

import asyncio
from typing import Final

#: Less than one transaction takes.
_MOMENT: Final = 0.004
_MANY: Final = 64


class Gathering:
    """One place where work comes in: say how much came each time, and wait before the next."""

    def __init__(self) -> None:
        self._last = 0

    def note(self, count: int) -> None:
        """Remember how many came together."""
        self._last = count

    async def wait(self) -> None:
        """Let a moment pass if more than one came last, and not very many."""
        if 1 < self._last < _MANY:
            await asyncio.sleep(_MOMENT)
