"""Alembic at work: loaded by :mod:`console.storage.migrating` where there is something to apply."""

from pathlib import Path
from typing import Any, Literal

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlmodel.sql.sqltypes import AutoString

from console.storage.columns import Moment


def make_config(scripts: Path, connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for these scripts, on a connection if one is given."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    return config


def upgrade(scripts: Path, connection: Connection) -> None:
    """Apply every migration that is missing, in the connection's transaction."""
    command.upgrade(make_config(scripts, connection), "head")


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
