"""A node's migrations end in the tables that the code declares, on each database it runs on."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from console.storage.database import Database
from console.storage.migrating import SchemaError
from console.storage.migration_steps import make_config
from hub.store.migrating import MIGRATIONS as HUB_MIGRATIONS
from node.store.migrating import MIGRATIONS, migrate, verify_schema
from scripts import check_migrations


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database of the kind: SQLite in memory, or a real PostgreSQL."""
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    yield engine
    engine.dispose()


def find_differences(engine: Engine) -> str | None:
    """Migrate a node's database and compare it with the code."""
    return check_migrations.find_differences(engine, MIGRATIONS)


def test_migrations_and_code_agree(engine: Engine) -> None:
    """An empty database, migrated to the newest version, lacks nothing and has nothing extra."""
    assert find_differences(engine) is None


def test_a_forgotten_migration_is_found(engine: Engine) -> None:
    """A table that the code does not know is named: the comparison is not blind."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_over (id integer PRIMARY KEY)"))
    difference = find_differences(engine)
    assert difference is not None
    assert "left_over" in difference


MIGRATE = """
import sys
from console.storage.database import Database
from node.store.migrating import migrate
sys.stdin.readline()
migrate(Database(sys.argv[1]))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty database that several processes can use."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    return str(request.getfixturevalue("postgres_url"))


def test_processes_that_migrate_at_once_come_one_after_the_other(url: str) -> None:
    """Three processes start on an empty database at the same moment: all end well."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    database = Database(url)
    verify_schema(database)
    database.close()


def test_a_process_waits_for_one_that_is_migrating(url: str) -> None:
    """While somebody holds the lock a migration waits; when it is given back, it goes on."""
    holder, other = Database(url), Database(url)
    engine = holder.engine.execution_options(sqlite_begin="IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            if not holder.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:l)"), {"l": MIGRATIONS.lock})
            waiting = pool.submit(migrate, other)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
            connection.rollback()
        waiting.result(timeout=60)
    verify_schema(holder)
    holder.close()
    other.close()


def test_a_database_without_our_tables_is_refused_with_what_to_do(url: str) -> None:
    """Nothing but a migration makes tables; until then every use says which command to run."""
    database = Database(url)
    with pytest.raises(SchemaError, match="no tables yet: run 'trm-node migrate'"):
        verify_schema(database)
    migrate(database)
    migrate(database)
    verify_schema(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    for refused in (verify_schema, migrate):
        with pytest.raises(SchemaError, match="newer version"):
            refused(database)
    database.close()


def test_an_error_of_the_database_shows_no_content(url: str) -> None:
    """The text of a failed statement goes into logs: its parameters are left out."""
    database = Database(url)
    with pytest.raises(DBAPIError) as raised, database.transaction() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:told)"), {"told": "Ana, born 2009"})
    assert "Ana" not in str(raised.value)
    database.close()


def test_files_of_migrations_are_called_by_their_revision() -> None:
    """The chain that is read from names of files is the one that Alembic walks."""
    for each in (MIGRATIONS, HUB_MIGRATIONS):
        walked = ScriptDirectory.from_config(make_config(each.scripts)).walk_revisions()
        assert each.revisions == tuple(reversed([script.revision for script in walked]))
