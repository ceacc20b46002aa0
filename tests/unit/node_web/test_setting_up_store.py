"""A set-up counts at once and alone: nothing that was begun before it is finished after it."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlmodel import SQLModel

from console.accounts.factors import FactorDeed
from console.accounts.models import SessionOverError, SignInLink, Stage, TokenHash
from console.accounts.passkeys import Place
from console.accounts.passwords import Passwords
from console.accounts.sessions import Sessions
from console.accounts.sign_in import Refused, SignIn
from console.accounts.ways_in import WaysIn
from console.storage.database import Database
from console.storage.witness import Deed
from node.store.account_tables import AccountRow
from node.store.accounts import SqlFailures
from tests.support.console_face import CHEAP
from tests.support.console_sign_in import HERE
from tests.support.held_stores import (
    CREDENTIALS,
    OTHER,
    PERSON,
    HeldStores,
    make_passkey,
    open_held_stores,
)
from tests.support.node import NOON
from tests.support.setting_up import open_session

LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HeldStores]:
    """Two people on each database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'node.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    SQLModel.metadata.create_all(database.engine)
    yield open_held_stores(database)
    database.close()


def _add_passkey(store: HeldStores, by: TokenHash) -> None:
    assert store.factors.add_passkey(make_passkey(), by=by)


def _make_codes(store: HeldStores, by: TokenHash) -> None:
    store.factors.replace_recovery_codes(PERSON, ["0" * 64], at=NOON, by=by)


def _link(store: HeldStores, by: TokenHash) -> None:
    assert store.factors.link_national(PERSON, "1" * 64, at=NOON, by=by)


ADDING = {
    FactorDeed.PASSKEY_ADDED: _add_passkey,
    FactorDeed.RECOVERY_CODES_MADE: _make_codes,
    FactorDeed.NATIONAL_LOGIN_LINKED: _link,
}


def _list_ways_in(store: HeldStores) -> tuple[object, ...]:
    return (
        *store.factors.list_passkeys(PERSON),
        *["a code"] * store.factors.count_recovery_codes(PERSON),
        *["national"] * store.factors.is_linked(PERSON),
        *(s.token_hash for s in store.sessions.list_sessions(PERSON)),
    )


def test_a_set_up_leaves_nothing_of_before(store: HeldStores) -> None:
    """New credentials and one session stay; sessions and ways in of somebody else do, too."""
    by = open_session(store.sessions, PERSON, at=NOON, stage=Stage.ACTIVE, name="old").token_hash
    theirs = open_session(store.sessions, OTHER, at=NOON, stage=Stage.ACTIVE).token_hash
    for add in ADDING.values():
        add(store, by)
    store.factors.replace_recovery_codes(OTHER, ["2" * 64], at=NOON, by=theirs)
    assert len(_list_ways_in(store)) == 4
    assert store.set_up()
    assert _list_ways_in(store) == ("new",)
    found = store.accounts.load_account(PERSON)
    assert found is not None
    assert (found.password_hash, found.totp_secret, found.totp_last_step) == ("new", "OTHER", 77)
    assert store.factors.count_recovery_codes(OTHER) == 1
    assert [s.token_hash for s in store.sessions.list_sessions(OTHER)] == [theirs]


def test_a_set_up_that_is_over_changes_nothing(store: HeldStores) -> None:
    """Whose session ended meanwhile (a newer link, somebody else's set-up) sets nothing up."""
    old = open_session(store.sessions, PERSON, at=NOON, name="old")
    new = replace(old, token_hash=TokenHash("new"))
    gone = TokenHash("gone")
    assert not store.setting_up.set_up(CREDENTIALS, old=gone, session=new)
    found = store.accounts.load_account(PERSON)
    assert found is not None
    assert found.password_hash == "old"
    assert _list_ways_in(store) == (old.token_hash,)


@pytest.mark.parametrize("deed", ADDING)
@pytest.mark.parametrize("stage", [Stage.SECOND_FACTOR, Stage.ENROLMENT, Stage.LOCKED, None])
def test_only_an_active_session_adds_a_way_in(
    store: HeldStores, deed: FactorDeed, stage: Stage | None
) -> None:
    """One that ended, or waits for something, adds nothing; nor does that of somebody else."""
    by = TokenHash("gone")
    if stage is not None:
        by = open_session(store.sessions, PERSON, at=NOON, stage=stage).token_hash
    theirs = open_session(store.sessions, OTHER, at=NOON, stage=Stage.ACTIVE).token_hash
    for asking in (by, theirs):
        with pytest.raises(SessionOverError):
            ADDING[deed](store, asking)
    assert len(_list_ways_in(store)) == (stage is not None)


@pytest.mark.parametrize("deed", ADDING)
def test_what_was_nearly_added_goes_with_the_rest(store: HeldStores, deed: FactorDeed) -> None:
    """A way in that is being added when the set-up comes is there before it, and forgotten."""
    by = open_session(store.sessions, PERSON, at=NOON, stage=Stage.ACTIVE, name="old").token_hash
    store.meet(deed.value, lambda: ADDING[deed](store, by))
    assert _list_ways_in(store) == ("new",)


