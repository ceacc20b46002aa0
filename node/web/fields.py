"""Form fields out of the message models: the annotation decides the control.

The models of ``protocol.messages`` are the one source. This module walks a body model and describes
each leaf as a :class:`FormField`; reads answers into a body; and says a body's values in words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from annotated_types import MaxLen
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from directory_pages.codes import LANGUAGES, say_language
from node.service.drafts import Answers
from node.web.field_labels import FIELD_HINTS, FIELD_LABELS
from node.web.labels import CODE_LABELS, DECIDED, list_choices, say_code
from protocol.limits import LIMITS
from protocol.messages.codes import AgeGroup
from protocol.messages.fields import LanguageField, Sensitivity, TriState, get_sensitivity
from protocol.messages.general import DecisionBody, Outcome, TextBody
from protocol.messages.head import PersonBody

_NO_DATE: Final = "no date"
_LANGUAGE_CHECK: Final = get_args(LanguageField)[1]


class Control(StrEnum):
    """How a field is filled in."""

    RADIOS = "radios"
    CHECKBOXES = "checkboxes"
    LINE = "line"
    NARRATIVE = "narrative"
    DAY = "day"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a message body, as a form shows it."""

    #: Place in the body: ``("risk", "level")``.
    path: tuple[str, ...]
    control: Control
    label: Message
    hint: Message | str
    sensitivity: Sensitivity
    is_required: bool
    choices: Sequence[tuple[str, Message]] = ()
    max_length: int | None = None

    @property
    def name(self) -> str:
        """Its name in a form."""
        return "-".join(self.path)

    @property
    def answer_names(self) -> tuple[str, ...]:
        """The names under which its answer arrives: a date comes in parts."""
        if self.control in {Control.DAY, Control.MOMENT}:
            return list_date_names(self.name)
        return (self.name,)


