"""Noticing that the clock was set: nothing is given up before it has been steady for a while."""

from datetime import datetime, timedelta
from typing import Final

#: How far wall clock and monotonic clock may drift apart between two looks.
_TOLERANCE: Final = timedelta(seconds=30)
_STEADY_AFTER: Final = timedelta(minutes=10)


class ClockWatch:
    """Compares the wall clock with the monotonic one at every look."""

    def __init__(self) -> None:
        self._wall: datetime | None = None
        self._monotonic = 0.0
        self._steady_since = 0.0

    def is_steady(self, *, wall: datetime, monotonic: float) -> bool:
        """Say whether the wall clock has run evenly for ten minutes, as far as this watch saw."""
        if self._wall is None:
            self._steady_since = monotonic
        else:
            passed = timedelta(seconds=monotonic - self._monotonic)
            if abs((wall - self._wall) - passed) > _TOLERANCE:
                self._steady_since = monotonic
        self._wall, self._monotonic = wall, monotonic
        return monotonic - self._steady_since >= _STEADY_AFTER.total_seconds()
