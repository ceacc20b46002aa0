"""Days off, as a calendar outside the registry knows them."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol


class HolidaySource(Protocol):
    """The days off of our own Participant."""

    def list_days(self, year: int) -> Mapping[date, str]:
        """Return the days off of a year, with their names; empty for a year it does not know."""
        ...
