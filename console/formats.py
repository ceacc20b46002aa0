"""How times, durations and places are written for people.

Dates carry the month's name, because 03/11 means two days; the clock has 24 hours in every
language; a time always says whose time it is. Nothing here reads the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime

from console.i18n import Message, msg, nmsg, pmsg

PLACES: Final[Mapping[str, Message]] = MappingProxyType(
    {
        "AL": pmsg("place", "Albania"),
        "BA": pmsg("place", "Bosnia and Herzegovina"),
        "ME": pmsg("place", "Montenegro"),
        "MK": pmsg("place", "North Macedonia"),
        "RS": pmsg("place", "Serbia"),
        # Translators: keep the star; it leads to the footnote.
        "XK": pmsg("place", "Kosovo*"),
    }
)
"""How Participants are called (ISO 3166-1 alpha-2, or XK), whatever the Unicode tables say."""

STARRED_PLACE: Final = PLACES["XK"]
"""Wherever a page shows this name, it shows the footnote."""

KOSOVO_FOOTNOTE: Final = msg(
    "* This designation is without prejudice to positions on status, and is in line with "
    "UNSCR 1244/1999 and the ICJ Opinion on the Kosovo declaration of independence."
)

_FULL: Final = "EEE d MMM y, HH:mm"
_BRIEF: Final = "EEE d MMM, HH:mm"
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_DAYS_FROM: Final = timedelta(hours=48)  # up to two days, hours are what a duty officer counts in


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A moment, written for a reader in one place; ``brief`` leaves out the year."""

    local: str
    brief: str
    utc: str
    iso: str


def name_place(code: str, fallback: str) -> Message | str:
    """Name a Participant by its code; one that is not in the table is called ``fallback``."""
    return PLACES.get(code, fallback)


def format_moment(moment: datetime, *, zone: ZoneInfo, whose: str, locale: Locale) -> LocalTime:
    """Write a moment in the Participant's time, saying ``whose`` it is, and in UTC.

    ``moment`` must be aware; raises ValueError if it is not.
    """
    aware = _aware(moment)
    return LocalTime(
        local=f"{_write(aware, zone, locale)} {whose}".rstrip(),
        brief=f"{format_datetime(aware, _BRIEF, tzinfo=zone, locale=locale)} {whose}".rstrip(),
        utc=f"{_write(aware, ZoneInfo('UTC'), locale)} UTC",
        iso=aware.astimezone(UTC).isoformat(timespec="seconds"),
    )


def format_day(moment: datetime, *, zone: ZoneInfo, locale: Locale) -> str:
    """Write the day of a moment: ``24 November 2026``."""
    return format_datetime(_aware(moment), "d MMMM y", tzinfo=zone, locale=locale)


def describe_duration(length: timedelta) -> Message:
    """Say a length of time in the largest unit that still tells what matters, rounded down."""
    length = abs(length)
    if length < _MINUTE:
        return msg("less than a minute")
    if length < _HOUR:
        return nmsg("%(count)s minute", "%(count)s minutes", length // _MINUTE)
    if length < _DAYS_FROM:
        return nmsg("%(count)s hour", "%(count)s hours", length // _HOUR)
    return nmsg("%(count)s day", "%(count)s days", length // _DAY)


def _write(moment: datetime, zone: ZoneInfo, locale: Locale) -> str:
    return format_datetime(moment, _FULL, tzinfo=zone, locale=locale)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone: give the datetime its tzinfo")
    return moment
