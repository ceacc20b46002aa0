"""Runs migrations on the connection that :mod:`node.store.migrating` hands over."""

from sqlmodel import SQLModel

from console.storage.migration_steps import run_migrations
from node.store import (
    account_tables,
    attachment_tables,
    audit_tables,
    backup_tables,
    case_tables,
    change_tables,
    consent_tables,
    draft_tables,
    drill_tables,
    factor_tables,
    hook_tables,
    kept_form_tables,
    link_tables,
    pin_tables,
    search_tables,
    tables,
    work_tables,
)

#: Importing the tables registers them.
REGISTERED = (
    account_tables,
    attachment_tables,
    audit_tables,
    backup_tables,
    case_tables,
    change_tables,
    consent_tables,
    draft_tables,
    drill_tables,
    factor_tables,
    hook_tables,
    kept_form_tables,
    link_tables,
    pin_tables,
    search_tables,
    tables,
    work_tables,
)

run_migrations(SQLModel.metadata)
