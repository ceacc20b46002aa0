"""The migrations of the hub's database."""

from pathlib import Path
from typing import Final

from console.storage.database import Database
from console.storage.migrating import Migrations

MIGRATIONS: Final = Migrations(scripts=Path(__file__).parent / "migrations", program="trm-hub")


def migrate(database: Database) -> None:
    """Apply every migration that is missing, all or nothing.

    Raises ``console.storage.migrating.SchemaError`` for a database of a newer version.
    """
    MIGRATIONS.migrate(database)


def verify_schema(database: Database) -> None:
    """Raise ``SchemaError`` if migrations are missing or the database is a newer one's."""
    MIGRATIONS.verify_schema(database)
