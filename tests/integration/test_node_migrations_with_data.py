"""A node's store of the first release comes to today's tables with its data, and back.

Whatever breaks a migration off, and wherever, leaves the store as it was.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    event,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy import (
    table as named_table,
)
from sqlalchemy.types import Boolean, Date, DateTime, Integer, LargeBinary, TypeEngine

from console.storage.database import Database
from console.storage.migration_steps import make_config
from node.store.migrating import MIGRATIONS, migrate, verify_schema
from protocol.identifiers import Channel

_MOMENT = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
_VERSIONS = "alembic_version"
_LOOKING = ("SELECT", "PRAGMA")

#: Brings a store to today, and stays where so many statements have written something.
_MIGRATE_AND_STOP = """
import sys
from sqlalchemy import event
from console.storage.database import Database
from node.store.migrating import migrate

database, left = Database(sys.argv[1]), int(sys.argv[2])

def count(_connection, _cursor, statement, *_):
    global left
    left -= not statement.lstrip().startswith(("SELECT", "PRAGMA"))
    if left < 0:
        print("in the midst", flush=True)
        sys.stdin.readline()

event.listen(database.engine, "before_cursor_execute", count)
migrate(database)
"""

Rows = Mapping[str, frozenset[str]]
"""What each table holds, as text, column by column."""


class BrokenOffError(Exception):
    """Stands for a full disk, a lost connection, a kill."""


def list_scripts() -> list[ModuleType]:
    """Return all migrations, the first one first."""
    scripts = ScriptDirectory.from_config(make_config(MIGRATIONS.scripts))
    return [script.module for script in reversed(list(scripts.walk_revisions()))]


@contextmanager
def working(database: Database, *, break_at: int | None = None) -> Iterator[Connection]:
    """Run one writing transaction as :mod:`console.storage.migrating` does.

    With ``break_at`` that one of its statements that write, from 0, fails.
    """
    engine = database.engine.execution_options(sqlite_begin="IMMEDIATE")
    with engine.begin() as connection:
        done = 0

        def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal done
            if statement.lstrip().startswith(_LOOKING):
                return  # broken off there, it is as if the next one that writes had failed
            if done == break_at:
                raise BrokenOffError
            done += 1

        event.listen(connection, "before_cursor_execute", count)
        connection.info["count"] = lambda: done
        yield connection


def step(connection: Connection, script: ModuleType, *, back: bool = False) -> int:
    """Apply one migration or take it back; returns how many statements wrote something."""
    with Operations.context(MigrationContext.configure(connection, opts={"render_as_batch": True})):
        (script.downgrade if back else script.upgrade)()
    statements: int = connection.info["count"]()
    return statements


def read_rows(connection: Connection) -> Rows:
    """Return everything that the store holds."""
    tables = MetaData()
    tables.reflect(connection)
    return {
        table.name: frozenset(str(dict(row._mapping)) for row in connection.execute(select(table)))
        for table in tables.sorted_tables
        if table.name != _VERSIONS
    }


def read_shape(connection: Connection) -> object:
    """Return which tables, columns and indexes there are, and how many rows: quick to compare."""
    if connection.dialect.name == "sqlite":
        shape = connection.execute(text("SELECT name, sql FROM sqlite_master ORDER BY name"))
    else:
        shape = connection.execute(
            text(
                "SELECT c.relname, c.relkind, a.attname, a.attnotnull, a.atttypmod FROM pg_class c "
                "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
                "WHERE c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2, 3"
            )
        )
    names = sorted(inspect(connection).get_table_names())
    counts = (select(literal(name), func.count()).select_from(named_table(name)) for name in names)
    return shape.all(), connection.execute(union_all(*counts)).all()


def fill(connection: Connection) -> None:
    """Put two rows into every table that has none."""
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if table.name != _VERSIONS and connection.execute(select(table)).first() is None:
            connection.execute(insert(table), [_make_row(table, number) for number in (1, 2)])


def _make_row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: _make_value(column.type, number) for column in table.columns}


def _make_value(kind: TypeEngine[Any], number: int) -> Any:
    """Return a value that rows of one number have in common, so that references fit."""
    if isinstance(kind, Boolean):
        return number == 1
    if isinstance(kind, Integer):
        return number
    if isinstance(kind, DateTime):
        return _MOMENT + timedelta(hours=number)
    if isinstance(kind, Date):
        return _MOMENT.date()
    if isinstance(kind, LargeBinary):
        return b"sealed %d" % number
    return str(number)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give an empty database of the kind."""
    url = (
        f"sqlite:///{tmp_path / 'node.db'}"
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgres_url"))
    )
    made = Database(url)
    yield made
    made.close()


def keeps(now: Rows, then: Rows) -> bool:
    """Say whether every table of then is there with the same rows."""
    return all(now.get(name) == rows for name, rows in then.items())


