"""Dates from forms: day, month and year in fields of their own, since 03/11 means two days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from re import fullmatch
from typing import Self
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from console.i18n import Message, msg


class DateError(ValueError):
    """What a person typed is no date; ``message`` tells them what to type."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.msgid)
        self.message = message


@dataclass(frozen=True, slots=True)
class DateParts:
    """The fields of ``ui.date_field`` as they were typed, so that a page can show them again."""

    day: str = ""
    month: str = ""
    year: str = ""
    time: str = ""

    @classmethod
    def from_form(cls, form: FormData, name: str) -> Self:
        """Take the fields of the date called ``name`` from a form; what is missing is empty."""
        return cls(*(_read(form, f"{name}_{part}") for part in ("day", "month", "year", "time")))

    @classmethod
    def from_moment(cls, moment: datetime, zone: ZoneInfo) -> Self:
        """Fill the fields with a known moment, in the Participant's time."""
        local = moment.astimezone(zone)
        return cls(str(local.day), str(local.month), str(local.year), f"{local:%H:%M}")

    @property
    def is_empty(self) -> bool:
        """Nothing was typed."""
        return not (self.day or self.month or self.year or self.time)

    def parse_date(self) -> date:
        """Read day, month and year. Raises :class:`DateError` with what to type instead."""
        if not all(_is_number(part) for part in (self.day, self.month, self.year)):
            raise DateError(msg("Give the day, the month, and the year."))
        try:
            return date(int(self.year), int(self.month), int(self.day))
        except ValueError:
            raise DateError(msg("There is no such day. Check the day and the month.")) from None

    def parse_moment(self, zone: ZoneInfo) -> datetime:
        """Read date and time in the Participant's time; the moment in UTC. Raises DateError.

        A time that the clocks show twice in autumn is taken as the first; one that they skip in
        spring is refused, since nobody can have meant it.
        """
        day = self.parse_date()
        found = fullmatch(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])", self.time)
        if found is None:
            raise DateError(msg("Give the time with 24 hours, as 14:30."))
        wall = datetime.combine(day, time(int(found[1]), int(found[2])), tzinfo=zone)
        try:
            moment = wall.astimezone(UTC)
            returned = moment.astimezone(zone)
        except OverflowError:
            raise DateError(msg("There is no such day. Check the day and the month.")) from None
        if returned.replace(tzinfo=None) != wall.replace(tzinfo=None):
            raise DateError(msg("The clocks skip this time on that day. Check it."))
        return moment


_MAX_DIGITS = 4


def _read(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip()[:20] if isinstance(value, str) else ""


def _is_number(text: str) -> bool:
    return 0 < len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal()
