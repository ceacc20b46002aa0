"""The shape of a form: fields, parts that hold fields, and lists of such parts.

Made from a model once, without any answers; :mod:`node.web.forms.filled` lays answers over it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel

from console.i18n import Message
from node.web.field_labels import find_hint, find_label
from node.web.fields import FormField, describe_field
from node.web.forms.conditions import find_condition
from node.web.forms.dependence import Condition
from node.web.forms.rows import ROW
from protocol.messages.describing import FieldDescription, ValueKind, describe_own_fields

Path = tuple[str, ...]
#: Which model stands at a place where several could: by path.
Variants = Mapping[Path, type[BaseModel]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormGroup:
    """A part of a form with fields of its own: a nested model, or one row of a list."""

    path: Path
    label: Message
    hint: Message | str
    #: It has to be there; if not, it is left out as long as nothing is typed into it.
    is_required: bool
    parts: "tuple[FormPart, ...]"
    condition: Condition | None = None
    owner: type[BaseModel] = BaseModel
    #: The number of a row, from 1; 0: it is no row.
    number: int = 0

    @property
    def name(self) -> str:
        """Its name in a form: an anchor, and what a row is removed by."""
        return "-".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRows:
    """A list of parts of one shape."""

    path: Path
    label: Message
    hint: Message | str
    least: int
    most: int
    #: The shape of a row; its paths hold :data:`ROW` where the number stands.
    row: FormGroup
    #: The rows that there are, with their numbers; none before answers are laid over it.
    rows: tuple[FormGroup, ...] = ()
    condition: Condition | None = None
    owner: type[BaseModel] = BaseModel

    @property
    def name(self) -> str:
        """Its name in a form: an anchor, and where its number of rows is counted."""
        return "-".join(self.path)

    @property
    def is_full(self) -> bool:
        """Whether no further row may be added."""
        return len(self.rows) >= self.most


FormPart = FormField | FormGroup | FormRows

_MOST_ROWS = 100


def describe_form(
    model: type[BaseModel], variants: Variants | None = None, path: Path = ()
) -> tuple[FormPart, ...]:
    """Describe the form of ``model``, as deep as it goes, in the model's order.

    Fields that have one value only are no part of it, nor are alternatives that ``variants`` does
    not choose among.
    """
    if not variants:
        return _describe_plain(model, path)
    return tuple(_describe(model, variants, path))


@cache
def _describe_plain(model: type[BaseModel], path: Path) -> tuple[FormPart, ...]:
    return tuple(_describe(model, {}, path))


def _describe(model: type[BaseModel], variants: Variants, path: Path) -> Iterator[FormPart]:
    for said in describe_own_fields(model):
        here = (*path, said.name)
        if said.kind is ValueKind.ALTERNATIVES:
            if here in variants:
                yield _describe_group(model, said, here, variants[here])
        elif said.kind is ValueKind.NESTED:
            inner = said.models[0]
            yield (
                _describe_rows(model, said, here, inner)
                if said.many
                else _describe_group(model, said, here, inner)
            )
        elif said.kind is not ValueKind.FIXED:
            yield describe_field(model, said, here)


def _describe_group(
    owner: type[BaseModel], said: FieldDescription, path: Path, inner: type[BaseModel]
) -> FormGroup:
    return FormGroup(
        path=path,
        label=find_label(owner, said.name),
        hint=find_hint(owner, said.name, said),
        is_required=said.required,
        parts=_describe_plain(inner, path),
        condition=find_condition(owner, said.name),
        owner=inner,
    )


def _describe_rows(
    owner: type[BaseModel], said: FieldDescription, path: Path, inner: type[BaseModel]
) -> FormRows:
    label = find_label(owner, said.name)
    row_path = (*path, ROW)
    return FormRows(
        path=path,
        label=label,
        hint=find_hint(owner, said.name, said),
        least=said.min_items,
        most=min(said.max_items or _MOST_ROWS, _MOST_ROWS),
        row=FormGroup(
            path=row_path,
            label=label,
            hint="",
            is_required=True,
            parts=_describe_plain(inner, row_path),
            owner=inner,
        ),
        condition=find_condition(owner, said.name),
        owner=owner,
    )


def list_leaves(parts: tuple[FormPart, ...]) -> Iterator[FormField]:
    """List the fields of these parts, in order; of a list those of the rows that there are."""
    for part in parts:
        match part:
            case FormField():
                yield part
            case FormGroup():
                yield from list_leaves(part.parts)
            case FormRows():
                for row in part.rows:
                    yield from list_leaves(row.parts)


def list_shapes(parts: tuple[FormPart, ...]) -> Iterator[FormField]:
    """List every field that these parts can have: those of a row once, under :data:`ROW`."""
    for part in parts:
        match part:
            case FormField():
                yield part
            case FormGroup():
                yield from list_shapes(part.parts)
            case FormRows():
                yield from list_shapes(part.row.parts)
