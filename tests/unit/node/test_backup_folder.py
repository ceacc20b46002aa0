"""A backup of a node in a folder: made while it works, tried, refused where it does not hold."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import make_url

from node.adapters.backup_folder import (
    MANIFEST,
    BackupError,
    finish_backup,
    read_manifest,
    try_backup,
    write_backup,
)
from node.adapters.keystore import FileKeyStore, UnlockKey, save_keystore
from node.service.backups import NewBackup, handle_note_backup, handle_note_test, list_backups
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.store.migrating import MIGRATIONS
from tests.support.node import Network, make_draft, make_keystore, make_network, sqlite_urls
from tests.support.people import LOCAL, acting

UNLOCK = UnlockKey(b"u" * 32)
BACKUP_ID = "a" * 32


def build(url_of: Callable[[str], str]) -> Network:
    """Build AL, whose database says of which version it is, and XK."""
    network = make_network(("AL", "XK"), url_of=url_of)
    with network.node("AL").database.transaction() as session:
        connection = session.connection()
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        version = MIGRATIONS.revisions[-1]
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{version}')")  # noqa: S608 - a revision of ours
    return network


def make_backup(context: NodeContext, folder: Path) -> Path:
    """Make a finished backup of a node; returns its folder."""
    keystore = folder / "keystore.json"
    if not isinstance(context.keys, FileKeyStore):
        raise TypeError("the key store of a test is one of a file")
    save_keystore(context.keys, keystore, unlock=UNLOCK)
    target = folder / "backup"
    assert write_backup(target, context.database, keystore=keystore) > 0
    finish_backup(target, backup_id=BACKUP_ID, participant="AL", at=context.clock())
    return target


def test_a_backup_is_made_tried_and_noted(tmp_path: Path, url_of: Callable[[str], str]) -> None:
    """The copy holds the newest message and opens with its keys, on both databases."""
    network = build(url_of)
    context = network.node("AL")
    handle_send(context, make_draft(), who=acting("api:case-system"))
    folder = make_backup(context, tmp_path)
    manifest = read_manifest(folder)
    assert try_backup(folder, manifest, unlock=UNLOCK) == (1 if context.database.is_sqlite else 0)
    assert {path.stat().st_mode & 0o077 for path in folder.iterdir()} == {0}
    noted = handle_note_backup(
        context, NewBackup(made_at=context.clock(), place=str(folder)), who=LOCAL
    )
    handle_note_test(context, noted, passed=True, who=LOCAL)
    (known,) = list_backups(context, who=LOCAL)
    assert (known.test_passed, known.tested_by) == (True, LOCAL.actor)
    with pytest.raises(BackupError, match="not empty"):
        write_backup(folder, context.database, keystore=tmp_path / "keystore.json")
    network.close()


def test_a_node_that_writes_all_the_time_is_copied(tmp_path: Path) -> None:
    """Writes beside it neither begin the copy anew, nor does the copy hold them up."""
    urls = sqlite_urls(tmp_path)
    place = make_url(urls("AL")).database or ""
    with closing(sqlite3.connect(place)) as empty:
        empty.execute("PRAGMA page_size = 512")  # so many small pages are copied
        empty.execute("CREATE TABLE filling (bytes BLOB)")
        empty.execute("INSERT INTO filling VALUES (zeroblob(20000000))")
        empty.commit()
    network = build(urls)
    made, most = Event(), 200_000

    def write() -> int:
        with closing(sqlite3.connect(place)) as other:
            other.execute("PRAGMA synchronous = OFF")
            for count in range(most):
                if made.is_set():
                    return count
                other.execute("INSERT INTO filling VALUES (NULL)")
                other.commit()
        return most

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            make_backup(network.node("AL"), tmp_path)
        finally:
            made.set()
        assert writing.result() < most
    network.close()


def test_a_backup_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    """Altered, unfinished, with the keys of another node, or of another format: each is named."""
    network = build(sqlite_urls(tmp_path))
    context = network.node("AL")
    handle_send(context, make_draft(), who=acting("api:case-system"))
    folder = make_backup(context, tmp_path)
    network.close()
    manifest = read_manifest(folder)
    with pytest.raises(BackupError, match="does not open"):
        try_backup(folder, manifest, unlock=UnlockKey(b"x" * 32))
    save_keystore(make_keystore("AL"), folder / "keystore.json", unlock=UNLOCK, overwrite=True)
    with pytest.raises(BackupError, match="altered"):
        try_backup(folder, manifest, unlock=UNLOCK)
    other = finish_backup(folder, backup_id=BACKUP_ID, participant="AL", at=manifest.made_at)
    with pytest.raises(BackupError, match="do not open with its key store"):
        try_backup(folder, other, unlock=UNLOCK)
    (folder / MANIFEST).write_text('{"format": "other"}')
    with pytest.raises(BackupError, match="cannot be read"):
        read_manifest(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(BackupError, match="no finished backup"):
        read_manifest(folder)
