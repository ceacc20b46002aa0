"""What stands in a form about an entry: from the document, or as somebody typed it.

What was typed is kept as it was typed until it can be read, so that nothing is lost by an error.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from starlette.datastructures import FormData

from console.dates import DateError, DateParts
from console.i18n import Message
from directory_pages.entry_fields import Control, FormField, RowGroup, Section

_MORE: Final = 3
"""Rows that the button "More rows" adds."""
_LONGEST_VALUE: Final = 4_000
_INDEX: Final = r"\.([0-9]{1,3})\."

Values = dict[str, list[str]]


@dataclass
class Answers:
    """The fields of a form by name. Days stand beside them as they were typed."""

    values: Values = field(default_factory=dict)
    days: dict[str, DateParts] = field(default_factory=dict)
    blank: dict[str, int] = field(default_factory=dict)
    """How many empty rows a group shows beyond those that are filled in."""

    def get(self, name: str) -> str:
        """Return the first value of a field, or an empty text."""
        values = self.values.get(name)
        return values[0] if values else ""

    def all(self, name: str) -> Sequence[str]:
        """Return all values of a field."""
        return self.values.get(name, ())

    def day(self, name: str) -> DateParts:
        """Return a day as it was typed."""
        return self.days.get(name, DateParts())

    def count_rows(self, group: RowGroup) -> int:
        """Return how many rows of a group are filled in."""
        return len(_find_indices(group.name, (*self.values, *self.days)))

    def list_rows(self, group: RowGroup) -> range:
        """Return the numbers of the rows to show: one that is empty comes last."""
        filled = self.count_rows(group)
        return range(min(group.most, filled + self.blank.get(group.name, 1)))

    def is_filled(self, section: Section) -> bool:
        """Tell whether anything stands in a part of the form."""
        names = tuple(item.name for item in section.items)
        return any(
            name in names or name.startswith(tuple(f"{known}." for known in names))
            for name in (*self.values, *self.days)
        )


def show_values(values: Mapping[str, Sequence[str]], sections: Iterable[Section]) -> Answers:
    """Fill a form with what a document says, as :func:`read_values` gives it back."""
    days = {f.name for f in _list_fields(sections, values) if f.control is Control.DAY}
    answers = Answers()
    for name, found in values.items():
        if name in days and found:
            day = date.fromisoformat(found[0])
            answers.days[name] = DateParts(str(day.day), str(day.month), str(day.year))
        elif found:
            answers.values[name] = list(found)
    return answers


def read_answers(form: FormData, sections: Sequence[Section]) -> Answers:
    """Take what was typed; empty rows close up, fields that were left empty are not kept.

    The button ``more`` asks for further rows of the group that is its value.
    """
    answers = Answers()
    for section in sections:
        for item in section.items:
            if isinstance(item, FormField):
                _take(form, item, (item.name, item.name), answers)
            else:
                _take_rows(form, item, answers)
    more = form.get("more")
    if isinstance(more, str):
        answers.blank[more[:80]] = 1 + _MORE
    return answers


def _take_rows(form: FormData, group: RowGroup, answers: Answers) -> None:
    kept = 0
    for index in _find_indices(group.name, form):
        if kept == group.most:
            return
        if any(_is_typed(form, f"{group.name}.{index}.{key}") for key in group.keys):
            for each in group.fields:
                at, to = (f"{group.name}.{number}.{each.name}" for number in (index, kept))
                _take(form, each, (at, to), answers)
            kept += 1


def _is_typed(form: FormData, name: str) -> bool:
    return any(isinstance(value, str) and value.strip() for value in form.getlist(name))


def _find_indices(group: str, names: Iterable[str]) -> list[int]:
    pattern = re.compile(re.escape(group) + _INDEX)
    return sorted({int(found[1]) for name in names if (found := pattern.match(name))})


def _take(form: FormData, each: FormField, names: tuple[str, str], answers: Answers) -> None:
    """Take one field from its name on the form to its name among the answers."""
    at, to = names
    if each.control is Control.DAY:
        parts = DateParts.from_form(form, at)
        if not parts.is_empty:
            answers.days[to] = parts
        return
    given = [value for value in form.getlist(at) if isinstance(value, str)]
    texts = [_clean(value, each.control)[:_LONGEST_VALUE] for value in given]
    if each.control is Control.LINES:
        texts = [line.strip() for text in texts for line in text.split("\n")]
    found = [text for text in texts if text]
    if found:
        answers.values[to] = found


def _clean(text: str, control: Control) -> str:
    """Leave out the space around a text; only a note has lines."""
    if control in {Control.NOTE, Control.LINES}:
        return text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return " ".join(text.split())


def read_values(answers: Answers, sections: Iterable[Section]) -> tuple[Values, dict[str, Message]]:
    """Return the values as documents are read from, days written as 2026-03-01; and the errors."""
    values: Values = {name: list(found) for name, found in answers.values.items()}
    errors: dict[str, Message] = {}
    for each in _list_fields(sections, (*answers.values, *answers.days)):
        if each.control is Control.DAY and each.name in answers.days:
            try:
                values[each.name] = [answers.days[each.name].parse_date().isoformat()]
            except DateError as error:
                errors[each.name] = error.message
    return values, errors


def list_form_fields(sections: Iterable[Section], answers: Answers) -> Iterator[FormField]:
    """Yield every field of a form under its whole name, in the order of the page."""
    return _list_fields(sections, (*answers.values, *answers.days))


def _list_fields(sections: Iterable[Section], names: Iterable[str]) -> Iterator[FormField]:
    known = list(names)
    for section in sections:
        for item in section.items:
            if isinstance(item, FormField):
                yield item
                continue
            for index in _find_indices(item.name, known):
                yield from (in_row(item, index, each) for each in item.fields)


def in_row(group: RowGroup, index: int, each: FormField) -> FormField:
    """Return a field of a row under its whole name."""
    return FormField(
        name=f"{group.name}.{index}.{each.name}",
        label=each.label,
        control=each.control,
        hint=each.hint if index == 0 else "",
        choices=each.choices,
        empty=each.empty,
        width=each.width,
        most=each.most,
    )


def title_of_row(group: RowGroup, number: int) -> Message:
    """Say which row of a group this is, counted from one: "Telephone 2"."""
    return Message(msgid=group.row.msgid, params={"number": number + 1})
