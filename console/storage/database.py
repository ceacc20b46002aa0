"""Connections and transactions."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    OperationalError,
)
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session, create_engine

_BUSY_SECONDS = 30.0
_BUSY_PAUSE = 0.01
#: A connection that was not used for so long is tried first: the server may have been restarted.
_RESTS_SECONDS = 1.0
_RESTED_SINCE = "rested since"
#: Statements that the driver keeps prepared on a connection: more than a node has.
_PREPARED = 400
_TRANSACTION_TRIES = 4

_T = TypeVar("_T")


class UnkeepableValueError(Exception):
    """Somebody's value is none that the database keeps or looks for; nothing was done."""


@contextmanager
def _naming_values() -> Iterator[None]:
    """Let what the database says of a value be an error of whoever gave it (PostgreSQL: NUL)."""
    try:
        yield
    except DataError as error:
        raise UnkeepableValueError(
            "A value has what the database cannot hold, such as the character NUL: leave it out."
        ) from error


class Database:
    """The store of a node or of the hub. Each use case is one :meth:`transaction`.

    On SQLite the journal is a write-ahead log and every commit is on the disk before it returns
    (``synchronous = FULL``): what was acknowledged to anybody survives a power cut. A writing
    transaction takes the write lock when it begins, so that it never fails half-way for want of it.
    The threads of one process queue for it here: SQLite itself lets who waits look again after
    pauses that grow to a tenth of a second, however soon the lock is free.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writing = threading.Lock()
        if self.is_sqlite:
            self.engine = create_engine(
                self.url,
                poolclass=QueuePool,
                hide_parameters=True,  # an error's text goes into logs, and they hold content
                connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            )
            _prepare_sqlite(self.engine)
        else:
            self.engine = create_engine(self.url, hide_parameters=True)
            _prepare_postgresql(self.engine)

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """Run a writing transaction: committed at the end, rolled back on any exception.

        Not ``durable``: the commit does not wait for the disk. A power cut, and nothing else, may
        undo it together with what was committed after it in the same way; a durable commit makes
        all before it durable, too. For notes that are true again after the work is repeated.
        """
        with (
            self._turn(),
            _naming_values(),
            Session(self.engine, expire_on_commit=False) as session,
        ):
            if self.is_sqlite:
                session.connection(
                    execution_options={"sqlite_begin": "IMMEDIATE", "sqlite_durable": durable}
                )
            elif not durable:
                session.connection().exec_driver_sql("SET LOCAL synchronous_commit = off")
            try:
                yield session
            except BaseException:
                session.rollback()
                raise
            session.commit()

    def transact(self, work: Callable[[Session], _T], *, durable: bool = True) -> _T:
        """Run ``work`` in one transaction; run it again if another transaction was in its way.

        Two that meet (one key submitted twice at once, a receipt that comes while a hand-over is
        recorded) are told apart by the database's constraints and locks: the loser looks again and
        finds what the winner did.
        """
        for tries_left in reversed(range(_TRANSACTION_TRIES)):
            try:
                with self.transaction(durable=durable) as session:
                    return work(session)
            except (IntegrityError, OperationalError, StaleDataError):
                if not tries_left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for this process's turn to write; who waits too long is told so by SQLite."""
        got = self.is_sqlite and self._writing.acquire(timeout=_BUSY_SECONDS)
        try:
            yield
        finally:
            if got:
                self._writing.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Run a reading transaction: one consistent view. Write nothing in it.

        Objects that are changed are not kept. A server that was restarted within the last second is
        met by whoever reads first, who is told so: nobody repeats it.

        On PostgreSQL the driver is told to commit, not the session: after a rollback it throws away
        every statement that it had prepared on the connection, and after a commit the session
        would tell those who wait for something to be done.
        """
        with (
            _naming_values(),
            Session(self.engine, expire_on_commit=False, autoflush=False) as session,
        ):
            yield session
            if not self.is_sqlite and session.in_transaction():
                driver = session.connection().connection.driver_connection
                if driver is not None:
                    driver.commit()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling is switched off: we say BEGIN ourselves, below.
        connection.isolation_level = None
        _switch_to_wal(connection)
        cursor = connection.cursor()
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
            "trusted_schema = OFF",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        options = connection.get_execution_options()
        wanted = "FULL" if options.get("sqlite_durable", True) else "NORMAL"
        driver = connection.connection.driver_connection
        begin = f"BEGIN {options.get('sqlite_begin', 'DEFERRED')}"
        try:
            if connection.info.get("synchronous", "FULL") != wanted:
                driver.execute(f"PRAGMA synchronous = {wanted}").close()
                connection.info["synchronous"] = wanted
            driver.execute(begin).close()
        except sqlite3.Error as error:  # mostly that somebody else writes for too long
            raise DBAPIError.instance(
                begin, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
            ) from error


def _prepare_postgresql(engine: Engine) -> None:
    """Let a connection that rested be tried before it is used, and keep what was prepared on it.

    Where there is much to do, connections do not rest, and to try each would be a question more
    for each transaction. A transaction that fails all the same is repeated by whoever repeats
    transactions; a reading is not.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.prepared_max = _PREPARED

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        record.info[_RESTED_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _checkout(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_RESTED_SINCE)
        if since is None or time.monotonic() - since < _RESTS_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _switch_to_wal(connection: Any) -> None:
    """Set the journal mode, which the file keeps.

    Where two processes open a new file at once, SQLite answers the second one that it is busy
    without having waited its busy timeout, so the waiting is done here.
    """
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return