def describe_fields(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[FormField]:
    """Describe every leaf of a body model that people fill in, in the model's order."""
    for name, info in model.model_fields.items():
        inner, is_optional = _unwrap(info.annotation)
        path = (*prefix, name)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from describe_fields(inner, path)
            continue
        control, choices = _choose_control(inner, info)
        yield FormField(
            path=path,
            control=control,
            label=FIELD_LABELS[name],
            hint=FIELD_HINTS.get(name, ""),
            sensitivity=get_sensitivity(model, name) or Sensitivity.NONE,
            is_required=info.is_required() and not is_optional,
            choices=choices,
            max_length=_max_length(inner, info)
            if control in {Control.LINE, Control.NARRATIVE}
            else None,
        )


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    """Take off ``| None`` and ``Annotated``; say whether there was a ``None``."""
    if get_origin(annotation) in {Union, UnionType}:
        members = [m for m in get_args(annotation) if m is not type(None)]
        return members[0], len(members) < len(get_args(annotation))
    return annotation, False


def _plain(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _marks(annotation: Any, info: FieldInfo) -> list[Any]:
    marks = list(info.metadata)
    if get_origin(annotation) is Annotated:
        for mark in get_args(annotation)[1:]:
            marks += mark.metadata if isinstance(mark, FieldInfo) else [mark]
    return marks


def _max_length(annotation: Any, info: FieldInfo) -> int:
    found = [m.max_length for m in _marks(annotation, info) if isinstance(m, MaxLen)]
    return min(found, default=LIMITS.line)


def _choose_control(
    annotation: Any, info: FieldInfo
) -> tuple[Control, Sequence[tuple[str, Message]]]:
    plain = _plain(annotation)
    if get_origin(plain) is tuple:
        item = _plain(get_args(plain)[0])
        is_codes = isinstance(item, type) and issubclass(item, StrEnum)
        return Control.CHECKBOXES, list_choices(item) if is_codes else tuple(LANGUAGES.items())
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return Control.RADIOS, list_choices(plain)
    if plain is date:
        return Control.DAY, ()
    if plain is AwareDatetime:
        return Control.MOMENT, ()
    if _LANGUAGE_CHECK in _marks(annotation, info):
        return Control.RADIOS, tuple(LANGUAGES.items())
    is_long = _max_length(annotation, info) > LIMITS.line
    return (Control.NARRATIVE if is_long else Control.LINE), ()


def collect_body(
    fields: Sequence[FormField], answers: Answers, *, zone: ZoneInfo
) -> dict[str, Any]:
    """Put the answers of these fields into a body, as JSON values; what is empty is left out."""
    body: dict[str, Any] = {}
    for field in fields:
        value = _read(field, answers, zone=zone)
        if value is None:
            continue
        place = body
        for step in field.path[:-1]:
            place = place.setdefault(step, {})
        place[field.path[-1]] = value
    return body


def _read(field: FormField, answers: Answers, *, zone: ZoneInfo) -> Any:
    if field.control in {Control.DAY, Control.MOMENT}:
        return _read_date(field, answers, zone=zone)
    given = [clean for value in answers.get(field.name, ()) if (clean := clean_text(value))]
    if not given:
        return None
    return given if field.control is Control.CHECKBOXES else given[0]


def _read_date(field: FormField, answers: Answers, *, zone: ZoneInfo) -> str | None:
    parts = get_date_parts(answers, field.name)
    if parts.is_empty:
        return None
    try:
        if field.control is Control.DAY:
            return parts.parse_date().isoformat()
        return parts.parse_moment(zone).isoformat()
    except DateError:
        return _NO_DATE  # the model refuses it, and the page says why


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


def spread_body(fields: Sequence[FormField], body: BaseModel) -> dict[str, tuple[str, ...]]:
    """Give the answers that these fields would have for ``body``: for a message begun from another.

    Moments and days are left out: they belong to the earlier message.
    """
    answers: dict[str, tuple[str, ...]] = {}
    for field in fields:
        value: Any = body
        for step in field.path:
            value = getattr(value, step, None)
        if value is None or field.control in {Control.DAY, Control.MOMENT}:
            continue
        items = value if isinstance(value, tuple) else (value,)
        answers[field.name] = tuple(str(i.value if isinstance(i, Enum) else i) for i in items)
    return answers


def explain_date(field: FormField, answers: Answers, *, zone: ZoneInfo) -> Message | None:
    """Say what is wrong with a date that was typed; None if it is none, or right."""
    parts = get_date_parts(answers, field.name)
    if field.control not in {Control.DAY, Control.MOMENT} or parts.is_empty:
        return None
    try:
        parts.parse_date() if field.control is Control.DAY else parts.parse_moment(zone)
    except DateError as error:
        return error.message
    return None


def explain_error(field: FormField, kind: str) -> Message:
    """Say what is wrong with one answer; ``kind`` is pydantic's name of the error."""
    match (kind, field.control):
        case ("missing" | "too_short", Control.RADIOS | Control.CHECKBOXES):
            return msg("Choose an answer: %(field)s.", field=field.label)
        case ("missing" | "too_short" | "string_too_short", _):
            return msg("Fill this in: %(field)s.", field=field.label)
        case ("string_too_long", _):
            return msg(
                "Shorten this to %(count)s characters: %(field)s.",
                count=field.max_length or LIMITS.line,
                field=field.label,
            )
        case (_, Control.LINE | Control.NARRATIVE):
            return msg(
                "Type this again, without line breaks or invisible characters: %(field)s.",
                field=field.label,
            )
        case _:
            return msg("Choose one of the answers offered: %(field)s.", field=field.label)


@dataclass(frozen=True, slots=True)
class ShownField:
    """A value of a message, ready to be shown: words, a moment, a day, or lines of text."""

    name: str
    label: Message | str
    sensitivity: Sensitivity
    words: Sequence[Message | str] = ()
    moment: datetime | None = None
    day: date | None = None

    @property
    def is_sensitive(self) -> bool:
        """Whether it is shown folded, under its class."""
        return self.sensitivity is not Sensitivity.NONE


#: Bodies whose fields have words of their own; those of other types are named as the type does.
_WORDED: Final = (PersonBody, DecisionBody, TextBody)


def show_body(body: BaseModel) -> Iterator[ShownField]:
    """Say what a body holds, field by field; what it leaves open is left out."""
    labels = FIELD_LABELS if isinstance(body, _WORDED) else {}
    yield from _show(body, labels=labels, path="", above="")


def _show(
    model: BaseModel, *, labels: Mapping[str, Message], path: str, above: str
) -> Iterator[ShownField]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if value is None or value in ("", ()) or name == "answers":  # the type it answers
            continue
        here = f"{path}{name}"
        label = labels.get(name) or f"{above}{name.replace('_', ' ')}".capitalize()
        if isinstance(value, BaseModel):
            yield from _show(value, labels=labels, path=f"{here}-", above=f"{label}: ")
        elif isinstance(value, tuple) and isinstance(value[0], BaseModel):
            for number, item in enumerate(value, start=1):
                steps = {"path": f"{here}-{number}-", "above": f"{label} {number}: "}
                yield from _show(item, labels=labels, **steps)
        else:
            yield _show_value(type(model), name, value, path=here, label=label)


def _show_value(
    model: type[BaseModel], name: str, value: Any, *, path: str, label: Message | str
) -> ShownField:
    # A field whose class is not known is shown folded, like the most sensitive ones.
    mark = get_sensitivity(model, name) or Sensitivity.PROTECTION
    if isinstance(value, datetime):
        return ShownField(path, label, mark, moment=value)
    if isinstance(value, date):
        return ShownField(path, label, mark, day=value)
    return ShownField(path, label, mark, words=tuple(_words(name, value)))


_FIRST: Final = (
    "danger_now", "ties", "outcome", "decline_reason", "forwarded_to", "handover", "reason",
    "status", "age_group", "possibly_under_18", "child-guardian", "child-child_informed", "sex",
    "exploitation_forms", "found_on", "immediate_needs", "services_requested", "phases_concerned",
    "whereabouts", "risk-level", "languages_spoken", "interpreter_needed",
)  # fmt: skip


def sort_facts(fields: Iterator[ShownField]) -> list[ShownField]:
    """Put what decides first; an age that nobody doubts says by itself who is a child."""
    found = list(fields)
    by_name = {field.name: field for field in found}
    age, doubt = by_name.get("age_group"), by_name.get("possibly_under_18")
    if age is not None and doubt is not None and not _is_doubted(age, doubt):
        found = [field for field in found if field.name != "possibly_under_18"]
    place = {name: index for index, name in enumerate(_FIRST)}
    return sorted(found, key=lambda field: place.get(field.name, len(place)))


def _is_doubted(age: ShownField, doubt: ShownField) -> bool:
    """Whether the age group alone would not tell whether the person is treated as a child."""
    if CODE_LABELS[AgeGroup][AgeGroup.UNDER_18] in age.words:
        return False
    unknown = CODE_LABELS[AgeGroup][AgeGroup.UNKNOWN] in age.words
    return unknown or say_code(TriState.YES) in doubt.words


def _words(name: str, value: Any) -> Iterator[Message | str]:
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, Outcome):
            yield DECIDED[item]
        elif isinstance(item, StrEnum):
            yield say_code(item)
        elif isinstance(item, bool):
            yield say_code(TriState.YES if item else TriState.NO)
        elif name.startswith("language"):
            yield say_language(item)
        else:
            yield str(item)


def group_by_class(fields: Sequence[FormField]) -> Mapping[Sensitivity, Sequence[FormField]]:
    """Group fields by their sensitivity, in the order of the classes."""
    return {
        mark: found
        for mark in Sensitivity
        if (found := [f for f in fields if f.sensitivity is mark])
    }
