"""Bringing a database to the newest shape."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from node.store.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"


def make_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for our scripts, on a connection if one is given."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    return config


def migrate(database: Database) -> None:
    """Apply every migration that is missing, all or nothing."""
    with database.engine.begin() as connection:
        command.upgrade(make_config(connection), "head")
