"""What the annotations of a model say of its fields: for forms, statistics, and the annex.

The annotations are the only source. Nothing here lists a field a second time, so a form, a schema
and a statistic cannot drift from what is parsed.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from protocol.errors import LocalProtocolError
from protocol.messages.fields import (
    AuthorityField,
    CaseField,
    LanguageField,
    Line,
    MessageIdField,
    Narrative,
    ParticipantField,
    Sensitivity,
    StatedClass,
    TriState,
    get_sensitivity,
)


class ValueKind(StrEnum):
    """What a field holds, as far as a form has to know it."""

    LINE = "line"
    NARRATIVE = "narrative"
    #: Text of a fixed form, given by ``FieldDescription.pattern``.
    PATTERN = "pattern"
    PARTICIPANT = "participant"
    AUTHORITY = "authority"
    MESSAGE = "message"
    CASE = "case"
    LANGUAGE = "language"
    #: Any other text: only a few fields that machines fill.
    TEXT = "text"
    CODE = "code"
    TRI_STATE = "tri_state"
    YES_NO = "yes_no"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment"
    #: One value only, such as the tag of a type: nobody fills it in.
    FIXED = "fixed"
    NESTED = "nested"
    #: One of several models, told apart by a fixed field.
    ALTERNATIVES = "alternatives"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDescription:
    """One field of a model, or of a model nested in it.

    ``path`` joins names with dots; a list is marked by ``[]`` (``goals[].activities[].service``),
    and the fields of one of several alternatives by its name (``legal_basis.<ConsentBasis>.kind``).
    """

    path: str
    kind: ValueKind
    #: The sender has to fill it in, given that what it is nested in is there.
    required: bool
    #: ``None`` for what holds other fields, for fields of the head, and in a part that states its
    #: class itself.
    sensitivity: Sensitivity | None
    #: What the field's own description, its code list, or its nested model says, in one paragraph.
    help: str = ""
    #: A list of such values, with its bounds.
    many: bool = False
    min_items: int = 0
    max_items: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    #: The values that a code, a tri-state or a fixed field can have.
    choices: tuple[str, ...] = ()
    code_list: type[StrEnum] | None = None
    models: tuple[type[BaseModel], ...] = ()

    @property
    def name(self) -> str:
        """The last step of the path, without the mark of a list."""
        return self.path.rpartition(".")[2].removesuffix("[]")


@dataclass(frozen=True, slots=True)
class _Peeled:
    """A type without its wrapping: the core, and every constraint that stood around it."""

    core: Any
    constraints: tuple[Any, ...] = ()


def _flatten(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def _peel(annotation: Any, metadata: tuple[Any, ...] = ()) -> _Peeled:
    constraints = tuple(_flatten(metadata))
    if get_origin(annotation) is Annotated:
        core, *inner = get_args(annotation)
        peeled = _peel(core, tuple(inner))
    elif get_origin(annotation) in {Union, UnionType}:
        others = [item for item in get_args(annotation) if item is not NoneType]
        peeled = _peel(others[0]) if len(others) == 1 else _Peeled(tuple(others))
    else:
        peeled = _Peeled(annotation)
    return _Peeled(peeled.core, (*peeled.constraints, *constraints))


def _get_validator(alias: Any) -> AfterValidator:
    return next(item for item in get_args(alias)[1:] if isinstance(item, AfterValidator))


TEXT_KINDS: Final = {
    _get_validator(alias): kind
    for alias, kind in (
        (Line, ValueKind.LINE),
        (Narrative, ValueKind.NARRATIVE),
        (ParticipantField, ValueKind.PARTICIPANT),
        (AuthorityField, ValueKind.AUTHORITY),
        (MessageIdField, ValueKind.MESSAGE),
        (CaseField, ValueKind.CASE),
        (LanguageField, ValueKind.LANGUAGE),
    )
}


def _find(constraints: tuple[Any, ...], attribute: str) -> Any:
    return next(
        (
            value
            for item in constraints
            if (value := getattr(item, attribute, None)) is not None
            and not isinstance(item, AfterValidator)
        ),
        None,
    )


def _describe_text(blank: FieldDescription, peeled: _Peeled) -> FieldDescription:
    kind = next((TEXT_KINDS[item] for item in peeled.constraints if item in TEXT_KINDS), None)
    pattern = _find(peeled.constraints, "pattern")
    if kind is None:
        kind = ValueKind.TEXT if pattern is None else ValueKind.PATTERN
    return replace(
        blank,
        kind=kind,
        pattern=pattern,
        min_length=_find(peeled.constraints, "min_length"),
        max_length=_find(peeled.constraints, "max_length"),
    )


def _describe_codes(blank: FieldDescription, peeled: _Peeled) -> FieldDescription:
    if get_origin(peeled.core) is Literal:
        values = get_args(peeled.core)
        lists = {type(value) for value in values if isinstance(value, StrEnum)}
        return replace(
            blank,
            kind=ValueKind.FIXED if len(values) == 1 else ValueKind.CODE,
            choices=tuple(str(value) for value in values),
            code_list=lists.pop() if lists else None,
        )
    kind = ValueKind.TRI_STATE if peeled.core is TriState else ValueKind.CODE
    return replace(blank, kind=kind, choices=tuple(map(str, peeled.core)), code_list=peeled.core)


def _describe_value(blank: FieldDescription, peeled: _Peeled) -> FieldDescription:
    core = peeled.core
    if isinstance(core, tuple):
        return replace(blank, kind=ValueKind.ALTERNATIVES, models=tuple(core))
    if get_origin(core) is Literal or (isinstance(core, type) and issubclass(core, Enum)):
        return _describe_codes(blank, peeled)
    if isinstance(core, type) and issubclass(core, BaseModel):
        return replace(blank, kind=ValueKind.NESTED, models=(core,))
    if core is str:
        return _describe_text(blank, peeled)
    if core is int:
        return replace(
            blank,
            kind=ValueKind.NUMBER,
            minimum=_find(peeled.constraints, "ge"),
            maximum=_find(peeled.constraints, "le"),
        )
    simple = {bool: ValueKind.YES_NO, date: ValueKind.DATE, AwareDatetime: ValueKind.MOMENT}
    if core not in simple:
        raise LocalProtocolError(
            f"{blank.path} is of a type that no form knows: use one of protocol.messages.fields, "
            "or teach it to protocol.messages.describing."
        )
    return replace(blank, kind=simple[core])


def _describe_one(path: str, field: FieldInfo, mark: Sensitivity | None) -> FieldDescription:
    peeled = _peel(field.annotation, tuple(field.metadata))
    blank = FieldDescription(
        path=path, kind=ValueKind.TEXT, required=field.is_required(), sensitivity=mark
    )
    if get_origin(peeled.core) is tuple:
        blank = replace(
            blank,
            path=f"{path}[]",
            many=True,
            min_items=_find(peeled.constraints, "min_length") or 0,
            max_items=_find(peeled.constraints, "max_length"),
        )
        peeled = _peel(get_args(peeled.core)[0])
    described = _describe_value(blank, peeled)
    return replace(described, help=field.description or _find_help(described))


def _find_help(described: FieldDescription) -> str:
    source = described.code_list or (described.models[0] if len(described.models) == 1 else None)
    return describe_purpose(source) if source is not None else ""


def describe_purpose(source: type) -> str:
    """Return what a model or code list is for: the first paragraph of its own docstring."""
    text = inspect.cleandoc(source.__doc__ or "")
    return " ".join(text.split("\n\n", 1)[0].split())


def describe_own_fields(model: type[BaseModel]) -> tuple[FieldDescription, ...]:
    """Return the fields of ``model`` alone, in their order; a nested model is one field."""
    states = issubclass(model, StatedClass)
    return tuple(
        _describe_one(name, field, None if states else get_sensitivity(model, name))
        for name, field in model.model_fields.items()
    )


def describe_fields(model: type[BaseModel]) -> tuple[FieldDescription, ...]:
    """Return the fields of ``model`` and of every model nested in it, outer ones first.

    Raises :class:`~protocol.errors.LocalProtocolError` for a field of a type that no form knows.
    """
    found: list[FieldDescription] = []
    for outer in describe_own_fields(model):
        found.append(outer)
        for nested in outer.models:
            step = f".<{nested.__name__}>" if len(outer.models) > 1 else ""
            found.extend(
                replace(inner, path=f"{outer.path}{step}.{inner.path}")
                for inner in describe_fields(nested)
            )
    return tuple(found)


_COUNTABLE: Final = frozenset(
    {ValueKind.CODE, ValueKind.TRI_STATE, ValueKind.YES_NO, ValueKind.DATE, ValueKind.MOMENT}
)


def list_statistical_fields(model: type[BaseModel]) -> tuple[FieldDescription, ...]:
    """Return the fields that a statistic may count: codes and dates of class ``none``.

    A field of another class, a text, and a field without a class are never among them. A date of
    class ``none`` identifies nobody alone; small cells have to be suppressed all the same.
    """
    return tuple(
        field
        for field in describe_fields(model)
        if field.kind in _COUNTABLE and field.sensitivity is Sensitivity.NONE
    )


def list_rules(model: type[BaseModel]) -> tuple[str, ...]:
    """Return what the models' own rules say in words, the most general class first.

    A rule stands in the docstring of the class that checks it, as a paragraph ``Rules: ...``.
    """
    return tuple(text for _, text in _find_rules(model) if text)


def list_unstated_rules(model: type[BaseModel]) -> tuple[str, ...]:
    """Name the classes that check a rule of ``model`` and do not say it in words."""
    return tuple(owner.__name__ for owner, text in _find_rules(model) if not text)


def _find_rules(model: type[BaseModel]) -> Iterator[tuple[type, str]]:
    for owner in reversed(model.__mro__):
        paragraphs = inspect.cleandoc(owner.__dict__.get("__doc__") or "").split("\n\n")
        stated = [" ".join(text.split()) for text in paragraphs if text.startswith("Rules:")]
        if stated or any(name in owner.__dict__ for name in _get_checks(model)):
            yield owner, " ".join(stated).removeprefix("Rules:").strip()


def _get_checks(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(model.__pydantic_decorators__.model_validators)
