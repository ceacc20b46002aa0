"""The tables of a store, made in one statement: hundreds of tests begin with an empty database."""

from functools import cache
from typing import Any

from sqlalchemy import MetaData, create_mock_engine
from sqlalchemy.engine.mock import MockConnection

from console.storage.database import Database


def create_tables(database: Database, metadata: MetaData) -> None:
    """Make all tables that ``metadata`` knows now, in an empty database.

    The same as ``metadata.create_all``, without compiling and sending each statement anew.
    """
    script = _write_script(f"{database.url.drivername}://", metadata, len(metadata.tables))
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if database.is_sqlite:
            driver.executescript(f"BEGIN IMMEDIATE;{script};COMMIT")
        else:
            driver.execute(script)
            driver.commit()


@cache
def _write_script(url: str, metadata: MetaData, _tables: int) -> str:
    """Write it once for a database and a set of tables; modules that come later bring more."""
    statements: list[str] = []

    def write(statement: Any, *_parameters: Any, **_options: Any) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)))

    engine: MockConnection = create_mock_engine(url, write)
    metadata.create_all(engine, checkfirst=False)
    return ";".join(statements)
