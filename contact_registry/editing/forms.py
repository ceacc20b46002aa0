"""A part of a document as the fields of a form, and back: for pages, without knowing any page.

Names of fields are paths: ``name``, ``telephones.0.e164``, ``reserve.telephones.1.as_listed``. A
list of plain values is one name with several values (``mailboxes``). A yes is ``yes``, a no is
absent. A day is ``2026-03-01``, or three fields with ``_day``, ``_month`` and ``_year`` after the
name, as they are typed.

What is blank is not there: a text falls back on its default, a row of which nothing was typed is
left out (what a list of choices offers first is not typing), a part of which nothing was typed is
none. A reader needs no script for this: a page shows some blank rows at the end. What is wrong is
named by the field in which it was typed, whatever rows were left out before it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from contact_registry.document import Document

Answers = Mapping[str, Sequence[str]]
"""What was typed, by the name of its field."""

YES: Final = "yes"
#: Rows of a list that are looked at: more than any list of a document may have.
_MOST_ROWS: Final = 500
_ROW: Final = re.compile(r"[0-9]{1,3}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_PREFIX: Final = "Value error, "

_Document = TypeVar("_Document", bound=Document)
Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with a field; ``field`` is empty if it is the part as a whole.

    ``code`` is pydantic's name of the problem (``missing``, ``string_too_long``, ``value_error``).
    """

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FormReading(Generic[_Document]):
    """What a form says: a value, or what is wrong with it."""

    value: _Document | None
    problems: tuple[FieldProblem, ...] = ()


def write_form(part: Document, *, prefix: str = "") -> dict[str, list[str]]:
    """Return a part as fields; what is blank in a form has no field."""
    return dict(_write_part(type(part), part.model_dump(mode="json"), prefix))


def read_form(
    model: type[_Document],
    answers: Answers,
    *,
    prefix: str = "",
    fixed: Mapping[str, object] | None = None,
) -> FormReading[_Document]:
    """Read a part out of a form; ``fixed`` are members that no form decides (as JSON values)."""
    reader = _Reader(answers)
    data = reader.read_part(model, prefix, ()) or {}
    try:
        value = model.model_validate_json(json.dumps({**data, **(fixed or {})}))
    except ValidationError as error:
        return FormReading(None, tuple(reader.name_problems(error, prefix)))
    return FormReading(value)


def count_rows(answers: Answers, name: str) -> int:
    """Return how many rows of the list ``name`` a form has: one more than the highest number."""
    return max(_find_rows(answers, name), default=-1) + 1


# ---------------------------------------------------------------------- kinds of fields


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a field holds: ``item`` is the type of one value or row."""

    item: Any
    is_list: bool

    @property
    def part(self) -> type[Document] | None:
        """The model of its rows or of itself, if it has one."""
        is_part = isinstance(self.item, type) and issubclass(self.item, Document)
        return self.item if is_part else None


def _kind(annotation: Any) -> _Kind:
    plain = _strip(annotation)
    if get_origin(plain) is tuple:
        return _Kind(_strip(get_args(plain)[0]), is_list=True)
    return _Kind(plain, is_list=False)


def _strip(annotation: Any) -> Any:
    """Take off ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return _strip(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        (wanted,) = (each for each in get_args(annotation) if each is not type(None))
        return _strip(wanted)
    return annotation


def _is_typed(info: FieldInfo) -> bool:
    """Whether somebody who leaves the field alone leaves it blank: not so where choices begin."""
    kind = _kind(info.annotation)
    is_choice = isinstance(kind.item, type) and issubclass(kind.item, Enum)
    return kind.item is not bool and (kind.is_list or info.is_required() or not is_choice)


# ---------------------------------------------------------------------- writing


def _write_part(
    model: type[Document], data: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, list[str]]]:
    for name, info in model.model_fields.items():
        value = data[name]
        kind, here = _kind(info.annotation), f"{prefix}{name}"
        if value in (None, "", [], False):
            continue
        if kind.part is None:
            values = value if kind.is_list else [value]
            yield here, [YES if each is True else str(each) for each in values]
        elif kind.is_list:
            for number, row in enumerate(value):
                yield from _write_part(kind.part, row, f"{here}.{number}.")
        else:
            yield from _write_part(kind.part, value, f"{here}.")


