"""Operators in the store: the same on both databases, and nothing is done twice or by halves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.accounts.models import (
    AccountId,
    Session,
    SignInLink,
    Stage,
    TokenHash,
    hash_token,
    parse_token,
)
from console.storage.database import Database
from console.storage.secret_box import SecretBox
from hub.audit.log import AuditLog
from hub.context import HubRecords, NotFoundError
from hub.operators.forgetting import handle_forget_second_factors
from hub.operators.roles import Role
from hub.operators.service import (
    AccountError,
    AccountProblem,
    StaleAccountError,
    find_operator,
    find_operator_by_name,
    handle_add_operator,
    handle_let_in,
    handle_make_sign_in_link,
    handle_set_roles,
    handle_shut_out,
    list_operators,
)
from hub.store.list_tables import ListRow
from hub.store.migrating import migrate
from tests.support.console_face import NOON, CountedBytes, SetClock
from tests.support.hub_console import open_hub_database
from tests.support.setting_up import SECRET, open_session, set_up_account

CHIEF = "local:chief"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HubRecords]:
    """Give a hub's own records on each kind of database."""
    if request.param == "sqlite":
        database = open_hub_database(tmp_path)
    else:
        database = Database(request.getfixturevalue("postgres_url"))
        migrate(database)
    random, clock = CountedBytes(), SetClock()
    yield HubRecords(
        database=database,
        box=SecretBox(b"k" * 32, random=random),
        clock=clock,
        random=random,
        audit=AuditLog(database, clock=clock),
    )
    database.close()


def add(records: HubRecords, name: str, *roles: Role) -> AccountId:
    """Add an operator."""
    return handle_add_operator(
        records, actor=CHIEF, sign_in_name=name, display_name=name.title(), roles=roles
    )


def make_session(account: AccountId, number: int) -> Session:
    """Make a session of somebody who is signed in."""
    return Session(
        token_hash=TokenHash(f"{number:064d}"),
        account_id=account,
        stage=Stage.ACTIVE,
        started_at=NOON,
        seen_at=NOON,
        client="192.0.2.1",
        browser="Firefox",
    )


def list_actions(records: HubRecords) -> list[str]:
    """List what was done, oldest first."""
    return [entry.action for entry in reversed(records.audit.list_entries())]


def test_the_life_of_an_account(records: HubRecords) -> None:
    """Added, set up, other roles, shut out with all it had open, let in as it was before."""
    add(records, "chief", Role.HUB_ADMIN)
    account = add(records, "Duty.Desk", Role.DIRECTORY_OPERATOR)
    token = parse_token(handle_make_sign_in_link(records, account, actor=CHIEF))
    assert token is not None
    accounts, sessions = records.open_accounts(), records.open_sessions()
    assert accounts.consume_link(hash_token(token), at=NOON) is not None
    set_up_account(records.open_setting_up(), sessions, account, at=NOON)
    handle_set_roles(records, account, actor=CHIEF, roles=[Role.OBSERVER])
    sessions.add_session(make_session(account, 1))
    handle_shut_out(records, account, actor=CHIEF)
    assert sessions.list_sessions(account) == []
    assert accounts.load_link(hash_token(token)) is None
    with pytest.raises(NotFoundError, match="let it in first"):
        handle_make_sign_in_link(records, account, actor=CHIEF)
    handle_let_in(records, account, actor=CHIEF)
    found = find_operator_by_name(records, "DUTY.desk")
    assert found == find_operator(records, account)
    assert (found.is_active, found.totp_secret) == (True, SECRET)
    assert found.roles == {Role.OBSERVER}
    assert list_actions(records) == [
        "account_added", "account_added", "link_made", "link_followed", "credentials_set",
        "roles_changed", "shut_out", "let_in",
    ]  # fmt: skip


def test_what_is_done_already_is_not_done_again(records: HubRecords) -> None:
    """Shut out twice, let in twice: one entry each, for nothing happened the second time."""
    add(records, "chief", Role.HUB_ADMIN)
    account = add(records, "duty", Role.OBSERVER)
    for _ in range(2):
        handle_shut_out(records, account, actor=CHIEF)
    for _ in range(2):
        handle_let_in(records, account, actor=CHIEF)
    assert list_actions(records)[2:] == ["shut_out", "let_in"]


def test_of_parallel_changes_of_roles_one_counts(records: HubRecords) -> None:
    """Pages that show the same roles and change them at once: one succeeds, others are told."""
    add(records, "chief", Role.HUB_ADMIN)
    account = add(records, "duty", Role.OBSERVER)

    def change(role: Role) -> bool:
        try:
            handle_set_roles(records, account, actor=CHIEF, roles=[role], seen=[Role.OBSERVER])
        except StaleAccountError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(change, [Role.DIRECTORY_OPERATOR, Role.HUB_ADMIN] * 2))
    assert done.count(True) == 1
    assert list_actions(records).count("roles_changed") == 1


