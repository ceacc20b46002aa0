"""Runs migrations on the connection that :mod:`hub.store.migrating` hands over."""

from console.storage.migration_steps import run_migrations
from hub.store import (
    account_tables,
    audit_tables,
    change_tables,
    correction_tables,
    drill_tables,
    finding_tables,
    kept_form_tables,
    list_tables,
    network_tables,
)
from hub.store.metadata import HubTable

#: Importing the tables registers them.
REGISTERED = (
    account_tables,
    audit_tables,
    change_tables,
    correction_tables,
    drill_tables,
    finding_tables,
    kept_form_tables,
    list_tables,
    network_tables,
)

run_migrations(HubTable.metadata)
