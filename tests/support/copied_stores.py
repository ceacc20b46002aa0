"""Stores of nodes that are copied as a backup is made, and put back: SQLite files, PostgreSQL."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from console.storage.database import Database
from tests.support.postgres import PostgresCluster


class CopiedStores(Protocol):
    """Where nodes keep what they know, and copies of it."""

    def make(self) -> str:
        """Return the URL of an empty store."""

    def copy(self, url: str, database: Database | None = None) -> str:
        """Return the URL of a copy; ``database`` is who works on the store, if somebody does."""


@dataclass
class CopiedFiles:
    """SQLite: a file each."""

    folder: Path
    made: int = 0

    def make(self) -> str:
        """Name the next file."""
        self.made += 1
        return f"sqlite:///{self.folder / f'store-{self.made}.db'}"

    def copy(self, url: str, database: Database | None = None) -> str:
        """Copy as the command for backups does."""
        target = self.make()
        source, copy = (sqlite3.connect(each.removeprefix("sqlite:///")) for each in (url, target))
        source.backup(copy)
        source.close()
        copy.close()
        return target


@dataclass
class CopiedDatabases:
    """PostgreSQL: a database each."""

    cluster: PostgresCluster
    connection: psycopg.Connection
    made: list[str] = field(default_factory=list)

    def make(self, template: str = "template1") -> str:
        """Make the next database."""
        name = f"store_{secrets.token_hex(8)}"
        self.connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        self.made.append(name)
        return self.cluster.url(name)

    def copy(self, url: str, database: Database | None = None) -> str:
        """Copy it as the server copies one: for that moment nobody is connected to it."""
        if database is not None:
            database.engine.dispose()
        (name,) = [each for each in self.made if self.cluster.url(each) == url]
        return self.make(name)


@contextmanager
def copied_databases(cluster: PostgresCluster) -> Iterator[CopiedDatabases]:
    """Give databases that are gone at the end."""
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
        stores = CopiedDatabases(cluster, connection)
        try:
            yield stores
        finally:
            for name in stores.made:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                )
