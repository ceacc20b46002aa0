"""Statements without SQLAlchemy's execution: the same answers, errors and savepoints."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    event,
    insert,
    select,
    text,
    union_all,
)
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, StatementError
from sqlmodel import Session

from console.storage.database import Database
from node.store.bulk import delete_rows, insert_rows, table_of, update_rows
from node.store.migrating import migrate
from node.store.prepared import Prepared
from node.store.tables import CaseRow, ReceiptDueRow
from tests.support.postgres import PostgresCluster

NOON: Final = datetime(2026, 3, 4, 12, tzinfo=UTC)
CASE, DUE = table_of(CaseRow), table_of(ReceiptDueRow)
BY_NAME: Final = (
    select(DUE)
    .where(DUE.c.wire_id.in_(bindparam("names", expanding=True)), DUE.c.peer == bindparam("peer"))
    .order_by(DUE.c.wire_id)
)
EITHER: Final = union_all(
    select(DUE.c.at.label("at"), DUE.c.reason.label("reason")).where(
        DUE.c.wire_id.in_(bindparam("names", expanding=True))
    ),
    select(DUE.c.next_attempt_at, DUE.c.payload_sha256).where(
        DUE.c.wire_id.in_(bindparam("names", expanding=True))
    ),
).order_by("at", "reason")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """Return an empty store: what is asked, how it is converted and refused differs by database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('prepared') / 'node.db'}"
        with closing(Database(url)) as made:
            migrate(made)
            yield made
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.schemas() as url_of, closing(Database(url_of("AL"))) as made:
        migrate(made)
        yield made


