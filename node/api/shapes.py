"""What bodies, lists and parameters of the interface have in common."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from node.service.context import NodeError
from protocol.identifiers import Channel
from protocol.limits import LIMITS

#: Most items of one answer.
LONGEST_PAGE: Final = 100
_PAGE: Final = 50
#: Beyond these a moment cannot be turned into UTC.
_YEARS: Final = range(MINYEAR + 1, MAXYEAR)
_LONGEST_CURSOR: Final = 400
_MOST_PLACES: Final = 4
#: What a column of either database holds.
GREATEST_INTEGER: Final = 2**31 - 1
_NUL: Final = "\x00"
#: What a database does not keep, or nobody can write: JSON can name half of a surrogate pair.
_UNKEPT: Final = re.compile("[\x00\ud800-\udfff]")
#: A message, and what a draft of one is wrapped in.
_DEEPEST: Final = LIMITS.json_depth + 8

ChannelQuery = Annotated[
    Channel | None,
    Query(description="In which channel; needed only if you see the case in several."),
]

T = TypeVar("T")


class CursorError(NodeError):
    """A cursor is none of this list."""


def _refuse_nul(text: str) -> str:
    if _NUL in text:
        raise ValueError("has the character NUL: leave it out")
    return text


Id = Annotated[str, Path(max_length=120, pattern=r"^[^\x00]+$"), AfterValidator(_refuse_nul)]
"""An identifier in a path: whatever it is, it is looked up, and never longer than a column."""

PlainText = Annotated[str, AfterValidator(_refuse_nul)]
"""Text in a query that goes to the database, which keeps no NUL."""

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="Most items of the answer.")]
"""How long a page is: ``limit: Limit = 50``."""

DEFAULT_PAGE: Final = _PAGE

Cursor = Annotated[
    str | None,
    Query(
        max_length=_LONGEST_CURSOR,
        description="`next` of the page before; without it, the list begins.",
    ),
]
"""Where a list goes on: ``cursor: Cursor = None``."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        description="Repeat a request with the same key and it is done once.",
    ),
]
"""Only for routes that hand the key to a use case; all others have it without asking."""


class Asked(BaseModel):
    """A body that comes in: closed, unchangeable, and without what a database does not keep."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unkept(cls, value: Any) -> Any:
        if isinstance(value, dict) and (wrong := find_unkept(value)) is not None:
            raise ValueError(wrong)
        return value


def find_unkept(value: object) -> str | None:
    """Say what of a JSON value cannot be kept or given back: NUL, half a character, depth."""
    waiting = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, str) and _UNKEPT.search(each):
            return "a text has the character NUL, or half of one: leave it out"
        if isinstance(each, dict | list | tuple):
            if depth > _DEEPEST:
                return f"it is nested more than {_DEEPEST} levels deep: no message is"
            inner = [*each, *each.values()] if isinstance(each, dict) else each
            waiting.extend((part, depth + 1) for part in inner)
    return None


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(
        description="The cursor of the next page; null: there is nothing more now."
    )


def write_cursor(name: str, place: Sequence[str | int]) -> str:
    """Return the cursor that says where list ``name`` goes on; opaque to programs.

    ``place``: the last item's values in the list's order, at most four.
    """
    text = json.dumps([name, *place], separators=(",", ":"), ensure_ascii=True)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(name: str, cursor: str | None, kinds: tuple[type, ...]) -> tuple[Any, ...] | None:
    """Return the place that :func:`write_cursor` was given; ``None`` without a cursor.

    ``kinds``: for each value ``str``, ``int`` or ``datetime`` (written as ISO 8601 with its zone).
    Raises :class:`CursorError` for anything that is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(values, list) or values[:1] != [name] or len(values) > _MOST_PLACES + 1:
            raise CursorError(_WRONG)
        return tuple(_read(value, kind) for value, kind in zip(values[1:], kinds, strict=True))
    except (ValueError, RecursionError, binascii.Error) as error:
        raise CursorError(_WRONG) from error


_WRONG: Final = "This is no cursor of this list: begin again without one."


def _read(value: object, kind: type) -> object:
    if kind is datetime:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None or moment.year not in _YEARS:
            raise CursorError(_WRONG)
        return moment
    if type(value) is not kind:
        raise CursorError(_WRONG)
    if isinstance(value, str) and _NUL in value:
        raise CursorError(_WRONG)
    if isinstance(value, int) and abs(value) > GREATEST_INTEGER:
        raise CursorError(_WRONG)
    return value
