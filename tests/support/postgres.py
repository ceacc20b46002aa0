"""A private PostgreSQL server for tests: real, empty, reachable by nobody else.

One server per test process, started when the first test asks, on a Unix socket in a folder of its
own and on no network port; each test gets a database of its own. Durability is switched off
(``fsync``), since no test of a database's durability belongs here.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

SUPERUSER = "trm"
UNPRIVILEGED = ("postgres", "nobody")
"""Accounts to run the server under, since PostgreSQL refuses to run as root; first found, first."""

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


@dataclass(frozen=True, kw_only=True)
class PostgresCluster:
    """A running server."""

    socket_folder: Path

    def conninfo(self, database: str) -> str:
        """Say how libpq and psycopg reach a database (PostgreSQL manual, 34.1.1)."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_folder), user=SUPERUSER, dbname=database
        )

    def url(self, database: str) -> str:
        """Say how SQLAlchemy reaches a database."""
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.socket_folder}"

    @contextmanager
    def schemas(self) -> Iterator[Callable[[str], str]]:
        """Give empty stores, by a name each: schemas, which cost nothing beside whole databases.

        All are gone at the end, open connections or not: theirs, and nobody else's. One that
        ``fill_schema`` filled is emptied and kept for the next test: its sixty tables cost ten
        times what emptying them does.
        """
        made: list[str] = []
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:

            def url_of(name: str) -> str:
                schema = f"{name.lower()}_{secrets.token_hex(8)}"
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
                made.append(schema)
                _OPEN[schema] = None
                place = f"options=-csearch_path%3D{schema}&application_name={schema}"
                return f"{self.url('postgres')}&{place}"

            try:
                yield url_of
            finally:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = 'postgres' AND application_name = ANY(%s)",
                    [made],
                )
                for schema in made:
                    _give_back(connection, schema)


@dataclass(frozen=True, kw_only=True)
class _Filled:
    """A schema with the tables of a script, and how the catalogue describes them."""

    script: str
    described: str


_OPEN: Final[dict[str, _Filled | None]] = {}
"""The schemas that tests of this process have now."""
_KEPT: Final[dict[str, list[tuple[str, _Filled]]]] = {}
"""Empty schemas with tables, by their script: each is there for one test at a time."""

_DESCRIBE: Final = """
    SELECT md5(string_agg(concat_ws(' ', relname, relkind, relnatts, relchecks, relhastriggers),
                          ',' ORDER BY relname))
    FROM pg_class WHERE relnamespace = to_regnamespace(%s)
"""
# A table that was written to has a size, also when its rows were deleted or never committed.
_USED: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r' AND pg_relation_size(oid) > 0
"""


def fill_schema(connection: psycopg.Connection, script: str) -> None:
    """Make the tables of a script in the empty schema that a connection works in, and commit."""
    found = connection.execute("SELECT current_schema()").fetchone()
    schema = found[0] if found else ""
    if schema in _OPEN and _KEPT.get(script):
        kept, filled = _KEPT[script].pop()
        own, ready = sql.Identifier(schema), sql.Identifier(kept)
        connection.execute(sql.SQL("DROP SCHEMA {}").format(own))  # refused unless it is empty
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(ready, own))
        _OPEN[schema] = filled
    else:
        connection.execute(script.encode())
        if schema in _OPEN:
            _OPEN[schema] = _Filled(script=script, described=_describe(connection, schema))
    connection.commit()


def _describe(connection: psycopg.Connection, schema: str) -> str:
    found = connection.execute(_DESCRIBE, [schema]).fetchone()
    return str(found[0]) if found else ""


def _give_back(connection: psycopg.Connection, schema: str) -> None:
    """Keep a schema whose tables are still those of its script, emptied; drop any other."""
    filled, own = _OPEN.pop(schema), sql.Identifier(schema)
    if filled is None or _describe(connection, schema) != filled.described:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(own))
        return
    used = [sql.Identifier(schema, name) for (name,) in connection.execute(_USED, [schema])]
    if used:
        tables = sql.SQL(", ").join(used)
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
    kept = f"kept_{secrets.token_hex(8)}"
    connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(own, sql.Identifier(kept)))
    _KEPT.setdefault(filled.script, []).append((kept, filled))


def find_server_programs() -> Path:
    """Find the folder that holds ``initdb`` and ``pg_ctl``: on PATH or where Debian puts them.

    Raises:
        pytest.fail.Exception: there is none. A missing server is a failure, never a skip.
    """
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    pytest.fail("No PostgreSQL server programs here. Run scripts/system-packages, then try again.")


def _unprivileged_account() -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return known[name]
    pytest.fail(f"As root, the tests run PostgreSQL as one of {UNPRIVILEGED}: none exists here.")


def _run(program: Path, *arguments: str, folder: Path) -> None:
    """Run a server program as an account that is not root, in an environment without PG* settings.

    Raises:
        pytest.fail.Exception: it failed; the message has its output and the server's log.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    account = _unprivileged_account() if os.geteuid() == 0 else None
    output = folder / "programs.log"
    with output.open("ab") as log:  # a pipe would be held open by the server that pg_ctl starts
        done = subprocess.run(
            [program, *arguments],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode != 0:
        logs = [file.read_text(errors="replace") for file in sorted(folder.glob("*.log"))]
        pytest.fail(f"{program.name} failed:\n" + "\n".join(logs))


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """Start a server; stop it and remove all it wrote when the last test is done."""
    with running_cluster(_SETTINGS) as cluster:
        yield cluster


@contextmanager
def running_cluster(chosen: Mapping[str, str]) -> Iterator[PostgresCluster]:
    """Run a server with these settings; it stops and all it wrote goes with the block."""
    programs = find_server_programs()
    # Not below pytest's own folder: root's is closed to the account that the server runs under,
    # and the path of a Unix socket may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="trm-pg-"))
    try:
        if os.geteuid() == 0:
            account = _unprivileged_account()
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"
        _run(
            programs / "initdb",
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
            folder=folder,
        )
        settings = {**chosen, "unix_socket_directories": str(folder)}
        with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{setting}'\n" for name, setting in settings.items())
        control = programs / "pg_ctl"
        common = ["--silent", "--wait", "--timeout=60", f"--pgdata={data}"]
        _run(control, "start", *common, f"--log={folder / 'server.log'}", folder=folder)
        try:
            yield PostgresCluster(socket_folder=folder)
        finally:
            _run(control, "stop", "--mode=immediate", *common, folder=folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """Create an empty database; its SQLAlchemy URL. Dropped afterwards, open connections or not."""
    name = f"test_{secrets.token_hex(8)}"
    identifier = sql.Identifier(name)
    with psycopg.connect(postgres_cluster.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
        yield postgres_cluster.url(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
