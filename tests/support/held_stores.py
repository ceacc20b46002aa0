"""The stores of sign-in of one database, whose deeds can be held up half-way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Final, TypeVar

from sqlmodel import Session as DatabaseSession

from console.accounts.factors import FactorDeed, Passkey
from console.accounts.models import Account, AccountId, Credentials, Stage, TokenHash
from console.storage.database import Database
from console.storage.factors import SqlFactors
from console.storage.setting_up import SqlSettingUp
from console.storage.witness import Done
from node.store.account_tables import ACCOUNT_TABLES
from node.store.accounts import KeyStoreBox, SqlAccounts, SqlSessions, open_storage
from node.store.factor_tables import FACTOR_TABLES
from tests.support.node import NOON, make_keystore
from tests.support.setting_up import open_session

_First = TypeVar("_First")
_Second = TypeVar("_Second")

KEYS = make_keystore("AL")
PERSON = AccountId("a" * 32)
OTHER = AccountId("b" * 32)
CREDENTIALS = Credentials(
    account_id=PERSON, password_hash="new", totp_secret="OTHER", totp_last_step=77
)
#: How long a thread is given to come past where it should wait. It never fails a test by itself.
_LONG_ENOUGH: Final = 0.5


@dataclass
class HeldStores:
    """The stores of one database, whose deeds can be held up half-way."""

    database: Database
    #: A deed that waits, in its transaction, until it ``may_end``.
    held: str = ""
    begun: Event = field(default_factory=Event)
    may_end: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        storage = open_storage(self.database, KEYS, self._witness)
        self.accounts = SqlAccounts(self.database, KEYS, witness=self._witness)
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
        _, is_set_up = self.overtake(deed, act, self.set_up)
        assert is_set_up

    def overtake(
        self, deed: str, first: Callable[[], _First], second: Callable[[], _Second]
    ) -> tuple[_First, _Second]:
        """Let ``second`` begin when ``first`` has come to its deed; returns what both returned."""
        self.held = deed
        with ThreadPoolExecutor(2) as pool:
            acting = pool.submit(first)
            assert self.begun.wait(30)
            coming = pool.submit(second)
            wait([coming], timeout=_LONG_ENOUGH)
            self.may_end.set()
            return acting.result(30), coming.result(30)

    def _witness(self, _session: DatabaseSession, done: Done) -> None:
        if done.account_id == PERSON:
            self._hold(done.deed.value)

    def _witness_factor(self, _session: DatabaseSession, deed: FactorDeed, _of: AccountId) -> None:
        self._hold(deed.value)

    def _hold(self, deed: str) -> None:
        if deed == self.held and not self.begun.is_set():
            self.begun.set()
            assert self.may_end.wait(30)


def open_held_stores(database: Database) -> HeldStores:
    """Make the stores, with two people in them."""
    made = HeldStores(database)
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
    return made


def make_passkey(name: bytes = b"key", *, account_id: AccountId = PERSON) -> Passkey:
    """Return a passkey of somebody."""
    return Passkey(
        credential_id=name,
        account_id=account_id,
        public_key=b"key",
        sign_count=0,
        label="key",
        created_at=NOON,
    )
