"""The stores of sign-in keep what the kit asks of them, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import SQLModel, select

from console.accounts.models import (
    Account,
    AccountId,
    Enrolment,
    Failures,
    Session,
    SignInLink,
    Stage,
    TokenHash,
)
from console.storage.database import Database
from node.store.account_tables import AccountRow, SessionRow
from node.store.accounts import SqlAccounts, SqlFailures, SqlSessions
from tests.support.node import NOON, make_keystore

KEYS = make_keystore("AL")
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PERSON = Account(
    id=AccountId("a" * 32),
    sign_in_name="Officer.One",
    display_name="Duty officer",
    roles=frozenset({"focal_point", "approver"}),
    password_hash="old",
    totp_secret=SECRET,
    totp_last_step=10,
)
FIRST = TokenHash("1" * 64)
SECOND = TokenHash("2" * 64)
SESSION = Session(
    token_hash=FIRST,
    account_id=PERSON.id,
    stage=Stage.ENROLMENT,
    started_at=NOON,
    seen_at=NOON,
    client="192.0.2.1",
    browser="Firefox",
    enrolment=Enrolment(password_hash="new", totp_secret=SECRET),
)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Make an empty store on each database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'node.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    made = Database(url)
    SQLModel.metadata.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def accounts(database: Database) -> SqlAccounts:
    """Make a store of accounts with one person in it."""
    store = SqlAccounts(database, KEYS)
    assert store.add_account(PERSON, at=NOON)
    return store


@pytest.fixture
def sessions(database: Database, accounts: SqlAccounts) -> SqlSessions:
    """Make a store of sessions with one session in it."""
    store = SqlSessions(database, KEYS)
    store.add_session(SESSION)
    return store


def test_an_account_comes_back_as_it_was(accounts: SqlAccounts) -> None:
    """An account is found by its identifier, and by its name in capitals or not."""
    kept = replace(PERSON, sign_in_name="officer.one")
    assert accounts.load_account(PERSON.id) == kept
    assert accounts.load_account_by_name("OFFICER.one") == kept
    assert accounts.load_account_by_name("somebody") is None
    assert list(accounts.list_accounts()) == [kept]


def test_a_name_is_taken_once(accounts: SqlAccounts) -> None:
    """A second account of the same name, differently written, is refused."""
    other = replace(PERSON, id=AccountId("b" * 32), sign_in_name="OFFICER.ONE")
    assert not accounts.add_account(other, at=NOON)
    assert accounts.load_account(other.id) is None


def test_the_second_factor_is_sealed(
    accounts: SqlAccounts, sessions: SqlSessions, database: Database
) -> None:
    """Neither the secret of the app nor an enrolment stands readable in the database."""
    with database.reading() as session:
        account = session.exec(select(AccountRow)).one()
        row = session.exec(select(SessionRow)).one()
    assert account.totp_secret_sealed
    assert SECRET.encode() not in account.totp_secret_sealed
    assert row.enrolment_sealed
    assert b"new" not in row.enrolment_sealed


def test_a_stronger_hash_replaces_only_the_one_it_was_made_from(accounts: SqlAccounts) -> None:
    """A password that was changed meanwhile is not set back."""
    accounts.replace_password_hash(PERSON.id, expected="older", replacement="x")
    assert accounts.load_account(PERSON.id).password_hash == "old"  # type: ignore[union-attr]  # it exists
    accounts.replace_password_hash(PERSON.id, expected="old", replacement="x")
    assert accounts.load_account(PERSON.id).password_hash == "x"  # type: ignore[union-attr]  # it exists


def test_a_code_is_used_once_even_by_many_at_a_time(accounts: SqlAccounts) -> None:
    """Of ten requests with one code a single one gets in; an older code never does."""
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: accounts.advance_totp_step(PERSON.id, 11), range(10)))
    assert results.count(True) == 1
    assert not accounts.advance_totp_step(PERSON.id, 10)


def test_a_link_works_once_and_in_time(accounts: SqlAccounts) -> None:
    """A link is used up by its first use; an expired one and an earlier one do nothing."""
    link = SignInLink(token_hash=FIRST, account_id=PERSON.id, expires_at=NOON + timedelta(hours=1))
    accounts.save_link(link)
    assert accounts.load_link(FIRST) == link
    assert accounts.consume_link(FIRST, at=NOON + timedelta(hours=1)) is None
    with ThreadPoolExecutor(5) as pool:
        used = list(pool.map(lambda _: accounts.consume_link(FIRST, at=NOON), range(5)))
    assert [one for one in used if one] == [replace(link, used_at=NOON)]
    accounts.save_link(replace(link, token_hash=SECOND))
    assert accounts.load_link(FIRST) is None


def test_a_session_comes_back_and_changes(sessions: SqlSessions) -> None:
    """A session is kept whole, its changes are stored, and one that is gone is not revived."""
    assert sessions.load_session(FIRST) == SESSION
    active = replace(SESSION, stage=Stage.ACTIVE, enrolment=None)
    assert sessions.update_session(active)
    sessions.touch_session(FIRST, seen_at=NOON + timedelta(minutes=2))
    assert sessions.load_session(FIRST) == replace(active, seen_at=NOON + timedelta(minutes=2))
    sessions.delete_session(FIRST)
    assert not sessions.update_session(active)
    assert sessions.load_session(FIRST) is None


def test_a_session_is_replaced_by_one_of_many(sessions: SqlSessions) -> None:
    """Of parallel steps up from one session exactly one succeeds."""
    fresh = [replace(SESSION, token_hash=TokenHash(f"{n:064d}")) for n in range(5)]
    with ThreadPoolExecutor(5) as pool:
        results = list(pool.map(lambda one: sessions.replace_session(FIRST, one), fresh))
    assert results.count(True) == 1
    assert len(sessions.list_sessions(PERSON.id)) == 1


def test_sessions_are_listed_newest_first_and_ended_together(sessions: SqlSessions) -> None:
    """All sessions of a person are listed, and one act ends them."""
    later = replace(SESSION, token_hash=SECOND, started_at=NOON + timedelta(hours=1))
    sessions.add_session(later)
    assert [s.token_hash for s in sessions.list_sessions(PERSON.id)] == [SECOND, FIRST]
    sessions.delete_sessions(PERSON.id)
    assert sessions.list_sessions(PERSON.id) == []


def test_every_parallel_failure_is_counted(database: Database) -> None:
    """Guesses at the same time all count; a success and a day without any forget them."""
    store = SqlFailures(database)
    before = NOON - timedelta(hours=24)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.record_failure("k", at=NOON, forget_before=before), range(8)))
    assert store.load_failures("k") == Failures(8, NOON)
    tomorrow = NOON + timedelta(hours=25)
    store.record_failure("k", at=tomorrow, forget_before=tomorrow - timedelta(hours=24))
    assert store.load_failures("k") == Failures(1, tomorrow)
    store.record_failure("old", at=NOON, forget_before=before)
    assert store.forget_old(NOON) == 0
    assert store.forget_old(tomorrow) == 1
    assert store.load_failures("old") == Failures()
    assert store.load_failures("k") == Failures(1, tomorrow)
    store.clear_failures("k")
    assert store.load_failures("k") == Failures()
