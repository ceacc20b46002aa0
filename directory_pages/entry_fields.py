"""Which fields an authority's form has, in which order, with the words that help to fill them in.

Names are the paths of the document, with dots: ``telephones.0.e164``. They are those of
:mod:`contact_registry.editing.forms`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from console.i18n import Message, msg, pmsg
from contact_registry.models import Authority, PersonGroup, TelephoneKind
from contact_registry.particulars import AuthorityType
from contact_registry.schedules import Weekday
from directory_pages.codes import LANGUAGES, Words, offer
from directory_pages.field_labels import FIELD_LABELS
from protocol.identifiers import Channel, Phase

Choices = Sequence[tuple[str, Words]]


class Control(StrEnum):
    """How a field is filled in."""

    LINE = "line"
    NOTE = "note"
    SELECT = "select"
    TICK = "tick"
    TICKS = "ticks"
    DAY = "day"
    #: Several values, one a line.
    LINES = "lines"


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One field; ``name`` is relative to the row or entry that it belongs to."""

    name: str
    label: Words
    control: Control = Control.LINE
    hint: Words = ""
    choices: Choices = ()
    empty: Words = ""
    """What the choice of nothing is called; without it something is always chosen."""
    width: str = ""
    most: int = 500


@dataclass(frozen=True, kw_only=True)
class RowGroup:
    """Rows of fields, such as telephones. A row is left out where all of ``keys`` are empty."""

    name: str
    label: Words
    row: Message
    """What one row is called: "Telephone %(number)s"."""
    fields: tuple[FormField, ...]
    keys: tuple[str, ...]
    most: int
    hint: Words = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the form under one heading; a folded one is closed while nothing stands in it."""

    title: Message
    items: tuple[FormField | RowGroup, ...]
    hint: Words = ""
    is_folded: bool = False


@dataclass(frozen=True)
class EntryChoices:
    """What a form offers that hangs on the Participant: other desks, and its time zones first."""

    desks: Choices = ()
    zones: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """Tags that are listed already and have no name here."""


_LANGUAGES: Final[Choices] = tuple(LANGUAGES.items())


def _named(name: str, **more: Any) -> FormField:
    return FormField(name=name, label=FIELD_LABELS[name], **more)


TELEPHONE_FIELDS: Final = (
    FormField(
        name="as_listed",
        label=pmsg("telephone", "Number"),
        hint=msg("With the country code, as +355 44541821."),
        width="half",
    ),
    FormField(
        name="extension", label=pmsg("telephone", "Extension"), hint=msg("Digits only."),
        width="short", most=8,
    ),
    FormField(
        name="kind", label=msg("What answers"), control=Control.SELECT,
        choices=offer(TelephoneKind),
    ),
    FormField(
        name="national_only",
        label=msg("Works inside this Participant only"),
        control=Control.TICK,
    ),
)  # fmt: skip

_COMPETENCES: Final = RowGroup(
    name="competences",
    label=FIELD_LABELS["competences"],
    row=msg("Competence %(number)s"),
    keys=("phase", "place", "measure_as_listed"),
    most=64,
    fields=(
        FormField(
            name="phase", label=msg("Phase"), control=Control.SELECT, choices=offer(Phase),
            empty=msg("Choose one"),
        ),
        FormField(
            name="person_group", label=msg("For whom"), control=Control.SELECT,
            choices=offer(PersonGroup),
            hint=msg("A person who may be under 18 is treated as a child."),
        ),
        FormField(
            name="channel", label=msg("Channel"), control=Control.SELECT, choices=offer(Channel),
            hint=msg("Who works on one channel does not see the messages of another."),
        ),
        FormField(
            name="place", label=msg("Only in this place"), hint=msg("Empty means everywhere."),
        ),
        FormField(name="measure_as_listed", label=msg("Measure, as a list names it")),
    ),
)  # fmt: skip

_TELEPHONES: Final = RowGroup(
    name="telephones",
    label=FIELD_LABELS["telephones"],
    row=msg("Telephone %(number)s"),
    keys=("as_listed",),
    most=32,
    fields=TELEPHONE_FIELDS,
)

_SCHEDULES: Final = RowGroup(
    name="schedules",
    label=FIELD_LABELS["schedules"],
    row=msg("Hours %(number)s"),
    keys=("byday", "opens_at", "closes_at"),
    most=32,
    hint=msg("Without hours nobody can say whether the desk is open. Leave this empty if it "
             "answers around the clock."),
    fields=(
        FormField(
            name="byday", label=msg("Days"), control=Control.TICKS, choices=offer(Weekday),
        ),
        FormField(
            name="opens_at", label=msg("Opens at"), hint=msg("With 24 hours, as 08:00."),
            width="short", most=5,
        ),
        FormField(
            name="closes_at", label=msg("Closes at"),
            hint=msg("The end of a day is 24:00. Earlier than it opens means the next day."),
            width="short", most=5,
        ),
        FormField(name="valid_from", label=msg("In this season only: from"), control=Control.DAY),
        FormField(name="valid_to", label=msg("In this season only: last day"), control=Control.DAY),
    ),
)  # fmt: skip

_ADDRESSES: Final = RowGroup(
    name="addresses",
    label=FIELD_LABELS["addresses"],
    row=msg("Address %(number)s"),
    keys=("address_1", "city", "address_2", "postal_code"),
    most=8,
    hint=msg("Where a shelter stands is never listed."),
    fields=(
        FormField(name="attention", label=msg("To the attention of")),
        FormField(name="address_1", label=msg("Street and number, or post box")),
        FormField(name="address_2", label=msg("Second line")),
        FormField(name="postal_code", label=msg("Postal code"), width="short"),
        FormField(name="city", label=pmsg("address", "City"), width="half"),
        FormField(name="region", label=msg("Region"), width="half"),
    ),
)


def _names(languages: Choices) -> RowGroup:
    return RowGroup(
        name="alternate_names",
        label=FIELD_LABELS["alternate_names"],
        row=msg("Other name %(number)s"),
        keys=("name",),
        most=32,
        hint=msg("Names in other languages, and earlier ones by which people look for the desk."),
        fields=(
            FormField(name="name", label=FIELD_LABELS["name"]),
            FormField(
                name="language", label=msg("Language"), control=Control.SELECT,
                choices=languages, empty=msg("No language in particular"),
            ),
        ),
    )  # fmt: skip


_LICENSES: Final = RowGroup(
    name="licenses",
    label=FIELD_LABELS["licenses"],
    row=msg("Licence %(number)s"),
    keys=("number", "issued_by"),
    most=8,
    fields=(
        FormField(name="number", label=msg("Number of the licence"), width="half"),
        FormField(name="issued_by", label=FIELD_LABELS["issued_by"]),
        FormField(name="valid_from", label=FIELD_LABELS["valid_from"], control=Control.DAY),
        FormField(name="valid_to", label=FIELD_LABELS["valid_to"], control=Control.DAY),
    ),
)


def _route(name: str, title: Message, hint: Message, desks: Choices) -> Section:
    return Section(
        title=title,
        hint=hint,
        items=(
            FormField(
                name=f"{name}.authority", label=msg("Another desk of the list"),
                control=Control.SELECT, choices=desks, empty=msg("No other desk"),
            ),
            RowGroup(
                name=f"{name}.telephones", label=msg("Or numbers of its own"),
                row=msg("Telephone %(number)s"), keys=("as_listed",), most=8,
                fields=TELEPHONE_FIELDS,
            ),
            FormField(
                name=f"{name}.mailboxes", label=msg("Or mailboxes of its own"),
                control=Control.LINES, hint=msg("One a line."), most=8,
            ),
            FormField(name=f"{name}.note", label=FIELD_LABELS["note"]),
        ),
        is_folded=True,
    )  # fmt: skip


_COMPETENT_FOR: Final = Section(
    title=msg("What it is competent for"),
    hint=msg("Messages find the desk by this."),
    items=(_COMPETENCES,),
)

_HOLDING: Final = Section(
    title=msg("How long this holds"),
    items=(
        _named("valid_from", control=Control.DAY),
        _named("valid_to", control=Control.DAY, hint=msg("Empty: until further notice.")),
        _named("last_confirmed", control=Control.DAY,
               hint=msg("The day on which the authority last said that this is right.")),
        _named("review_due", control=Control.DAY,
               hint=msg("The day by which you promise to look again.")),
    ),
)  # fmt: skip

_PAPERS: Final = Section(
    title=msg("Appointment, licences and address"),
    is_folded=True,
    items=(
        FormField(name="appointment_decision.reference",
                  label=msg("Decision of appointment: reference")),
        FormField(name="appointment_decision.issued_by", label=FIELD_LABELS["issued_by"]),
        FormField(name="appointment_decision.issued_on", label=FIELD_LABELS["issued_on"],
                  control=Control.DAY),
        _LICENSES,
        _ADDRESSES,
    ),
)  # fmt: skip

_REMARKS: Final = Section(
    title=msg("Remarks"),
    is_folded=True,
    items=(
        _named("note", control=Control.NOTE, most=2000,
               hint=msg("Everybody who holds the directory reads this.")),
        _named("source", hint=msg("Where this entry comes from, such as a list.")),
    ),
)  # fmt: skip


def list_sections(choices: EntryChoices) -> tuple[Section, ...]:
    """Return the whole form of an authority."""
    languages = (*_LANGUAGES, *((tag, tag) for tag in choices.languages))
    zones = [(zone, zone.replace("_", " ")) for zone in _order_zones(choices.zones)]
    return (
        Section(
            title=msg("The desk"),
            hint=msg("A desk is a post in an authority, never a person."),
            items=(
                _named("name", hint=msg("As the authority calls itself, in one language.")),
                _named("type", control=Control.SELECT, choices=offer(AuthorityType),
                       empty=msg("Not said")),
                _named("unit"),
                _named("post", hint=msg("Such as Duty officer. No names of people.")),
                _named("city", width="half"),
                _names(languages),
            ),
        ),
        _COMPETENT_FOR,
        Section(
            title=msg("How to reach it"),
            hint=msg("At least one number or mailbox has to work from abroad."),
            items=(
                _TELEPHONES,
                _named("mailboxes", control=Control.LINES, most=16,
                       hint=msg("One a line. No personal data is ever sent there.")),
                _named("languages", control=Control.TICKS, choices=languages),
            ),
        ),
        Section(
            title=msg("When somebody answers"),
            items=(
                _named("available_24_7", control=Control.TICK),
                _SCHEDULES,
                _named("open_on_holidays", control=Control.TICK),
                _named("time_zone", control=Control.SELECT, choices=zones),
            ),
        ),
        _route("reserve", msg("If nobody answers"),
               msg("Who is turned to when the desk does not answer in its hours."), choices.desks),
        _route("out_of_hours", msg("Out of hours"),
               msg("Who answers while the desk is closed."), choices.desks),
        _HOLDING,
        _PAPERS,
        _REMARKS,
    )  # fmt: skip


def _order_zones(first: Sequence[str]) -> list[str]:
    return [*first, *(zone for zone in _list_zones() if zone not in first)]


@cache
def _list_zones() -> tuple[str, ...]:
    zones = available_timezones()
    return (*sorted(z for z in zones if z.startswith("Europe/")), "UTC")


def list_covered_fields() -> frozenset[str]:
    """Return the fields of an authority that the form shows: all but its identifier."""
    names = (item.name for section in list_sections(EntryChoices()) for item in section.items)
    return frozenset(name.partition(".")[0] for name in names) & set(Authority.model_fields)
