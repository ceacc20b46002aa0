"""The form of a roster: rows as they are typed, and the roster that they mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, Self
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from contact_registry.schedules import Weekday
from node.domain.duty import DutyException, Shift
from node.service.work.roster import Member, Roster

_HOUR: Final = re.compile(r"([01]?[0-9]|2[0-4])[:.]([0-5][0-9])")
#: Rows of one form; a roster with more is kept by programs, and only shown.
MOST_ROWS: Final = 60
_SPARE_ROWS: Final = 1
_DAYS: Final = frozenset(Weekday)

_NO_DAYS: Final[Message] = msg("Choose at least one day of the week.")
_NO_HOURS: Final[Message] = msg("Give the hours as 08:00 and 16:00; a whole day is 00:00 to 24:00.")
_NO_MEMBER: Final[Message] = msg("Shifts and exceptions are of people who work at this desk.")
_ENDS_FIRST: Final[Message] = msg("It ends after it begins: correct the moments.")
_NO_KIND: Final[Message] = msg("Say whether they are on duty or away.")


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """Hours of somebody, as typed."""

    account_id: str = ""
    weekdays: tuple[str, ...] = ()
    opens_at: str = ""
    closes_at: str = ""
    valid_from: DateParts = field(default_factory=DateParts)
    valid_to: DateParts = field(default_factory=DateParts)


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """Somebody is on duty, or away, as typed."""

    account_id: str = ""
    begins: DateParts = field(default_factory=DateParts)
    ends: DateParts = field(default_factory=DateParts)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class RosterForm:
    """What stands in the form. A row without a person is no row."""

    #: For each account ``member`` or ``reserve``.
    members: Mapping[str, str]
    shifts: Sequence[ShiftRow]
    exceptions: Sequence[ExceptionRow]

    def grow(self, what: str) -> Self:
        """Add an empty row."""
        if what == "shift":
            return replace(self, shifts=[*self.shifts, ShiftRow()])
        return replace(self, exceptions=[*self.exceptions, ExceptionRow()])


def show_roster(kept: Roster, *, zone: ZoneInfo) -> RosterForm:
    """Fill the form with a roster, and an empty row of each kind."""
    return RosterForm(
        members={
            each.account_id: "reserve" if each.is_reserve else "member" for each in kept.members
        },
        shifts=[*(_show_shift(each) for each in kept.shifts), *[ShiftRow()] * _SPARE_ROWS],
        exceptions=[
            *(
                ExceptionRow(
                    each.account_id,
                    DateParts.from_moment(each.begins_at, zone),
                    DateParts.from_moment(each.ends_at, zone),
                    "on" if each.is_on else "off",
                )
                for each in kept.exceptions
            ),
            *[ExceptionRow()] * _SPARE_ROWS,
        ],
    )


def is_too_large(kept: Roster) -> bool:
    """Say whether a roster has more rows than one form: saving it from a page would lose some."""
    return max(len(kept.shifts), len(kept.exceptions)) >= MOST_ROWS


def _show_shift(shift: Shift) -> ShiftRow:
    return ShiftRow(
        shift.account_id,
        tuple(shift.weekdays),
        shift.opens_at,
        shift.closes_at,
        _show_day(shift.valid_from),
        _show_day(shift.valid_to),
    )


def _show_day(day: date | None) -> DateParts:
    return DateParts(str(day.day), str(day.month), str(day.year)) if day else DateParts()


def take_roster(form: FormData) -> RosterForm:
    """Take what was typed."""
    members = {
        name.removeprefix("member-"): value
        for name, value in form.multi_items()
        if name.startswith("member-") and value in {"member", "reserve"} and isinstance(value, str)
    }
    return RosterForm(
        members=members,
        shifts=[
            ShiftRow(
                _text(form, f"shift-{n}-who"),
                tuple(day for day in form.getlist(f"shift-{n}-days") if day in _DAYS),
                _text(form, f"shift-{n}-opens"),
                _text(form, f"shift-{n}-closes"),
                DateParts.from_form(form, f"shift-{n}-from"),
                DateParts.from_form(form, f"shift-{n}-to"),
            )
            for n in range(MOST_ROWS)
            if f"shift-{n}-who" in form
        ],
        exceptions=[
            ExceptionRow(
                _text(form, f"exception-{n}-who"),
                DateParts.from_form(form, f"exception-{n}-begins"),
                DateParts.from_form(form, f"exception-{n}-ends"),
                _text(form, f"exception-{n}-kind"),
            )
            for n in range(MOST_ROWS)
            if f"exception-{n}-who" in form
        ],
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip()[:64] if isinstance(value, str) else ""


def find_roster_errors(typed: RosterForm, *, zone: ZoneInfo) -> dict[str, Message]:
    """Say what is wrong, at its field."""
    errors: dict[str, Message] = {}
    for n, row in enumerate(typed.shifts):
        if row.account_id:
            errors |= _find_shift_errors(f"shift-{n}", row, typed.members)
    for n, each in enumerate(typed.exceptions):
        if each.account_id:
            errors |= _find_exception_errors(f"exception-{n}", each, typed.members, zone=zone)
    return errors


def _find_shift_errors(name: str, row: ShiftRow, members: Mapping[str, str]) -> dict[str, Message]:
    errors: dict[str, Message] = {}
    if row.account_id not in members:
        errors[f"{name}-who"] = _NO_MEMBER
    if not row.weekdays:
        errors[f"{name}-days"] = _NO_DAYS
    if not _read_hour(row.opens_at) or not _read_hour(row.closes_at):
        errors[f"{name}-opens"] = _NO_HOURS
    for part, days in (("from", row.valid_from), ("to", row.valid_to)):
        try:
            _read_day(days)
        except DateError as error:
            errors[f"{name}-{part}"] = error.message
    return errors


def _find_exception_errors(
    name: str, row: ExceptionRow, members: Mapping[str, str], *, zone: ZoneInfo
) -> dict[str, Message]:
    errors: dict[str, Message] = {}
    if row.account_id not in members:
        errors[f"{name}-who"] = _NO_MEMBER
    if row.kind not in {"on", "off"}:
        errors[f"{name}-kind"] = _NO_KIND
    moments: dict[str, datetime] = {}
    for part, parts in (("begins", row.begins), ("ends", row.ends)):
        try:
            moments[part] = parts.parse_moment(zone)
        except DateError as error:
            errors[f"{name}-{part}"] = error.message
    if len(moments) > 1 and moments["ends"] <= moments["begins"]:
        errors[f"{name}-ends"] = _ENDS_FIRST
    return errors


def _read_hour(text: str) -> str:
    found = _HOUR.fullmatch(text)
    return f"{int(found[1]):02}:{found[2]}" if found else ""


def _read_day(parts: DateParts) -> date | None:
    return None if parts.is_empty else parts.parse_date()


def read_roster(typed: RosterForm, *, desk: str, zone: ZoneInfo) -> Roster:
    """Return the roster that a form without errors means."""
    return Roster(
        desk=desk,
        members=tuple(
            Member(account, is_reserve=place == "reserve")
            for account, place in sorted(typed.members.items())
        ),
        shifts=tuple(
            Shift(
                account_id=row.account_id,
                weekdays=tuple(Weekday(day) for day in row.weekdays),
                opens_at=_read_hour(row.opens_at),
                closes_at=_read_hour(row.closes_at),
                valid_from=_read_day(row.valid_from),
                valid_to=_read_day(row.valid_to),
            )
            for row in typed.shifts
            if row.account_id
        ),
        exceptions=tuple(
            DutyException(
                account_id=row.account_id,
                begins_at=row.begins.parse_moment(zone),
                ends_at=row.ends.parse_moment(zone),
                is_on=row.kind == "on",
            )
            for row in typed.exceptions
            if row.account_id
        ),
    )
