"""A form with answers: what is shown, what was posted, the body that it means, what is wrong.

Answers have flat names: ``suspects-0-family_name`` is a field of the first row. How many rows a
list has is an answer, too, under the list's own name. Rows that are empty are taken out when
answers are taken or read, so that a row has one number in form and body.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from starlette.datastructures import FormData

from console.dates import DateParts
from console.i18n import Message
from node.service.drafts import Answers
from node.web.fields import FormField, Offers, get_date_parts, is_filled, offer, read_value
from node.web.forms.dependence import Condition
from node.web.forms.faults import Faults
from node.web.forms.rows import ROW, close_up, drop_row, list_placed, read_count
from node.web.forms.tree import (
    FormGroup,
    FormPart,
    FormRows,
    Path,
    describe_form,
    list_leaves,
    list_shapes,
)
from protocol.messages.codes import Kind
from protocol.messages.describing import ValueKind
from protocol.messages.entries import CatalogueEntry
from protocol.messages.fields import Sensitivity
from protocol.messages.head import AskingOrTelling, CaseManager

ADD_ROW: Final = "add_row"
DROP_ROW: Final = "drop_row"
#: What can be chosen here changes with the directory, the case, and the version.
_OPEN_CHOICES: Final = frozenset({
    ValueKind.LANGUAGE, ValueKind.PARTICIPANT, ValueKind.AUTHORITY, ValueKind.MESSAGE,
})  # fmt: skip
_DATE_PART: Final = re.compile(r"_(day|month|year|time)$")
_NUMBER: Final = re.compile(r"(?<=-)[0-9]{1,3}(?=-|$)")


def _keep_all(_: FormField) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSetting:
    """What a form is made with beside its model and answers."""

    #: The time in which people type.
    zone: ZoneInfo
    #: Our desk: the authority of each case manager for which none was chosen.
    own_desk: str = ""
    offers: Offers = field(default_factory=dict)
    #: Places that are no part of the form.
    leave_out: frozenset[Path] = frozenset()
    variants: Mapping[Path, type[BaseModel]] = field(default_factory=dict)
    #: Which leaves this screen has; the others are neither shown nor read.
    keep: Callable[[FormField], bool] = _keep_all


def list_left_out(entry: CatalogueEntry, kind: Kind) -> frozenset[Path]:
    """Say which half of a type that can ask or tell is not in the form of this kind."""
    if not issubclass(entry.model, AskingOrTelling):
        return frozenset()
    return frozenset({("information",) if kind is Kind.REQUEST else ("question",)})


class FilledForm:
    """The form of a model with answers laid over it."""

    def __init__(self, model: type[BaseModel], answers: Answers, setting: FormSetting) -> None:
        self.model = model
        self.setting = setting
        shape = describe_form(model, setting.variants)
        self._shape = tuple(self._select(shape))
        self.answers = self._tidy(answers)

    # What is shown.

    @cached_property
    def parts(self) -> tuple[FormPart, ...]:
        """The parts of the form, with as many rows as there are; what cannot apply is left out."""
        return tuple(self._lay_out(self._shape, ()))

    @cached_property
    def fields(self) -> tuple[FormField, ...]:
        """Its leaves, in order."""
        return tuple(list_leaves(self.parts))

    @cached_property
    def shapes(self) -> tuple[FormField, ...]:
        """Every leaf that it can have: those of a row once."""
        return tuple(list_shapes(self._shape))

    def value(self, name: str) -> str:
        """Give the one answer of this name, or an empty text."""
        return next(iter(self.answers.get(name, ())), "")

    def values(self, name: str) -> tuple[str, ...]:
        """Give all answers of this name."""
        return tuple(self.answers.get(name, ()))

    def date_parts(self, name: str) -> DateParts:
        """Give a date as it was typed."""
        return get_date_parts(self.answers, name)

    def count_rows(self, rows: FormRows) -> int:
        """Say how many rows a list has; at least one stands open where one is needed."""
        return max(read_count(self.answers, rows.name, rows.most), min(rows.least, 1))

    def find_named(self, name: str) -> FormField | None:
        """Return the leaf of this name."""
        return next((leaf for leaf in self.fields if leaf.name == name), None)

    def find_deciding(self, part: FormPart) -> FormField | None:
        """Return the one field on whose answer ``part`` depends."""
        deciding = part.condition.deciding if part.condition else None
        return self.find_named(_place(part.path, deciding[0])) if deciding else None

    def write_condition(self, part: FormPart) -> str:
        """Write the condition of a part for the script of the page, by the names in the form."""
        if part.condition is None:
            return ""
        return part.condition.write(lambda name: _place(part.path, name))

    @property
    def is_filled(self) -> bool:
        """Whether anything was typed."""
        return any(is_filled(leaf, self.answers) for leaf in self.fields)

    # What was posted.

    def owns(self, name: str) -> bool:
        """Say whether an answer of this name belongs to the form, in whatever row."""
        plain = _NUMBER.sub(ROW, _DATE_PART.sub("", name))
        return plain in self._names

    @cached_property
    def _known(self) -> frozenset[str]:
        shape = describe_form(self.model, self.setting.variants)
        return frozenset(leaf.name for leaf in list_shapes(shape))

    @cached_property
    def _names(self) -> frozenset[str]:
        leaves = {leaf.name for leaf in list_shapes(self._shape)}
        return frozenset(leaves | {rows.name for rows in _list_rows(self._shape)})

    def is_beside(self, name: str) -> bool:
        """Say whether an answer stands in a row of the form, in a field that is not in the form."""
        plain = _NUMBER.sub(ROW, _DATE_PART.sub("", name))
        return plain not in self._names and plain.startswith(self._rows)

    @cached_property
    def _rows(self) -> tuple[str, ...]:
        return tuple(f"{rows.name}-{ROW}-" for rows in _list_rows(self._shape))

    def take(self, posted: FormData) -> dict[str, tuple[str, ...]]:
        """Take what was posted of this form; a row is added or removed if its button was pressed.

        Nothing else is lost: what is wrong is taken as it was typed, and answers beside these, in
        the same rows, move with their row.
        """
        given = {name: tuple(v) for name, v in self.answers.items() if self.is_beside(name)}
        for name in posted:
            values = tuple(v for v in posted.getlist(name) if isinstance(v, str))
            if self.owns(name) and any(values):
                given[name] = values
        taken = FilledForm(self.model, given, self.setting)
        left = taken._change_rows(posted).answers
        return {name: tuple(values) for name, values in left.items()}

    def row_act(self, posted: FormData) -> str:
        """Return the anchor of the list whose button was pressed; empty: none was."""
        added, dropped = posted.get(ADD_ROW), posted.get(DROP_ROW)
        if isinstance(added, str) and added:
            return added
        return dropped.rpartition("-")[0] if isinstance(dropped, str) else ""

    def _change_rows(self, posted: FormData) -> "FilledForm":
        act = self.row_act(posted)
        rows = next((r for r in self._list_laid_rows(self.parts) if r.name == act), None)
        if rows is None:
            return self
        answers = dict(self.answers)
        count = self.count_rows(rows)
        dropped = posted.get(DROP_ROW)
        if isinstance(dropped, str) and not posted.get(ADD_ROW):
            number = dropped.rpartition("-")[2]
            if number in {str(index) for index in range(count)}:
                answers = drop_row(answers, rows.name, int(number))
                answers[rows.name] = (str(count - 1),)
        elif not rows.is_full:
            answers[rows.name] = (str(count + 1),)
        return FilledForm(self.model, answers, self.setting)

    def _list_laid_rows(self, parts: tuple[FormPart, ...]) -> Iterator[FormRows]:
        for part in parts:
            if isinstance(part, FormRows):
                yield part
                for row in part.rows:
                    yield from self._list_laid_rows(row.parts)
            elif isinstance(part, FormGroup):
                yield from self._list_laid_rows(part.parts)

    # What it means.

    def body(self) -> dict[str, Any]:
        """Make the body, as JSON values; what is empty, or does not apply, is left out."""
        return self._read(self.parts)

    @property
    def not_applying(self) -> list[FormField]:
        """Fields that were filled in and do not apply to the other answers: they stay here."""
        applying = {leaf.name for leaf in self._list_applying(self.parts)}
        return [
            leaf
            for leaf in self.fields
            if leaf.name not in applying and is_filled(leaf, self.answers)
        ]

    def withheld(self, covered: frozenset[Sensitivity]) -> list[FormField]:
        """List the filled fields whose class is not covered."""
        return [
            leaf
            for leaf in self._list_applying(self.parts)
            if leaf.sensitivity not in covered and is_filled(leaf, self.answers)
        ]

    def find_errors(self, body: Mapping[str, Any] | None = None) -> dict[str, Message]:
        """Say what is wrong or missing, by the name of the field, in the order of the form.

        ``body``: what would leave, if that is not all that was typed.
        """
        faults = Faults(self.model, self.parts, variants=self.setting.variants)
        judged = self.body() if body is None else body
        return faults.find(judged, self.answers, zone=self.setting.zone)

    # How it is done.

    def _select(self, parts: tuple[FormPart, ...]) -> Iterator[FormPart]:
        """Take out what is not on this screen; a part without any field goes with its fields."""
        for part in parts:
            if _strip(part.path) in self.setting.leave_out:
                continue
            match part:
                case FormField():
                    if not self._is_ours(part) and self.setting.keep(part):
                        yield offer(part, self.setting.offers)
                case FormGroup():
                    if inner := tuple(self._select(part.parts)):
                        yield replace(part, parts=inner)
                case FormRows():
                    if inner := tuple(self._select(part.row.parts)):
                        yield replace(part, row=replace(part.row, parts=inner))

    def _is_ours(self, leaf: FormField) -> bool:
        """Say whether the node fills it in: the desk of a case manager, if none can be chosen."""
        is_desk = leaf.owner is CaseManager and leaf.kind is ValueKind.AUTHORITY
        has_offer = bool(self.setting.offers.get(ValueKind.AUTHORITY))
        return is_desk and bool(self.setting.own_desk) and not has_offer

    def _lay_out(self, parts: tuple[FormPart, ...], numbers: Path) -> Iterator[FormPart]:
        for part in parts:
            path = _number(part.path, numbers)
            if not self._can_apply(part, path):
                continue
            match part:
                case FormField():
                    yield self._keep_choices(replace(part, path=path))
                case FormGroup():
                    yield replace(part, path=path, parts=tuple(self._lay_out(part.parts, numbers)))
                case FormRows():
                    laid = replace(part, path=path)
                    rows = tuple(
                        replace(
                            part.row,
                            path=(*path, str(index)),
                            number=index + 1,
                            parts=tuple(self._lay_out(part.row.parts, (*numbers, str(index)))),
                        )
                        for index in range(self.count_rows(laid))
                    )
                    yield replace(laid, rows=rows)

    def _keep_choices(self, leaf: FormField) -> FormField:
        """Offer what was chosen before, too, though it is no choice any more: nothing is lost."""
        if not leaf.choices or leaf.kind not in _OPEN_CHOICES:
            return leaf
        known = {value for value, _ in leaf.choices}
        more = [(v, v) for v in self.values(leaf.name) if v and v not in known]
        return replace(leaf, choices=(*leaf.choices, *more)) if more else leaf

    def _can_apply(self, part: FormPart, path: Path) -> bool:
        """Say whether it applies, or whether answers of this screen can make it apply."""
        if part.condition is None:
            return True
        places = {_place(part.path, name) for name in part.condition.fields}
        return bool(places & self._names) or self._applies(part.condition, path)

    def _applies(self, condition: Condition, path: Path) -> bool:
        """Say whether the condition of the part at ``path`` is met.

        One that asks for fields that the whole form does not have cannot be judged: it is met.
        """
        if not self._can_judge(condition, path):
            return True
        return condition.is_met(lambda name: self.values(_place(path, name)))

    def _can_judge(self, condition: Condition, path: Path) -> bool:
        """Say whether the whole form has the fields that a condition asks for."""
        steps = tuple(ROW if step.isdecimal() else step for step in path)
        return {_place(steps, name) for name in condition.fields} <= self._known

    def _list_applying(self, parts: tuple[FormPart, ...]) -> Iterator[FormField]:
        for part in parts:
            if part.condition is not None and not self._applies(part.condition, part.path):
                continue
            match part:
                case FormField():
                    yield part
                case FormGroup():
                    yield from self._list_applying(part.parts)
                case FormRows():
                    for row in part.rows:
                        yield from self._list_applying(row.parts)

    def _read(self, parts: tuple[FormPart, ...]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for part in parts:
            if part.condition is not None and not self._applies(part.condition, part.path):
                continue
            value: Any = None
            match part:
                case FormField():
                    value = read_value(part, self.answers, zone=self.setting.zone)
                case FormGroup():
                    value = self._read_group(part)
                case FormRows():
                    value = [inner for row in part.rows if (inner := self._read_group(row))]
            if value is not None and value != []:
                body[part.path[-1]] = value
        return body

    def _read_group(self, group: FormGroup) -> dict[str, Any] | None:
        is_needed = group.is_required or self._is_called_for(group)
        if (group.number or not is_needed) and not self._is_any_filled(group.parts):
            return None
        inner = self._read(group.parts)
        if group.owner is CaseManager and self.setting.own_desk:
            inner.setdefault("authority", self.setting.own_desk)
        variant = self.setting.variants.get(_strip(group.path))
        if variant is not None and "answers" in variant.model_fields:
            inner["answers"] = variant.model_fields["answers"].default
        return inner

    def _is_called_for(self, group: FormGroup) -> bool:
        """Say whether other answers make a part necessary that else is left out."""
        if group.condition is None:
            return False
        return self._can_judge(group.condition, group.path)

    def _is_any_filled(self, parts: tuple[FormPart, ...]) -> bool:
        return any(is_filled(leaf, self.answers) for leaf in self._list_applying(parts))

    def _tidy(self, answers: Answers) -> Answers:
        """Take empty rows out, but for those at the end, which somebody has just opened."""
        whole = describe_form(self.model, self.setting.variants)
        counts = {rows.name for rows in _list_rows(whole)}

        def is_count(name: str) -> bool:
            return _NUMBER.sub(ROW, name) in counts

        tidy = dict(answers)
        for rows in _list_rows(self._shape):
            for name in list_placed(rows.name, tidy):
                tidy = close_up(tidy, name, most=rows.most, is_count=is_count)
        return tidy


def _place(path: Path, name: str) -> str:
    """Name the field that a condition at ``path`` asks for: beside it, or of the body (``/``)."""
    return name[1:] if name.startswith("/") else "-".join((*path[:-1], name))


def _strip(path: Path) -> Path:
    """Give a path without the numbers of rows."""
    return tuple(step for step in path if step != ROW and not step.isdecimal())


def _number(path: Path, numbers: Path) -> Path:
    left = list(numbers)
    return tuple(left.pop(0) if step == ROW else step for step in path)


def _list_rows(parts: tuple[FormPart, ...]) -> Iterator[FormRows]:
    """List every list of parts, outer ones first."""
    for part in parts:
        if isinstance(part, FormRows):
            yield part
            yield from _list_rows(part.row.parts)
        elif isinstance(part, FormGroup):
            yield from _list_rows(part.parts)
