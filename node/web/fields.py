"""Form fields out of the message models: the annotation decides the control.

The models of ``protocol.messages`` are the one source, by way of ``protocol.messages.describing``.
This module knows single fields: how each is filled in, read, and explained when it is wrong. What
nests and repeats is in :mod:`node.web.forms`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from console.dates import DateError, DateParts
from console.digits import read_number
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES
from node.service.drafts import Answers
from node.web.field_labels import find_hint, find_label
from node.web.forms.conditions import find_condition
from node.web.forms.dependence import Condition
from node.web.labels import list_choices, say_code
from node.web.words.code_help import find_helps
from node.web.words.hints import DESK_HINT, HINTS, MESSAGE_HINT
from protocol.limits import LIMITS
from protocol.messages.describing import FieldDescription, ValueKind
from protocol.messages.fields import Sensitivity, TriState

_NO_DATE: Final = "no date"
_MAX_DIGITS: Final = 10
#: Choices that fit beside each other.
_IN_ONE_LINE: Final = 4


class Control(StrEnum):
    """How a field is filled in."""

    RADIOS = "radios"
    CHECKBOXES = "checkboxes"
    SELECT = "select"
    LINE = "line"
    #: Several short texts, one on each line.
    LINES = "lines"
    NUMBER = "number"
    NARRATIVE = "narrative"
    DAY = "day"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a message body, as a form shows it."""

    #: Place in the body: ``("risk", "level")``; a row of a list by its number, from 0.
    path: tuple[str, ...]
    control: Control
    label: Message
    hint: Message | str
    sensitivity: Sensitivity
    is_required: bool
    choices: Sequence[tuple[str, Message | str]] = ()
    #: What a choice means, where its name leaves it open.
    helps: Mapping[str, Message] = field(default_factory=dict)
    max_length: int | None = None
    kind: ValueKind = ValueKind.TEXT
    minimum: int | None = None
    maximum: int | None = None
    #: When it applies; ``None``: always.
    condition: Condition | None = None
    #: The model that it is a field of.
    owner: type[BaseModel] = BaseModel

    @property
    def name(self) -> str:
        """Its name in a form."""
        return "-".join(self.path)

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The names under which its answer arrives: a date comes in parts."""
        if self.control in DATES:
            return list_date_names(self.name)
        return (self.name,)

    @property
    def class_word(self) -> Message | str:
        """The class of what it holds, in a word."""
        return say_code(self.sensitivity)

    @property
    def explained(self) -> Sequence[tuple[str, Message | str, Message | str]]:
        """The choices, each with what it means, or with nothing."""
        return [(value, label, self.helps.get(value, "")) for value, label in self.choices]

    @property
    def is_wide(self) -> bool:
        """Whether it has so many choices that they stand in columns."""
        return len(self.choices) > _IN_ONE_LINE


DATES: Final = frozenset({Control.DAY, Control.MOMENT})
_TEXTS: Final = frozenset({Control.LINE, Control.NARRATIVE, Control.LINES})
_CHOSEN: Final = frozenset({Control.RADIOS, Control.CHECKBOXES, Control.SELECT})
_YES_NO: Final = (TriState.YES, TriState.NO)

SHELTER_CODE: Final = "shelter_code"
"""The field, of several types, that names a shelter by its opaque code."""

#: What to know when a thing is typed that can be chosen elsewhere.
_TYPING_HINTS: Final = (DESK_HINT, MESSAGE_HINT, HINTS[SHELTER_CODE])

Offers = Mapping[str, Sequence[tuple[str, Message | str]]]
"""What can be chosen where only the moment knows it: Participants, desks, messages of the case.

