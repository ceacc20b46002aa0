"""A set-up counts at once and alone: nothing that was begun before it is finished after it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
from sqlmodel import Session as DatabaseSession
from sqlmodel import SQLModel

from console.accounts.factors import FactorDeed, Passkey
from console.accounts.models import (
    Account,
    AccountId,
    Credentials,
    SessionOverError,
    Stage,
    TokenHash,
)
from console.storage.database import Database
from console.storage.factors import SqlFactors
from console.storage.setting_up import SqlSettingUp
from console.storage.witness import Deed, Done
from node.store.account_tables import ACCOUNT_TABLES
from node.store.accounts import KeyStoreBox, SqlAccounts, SqlSessions, open_storage
from node.store.factor_tables import FACTOR_TABLES
from tests.support.node import NOON, make_keystore
from tests.support.setting_up import open_session

KEYS = make_keystore("AL")
PERSON = AccountId("a" * 32)
OTHER = AccountId("b" * 32)
CREDENTIALS = Credentials(
    account_id=PERSON, password_hash="new", totp_secret="OTHER", totp_last_step=77
)
#: How long a thread is given to come past where it should wait. It never fails a test by itself.
_LONG_ENOUGH = 0.5


@dataclass
class Store:
    """The stores of one database, whose deeds can be held up half-way."""

    database: Database
    #: A deed that waits, in its transaction, until it ``may_end``.
    held: str = ""
    begun: Event = field(default_factory=Event)
    may_end: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        storage = open_storage(self.database, KEYS, self._witness)
        self.accounts = SqlAccounts(self.database, KEYS)
        self.sessions = SqlSessions(self.database, KEYS, witness=self._witness)
        self.factors = SqlFactors(
            database=self.database,
            tables=FACTOR_TABLES,
            accounts=ACCOUNT_TABLES,
            box=KeyStoreBox(KEYS),
            witness=self._witness_factor,
        )
        self.setting_up = SqlSettingUp(storage=storage, factors=self.factors)

    def set_up(self) -> bool:
        """Set a person up, from the session of a link that was followed."""
        old = open_session(self.sessions, PERSON, at=NOON)
        new = replace(old, token_hash=TokenHash("new"), stage=Stage.ACTIVE)
        return self.setting_up.set_up(CREDENTIALS, old=old.token_hash, session=new)

    def meet(self, deed: str, act: Callable[[], object]) -> None:
        """Let a set-up come when ``act`` has nearly ended: the set-up has to wait for it."""
        self.held = deed
        with ThreadPoolExecutor(2) as pool:
            acting = pool.submit(act)
            assert self.begun.wait(30)
            setting_up = pool.submit(self.set_up)
            wait([setting_up], timeout=_LONG_ENOUGH)
            self.may_end.set()
            acting.result(30)
            assert setting_up.result(30)

    def _witness(self, _session: DatabaseSession, done: Done) -> None:
        if done.account_id == PERSON:
            self._hold(done.deed.value)

    def _witness_factor(self, _session: DatabaseSession, deed: FactorDeed, _of: AccountId) -> None:
        self._hold(deed.value)

    def _hold(self, deed: str) -> None:
        if deed == self.held and not self.begun.is_set():
            self.begun.set()
            assert self.may_end.wait(30)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Two people on each database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'node.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    SQLModel.metadata.create_all(database.engine)
    made = Store(database)
    for account_id, name in ((PERSON, "officer"), (OTHER, "other")):
        account = Account(
            id=account_id,
            sign_in_name=name,
            display_name=name,
            roles=frozenset({"focal_point"}),
            password_hash="old",
            totp_secret="SECRET",
            totp_last_step=10,
        )
        assert made.accounts.add_account(account, at=NOON)
    yield made
    database.close()


def _passkey(name: bytes) -> Passkey:
    return Passkey(
        credential_id=name,
        account_id=PERSON,
        public_key=b"key",
        sign_count=0,
        label="key",
        created_at=NOON,
    )


def _add_passkey(store: Store, by: TokenHash) -> None:
    assert store.factors.add_passkey(_passkey(b"key"), by=by)


def _make_codes(store: Store, by: TokenHash) -> None:
    store.factors.replace_recovery_codes(PERSON, ["0" * 64], at=NOON, by=by)


def _link(store: Store, by: TokenHash) -> None:
    assert store.factors.link_national(PERSON, "1" * 64, at=NOON, by=by)


ADDING = {
    FactorDeed.PASSKEY_ADDED: _add_passkey,
    FactorDeed.RECOVERY_CODES_MADE: _make_codes,
    FactorDeed.NATIONAL_LOGIN_LINKED: _link,
}


def _list_ways_in(store: Store) -> tuple[object, ...]:
    return (
        *store.factors.list_passkeys(PERSON),
        *["a code"] * store.factors.count_recovery_codes(PERSON),
        *["national"] * store.factors.is_linked(PERSON),
        *(s.token_hash for s in store.sessions.list_sessions(PERSON)),
    )


def test_a_set_up_leaves_nothing_of_before(store: Store) -> None:
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


def test_a_set_up_that_is_over_changes_nothing(store: Store) -> None:
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
    store: Store, deed: FactorDeed, stage: Stage | None
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
def test_what_was_nearly_added_goes_with_the_rest(store: Store, deed: FactorDeed) -> None:
    """A way in that is being added when the set-up comes is there before it, and forgotten."""
    by = open_session(store.sessions, PERSON, at=NOON, stage=Stage.ACTIVE, name="old").token_hash
    store.meet(deed.value, lambda: ADDING[deed](store, by))
    assert _list_ways_in(store) == ("new",)


@pytest.mark.parametrize("before", [Stage.SECOND_FACTOR, Stage.LOCKED])
def test_a_session_that_was_nearly_new_goes_with_the_rest(store: Store, before: Stage) -> None:
    """Somebody whose code was right when the set-up came is signed in no more."""
    old = open_session(store.sessions, PERSON, at=NOON, stage=before, name="old")
    active = replace(old, token_hash=TokenHash("older"), stage=Stage.ACTIVE, started_at=NOON)
    if before is Stage.LOCKED:  # a full sign-in is told; a screen that is unlocked is not
        active = replace(active, started_at=NOON.replace(hour=13))
    store.meet(Deed.SIGNED_IN.value, lambda: store.sessions.replace_session(old.token_hash, active))
    assert _list_ways_in(store) == ("new",)


def test_of_two_set_ups_one_stays(store: Store) -> None:
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
