"""Whose time the operators' console shows."""

from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Place:
    """Where the operators work: a time zone, and the city that stands beside each time."""

    zone: ZoneInfo
    city: str

    @classmethod
    def of(cls, zone: ZoneInfo, city: str = "") -> Self:
        """Name the city after the zone if none is given: ``Europe/Vienna`` is Vienna."""
        return cls(zone, city or zone.key.rpartition("/")[2].replace("_", " "))