# ---------------------------------------------------------------------- reading


@dataclass(slots=True)
class _Reader:
    answers: Answers
    #: The rows of each list that were read, by where the list stands in the data.
    rows: dict[Steps, list[int]] = field(default_factory=dict)

    def read_part(self, model: type[Document], prefix: str, steps: Steps) -> dict[str, Any] | None:
        """Return the members of a part; None if nothing of it was typed."""
        data: dict[str, Any] = {}
        is_typed = False
        for name, info in model.model_fields.items():
            value = self._read_field(info, f"{prefix}{name}", (*steps, name))
            if value is not None:
                data[name] = value
                is_typed = is_typed or (_is_typed(info) and value != [])
        return data if is_typed else None

    def _read_field(self, info: FieldInfo, name: str, steps: Steps) -> Any:
        kind = _kind(info.annotation)
        if kind.part is not None:
            if kind.is_list:
                return self._read_rows(kind.part, name, steps)
            return self.read_part(kind.part, f"{name}.", steps)
        if kind.is_list:
            values = [text for text in self._texts(name) if text]
            # A pair or nothing: a list that may be missing is missing if it is blank.
            return values if values or not _is_optional(info) else None
        if kind.item is bool:
            return self._text(name) == YES
        text = self._text(name) or (self._read_day(name) if kind.item is date else "")
        if not text:
            return None
        return int(text) if kind.item is int and _NUMBER.fullmatch(text) else text

    def _read_rows(self, part: type[Document], name: str, steps: Steps) -> list[Any]:
        found: list[Any] = []
        taken = self.rows.setdefault(steps, [])
        for number in sorted(_find_rows(self.answers, name)):
            row = self.read_part(part, f"{name}.{number}.", (*steps, len(found)))
            if row is not None:
                found.append(row)
                taken.append(number)
        return found

    def _read_day(self, name: str) -> str:
        """Put together what was typed into three fields; what is no day is refused as typed."""
        day, month, year = (self._text(f"{name}_{part}") for part in ("day", "month", "year"))
        if not (day or month or year):
            return ""
        return f"{year.zfill(4)}-{month.zfill(2)}-{day.zfill(2)}"

    def _text(self, name: str) -> str:
        texts = self._texts(name)
        return texts[0] if texts else ""

    def _texts(self, name: str) -> list[str]:
        return [text.replace("\r\n", "\n").strip() for text in self.answers.get(name, ())]

    def name_problems(self, error: ValidationError, prefix: str) -> Iterator[FieldProblem]:
        """Name what is wrong by the fields of the form."""
        for problem in error.errors(include_url=False, include_input=False, include_context=False):
            message = str(problem["msg"]).removeprefix(_PREFIX)
            yield FieldProblem(prefix + self._name_field(problem["loc"]), problem["type"], message)

    def _name_field(self, steps: Steps) -> str:
        words: list[str] = []
        for at, step in enumerate(steps):
            if isinstance(step, str):
                words.append(step)
            elif (taken := self.rows.get(steps[:at])) is not None and step < len(taken):
                words.append(str(taken[step]))
            # The number of a plain value is left out: all of them have one name.
        return ".".join(words)


def _is_optional(info: FieldInfo) -> bool:
    return type(None) in get_args(info.annotation)


def _find_rows(answers: Answers, name: str) -> set[int]:
    start = f"{name}."
    numbers = (
        key.removeprefix(start).partition(".")[0] for key in answers if key.startswith(start)
    )
    return {int(text) for text in numbers if _ROW.fullmatch(text) and int(text) < _MOST_ROWS}
