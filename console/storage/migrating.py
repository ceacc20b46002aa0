"""Bringing a database to the newest shape, and telling whether it has it.

A face has a folder of Alembic scripts, and an ``env.py`` in it that calls :func:`run_migrations`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlmodel.sql.sqltypes import AutoString

from console.storage.columns import Moment
from console.storage.database import Database


class SchemaError(Exception):
    """The database does not have the tables that this program works with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """The chain of migrations of one face.

    ``program`` is what people type, such as ``trm-node``; its eight characters of ASCII at most
    name the lock among all advisory locks of a PostgreSQL database.
    """

    scripts: Path
    program: str

    @property
    def lock(self) -> int:
        """The number of the advisory lock."""
        return int.from_bytes(self.program.encode("ascii")[:8], "big")

    def make_config(self, connection: Connection | None = None) -> Config:
        """Return Alembic's configuration for these scripts, on a connection if one is given."""
        config = Config()
        config.set_main_option("script_location", str(self.scripts))
        config.attributes["connection"] = connection
        return config

    def migrate(self, database: Database) -> None:
        """Apply every migration that is missing, all or nothing.

        Processes that do so at once come one after the other: the second one finds nothing left to
        do. Raises :class:`SchemaError` for a database of a newer version of this program.
        """
        # SQLite takes the write lock with BEGIN IMMEDIATE; PostgreSQL has none for a whole
        # database.
        engine = database.engine.execution_options(sqlite_begin="IMMEDIATE")
        with engine.begin() as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": self.lock})
            config = self.make_config(connection)
            self._refuse_unknown(_find_version(connection), ScriptDirectory.from_config(config))
            command.upgrade(config, "head")

    def verify_schema(self, database: Database) -> None:
        """Raise :class:`SchemaError` if migrations are missing or the database is a newer one's."""
        scripts = ScriptDirectory.from_config(self.make_config())
        with database.engine.connect() as connection:
            version = _find_version(connection)
        self._refuse_unknown(version, scripts)
        if version != scripts.get_current_head():
            lacks = "has no tables yet" if version is None else "is that of an earlier version"
            raise SchemaError(f"The database {lacks}: run '{self.program} migrate' first.")

    def _refuse_unknown(self, version: str | None, scripts: ScriptDirectory) -> None:
        known = {script.revision for script in scripts.walk_revisions()}
        if version is not None and version not in known:
            raise SchemaError(
                f"The database was written by a newer version of {self.program}: install that "
                "version."
            )


def run_migrations(metadata: MetaData) -> None:
    """Run migrations on the connection that was handed over; the body of an ``env.py``."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=_render,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our column types as plain ones: a migration never changes with the code."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False


def _find_version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