By the kind of value, or by the name of the field.
"""


def describe_field(
    model: type[BaseModel], said: FieldDescription, path: tuple[str, ...]
) -> FormField:
    """Describe one leaf of ``model``; ``path`` is where it stands in the form."""
    control, choices = _choose_control(said)
    longest = said.max_length or LIMITS.line
    return FormField(
        path=path,
        control=control,
        label=find_label(model, said.name),
        hint=find_hint(model, said.name, said),
        sensitivity=said.sensitivity or Sensitivity.NONE,
        is_required=said.required or said.min_items > 0,
        choices=choices,
        helps=find_helps(said.code_list) if choices and said.code_list else {},
        max_length=longest if control in {Control.LINE, Control.NARRATIVE} else None,
        kind=said.kind,
        minimum=said.minimum,
        maximum=said.maximum,
        condition=find_condition(model, said.name),
        owner=model,
    )


def _choose_control(
    said: FieldDescription,
) -> tuple[Control, Sequence[tuple[str, Message | str]]]:
    if said.kind in {ValueKind.CODE, ValueKind.TRI_STATE} and said.code_list is not None:
        known = [c for c in list_choices(said.code_list) if c[0] in said.choices]
        return (Control.CHECKBOXES if said.many else Control.RADIOS), known
    if said.kind is ValueKind.LANGUAGE:
        return (Control.CHECKBOXES if said.many else Control.SELECT), tuple(LANGUAGES.items())
    if said.kind is ValueKind.YES_NO:
        yes_no = [c for c in list_choices(TriState) if c[0] in _YES_NO]
        return Control.RADIOS, yes_no
    alone = {
        ValueKind.DATE: Control.DAY,
        ValueKind.MOMENT: Control.MOMENT,
        ValueKind.NUMBER: Control.NUMBER,
        ValueKind.NARRATIVE: Control.NARRATIVE,
    }
    if said.many:
        return Control.LINES, ()
    return alone.get(said.kind, Control.LINE), ()


def offer(field: FormField, offers: Offers) -> FormField:
    """Give a field the choices of the moment, if there are some for what it holds."""
    choices = offers.get(field.kind) or offers.get(field.path[-1])
    if not choices:
        return field
    control = Control.CHECKBOXES if field.control is Control.LINES else Control.SELECT
    hint = "" if field.hint in _TYPING_HINTS else field.hint
    return replace(field, control=control, choices=choices, hint=hint, max_length=None)


def read_value(field: FormField, answers: Answers, *, zone: ZoneInfo) -> Any:
    """Read one answer as the JSON value that the model takes; ``None`` for an empty one.

    What cannot be read is given as it was typed: the model refuses it, and the page says why.
    """
    if field.control in DATES:
        return _read_date(field, answers, zone=zone)
    given = [clean for value in answers.get(field.name, ()) if (clean := clean_text(value))]
    if not given:
        return None
    if field.control is Control.LINES:
        return [line for text in given for part in text.split("\n") if (line := part.strip())]
    return given if field.control is Control.CHECKBOXES else _read_one(field.kind, given[0])


def _read_one(kind: ValueKind, text: str) -> bool | int | str:
    if kind is ValueKind.YES_NO and text in _YES_NO:
        return text == TriState.YES
    if kind is not ValueKind.NUMBER:
        return text
    number = read_number(text, digits=_MAX_DIGITS)
    return text if number is None else number


def _read_date(field: FormField, answers: Answers, *, zone: ZoneInfo) -> str | None:
    parts = get_date_parts(answers, field.name)
    if parts.is_empty:
        return None
    try:
        if field.control is Control.DAY:
            return parts.parse_date().isoformat()
        return parts.parse_moment(zone).isoformat()
    except DateError:
        return _NO_DATE


def list_date_names(name: str) -> tuple[str, ...]:
    """List the names of the parts in which a date arrives."""
    return tuple(f"{name}_{part}" for part in ("day", "month", "year", "time"))


def get_date_parts(answers: Answers, name: str) -> DateParts:
    """Return a date as it was typed."""
    given = [answers.get(part, ()) for part in list_date_names(name)]
    return DateParts(*(values[0] if values else "" for values in given))


def clean_text(text: str) -> str:
    """Give text as messages carry it: line ends alone, no space around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def is_filled(field: FormField, answers: Answers) -> bool:
    """Say whether anything was typed into a field."""
    return any(clean_text(v) for name in field.answer_names for v in answers.get(name, ()))


def explain_date(field: FormField, answers: Answers, *, zone: ZoneInfo) -> Message | None:
    """Say what is wrong with a date that was typed; None if it is none, or right."""
    parts = get_date_parts(answers, field.name)
    if field.control not in DATES or parts.is_empty:
        return None
    try:
        parts.parse_date() if field.control is Control.DAY else parts.parse_moment(zone)
    except DateError as error:
        return error.message
    return None


_EMPTY: Final = frozenset({"missing", "too_short", "string_too_short"})


def explain_error(field: FormField, kind: str) -> Message:
    """Say what is wrong with one answer; ``kind`` is pydantic's name of the error."""
    match (kind, field.control):
        case (_, control) if kind in _EMPTY and control in _CHOSEN:
            return msg("Choose an answer: %(field)s.", field=field.label)
        case _ if kind in _EMPTY:
            return msg("Fill this in: %(field)s.", field=field.label)
        case (_, Control.NUMBER):
            return _explain_number(field)
        case ("string_too_long", _):
            return msg(
                "Shorten this to %(count)s characters: %(field)s.",
                count=field.max_length or LIMITS.line,
                field=field.label,
            )
        case ("too_long", _):
            return msg("These are too many: %(field)s. Leave some out.", field=field.label)
        case _:
            return _explain_value(field)


def _explain_number(field: FormField) -> Message:
    if field.minimum is None or field.maximum is None:
        return msg("Write a whole number, in digits: %(field)s.", field=field.label)
    return msg(
        "Write a whole number from %(minimum)s to %(maximum)s: %(field)s.",
        minimum=field.minimum,
        maximum=field.maximum,
        field=field.label,
    )


_FORMED: Final = frozenset({
    ValueKind.PATTERN, ValueKind.PARTICIPANT, ValueKind.AUTHORITY, ValueKind.MESSAGE,
    ValueKind.CASE, ValueKind.LANGUAGE,
})  # fmt: skip


def _explain_value(field: FormField) -> Message:
    if field.control in _TEXTS and field.kind in _FORMED:
        return msg("This does not have the form that is described: %(field)s.", field=field.label)
    if field.control in _TEXTS:
        return msg(
            "Type this again, without line breaks or invisible characters: %(field)s.",
            field=field.label,
        )
    return msg("Choose one of the answers offered: %(field)s.", field=field.label)


def group_by_class(fields: Sequence[FormField]) -> Mapping[Sensitivity, Sequence[FormField]]:
    """Group fields by their sensitivity, in the order of the classes."""
    return {
        mark: found
        for mark in Sensitivity
        if (found := [f for f in fields if f.sensitivity is mark])
    }
