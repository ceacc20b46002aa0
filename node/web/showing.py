"""What a message body says, in words: the same names of fields and codes as in its form."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel

from console.i18n import Message, msg
from directory_pages.codes import say_language
from node.web.field_labels import find_label
from node.web.labels import CODE_LABELS, DECIDED, say_code
from protocol.messages.codes import AgeGroup
from protocol.messages.describing import ValueKind, describe_own_fields
from protocol.messages.fields import Sensitivity, TriState, get_sensitivity
from protocol.messages.general import Outcome


@dataclass(frozen=True, slots=True)
class ShownField:
    """A value of a message, ready to be shown: words, a moment, a day, or lines of text.

    ``words`` of a ``kind`` that only the directory can say (a desk, a Participant) are its
    identifiers: the page names them. ``name`` is that of its field in the form.
    """

    name: str
    label: Message | str
    sensitivity: Sensitivity
    words: tuple[Message | str, ...] = ()
    moment: datetime | None = None
    day: date | None = None
    kind: ValueKind = ValueKind.TEXT

    @property
    def is_sensitive(self) -> bool:
        """Whether it is shown folded, under its class."""
        return self.sensitivity is not Sensitivity.NONE


def show_body(body: BaseModel) -> Iterator[ShownField]:
    """Say what a body holds, field by field; what it leaves open is left out."""
    yield from _show(body, path="", above=None)


def _show(model: BaseModel, *, path: str, above: Message | None) -> Iterator[ShownField]:
    for said in describe_own_fields(type(model)):
        value = getattr(model, said.name)
        if value is None or value in ("", ()) or said.kind is ValueKind.FIXED:
            continue
        here, own = f"{path}{said.name}", find_label(type(model), said.name)
        if isinstance(value, BaseModel):
            # An answer is what its message is: its fields need no part before them.
            part = above if said.kind is ValueKind.ALTERNATIVES else _join(above, own)
            yield from _show(value, path=f"{here}-", above=part)
        elif isinstance(value, tuple) and isinstance(value[0], BaseModel):
            for number, item in enumerate(value, start=1):
                row = msg("%(list)s %(number)s", list=own, number=number)
                yield from _show(item, path=f"{here}-{number - 1}-", above=_join(above, row))
        else:
            mark = get_sensitivity(type(model), said.name) or Sensitivity.PROTECTION
            yield _show_value(
                ShownField(here, _join(above, own), mark, kind=said.kind), value=value
            )


def _join(above: Message | None, own: Message) -> Message:
    return own if above is None else msg("%(part)s: %(field)s", part=above, field=own)


def _show_value(blank: ShownField, *, value: Any) -> ShownField:
    known = (blank.name, blank.label, blank.sensitivity)
    if isinstance(value, datetime):
        return ShownField(*known, moment=value, kind=blank.kind)
    if isinstance(value, date):
        return ShownField(*known, day=value, kind=blank.kind)
    return ShownField(*known, words=tuple(_words(blank.kind, value)), kind=blank.kind)


def _words(kind: ValueKind, value: Any) -> Iterator[Message | str]:
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, Outcome):
            yield DECIDED[item]
        elif isinstance(item, StrEnum):
            yield say_code(item)
        elif isinstance(item, bool):
            yield say_code(TriState.YES if item else TriState.NO)
        elif kind is ValueKind.LANGUAGE:
            yield say_language(item)
        else:
            yield str(item)


_FIRST: Final = (
    "danger_now", "ties", "completeness", "none_reason", "rest_expected_on", "outcome",
    "decline_reason", "forwarded_to", "handover", "reason", "status", "age_group", "person_group",
    "possibly_under_18", "child-guardian", "child-child_informed", "sex", "exploitation_forms",
    "found_on", "immediate_needs", "services_requested", "phases_concerned", "whereabouts",
    "risk-level", "languages_spoken", "interpreter_needed",
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