def test_two_administrators_who_end_each_other_do_not_both_succeed(records: HubRecords) -> None:
    """Whatever they do at the same time, somebody is left who can let others in."""
    pairs = [(add(records, f"one{n}", Role.HUB_ADMIN), add(records, f"two{n}", Role.HUB_ADMIN))
             for n in range(4)]  # fmt: skip

    def end(number: int) -> bool:
        mine, other = pairs[number // 2][:: 1 if number % 2 else -1]
        try:
            if number % 4 < 2:
                handle_set_roles(records, other, actor=mine, roles=[Role.OBSERVER])
            else:
                handle_shut_out(records, other, actor=mine)
        except AccountError as error:
            assert error.problem is AccountProblem.LAST_ADMIN
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(end, range(8))).count(False) == 1
    (left,) = [
        account for account in list_operators(records)
        if account.is_active and Role.HUB_ADMIN in account.roles
    ]  # fmt: skip
    assert records.audit.verify().sequence == 8 + 7
    handle_let_in(records, next(iter({*sum(pairs, ())} - {left.id})), actor=CHIEF)


def test_what_was_just_being_made_does_not_come_back(records: HubRecords) -> None:
    """A link and a session that slipped in as the account was closed end when it is opened."""
    add(records, "chief", Role.HUB_ADMIN)
    account = add(records, "duty", Role.OBSERVER)
    handle_shut_out(records, account, actor=CHIEF)
    accounts, sessions = records.open_accounts(), records.open_sessions()
    link = SignInLink(token_hash=TokenHash("e" * 64), account_id=account,
                      expires_at=NOON + timedelta(hours=1))  # fmt: skip
    accounts.save_link(link)
    sessions.add_session(make_session(account, 1))
    handle_let_in(records, account, actor=CHIEF)
    assert accounts.load_link(link.token_hash) is None
    assert sessions.list_sessions(account) == []


def test_a_name_that_two_want_at_once_is_given_once(records: HubRecords) -> None:
    """Of four accounts of one name, added at the same time, one is there afterwards."""

    def try_to_add(_number: int) -> bool:
        try:
            add(records, "duty", Role.OBSERVER)
        except AccountError as error:
            assert error.problem is AccountProblem.NAME_TAKEN
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(try_to_add, range(4))).count(True) == 1
    assert list_actions(records) == ["account_added"]


def test_forgetting_ends_everything_that_stood_on_the_key(records: HubRecords) -> None:
    """Passwords, second factors, sessions and sealed lists are gone; whose they were is named."""
    chief = add(records, "chief", Role.HUB_ADMIN)
    add(records, "new", Role.OBSERVER)
    sessions = records.open_sessions()
    set_up_account(records.open_setting_up(), sessions, chief, at=NOON)
    sessions.add_session(make_session(chief, 1))
    with records.database.transaction() as session:
        session.add(
            ListRow(list_id="1", content_sealed=b"-", answers_sealed=b"-", revision=1,
                    brought_in_by=chief, brought_in_at=NOON, expires_at=NOON)
        )  # fmt: skip
    assert handle_forget_second_factors(records, actor=CHIEF) == [chief]
    with records.database.reading() as session:
        assert session.get(ListRow, "1") is None
    assert sessions.list_sessions(chief) == []
    found = find_operator(records, chief)
    assert (found.password_hash, found.totp_secret, found.totp_last_step) == (None, None, -1)
    assert handle_forget_second_factors(records, actor=CHIEF) == []
    assert list_actions(records)[-1] == "second_factor_forgotten"


def test_a_link_lives_a_week_at_most(records: HubRecords) -> None:
    """Longer links, and links into the past, are refused."""
    account = add(records, "duty", Role.OBSERVER)
    for lifetime in (timedelta(0), timedelta(days=8)):
        with pytest.raises(AccountError, match="7 days"):
            handle_make_sign_in_link(records, account, actor=CHIEF, lifetime=lifetime)


def test_who_does_not_exist_is_not_found(records: HubRecords) -> None:
    """Every act on an unknown account says so, and leaves no entry."""
    nobody = AccountId("0" * 32)
    for act in (handle_shut_out, handle_let_in, handle_make_sign_in_link):
        with pytest.raises(NotFoundError):
            act(records, nobody, actor=CHIEF)
    assert list_actions(records) == []


def test_whoever_follows_an_earlier_link_meanwhile_is_signed_out(records: HubRecords) -> None:
    """An earlier link is followed just as a newer one is made: only the newer one counts."""
    account = add(records, "chief", Role.HUB_ADMIN)
    sessions = records.open_sessions()
    followed: list[Session] = []

    def follow_meanwhile(size: int) -> bytes:
        followed.append(open_session(sessions, account, at=NOON))
        return records.random(size)

    handle_make_sign_in_link(replace(records, random=follow_meanwhile), account, actor=CHIEF)
    assert len(followed) == 1
    assert sessions.list_sessions(account) == []


def test_signing_out_while_a_set_up_runs(records: HubRecords) -> None:
    """Each waits for the other in one order: both are done."""
    account = add(records, "chief", Role.HUB_ADMIN)
    sessions = records.open_sessions()
    for number in range(8):
        other = open_session(sessions, account, at=NOON, stage=Stage.ACTIVE, name=f"o{number}")
        with ThreadPoolExecutor(2) as pool:
            jobs = [
                pool.submit(set_up_account, records.open_setting_up(), sessions, account, at=NOON),
                pool.submit(sessions.delete_session, other.token_hash),
            ]
            for job in jobs:
                job.result(60)
    assert sessions.list_sessions(account) == []
