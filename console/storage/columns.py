"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import DateTime
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import defer
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

#: The same few moments go in again and again: a batch is stored at one, and waits until another.
_REMEMBERED: Final = 256
#: What moments become on the way in, by dialect: remembered once for all columns.
_WRITERS: Final[dict[str, Callable[[datetime | None], Any]]] = {}


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone: it is taken off going in, put back coming out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a moment without zone: it would be somebody's local time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(
                "A moment has a time zone: pass datetime.now(UTC), not datetime.now()."
            )
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Remember what became of a moment: equal ones are written alike, whatever their zones."""
        known = _WRITERS.get(dialect.name)
        if known is None:
            plain = super().bind_processor(dialect)
            if plain is None:
                raise TypeError("A moment is never passed on as it is: see process_bind_param.")
            known = _WRITERS[dialect.name] = lru_cache(_REMEMBERED)(plain)
        return known

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give it back in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def leave_unread(column: Any, *, refused: bool = False) -> ExecutableOption:
    """Load rows without a column; ``refused``: who reads it all the same gets an error.

    SQLModel types a column as its value, SQLAlchemy's ``defer`` wants the column that it is.
    """
    return defer(column, raiseload=refused)
