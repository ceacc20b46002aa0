"""Statements about many rows at once, below the objects that SQLModel makes of each.

Making, tracking and flushing one object costs more than everything else that is done with a
message. Where hundreds of rows are written alike, they are written by one statement.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    Table,
    bindparam,
    delete,
    insert,
    update,
)
from sqlmodel import Session, SQLModel

from node.store.prepared import Prepared

T = TypeVar("T")

#: Values in one question: below what every build of SQLite takes (32 766), and short enough that a
#: server plans it quickly.
AT_ONCE: Final = 500

_KEY: Final = "key_of_row"
_KEYS: Final = "keys_of_rows"


def table_of(model: type[SQLModel]) -> Table:
    """Return the table behind a model."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLAlchemy sets it, SQLModel does not say so
    return table


def insert_rows(session: Session, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; all name the same columns. What they leave out takes the table's default."""
    if rows:
        _insert_into(model).do(session, rows)


# Each is made once: putting a statement together costs more than having it done.


@cache
def _insert_into(model: type[SQLModel]) -> Prepared:
    return Prepared(insert(table_of(model)))


@cache
def _delete_from(model: type[SQLModel]) -> Prepared:
    keys: BindParameter[Any] = bindparam(_KEYS, expanding=True)
    return Prepared(delete(table_of(model)).where(_find_key(model).in_(keys)))


@cache
def _update_of(model: type[SQLModel], names: tuple[str, ...]) -> Prepared:
    return Prepared(
        update(table_of(model))
        .where(_find_key(model) == bindparam(_KEY))
        .values({name: bindparam(name) for name in names})
    )


def update_rows(
    session: Session, model: type[SQLModel], changes: Mapping[Any, Mapping[str, Any]]
) -> None:
    """Change rows by primary key (of one column); all changes name the same columns."""
    if not changes:
        return
    statement = _update_of(model, tuple(next(iter(changes.values()))))
    statement.do(session, [{_KEY: row, **change} for row, change in changes.items()])


def delete_rows(session: Session, model: type[SQLModel], keys: Collection[Any]) -> None:
    """Delete rows by primary key (of one column)."""
    for some in in_parts(keys):
        _delete_from(model).do(session, [{_KEYS: some}])


def _find_key(model: type[SQLModel]) -> Column[Any]:
    (key,) = table_of(model).primary_key.columns
    return key


def in_parts(values: Iterable[T], size: int = AT_ONCE) -> Iterator[list[T]]:
    """Cut values into parts that one statement takes."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part
