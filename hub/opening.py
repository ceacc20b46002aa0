"""Opens the hub's own store: database, the key that seals second factors, the audit log."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from console.storage.database import Database
from console.storage.secret_box import SecretBox, SecretBoxError, create_key_file, load_key_file
from hub.audit.log import AuditLog
from hub.clock import utc_now
from hub.context import HubRecords
from hub.operators.forgetting import verify_box
from hub.settings import HubSettings
from hub.store.account_tables import AccountRow
from hub.store.list_tables import ListRow
from hub.store.migrating import migrate, verify_schema


class StoreUnavailableError(Exception):
    """The hub's own database does not answer; the message says what to look at."""


@contextmanager
def clear_store_errors() -> Iterator[None]:
    """Turn what a database says into one sentence: its own may hold addresses and contents."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailableError(
            f"The hub's database does not answer ({type(error).__name__}): check "
            "TRM_HUB_DATABASE_URL, the data folder, and the disk."
        ) from error


@clear_store_errors()
def migrate_store(settings: HubSettings) -> bool:
    """Bring the hub's database to today's tables; True if its key was made, too. Blocking.

    A key that is missing beside a database with something sealed is not replaced: then
    :func:`open_records` says what to do. Raises ``SchemaError`` for a newer version's database,
    :class:`StoreUnavailableError`.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.effective_database_url)
    try:
        migrate(database)
        with database.reading() as session:
            has_secrets = _has_secrets(session)
    finally:
        database.close()
    return not has_secrets and make_key(settings)


def _has_secrets(session: Session) -> bool:
    sealed = (
        select(AccountRow.account_id).where(col(AccountRow.totp_secret_sealed).is_not(None)),
        select(ListRow.list_id),
    )
    return any(session.exec(rows.limit(1)).first() is not None for rows in sealed)


def make_key(settings: HubSettings) -> bool:
    """Make a new key for second factors; False, and nothing done, if there is one."""
    return create_key_file(settings.accounts_key_path, random=os.urandom)


@clear_store_errors()
def open_database(settings: HubSettings) -> Database:
    """Open the database alone, without the key of second factors; close it in the end. Blocking.

    Raises ``SchemaError`` for a database without today's tables, :class:`StoreUnavailableError`.
    """
    database = Database(settings.effective_database_url)
    try:
        verify_schema(database)
    except BaseException:
        database.close()
        raise
    return database


@clear_store_errors()
def open_records(settings: HubSettings, *, check_key: bool = True) -> HubRecords:
    """Open database and key; close ``records.database`` in the end. Blocking.

    Raises ``SchemaError`` for a database without today's tables, ``SecretBoxError`` for a key that
    is missing, damaged, or (unless ``check_key`` is false) not that of the database.
    """
    database = open_database(settings)
    try:
        records = HubRecords(
            database=database,
            box=SecretBox(_load_key(settings), random=os.urandom),
            clock=utc_now,
            random=os.urandom,
            audit=AuditLog(database, clock=utc_now),
        )
        if check_key:
            verify_box(records)
    except BaseException:
        database.close()
        raise
    return records


def _load_key(settings: HubSettings) -> bytes:
    path = settings.accounts_key_path
    if not path.exists():
        raise SecretBoxError(
            f"{path}, which seals second factors, is missing: put it back from the copy that you "
            "keep, or run 'trm-hub forget-second-factors' and hand out new sign-in links."
        )
    return load_key_file(path)
