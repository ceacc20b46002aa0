"""The last verified registry, in one SQLite file that changes in one transaction.

The TUF library keeps its own files for rollback protection, and changes them one by one while it
works: a registry host that fails or cheats half-way leaves them mixed. What a node falls back on
must not depend on that, so the full set of bytes that verified together is kept here besides. A
new version writes what differs from the one before.

Nothing in the file is believed: everything is verified anew when a process reads it. A file that is
damaged, or is not as this module makes it, counts as empty, and is replaced by the next version.
"""

import errno
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from contact_registry.trust.proven import NamedFile
from contact_registry.trust.verification import TopLevelFiles

_LARGEST_FILE: Final = 1024 * 1024 * 1024
_BUSY_SECONDS: Final = 30.0
_SCHEMA: Final = (
    "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), verified_at TEXT NOT NULL)",
    "CREATE TABLE file (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL)",
    "CREATE TABLE member (name TEXT PRIMARY KEY, published_name TEXT NOT NULL, sha256 TEXT)",
)
#: What the disk or another process does. All else that SQLite says is the file's own fault: damage
#: shows as a wrong format, a file that says of itself that it may only be read, text that is none.
_IN_THE_WAY: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
)
#: What SQLite may have left beside a file: it belongs to that file and to no other.
_BESIDE: Final = ("", "-journal", "-wal", "-shm")
#: SQLite quotes the damage in its messages, and Python reads these as UTF-8.
_UNREADABLE: Final = (sqlite3.Error, UnicodeError)
#: Result codes of SQLite have their kind in the lowest byte.
_PRIMARY_CODE: Final = 0xFF
_DOCUMENT: Final = ".json"
#: Root metadata is called ``root/2``, because all versions of it are kept.
_ROOT: Final = "root/"


