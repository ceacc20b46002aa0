"""The tables of a store, made once for a process: hundreds of tests begin with an empty store."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import MetaData, create_mock_engine
from sqlalchemy.engine.mock import MockConnection

from console.storage.database import Database
from tests.support import postgres


def create_tables(database: Database, metadata: MetaData) -> None:
    """Make all tables that ``metadata`` knows now, in an empty database.

    The same as ``metadata.create_all``, without compiling and sending each statement anew: a file
    is a copy of one that has them, a schema of the tests' server one that an earlier test emptied.
    """
    script = _write_script(f"{database.url.drivername}://", metadata, len(metadata.tables))
    file = Path(database.url.database or "")
    if database.is_sqlite and file.name and not file.exists():
        file.write_bytes(_template_file(script))
        return
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.is_sqlite:
            _run_script(driver, script)
        else:
            postgres.fill_schema(driver, script)


def _run_script(driver: Any, script: str) -> None:
    driver.executescript(f"BEGIN IMMEDIATE;{script};COMMIT")


@cache
def _template_file(script: str) -> bytes:
    """Make the tables in one file, with the settings that a file keeps (console.storage)."""
    with TemporaryDirectory(prefix="trm-tables-") as folder:
        file = Path(folder) / "template.db"
        database = Database(f"sqlite:///{file}")
        with database.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            _run_script(driver, script)
        database.close()  # the last to close it puts everything into the one file
        return file.read_bytes()


@cache
def _write_script(url: str, metadata: MetaData, _tables: int) -> str:
    """Write it once for a database and a set of tables; modules that come later bring more."""
    statements: list[str] = []

    def write(statement: Any, *_parameters: Any, **_options: Any) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)))

    engine: MockConnection = create_mock_engine(url, write)
    metadata.create_all(engine, checkfirst=False)
    return ";".join(statements)
