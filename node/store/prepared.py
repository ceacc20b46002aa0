"""Statements of the path that every message takes, without what SQLAlchemy does at each execution.

SQLAlchemy still writes the SQL, of the same tables, once for each dialect and shape; types convert
what goes in and what comes out, as ever. What is left out is the work of each execution: the key of
its cache, the context, the result and its rows, which cost ten times what SQLite takes to answer.
Everything runs on the session's own connection, inside its transaction and savepoints.

Where somebody listens to the engine's statements, they go through SQLAlchemy, so that a listener
hears all of them.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Delete, Insert, Select, SelectBase, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import Session

Statement = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete

Values = Mapping[str, Any]
"""What a statement's parameters are, by name; a list where it says ``IN``."""

Row = tuple[Any, ...]
_Process = Callable[[Any], Any]

_DRIVER: Final = "driver of this transaction"


class _Place(NamedTuple):
    """Where a value goes, and what its type makes of it."""

    at: Any
    name: str
    #: Which of a list; ``None``: it is no list.
    number: int | None
    process: _Process | None


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as the driver takes it, for lists of certain lengths."""

    sql: str
    #: What is the same at each execution: a list or a dictionary, as the driver wants it.
    given: Any
    places: Sequence[_Place]
    readers: Sequence[tuple[int, _Process]]

    def fill(self, values: Values) -> Any:
        """Return the parameters."""
        filled = self.given.copy()
        for at, name, number, process in self.places:  # for each value of each row: taken apart
            value = values[name]
            if number is not None:
                value = value[number]
            filled[at] = value if process is None else process(value)
        return filled

    def read(self, rows: list[Row]) -> list[Row]:
        """Return rows as their types say."""
        if not self.readers:
            return rows
        return [self._read_row(row) for row in rows]

    def _read_row(self, row: Row) -> Row:
        values = list(row)
        for at, process in self.readers:
            values[at] = process(values[at])
        return tuple(values)


class Prepared:
    """One statement; make it once, at import. Named parameters only, ``IN`` with ``expanding``."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._forms: MutableMapping[tuple[Any, ...], _Form] = {}

    def ask(self, session: Session, values: Values) -> list[Row]:
        """Execute it once; returns all rows. Raises what SQLAlchemy raises."""
        connection, driver = _find_driver(session)
        if _is_heard(connection):
            return [tuple(row) for row in connection.execute(self._statement, dict(values))]
        values = _pad(values)
        form = self._find_form(connection.dialect, values)
        filled = form.fill(values)
        try:
            with closing(driver.cursor()) as cursor:
                cursor.execute(form.sql, filled)
                rows = cursor.fetchall()
        except connection.dialect.loaded_dbapi.Error as error:
            raise _refuse(connection, driver, form.sql, error) from error
        return form.read(rows)

    def do(self, session: Session, rows: Sequence[Values]) -> None:
        """Execute it for each of these; all have the same names and lengths of lists."""
        connection, driver = _find_driver(session)
        if _is_heard(connection):
            connection.execute(self._statement, [dict(row) for row in rows])
            return
        padded = [_pad(row) for row in rows]
        form = self._find_form(connection.dialect, padded[0])
        filled = [form.fill(row) for row in padded]
        try:
            with closing(driver.cursor()) as cursor:
                if len(filled) == 1:
                    cursor.execute(form.sql, filled[0])
                else:
                    cursor.executemany(form.sql, filled)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _refuse(connection, driver, form.sql, error) from error

    def _find_form(self, dialect: Dialect, values: Values) -> _Form:
        shape = (
            dialect.name,
            *((k, len(v)) if type(v) is list else k for k, v in values.items()),
        )
        form = self._forms.get(shape)
        if form is None:
            form = self._forms[shape] = self._make_form(dialect, values)
        return form

    def _make_form(self, dialect: Dialect, values: Values) -> _Form:
        compiled = self._statement.compile(dialect=dialect, column_keys=list(values))
        state = compiled.construct_expanded_state(dict(values))
        named: dict[str, tuple[str, int | None]] = {name: (name, None) for name in values}
        for name, parts in state.parameter_expansion.items():
            if type(values[name]) is not list:  # only lists are told apart by their lengths
                raise TypeError(f"Give {name} as a list.")
            named |= {part: (name, number) for number, part in enumerate(parts)}
        fixed = {**state.parameters, **_find_defaults(compiled)}
        order: Sequence[str] = state.positiontup or list(state.parameters)
        is_named = state.positiontup is None
        given: Any = {} if is_named else [None] * len(order)
        places: list[_Place] = []
        for number, each in enumerate(order):
            at = each if is_named else number
            name, part = named.get(each, (each, None))
            process = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            if each in named:
                places.append(_Place(at, name, part, process))
            else:
                given[at] = fixed[each] if process is None else process(fixed[each])
        return _Form(state.statement, given, places, _find_readers(self._statement, dialect))


def _find_driver(session: Session) -> tuple[Connection, Any]:
    """Return the connection of the innermost transaction, and the driver's own.

    Asking the session for it costs as much as a statement, so it is done once for a transaction,
    and for each savepoint, which begins with that.
    """
    now = session.get_nested_transaction() or session.get_transaction()
    held = session.info.get(_DRIVER)
    if held is None or now is None or held[0] is not now:
        connection = session.connection()
        now = session.get_nested_transaction() or session.get_transaction()
        held = session.info[_DRIVER] = (now, connection, connection.connection.driver_connection)
    return held[1], held[2]


def _is_heard(connection: Connection) -> bool:
    """Whether somebody listens to the statements of this engine."""
    return bool(connection.engine.dispatch.before_cursor_execute)


def _pad(values: Values) -> Values:
    """Bring lists to few lengths by saying the last value again: few texts for the database."""
    padded: dict[str, Any] | None = None
    for name, value in values.items():
        if type(value) is list and (short := _round_up(len(value)) - len(value)):
            padded = padded if padded is not None else dict(values)
            padded[name] = value + value[-1:] * short
    return values if padded is None else padded


def _round_up(length: int) -> int:
    """Return the next power of two; 0 and 1 stay."""
    return length if length < 2 else 1 << (length - 1).bit_length()  # noqa: PLR2004 - two is the first power


def _find_defaults(compiled: SQLCompiler) -> dict[str, Any]:
    """Return what columns take that a row leaves out: plain values only."""
    found: dict[str, Any] = {}
    for column in [*compiled.insert_prefetch, *compiled.update_prefetch]:
        default = column.default if compiled.isinsert else column.onupdate
        if default is None or not default.is_scalar:
            raise TypeError(f"Say what {column} is in each row: its default is made each time.")
        found[column.key] = default.arg  # type: ignore[attr-defined]  # a scalar default has it
    return found


def _find_readers(statement: Statement, dialect: Dialect) -> list[tuple[int, _Process]]:
    """Return what turns columns into values, by their place."""
    columns = (
        statement.selected_columns
        if isinstance(statement, SelectBase)
        else statement.exported_columns  # of RETURNING
    )
    readers: list[tuple[int, _Process]] = []
    for at, column in enumerate(columns):
        process = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if process is not None:
            readers.append((at, process))
    return readers


def _refuse(connection: Connection, driver: Any, sql: str, error: Exception) -> BaseException:
    """Return what SQLAlchemy says of a driver's error.

    Where a connection was lost, those that rest in the pool were mostly lost with it: all are given
    up, so that whoever repeats a transaction does not meet one after another.
    """
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]  # an error of this driver
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()
    return DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
