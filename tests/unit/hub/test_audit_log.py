"""The audit log: kept with the act or not at all, only added to, telling when it was touched."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from console.audit.entries import compute_hash
from console.storage.database import Database
from hub.audit.actions import Action
from hub.audit.entries import DOMAIN, FIRST_HASH, AuditEntryError
from hub.audit.log import AuditBrokenError, AuditFilter, AuditHead, AuditLog
from hub.store.account_tables import FailureRow
from hub.store.migrating import migrate
from tests.support.console_face import NOON, SetClock
from tests.support.hub_console import open_hub_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give a hub's store on each kind of database."""
    if request.param == "sqlite":
        made = open_hub_database(tmp_path)
    else:
        made = Database(request.getfixturevalue("postgres_url"))
        migrate(made)
    yield made
    made.close()


@pytest.fixture
def log(database: Database) -> AuditLog:
    """Give an empty log."""
    return AuditLog(database, clock=SetClock())


def act(
    log: AuditLog, number: int, *, actor: str | None = None, fail: Callable[[], object] = str
) -> None:
    """Do an act that leaves a row behind, unless ``fail`` raises when it is nearly done."""
    who = f"account-{number}" if actor is None else actor
    with log.acting(who, Action.SIGNED_IN, "subject", number=number) as doing:
        doing.session.add(FailureRow(key=str(number), count=number, last_at=NOON))
        fail()


def test_an_act_and_its_entry_are_kept_together(log: AuditLog, database: Database) -> None:
    """What fails leaves neither row nor entry; what is kept has both, and the hash is logged."""
    with pytest.raises(ZeroDivisionError):
        act(log, 1, fail=lambda: 1 // 0)
    with pytest.raises(AuditEntryError):
        act(log, 1, actor="")
    with capture_logs() as lines:
        act(log, 7)
    (entry,) = log.list_entries()
    assert (entry.sequence, entry.actor, entry.action) == (1, "account-7", "signed_in")
    assert (entry.subject, entry.facts, entry.at) == ("subject", {"number": 7}, NOON)
    with database.reading() as session:
        assert session.get(FailureRow, "1") is None
        assert session.get(FailureRow, "7") is not None
    kept = [line for line in lines if line["event"] == "audit_entry_kept"]
    assert [line["entry_hash"] for line in kept] == [entry.entry_hash]


def test_acts_at_the_same_time_are_put_one_after_the_other(log: AuditLog) -> None:
    """Twenty acts from eight threads make one unbroken chain of twenty."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: act(log, number), range(20)))
    head = log.verify()
    assert head.sequence == 20
    assert head == log.read_head()
    assert len({entry.subject + entry.actor for entry in log.list_entries()}) == 20


_OR_UPDATE = "WHERE true ON CONFLICT (sequence) DO UPDATE SET actor = excluded.actor"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'somebody' WHERE sequence = 1",
        "DELETE FROM audit_entry WHERE sequence = 2",
        "INSERT {or_replace} INTO audit_entry SELECT * FROM audit_entry {or_update}",
    ],
)
def test_the_database_refuses_to_change_the_log(
    log: AuditLog, database: Database, statement: str
) -> None:
    """Even a statement of our own cannot change or remove an entry."""
    act(log, 1)
    act(log, 2)
    forms = ("OR REPLACE", "") if database.is_sqlite else ("", _OR_UPDATE)
    statement = statement.format(or_replace=forms[0], or_update=forms[1])
    with pytest.raises(DBAPIError, match="only ever added to"), database.transaction() as session:
        session.execute(text(statement))
    assert log.verify().sequence == 2


def test_entries_are_found_in_pages(log: AuditLog) -> None:
    """Newest first, narrowed by kind, actor or subject, and going on before an entry."""
    for number in range(5):
        act(log, number)
    with log.acting("account-1", Action.LET_IN, "other"):
        pass
    assert [entry.sequence for entry in log.list_entries(limit=2)] == [6, 5]
    assert [entry.sequence for entry in log.list_entries(before=5, limit=2)] == [4, 3]
    wanted = AuditFilter(actor="account-1")
    assert [entry.sequence for entry in log.list_entries(wanted)] == [6, 2]
    wanted = AuditFilter(action="let_in", subject="other")
    assert [entry.sequence for entry in log.list_entries(wanted)] == [6]


def unlock(database: Database) -> None:
    """Do what somebody does who owns the database: take the triggers away."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            for change in ("update", "delete", "replace"):
                connection.execute(text(f"DROP TRIGGER audit_entry_no_{change}"))
        else:
            connection.execute(text("DROP TRIGGER audit_entry_unchanged ON audit_entry"))


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        ("UPDATE audit_entry SET subject = 'another' WHERE sequence = 2", "Entry 2"),
        ("UPDATE audit_entry SET detail = '{}' WHERE sequence = 3", "Entry 3"),
        ("DELETE FROM audit_entry WHERE sequence = 1", "Entry 2 does not follow from entry 0"),
        ("DELETE FROM audit_entry WHERE sequence = 3", "ends with entry 2, but its end is noted"),
    ],
)
def test_tampering_shows(log: AuditLog, database: Database, tampering: str, named: str) -> None:
    """A changed entry, one taken from the front, and one taken from the end are all found."""
    for number in range(3):
        act(log, number)
    unlock(database)
    with database.transaction() as session:
        session.execute(text(tampering))
    with pytest.raises(AuditBrokenError, match=named):
        log.verify()