def test_data_goes_up_to_today_and_back_whatever_breaks_off(database: Database) -> None:
    """Every migration is broken off at each of its statements, both ways, and nothing changes.

    There are rows in every table. Applied and taken back, each leaves all that was there before.
    """
    scripts = list_scripts()
    known: list[Rows] = []
    for script in scripts:
        if known:  # before the first one there is nothing to lose
            break_off_everywhere(database, script, back=False)
        with working(database) as connection:
            step(connection, script)
            fill(connection)
        with database.engine.connect() as connection:
            known.append(read_rows(connection))
    assert all(known[-1].values()), "every table has rows"
    for script, before in zip(reversed(scripts[1:]), reversed(known[:-1]), strict=True):
        break_off_everywhere(database, script, back=True)
        with working(database) as connection:
            step(connection, script, back=True)
        with database.engine.connect() as connection:
            assert keeps(read_rows(connection), before), script.revision


def break_off_everywhere(database: Database, script: ModuleType, *, back: bool) -> None:
    """Let each statement of a migration fail in turn: afterwards the store is as it was."""
    with database.engine.connect() as connection:
        shape = read_shape(connection)
    done: list[int] = []

    def try_out(break_at: int | None) -> None:
        with working(database, break_at=break_at) as connection:
            done.append(step(connection, script, back=back))
            raise BrokenOffError  # undone: only the statements were to be counted

    with pytest.raises(BrokenOffError):
        try_out(None)
    for statement in range(done[0]):
        with pytest.raises(BrokenOffError):
            try_out(statement)
        with database.engine.connect() as connection:
            assert read_shape(connection) == shape, (script.revision, statement)
    assert len(done) == 1, "each of the others was broken off before its end"


def test_what_waits_lies_at_the_account_that_was_followed(database: Database) -> None:
    """A message that was handed over once follows its recipient; the other never left."""
    scripts = {script.revision: script for script in list_scripts()}
    with working(database) as connection:
        for revision in sorted(scripts):
            if revision < "0026":
                step(connection, scripts[revision])
        fill(connection)
        connection.execute(text("UPDATE outbox SET handed_over = 0 WHERE peer = '2'"))
        step(connection, scripts["0026"])
        rows = connection.execute(text("SELECT peer, handed_to FROM outbox ORDER BY peer")).all()
        followed = connection.execute(
            text("SELECT account FROM followed_account WHERE peer = '1'")
        ).scalar_one()
    assert [tuple(row) for row in rows] == [("1", followed), ("2", None)]


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_store_of_the_first_release_is_brought_to_today_all_or_nothing(
    database: Database, part: float
) -> None:
    """Broken off anywhere, it is still of the first release; tried again, it is today's."""
    make_first_release(database)
    with database.engine.connect() as connection:
        shape, rows = read_shape(connection), read_rows(connection)
    statements = count_statements(database)
    left = int(statements * part)

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        left -= not statement.lstrip().startswith(_LOOKING)
        if left < 0:
            raise BrokenOffError

    event.listen(database.engine, "before_cursor_execute", count)
    with pytest.raises(BrokenOffError):
        migrate(database)
    event.remove(database.engine, "before_cursor_execute", count)
    with database.engine.connect() as connection:
        assert read_shape(connection) == shape
        assert read_rows(connection) == rows
    migrate(database)
    with database.engine.connect() as connection:
        names = {name: {column["name"] for column in inspect(connection).get_columns(name)}
                 for name in rows}  # fmt: skip
        assert all(names.values())
        messages = connection.execute(text("SELECT message_id, case_id FROM message")).all()
        followed = connection.execute(text("SELECT message_id FROM message_to_follow")).all()
        cleared = connection.execute(
            text("SELECT account_id, channels, confidential, row_version FROM clearance")
        ).all()
        programs = connection.execute(
            text("SELECT channels, account_id, made_by FROM api_token")
        ).all()
    assert sorted(messages) == [("1", "1"), ("2", "2")]
    assert sorted(followed) == [("1",), ("2",)]
    # Whoever saw all messages still does; the confidential part was opened to nobody.
    every = " ".join(sorted(Channel))
    assert [tuple(row) for row in sorted(cleared)] == [
        ("1", every, False, 1),
        ("2", every, False, 1),
    ]
    assert [tuple(row) for row in programs] == [(every, None, None)] * 2


@pytest.mark.parametrize("part", [0.1, 0.6, 0.99])
def test_a_kill_in_the_midst_leaves_the_first_release(database: Database, part: float) -> None:
    """A process that is killed, and its connection cut, has changed nothing; the next one does."""
    make_first_release(database)
    with database.engine.connect() as connection:
        shape, rows = read_shape(connection), read_rows(connection)
    left = str(int(count_statements(database) * part))
    database.close()
    url = database.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", _MIGRATE_AND_STOP, url, left],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the midst\n"
        process.kill()
    with database.engine.connect() as connection:
        assert read_shape(connection) == shape
        assert read_rows(connection) == rows
    migrate(database)
    verify_schema(database)
    with database.engine.connect() as connection:
        assert len(connection.execute(text("SELECT message_id FROM message")).all()) == 2


def make_first_release(database: Database) -> None:
    """Make a store of the first release, with rows in every table."""
    first = list_scripts()[0]
    with working(database) as connection:
        step(connection, first)
        fill(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": first.revision}
        )


def count_statements(database: Database) -> int:
    """Return how many statements bringing this store to today takes; nothing is done."""
    done: list[int] = []

    def try_out() -> None:
        with working(database) as connection:
            done.extend(step(connection, script) for script in list_scripts()[1:])
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        try_out()
    return done[-1]
