"""Whether something immediate is on its way: what is large makes room for it then.

A file keeps both ends and the broker busy. A connection of its own (``node.adapters.lines``)
takes it out of an urgent message's way on the line, not on the processors.
"""

import time
from collections.abc import Callable
from typing import Final

#: How long after something immediate left or came more of it is expected, in seconds: its receipt,
#: what follows from it, an answer.
_MOMENT: Final = 0.5


class Rush:
    """Remembers when something immediate moved last. Safe for threads; of this process alone."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: float | None = None

    def note(self) -> None:
        """Something immediate leaves, or came."""
        self._until = self._monotonic() + _MOMENT

    @property
    def is_on(self) -> bool:
        """Whether large things are to make room now."""
        return self._until is not None and self._monotonic() < self._until
