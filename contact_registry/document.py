"""What all registry documents share: frozen, strict, closed, and read within bounds."""

import re
from collections.abc import Hashable, Iterable
from datetime import date, datetime
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from contact_registry.errors import DocumentError

_PROBLEMS_SHOWN: Final = 5
_OUR_NAME: Final = re.compile(r"[a-z_0-9]{1,40}")


class Document(BaseModel):
    """The ground of every document and of every part of one."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


_Document = TypeVar("_Document", bound=Document)


def require_distinct(values: Iterable[Hashable], hint: str) -> None:
    """Raise ``ValueError`` with ``hint`` if a value stands there twice."""
    listed = list(values)
    if len(set(listed)) != len(listed):
        raise ValueError(hint)


def require_span(valid_from: date | None, valid_to: date | None, what: str) -> None:
    """Raise ``ValueError`` if a span of days ends before it begins."""
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        raise ValueError(f"{what} cannot end before it begins: correct valid_to.")


def require_later(start: datetime, end: datetime | None) -> None:
    """Raise ``ValueError`` unless a key's ``valid_to``, if it has one, comes after its start."""
    if end is not None and end <= start:
        raise ValueError("A key's valid_to comes after its valid_from.")


def is_day_within(day: date, valid_from: date | None, valid_to: date | None) -> bool:
    """Whether ``day`` lies in a span; ``valid_to`` is its last day, None leaves a side open."""
    return (valid_from is None or valid_from <= day) and (valid_to is None or day <= valid_to)


def parse_document(model: type[_Document], data: bytes, *, longest: int) -> _Document:
    """Read a document of at most ``longest`` bytes.

    Raises :class:`~contact_registry.errors.DocumentError`.
    """
    if len(data) > longest:
        raise DocumentError(
            f"The document has {len(data)} bytes; at most {longest} are accepted. "
            "Shorten notes or split the list."
        )
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise DocumentError(f"Not a valid {model.__name__}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    """Say where and what, never the value: a refused document may hold anything."""
    problems = [
        f"{'.'.join(map(_name_step, problem['loc'])) or 'document'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    rest = len(problems) - _PROBLEMS_SHOWN
    return "; ".join(problems[:_PROBLEMS_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def _name_step(step: int | str) -> str:
    """Name a place in a document; a name that none of ours can be is itself somebody's words."""
    text = str(step)
    return text if _OUR_NAME.fullmatch(text) else "(unknown name)"