def test_a_log_that_was_written_anew_shows_against_a_noted_hash(
    log: AuditLog, database: Database
) -> None:
    """Somebody who owns the database can make a log that holds, but not the one that was noted."""
    for number in range(2):
        act(log, number)
    noted = log.read_head()
    act(log, 2)
    assert log.verify(noted) == log.read_head()
    unlock(database)
    with database.transaction() as session:
        session.execute(text("DELETE FROM audit_entry"))
        session.execute(text("DELETE FROM sign_in_failure"))
        session.execute(
            text("UPDATE audit_head SET sequence = 0, entry_hash = :first"), {"first": FIRST_HASH}
        )
    later = AuditLog(database, clock=SetClock(NOON + timedelta(hours=1)))
    for number in range(3):
        act(later, number)
    assert later.verify().sequence == 3
    with pytest.raises(AuditBrokenError, match="written anew"):
        later.verify(noted)
    with pytest.raises(AuditBrokenError, match="written anew"):
        later.verify(AuditHead(99, noted.entry_hash))


def test_every_part_of_an_entry_is_bound(tmp_path: Path) -> None:
    """No field of an entry can be changed without changing its hash."""
    database = open_hub_database(tmp_path)
    log = AuditLog(database, clock=SetClock())
    act(log, 1)
    (entry,) = log.list_entries()
    assert compute_hash(entry, domain=DOMAIN) == entry.entry_hash
    changes: dict[str, Any] = {
        "sequence": 2, "at": NOON + timedelta(microseconds=1), "actor": "b", "action": "let_in",
        "subject": "other", "detail": '{"number": 1}', "previous_hash": "1" * 64,
    }  # fmt: skip
    for field, value in changes.items():
        changed = replace(entry, **{field: value})
        assert compute_hash(changed, domain=DOMAIN) != entry.entry_hash, field
    database.close()


def test_what_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    """Too long or unprintable parts are a defect of the caller, and nothing is kept."""
    database = open_hub_database(tmp_path)
    log = AuditLog(database, clock=SetClock())
    wrong: list[tuple[str, str, dict[str, str]]] = [
        ("", "s", {}), ("a" * 121, "s", {}), ("a\n", "s", {}), ("a", "s" * 201, {}),
        ("a", "s\0", {}), ("a", "s", {"long": "x" * 2000}),
    ]  # fmt: skip
    for actor, subject, detail in wrong:
        with pytest.raises(AuditEntryError), log.acting(actor, Action.LET_IN, subject, **detail):
            pass
    assert log.list_entries() == []
    database.close()
