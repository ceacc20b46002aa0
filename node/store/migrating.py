"""Bringing a database to the newest shape, and telling whether it has it."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from node.store.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"
#: Names the lock among all advisory locks of a PostgreSQL database: "trm-node" in ASCII.
_LOCK: Final = int.from_bytes(b"trm-node", "big")


class SchemaError(Exception):
    """The database does not have the tables that this program works with."""


def make_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for our scripts, on a connection if one is given."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def migrate(database: Database) -> None:
    """Apply every migration that is missing, all or nothing.

    Processes that do so at once come one after the other: the second one finds nothing left to do.
    Raises :class:`SchemaError` for a database of a newer version of this program.
    """
    # SQLite takes the write lock with BEGIN IMMEDIATE; PostgreSQL has none for a whole database.
    engine = database.engine.execution_options(sqlite_begin="IMMEDIATE")
    with engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = make_config(connection)
        _refuse_unknown(_find_version(connection), ScriptDirectory.from_config(config))
        command.upgrade(config, "head")


def verify_schema(database: Database) -> None:
    """Raise :class:`SchemaError` if migrations are missing or the database is a newer one's."""
    scripts = ScriptDirectory.from_config(make_config())
    with database.engine.connect() as connection:
        version = _find_version(connection)
    _refuse_unknown(version, scripts)
    if version != scripts.get_current_head():
        lacks = "has no tables yet" if version is None else "is that of an earlier version"
        raise SchemaError(f"The database {lacks}: run 'trm-node migrate' first.")


def _find_version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_unknown(version: str | None, scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if version is not None and version not in known:
        raise SchemaError(
            "The database was written by a newer version of trm-node: install that version."
        )