@dataclass(frozen=True, slots=True)
class VerifiedFiles:
    """The signed bytes that verified together, and when they did."""

    verified_at: datetime
    roots: tuple[bytes, ...]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    delegated: Mapping[str, bytes]
    documents: Mapping[str, bytes]

    @property
    def top_level(self) -> TopLevelFiles:
        """The part that the top-level verification wants."""
        return TopLevelFiles(
            roots=self.roots,
            timestamp=self.timestamp,
            snapshot=self.snapshot,
            targets=self.targets,
        )


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the kept set, and the name that it was published under."""

    published_name: str
    content: bytes


class KeptSet:
    """The kept set while it is open: one state of it, whatever another process does meanwhile.

    Without a connection it is empty. What is damaged on the disk reads as if it were not there.
    Threads may share it.
    """

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection
        self._one_at_a_time = threading.Lock()

    def find(self, name: str) -> KeptFile | None:
        """Return the file that has this name in the set; its bytes may be others than verified."""
        rows = self._ask(
            "SELECT published_name, content FROM member JOIN file USING (sha256) WHERE name = ?",
            name,
        )
        return next((KeptFile(str(row[0]), row[1]) for row in rows if _is_bytes(row[1])), None)

    def read(self, sha256: str) -> bytes | None:
        """Return a file by its hash, or None if it is not kept as it was verified."""
        rows = self._ask("SELECT content FROM file WHERE sha256 = ?", sha256)
        found = next((row[0] for row in rows if _is_bytes(row[0])), None)
        return found if found is not None and _hash(found) == sha256 else None

    def list_hashes(self) -> frozenset[str]:
        """Return the SHA-256 of every file of the set."""
        return frozenset(str(row[0]) for row in self._ask("SELECT sha256 FROM file"))

    def list_lasting(self) -> dict[str, str]:
        """Return name and SHA-256 of the files that prove this version for good.

        That is all but the timestamp, which only says what is newest, and the roots.
        """
        rows = self._ask("SELECT name, sha256 FROM member")
        named = {str(row[0]): str(row[1]) for row in rows}
        return {
            name: sha256
            for name, sha256 in named.items()
            if name != Timestamp.type and not name.startswith(_ROOT)
        }

    def read_roots(self) -> tuple[bytes, ...]:
        """Return the roots after the trusted one, oldest first."""
        names = [str(row[0]) for row in self._ask("SELECT name FROM member")]
        numbers = sorted(
            int(name.removeprefix(_ROOT))
            for name in names
            if name.startswith(_ROOT) and name.removeprefix(_ROOT).isdecimal()
        )
        found = (self.find(f"{_ROOT}{number}") for number in numbers)
        return tuple(file.content for file in found if file is not None)

    def load(self) -> VerifiedFiles | None:
        """Return all of it, or None if it is not whole."""
        moments = [str(row[0]) for row in self._ask("SELECT verified_at FROM state")]
        rows = self._ask("SELECT name, content FROM member JOIN file USING (sha256)")
        files = {str(row[0]): row[1] for row in rows if _is_bytes(row[1])}
        try:
            verified_at = datetime.fromisoformat(moments[0])
            top = [files.pop(name) for name in (Timestamp.type, Snapshot.type, Targets.type)]
        except (IndexError, KeyError, ValueError):
            return None
        if verified_at.tzinfo is None:
            return None
        below = {name: data for name, data in files.items() if not name.startswith(_ROOT)}
        documents = {name: data for name, data in below.items() if name.endswith(_DOCUMENT)}
        return VerifiedFiles(
            verified_at=verified_at,
            roots=self.read_roots(),
            timestamp=top[0],
            snapshot=top[1],
            targets=top[2],
            delegated={name: data for name, data in below.items() if name not in documents},
            documents=documents,
        )

    def _ask(self, question: str, *parameters: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        try:
            with self._one_at_a_time:
                return self._connection.execute(question, parameters).fetchall()
        except _UNREADABLE:
            return []


@dataclass(frozen=True, slots=True)
class VerifiedCache:
    """Keeps one verified set in a file. Methods block."""

    path: Path

    def load(self) -> VerifiedFiles | None:
        """Return what was kept, or None if nothing was or it is damaged.

        A damaged cache is no error: it holds nothing that the next refresh does not bring again,
        and everything in it is verified anew before use.
        """
        with self.reading() as kept:
            return kept.load()

    @contextmanager
    def reading(self) -> Iterator[KeptSet]:
        """Open the set for reading; an empty one if nothing is kept or it is damaged."""
        connection = self._open_to_read()
        if connection is None:
            yield KeptSet(None)
            return
        with closing(connection):
            yield KeptSet(connection)

    def save(
        self,
        verified_at: datetime,
        top: TopLevelFiles,
        *,
        below: Iterable[NamedFile],
        contents: Mapping[str, bytes],
    ) -> None:
        """Replace what was kept by another verified set, in one step; raises ``OSError``.

        ``contents`` are, by hash, the files below the top level that are not kept yet.
        """
        members, files = _name_top_level(top)
        members += below
        files |= contents
        try:
            self._write_or_begin_anew(verified_at, members, files)
        except sqlite3.Error as error:
            raise OSError(errno.EIO, str(error)) from error

    def _write_or_begin_anew(
        self, verified_at: datetime, members: list[NamedFile], files: Mapping[str, bytes]
    ) -> None:
        """Write; a file that is damaged or made by something else is begun anew.

        What is not at hand is missing then, and is asked for at the next refresh.
        """
        try:
            self._write(verified_at, members, files)
        except (_NotOursError, UnicodeError, sqlite3.DatabaseError) as error:
            if not _is_damage(error):
                raise
            for suffix in _BESIDE:
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self._write(verified_at, members, files)

    def _write(
        self, verified_at: datetime, members: list[NamedFile], files: Mapping[str, bytes]
    ) -> None:
        with closing(self._connect()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            _require_schema(connection, make=True)
            connection.execute(
                "INSERT OR REPLACE INTO state VALUES (1, ?)", (verified_at.isoformat(),)
            )
            _write_difference(connection, members, files)

    def _open_to_read(self) -> sqlite3.Connection | None:
        try:
            if not 0 < self.path.stat().st_size <= _LARGEST_FILE:
                return None
            connection = self._connect()
        except (OSError, *_UNREADABLE):
            return None
        try:
            connection.execute("BEGIN")
            _require_schema(connection, make=False)
        except (*_UNREADABLE, _NotOursError):
            connection.close()
            return None
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for setting in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = FULL"):
                connection.execute(f"PRAGMA {setting}")
        except _UNREADABLE:
            connection.close()
            raise
        return connection


class _NotOursError(Exception):
    """The file is damaged, or was not made by this module."""


def _is_damage(error: Exception) -> bool:
    """Whether the file itself is bad, and not the disk or another process in the way."""
    code = getattr(error, "sqlite_errorcode", None)  # none if Python itself could not read text
    return code is None or code & _PRIMARY_CODE not in _IN_THE_WAY


def _require_schema(connection: sqlite3.Connection, *, make: bool) -> None:
    """Check that the file holds our tables and nothing else, no trigger and no view."""
    found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_schema") if row[0]}
    if not found and make:
        for statement in _SCHEMA:
            connection.execute(statement)
    elif found != set(_SCHEMA):
        raise _NotOursError


def _write_difference(
    connection: sqlite3.Connection, members: list[NamedFile], files: Mapping[str, bytes]
) -> None:
    wanted = {file.name: (file.name, file.published_name, file.sha256) for file in members}
    kept = {row[0]: row for row in connection.execute("SELECT * FROM member")}
    present = {row[0] for row in connection.execute("SELECT sha256 FROM file")}
    hashes = {file.sha256 for file in members}
    connection.executemany(
        "INSERT OR REPLACE INTO file VALUES (?, ?)",
        [(name, files[name]) for name in hashes & set(files)],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO member VALUES (?, ?, ?)",
        [row for name, row in wanted.items() if kept.get(name) != row],
    )
    connection.executemany(
        "DELETE FROM member WHERE name = ?", [(name,) for name in kept if name not in wanted]
    )
    connection.executemany(
        "DELETE FROM file WHERE sha256 = ?", [(name,) for name in present - hashes]
    )


def _name_top_level(top: TopLevelFiles) -> tuple[list[NamedFile], dict[str, bytes]]:
    """Name the top-level files as members of the set."""
    numbered = [
        *((f"{_ROOT}{_read_version(data)}", Root.type, data) for data in top.roots),
        (Timestamp.type, Timestamp.type, top.timestamp),
        (Snapshot.type, Snapshot.type, top.snapshot),
        (Targets.type, Targets.type, top.targets),
    ]
    members = [
        NamedFile(name, f"{_read_version(data)}.{role}.json", _hash(data))
        for name, role, data in numbered
    ]
    return members, {_hash(data): data for _, _, data in numbered}


def _read_version(metadata: bytes) -> int:
    version: int = json.loads(metadata)["signed"]["version"]
    return version


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes)
