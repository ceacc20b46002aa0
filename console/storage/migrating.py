"""Bringing a database to the newest shape, and telling whether it has it.

A face has a folder of Alembic scripts, and an ``env.py`` in it that calls
``console.storage.migration_steps.run_migrations``. Alembic itself, with all that it brings, is
loaded only where there is something to apply: a program that runs for months keeps what it loads.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from console.storage.database import Database

_VERSIONS = "alembic_version"


class SchemaError(Exception):
    """The database does not have the tables that this program works with."""


@dataclass(frozen=True, kw_only=True)
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

    @cached_property
    def revisions(self) -> tuple[str, ...]:
        """The chain from its beginning; files are called by their revision (a test says so)."""
        files = (self.scripts / "versions").glob("[0-9]*_*.py")
        return tuple(sorted(path.name.partition("_")[0] for path in files))

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
            if self._find_version(connection) == self.revisions[-1]:
                return
            from console.storage.migration_steps import upgrade

            upgrade(self.scripts, connection)

    def verify_schema(self, database: Database) -> None:
        """Raise :class:`SchemaError` if migrations are missing or the database is a newer one's."""
        with database.engine.connect() as connection:
            version = self._find_version(connection)
        if version != self.revisions[-1]:
            lacks = "has no tables yet" if version is None else "is that of an earlier version"
            raise SchemaError(f"The database {lacks}: run '{self.program} migrate' first.")

    def _find_version(self, connection: Connection) -> str | None:
        """Return which migration was the last one; raises :class:`SchemaError` for unknown ones."""
        if not inspect(connection).has_table(_VERSIONS):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalars().all()  # noqa: S608 - a constant
        unknown = [version for version in found if version not in self.revisions]
        if unknown:
            raise SchemaError(
                f"The database was written by a newer version of {self.program}: install that "
                "version."
            )
        return max(found, default=None)