class _UndoneError(Exception):
    """Ends a transaction without a trace."""


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Return a transaction that leaves nothing behind."""
    with suppress(_UndoneError), database.transaction() as opened:
        yield opened
        raise _UndoneError


def _due(name: str, **changes: object) -> dict[str, Any]:
    return {
        "peer": "XK",
        "wire_id": name,
        "status": "delivered",
        "at": NOON,
        "next_attempt_at": NOON,
        "reason": None,
    } | changes


@given(
    names=st.lists(st.text("abc", min_size=1, max_size=2), max_size=40),
    asked=st.lists(st.text("abc", min_size=1, max_size=2), max_size=40),
    hours=st.integers(-14, 14),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_they_answer_as_sqlalchemy_does(
    session: Session, names: list[str], asked: list[str], hours: int
) -> None:
    """Lists of any length, none included, moments of any zone, defaults, and nothing."""
    zone = timezone(timedelta(hours=hours))
    session.connection().execute(delete(DUE))
    rows = [
        _due(name, at=NOON.astimezone(zone) + timedelta(seconds=number))
        for number, name in enumerate(sorted(set(names)))
    ]
    insert_rows(session, ReceiptDueRow, rows)
    for statement in (BY_NAME, EITHER):
        values = {"names": asked, "peer": "XK"} if statement is BY_NAME else {"names": asked}
        expected = [tuple(row) for row in session.connection().execute(statement, values)]
        assert Prepared(statement).ask(session, values) == expected
    found = Prepared(BY_NAME).ask(session, {"names": names, "peer": "XK"})
    assert [row[DUE.c.keys().index("wire_id")] for row in found] == sorted(set(names))
    assert all(row[DUE.c.keys().index("attempts")] == 0 for row in found), "a default of the table"


def test_each_way_of_writing(session: Session) -> None:
    """Inserted one by one and together, with the number asked for; changed; deleted."""
    own = Prepared(insert(DUE).returning(DUE.c.receipt_due_id))
    [(first,)], [(second,)] = (own.ask(session, _due(name)) for name in ("a", "b"))
    assert second == first + 1
    insert_rows(session, ReceiptDueRow, [_due(f"c{number}") for number in range(600)])
    update_rows(session, ReceiptDueRow, {first: {"reason": "x"}, second: {"reason": None}})
    names = ["a", "b", *(f"c{number}" for number in range(600))]
    place = DUE.c.keys().index
    found = Prepared(BY_NAME).ask(session, {"names": names, "peer": "XK"})
    assert [row[place("reason")] for row in found][:3] == ["x", None, None]
    assert found[0][place("at")] == NOON
    delete_rows(session, ReceiptDueRow, [row[place("receipt_due_id")] for row in found[1:]])
    left = Prepared(BY_NAME).ask(session, {"names": names, "peer": "XK"})
    assert [row[place("wire_id")] for row in left] == ["a"]


def test_a_savepoint_is_kept_to(session: Session) -> None:
    """What was written below a savepoint goes with it; what was written above stays."""
    held = Prepared(BY_NAME)
    asked = {"names": ["above", "below", "after"], "peer": "XK"}
    insert_rows(session, ReceiptDueRow, [_due("above")])
    with suppress(_UndoneError), session.begin_nested():
        insert_rows(session, ReceiptDueRow, [_due("below")])
        assert len(held.ask(session, asked)) == 2
        raise _UndoneError
    insert_rows(session, ReceiptDueRow, [_due("after")])
    place = DUE.c.keys().index("wire_id")
    assert [row[place] for row in held.ask(session, asked)] == ["above", "after"]


def test_nothing_outlives_its_transaction(database: Database) -> None:
    """A transaction that failed left nothing, and the next one uses a connection of its own."""
    with suppress(_UndoneError), database.transaction() as failed:
        insert_rows(failed, ReceiptDueRow, [_due("lost")])
        raise _UndoneError
    with database.reading() as reading:
        assert Prepared(BY_NAME).ask(reading, {"names": ["lost"], "peer": "XK"}) == []
        reading.rollback()
        assert Prepared(BY_NAME).ask(reading, {"names": ["lost"], "peer": "XK"}) == []


def test_what_the_database_refuses_is_said_as_ever(session: Session) -> None:
    """A row that is there already, and a moment without zone; no value stands in the error."""
    row = {"case_id": "c1", "reference": "r1", "created_at": NOON, "wrapped_key": b"k"}
    insert_rows(session, CaseRow, [row])
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        insert_rows(session, CaseRow, [row | {"case_id": "c2"}])
    assert "c2" not in str(refused.value)
    with pytest.raises((ValueError, StatementError), match="time zone"):
        insert_rows(session, ReceiptDueRow, [_due("a", at=NOON.replace(tzinfo=None))])
    assert Prepared(select(CASE.c.case_id)).ask(session, {}) == [("c1",)]


def test_a_lost_connection_is_given_up(postgres_cluster: PostgresCluster) -> None:
    """The server ended it: said as such, and the next transaction has a new one."""
    with postgres_cluster.schemas() as url_of, closing(Database(url_of("AL"))) as made:
        migrate(made)
        with suppress(_UndoneError), made.transaction() as session:
            own = session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
            with made.transaction() as other:
                other.connection().execute(text(f"SELECT pg_terminate_backend({own})"))
            with pytest.raises((OperationalError, InterfaceError)) as lost:
                Prepared(select(CASE.c.case_id)).ask(session, {})
            raise _UndoneError
        assert lost.value.connection_invalidated
        with made.transaction() as session:
            assert Prepared(select(CASE.c.case_id)).ask(session, {}) == []


def test_all_connections_are_given_up_when_one_was_lost(postgres_cluster: PostgresCluster) -> None:
    """A server that was restarted under load costs one transaction, not one for each connection."""
    with postgres_cluster.schemas() as url_of, closing(Database(url_of("AL"))) as made:
        migrate(made)
        with ExitStack() as open_now:
            for _ in range(4):  # as many as are used at once
                session = open_now.enter_context(made.transaction())
                Prepared(select(CASE.c.case_id)).ask(session, {})
        with psycopg.connect(postgres_cluster.conninfo("postgres"), autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = %s",
                [made.url.query["application_name"]],
            )
        lost = sum(not _is_there(made) for _ in range(5))
        assert lost <= 1


def _is_there(database: Database) -> bool:
    try:
        with database.transaction() as session:
            return Prepared(select(CASE.c.case_id)).ask(session, {}) == []
    except (OperationalError, InterfaceError):
        return False


def test_who_listens_hears_them(database: Database, session: Session) -> None:
    """A listener of the engine is told each statement, and nothing else changes."""
    heard: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        heard.append(statement)

    changes: list[Callable[[], object]] = [
        lambda: insert_rows(session, ReceiptDueRow, [_due("a"), _due("b")]),
        lambda: Prepared(BY_NAME).ask(session, {"names": ["a", "b"], "peer": "XK"}),
    ]
    event.listen(database.engine, "before_cursor_execute", note)
    _, listened = [change() for change in changes]
    event.remove(database.engine, "before_cursor_execute", note)
    assert len(heard) == 2
    assert listened == changes[1]()


def test_a_list_is_given_as_a_list(session: Session) -> None:
    """A tuple of another length would be taken for the first one."""
    with pytest.raises(TypeError, match="names as a list"):
        Prepared(BY_NAME).ask(session, {"names": ("a", "b"), "peer": "XK"})


def test_a_default_that_is_made_each_time_is_refused(session: Session) -> None:
    """It would be made once, and the same in all rows."""
    made = Table("odd", MetaData(), Column("name", String), Column("key", String, default=str))
    with pytest.raises(TypeError, match="in each row"):
        Prepared(insert(made)).do(session, [{"name": "a"}])