@pytest.mark.parametrize("before", [Stage.SECOND_FACTOR, Stage.LOCKED])
def test_a_session_that_was_nearly_new_goes_with_the_rest(store: HeldStores, before: Stage) -> None:
    """Somebody whose code was right when the set-up came is signed in no more."""
    old = open_session(store.sessions, PERSON, at=NOON, stage=before, name="old")
    active = replace(old, token_hash=TokenHash("older"), stage=Stage.ACTIVE, started_at=NOON)
    if before is Stage.LOCKED:  # a full sign-in is told; a screen that is unlocked is not
        active = replace(active, started_at=NOON.replace(hour=13))
    store.meet(Deed.SIGNED_IN.value, lambda: store.sessions.replace_session(old.token_hash, active))
    assert _list_ways_in(store) == ("new",)


def test_of_two_set_ups_one_stays(store: HeldStores) -> None:
    """Two who followed links one after the other: whoever is second finds their session ended."""
    began = [open_session(store.sessions, PERSON, at=NOON, name=f"{n}") for n in range(4)]
    pairs = [(s.token_hash, replace(s, token_hash=TokenHash(f"new {s.token_hash}"))) for s in began]
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(
                lambda pair: store.setting_up.set_up(CREDENTIALS, old=pair[0], session=pair[1]),
                pairs,
            )
        )
    assert results.count(True) == 1
    winner = pairs[results.index(True)][1]
    assert _list_ways_in(store) == (winner.token_hash,)


@pytest.mark.parametrize("way", ["passkey", "national"])
def test_an_old_way_in_does_not_slip_in_behind_a_set_up(store: HeldStores, way: str) -> None:
    """Somebody shows it when the set-up has looked which sessions there are: they come too late."""
    by = open_session(store.sessions, PERSON, at=NOON, stage=Stage.ACTIVE, name="old").token_hash
    (_add_passkey if way == "passkey" else _link)(store, by)
    account = store.accounts.load_account(PERSON)
    assert account is not None
    sign_in = _make_sign_in(store)

    def holds() -> bool:
        if way == "passkey":
            return store.factors.find_passkey(b"key") is not None
        return store.factors.find_national("1" * 64) == PERSON

    is_set_up, outcome = store.overtake(
        Deed.SESSION_ENDED.value, store.set_up, lambda: sign_in.let_in(account, HERE, holds=holds)
    )
    assert is_set_up
    assert isinstance(outcome, Refused)
    assert _list_ways_in(store) == ("new",)


def test_a_passkey_that_is_somebody_elses_by_now_lets_nobody_in(store: HeldStores) -> None:
    """Forgotten with a set-up, and registered again by another one while it was checked."""
    by = open_session(store.sessions, PERSON, at=NOON, stage=Stage.ACTIVE, name="old").token_hash
    theirs = open_session(store.sessions, OTHER, at=NOON, stage=Stage.ACTIVE).token_hash
    _add_passkey(store, by)
    shown = store.factors.find_passkey(b"key")
    ways = WaysIn(
        sign_in=_make_sign_in(store),
        store=store.factors,
        passkeys=Mock(find_signer=lambda *_, **__: shown),
        recovery=Mock(),
    )
    assert store.set_up()
    store.factors.add_passkey(make_passkey(account_id=OTHER), by=theirs)
    place = Place(rp_id="localhost", origin="https://localhost")
    outcome = ways.sign_in_by_passkey("", place=place, browser="", visitor=HERE)
    assert isinstance(outcome, Refused)
    assert _list_ways_in(store) == ("new",)


def test_of_two_links_made_at_once_one_works(store: HeldStores) -> None:
    """The second of two administrators waits for the first, and replaces their link."""
    links = [
        SignInLink(token_hash=TokenHash(name), account_id=PERSON, expires_at=LATER)
        for name in ("first", "second")
    ]
    store.overtake(
        Deed.LINK_MADE.value,
        lambda: store.accounts.save_link(links[0]),
        lambda: store.accounts.save_link(links[1]),
    )
    assert store.accounts.consume_link(links[0].token_hash, at=NOON) is None
    assert store.accounts.consume_link(links[1].token_hash, at=NOON) is not None


def test_forgetting_everybody_forgets_who_has_just_set_up(store: HeldStores) -> None:
    """Also somebody who does so for the first time, and has no second factor yet."""
    with store.database.transaction() as session:
        row = session.get_one(AccountRow, PERSON)
        row.password_hash, row.totp_secret_sealed = None, None
    _, forgotten = store.overtake(
        Deed.CREDENTIALS_SET.value, store.set_up, store.accounts.forget_second_factors
    )
    assert set(forgotten) == {PERSON, OTHER}
    assert _list_ways_in(store) == ()


def _make_sign_in(store: HeldStores) -> SignIn:
    sessions = Sessions(
        accounts=store.accounts,
        store=store.sessions,
        clock=lambda: NOON,
        random=os.urandom,
        idle_lock=timedelta(hours=1),
        absolute_lock=timedelta(hours=9),
    )
    return SignIn(
        accounts=store.accounts,
        setting_up=store.setting_up,
        failures=SqlFailures(store.database),
        sessions=sessions,
        passwords=Passwords(CHEAP),
        clock=lambda: NOON,
        random=os.urandom,
    )
