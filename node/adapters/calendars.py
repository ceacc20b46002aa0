"""Days off out of the library ``holidays``, and what a file of the node adds and takes away.

The library knows the fixed days, the feasts of the Western and of the Eastern church, and estimates
those that follow the moon. What is announced year by year, or is missing, stands in the file
(TOML); ``docs/duty.md`` has an example.
"""

import importlib.util
import sys
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Self

import holidays
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from protocol.identifiers import ParticipantCode

_LARGEST_FILE: Final = 65_536
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_LEAP_YEAR: Final = 2000
_COUNTRIES: Final = "holidays.countries"


class CalendarError(Exception):
    """The calendar file cannot be used; the message says what to change."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AddedDay(_Strict):
    """A day off that the library does not have."""

    day: date
    name: Annotated[str, Field(min_length=1, max_length=120)]


class YearlyDay(_Strict):
    """A day off of every year."""

    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]
    name: Annotated[str, Field(min_length=1, max_length=120)]

    @model_validator(mode="after")
    def _check_day(self) -> Self:
        date(_LEAP_YEAR, self.month, self.day)  # raises for a day that no year has
        return self


class CalendarFile(_Strict):
    """What a node says about its days off.

    ``country``: whose days the library is asked for; None: the Participant's own; "": nobody's.
    """

    country: Annotated[str, Field(max_length=6)] | None = None
    subdivision: Annotated[str, Field(max_length=20)] | None = None
    add: Annotated[tuple[AddedDay, ...], Field(max_length=1000)] = ()
    yearly: Annotated[tuple[YearlyDay, ...], Field(max_length=200)] = ()
    remove: Annotated[tuple[date, ...], Field(max_length=1000)] = ()


class LibraryCalendar:
    """Days off of one Participant; a :class:`~node.domain.calendars.HolidaySource`."""

    def __init__(self, participant: ParticipantCode, file: CalendarFile | None = None) -> None:
        """Raise :class:`CalendarError` if the library knows no such country or subdivision."""
        self._file = file or CalendarFile()
        named = self._file.country
        self._country = str(participant) if named is None else named
        self._known = bool(self._country)
        try:
            self._list_of_library(_FIRST_YEAR)
        except NotImplementedError as error:
            # Nobody named it: then all days off are those of the file.
            self._known = False
            if named or self._file.subdivision:
                part = f", part {self._file.subdivision!r}" if self._file.subdivision else ""
                raise CalendarError(
                    f"The library knows no days off of {self._country!r}{part}: correct the "
                    'calendar file, or write country = "" and list all days under [[add]] and '
                    "[[yearly]]."
                ) from error
        self.list_days = lru_cache(maxsize=16)(self._list_days)

    def _list_days(self, year: int) -> Mapping[date, str]:
        """Return the days off of a year, with their names."""
        if not _FIRST_YEAR <= year <= _LAST_YEAR:
            return {}
        days = self._list_of_library(year)
        for yearly in self._file.yearly:
            try:
                days[date(year, yearly.month, yearly.day)] = yearly.name
            except ValueError:  # 29 February
                continue
        days |= {added.day: added.name for added in self._file.add if added.day.year == year}
        return {day: days[day] for day in sorted(days) if day not in self._file.remove}

    def _list_of_library(self, year: int) -> dict[date, str]:
        if not self._known:
            return {}
        _spare_other_countries()
        found = holidays.country_holidays(
            self._country, subdiv=self._file.subdivision, years=year, language="en_US"
        )
        return {day: str(name) for day, name in found.items() if day.year == year}


def _spare_other_countries() -> None:
    """Let the library load the one country that is asked for.

    Its package of countries imports all 250 when it is initialised, ten megabytes for good in a
    process that needs one; each lies in a module of its own, which the library finds by its name.
    """
    if _COUNTRIES in sys.modules:
        return
    spec = importlib.util.find_spec(_COUNTRIES)
    if spec is not None:
        sys.modules[_COUNTRIES] = importlib.util.module_from_spec(spec)


def load_calendar_file(path: Path) -> CalendarFile:
    """Read what a node says about its days off; raises :class:`CalendarError`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CalendarError(
            f"The calendar file {path} cannot be read ({error.strerror}): correct "
            "TRM_NODE_CALENDAR_FILE, or take it away."
        ) from error
    if len(content) > _LARGEST_FILE:
        raise CalendarError(f"The calendar file {path} is larger than 64 KiB: shorten it.")
    return parse_calendar_file(content)


def parse_calendar_file(content: bytes) -> CalendarFile:
    """Read the bytes of a calendar file; raises :class:`CalendarError` for anything else."""
    try:
        return CalendarFile.model_validate(tomllib.loads(content.decode()))
    except ValidationError as error:
        places = ", ".join(
            ".".join(str(step) for step in each["loc"]) or "the file" for each in error.errors()[:5]
        )
        raise CalendarError(
            f"The calendar file says something that it cannot say, at {places}: compare it with "
            "the example in docs/duty.md."
        ) from error
    except (ValueError, RecursionError) as error:
        raise CalendarError("The calendar file is not TOML in UTF-8: correct it.") from error
