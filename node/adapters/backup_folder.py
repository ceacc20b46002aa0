"""A backup of a node in a folder: made while it runs, and tried without touching the node.

The folder holds the database (``node.db``, or ``node.dump`` of PostgreSQL), the key store as it is
(sealed), and ``backup.json``, which names both with their digests. It does not hold what opens the
key store, nor the folder ``files``.
"""

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.engine import URL

from console.storage.database import Database
from node.adapters.keystore import KeyStoreError, Unlock, load_keystore
from node.domain.ports import KeyStore, StoredContentError
from node.store.migrating import MIGRATIONS

MANIFEST: Final = "backup.json"
_KEYSTORE: Final = "keystore.json"
_SQLITE: Final = "node.db"
_DUMP: Final = "node.dump"
#: All pages in one go: in parts, each write in between would begin the copy anew, and it would
#: never end. Writers do not wait for readers, since the database is in WAL mode.
_PAGES: Final = -1
_CHUNK: Final = 1024 * 1024
_DUMP_SECONDS: Final = 6 * 3_600
_LARGEST_MANIFEST: Final = 10_000
#: So many of the newest messages are opened to see that the keys are those of the database.
_OPENED: Final = 20

_MESSAGES: Final = re.compile(rb" TABLE DATA \S+ message ")

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BackupError(Exception):
    """A backup was not made, or does not hold. The message says what to do."""


class Manifest(BaseModel):
    """What ``backup.json`` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["trm-node-backup/1"] = "trm-node-backup/1"
    backup_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    participant: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    made_at: AwareDatetime
    database: Literal["node.db", "node.dump"]
    digests: dict[Literal["node.db", "node.dump", "keystore.json"], Digest]


def write_backup(folder: Path, database: Database, *, keystore: Path) -> int:
    """Copy database and key store of a running node into a new folder; returns the bytes.

    Without the manifest, which :func:`finish_backup` writes, it is no backup yet. Raises
    :class:`BackupError`, ``OSError``.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: name a new folder for each backup.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database.is_sqlite:
        _copy_sqlite(Path(database.url.database or ""), folder / _SQLITE)
    else:
        _dump_postgres(database, folder / _DUMP)
    # After the database: every key that it was written with is in the key store by then.
    shutil.copyfile(keystore, folder / _KEYSTORE)
    (folder / _KEYSTORE).chmod(0o600)
    return sum(path.stat().st_size for path in folder.iterdir())


def finish_backup(folder: Path, *, backup_id: str, participant: str, at: datetime) -> Manifest:
    """Write the manifest, when everything else is on the disk."""
    kept = [path for path in sorted(folder.iterdir()) if path.name != MANIFEST]
    for path in kept:
        _sync(path)
    manifest = Manifest.model_validate(
        {
            "backup_id": backup_id,
            "participant": participant,
            "made_at": at,
            "database": next(path.name for path in kept if path.name != _KEYSTORE),
            "digests": {path.name: _digest(path) for path in kept},
        }
    )
    path = folder / MANIFEST
    path.write_text(manifest.model_dump_json(indent=2), encoding="ascii")
    path.chmod(0o600)
    _sync(path)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read what a folder says of itself; raises :class:`BackupError`."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_MANIFEST)
        return Manifest.model_validate_json(content)
    except FileNotFoundError as error:
        raise BackupError(
            f"{path} is not there: this is no finished backup. Make a new one."
        ) from error
    except (OSError, ValidationError) as error:
        raise BackupError(f"{path} cannot be read: take another backup.") from error


def try_backup(folder: Path, manifest: Manifest, *, unlock: Unlock) -> int:
    """Try whether a backup can be restored; returns how many messages were opened with its keys.

    Nothing of the running node is touched. Of a PostgreSQL dump the table of contents is read, and
    no message opened. Raises :class:`BackupError` with what does not hold.
    """
    for name, digest in manifest.digests.items():
        path = folder / name
        if not path.is_file() or _digest(path) != digest:
            raise BackupError(
                f"{path} is missing or was altered since it was made: take another backup."
            )
    try:
        keys = load_keystore(folder / _KEYSTORE, unlock=unlock)
    except KeyStoreError as error:
        raise BackupError(f"The key store of the backup does not open: {error}") from error
    if keys.participant != manifest.participant:
        raise BackupError("The key store is another Participant's: take another backup.")
    if manifest.database == _DUMP:
        _read_dump(folder / _DUMP)
        return 0
    return _try_sqlite(folder / _SQLITE, keys)


def _copy_sqlite(source: Path, target: Path) -> None:
    target.touch(mode=0o600, exist_ok=False)
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy, pages=_PAGES)
        # One file that needs no other beside it.
        copy.execute("PRAGMA journal_mode = DELETE")


def _dump_postgres(database: Database, target: Path) -> None:
    target.touch(mode=0o600, exist_ok=False)
    with database.engine.connect() as connection:
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    options = ["--format=custom", "--no-password", f"--schema={schema}", f"--file={target}"]
    _run(["pg_dump", *options, _name(database.url)], database.url)


def _read_dump(path: Path) -> None:
    listed = _run(["pg_restore", "--list", str(path)], None)
    if _MESSAGES.search(listed) is None:
        raise BackupError(f"{path} holds no messages: take another backup.")


def _name(url: URL) -> str:
    """Write the database's address as PostgreSQL's programs take it, without the password."""
    plain = url.set(drivername="postgresql", password=None)
    return plain.render_as_string(hide_password=False)


def _run(command: list[str], url: URL | None) -> bytes:
    environment = dict(os.environ)
    if url is not None and url.password:
        environment["PGPASSWORD"] = str(url.password)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program with an address of the settings
            command, env=environment, capture_output=True, check=True, timeout=_DUMP_SECONDS
        )
    except FileNotFoundError as error:
        raise BackupError(
            f"{command[0]} is not installed here: install the client programs of PostgreSQL."
        ) from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise BackupError(
            f"{command[0]} did not succeed: run it by hand to see why, and check the disk."
        ) from error
    return done.stdout


def _try_sqlite(path: Path, keys: KeyStore) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as copy:
        try:
            (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            (version,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            rows = copy.execute(
                "SELECT message_id, signed_payload_sealed, wrapped_key FROM message "
                "LEFT JOIN trm_case USING (case_id) WHERE length(signed_payload_sealed) > 0 "
                "AND (wrapped_key IS NULL OR length(wrapped_key) > 0) "
                "ORDER BY stored_at DESC LIMIT ?",
                (_OPENED,),
            ).fetchall()
        except sqlite3.DatabaseError as error:
            raise BackupError(f"{path} is damaged: take another backup.") from error
    if verdict != "ok":
        raise BackupError(f"{path} is damaged: take another backup.")
    if version not in MIGRATIONS.revisions:
        raise BackupError(f"{path} is of a newer version of this program: update the program.")
    for message_id, sealed, wrapped in rows:
        try:
            keys.decrypt(sealed, wrapped_key=wrapped, context=f"message:{message_id}")
        except StoredContentError as error:
            raise BackupError(
                "Messages of the backup do not open with its key store: database and key store "
                "are of different nodes or days. Take another backup."
            ) from error
    return len(rows)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
