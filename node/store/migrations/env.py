"""Runs migrations on the connection that :mod:`node.store.migrating` hands over."""

from sqlmodel import SQLModel

from console.storage.migrating import run_migrations
from node.store import (
    account_tables,
    attachment_tables,
    change_tables,
    draft_tables,
    drill_tables,
    link_tables,
    pin_tables,
    tables,
)

#: Importing the tables registers them.
REGISTERED = (
    tables,
    account_tables,
    attachment_tables,
    change_tables,
    draft_tables,
    drill_tables,
    link_tables,
    pin_tables,
)

run_migrations(SQLModel.metadata)
