"""In-memory stores for sign-in, atomic where their ports promise it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import Any

from typing_extensions import override

from console.accounts.models import (
    Account,
    AccountId,
    Credentials,
    Failures,
    Session,
    SignInLink,
    TokenHash,
)
from console.accounts.ports import AccountStore, FailureStore, SessionStore, SettingUp


class MemoryAccounts(AccountStore):
    """Accounts and links in dictionaries."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._lock = Lock()
        self.accounts = {account.id: account for account in accounts}
        self.links: dict[TokenHash, SignInLink] = {}

    @override
    def load_account(self, account_id: AccountId) -> Account | None:
        return self.accounts.get(account_id)

    @override
    def load_account_by_name(self, sign_in_name: str) -> Account | None:
        wanted = sign_in_name.casefold()
        for account in self.accounts.values():
            if account.sign_in_name.casefold() == wanted:
                return account
        return None

    @override
    def replace_password_hash(
        self, account_id: AccountId, *, expected: str, replacement: str
    ) -> None:
        with self._lock:
            account = self.accounts[account_id]
            if account.password_hash == expected:
                self.accounts[account_id] = replace(account, password_hash=replacement)

    @override
    def advance_totp_step(self, account_id: AccountId, step: int) -> bool:
        with self._lock:
            account = self.accounts[account_id]
            if step <= account.totp_last_step:
                return False
            self.accounts[account_id] = replace(account, totp_last_step=step)
            return True

    @override
    def save_language(self, account_id: AccountId, language: str) -> None:
        with self._lock:
            self.accounts[account_id] = replace(self.accounts[account_id], language=language)

    @override
    def save_link(self, link: SignInLink) -> None:
        with self._lock:
            kept = {h: old for h, old in self.links.items() if old.account_id != link.account_id}
            self.links = {**kept, link.token_hash: link}

    @override
    def load_link(self, token_hash: TokenHash) -> SignInLink | None:
        return self.links.get(token_hash)

    @override
    def consume_link(self, token_hash: TokenHash, *, at: datetime) -> SignInLink | None:
        with self._lock:
            link = self.links.get(token_hash)
            if link is None or link.used_at is not None or at >= link.expires_at:
                return None
            self.links[token_hash] = replace(link, used_at=at)
            return link


class MemorySessions(SessionStore):
    """Sessions in a dictionary."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.sessions: dict[TokenHash, Session] = {}

    @override
    def add_session(self, session: Session) -> None:
        with self._lock:
            self.sessions[session.token_hash] = session

    @override
    def update_session(self, session: Session) -> bool:
        with self._lock:
            if session.token_hash not in self.sessions:
                return False
            self.sessions[session.token_hash] = session
            return True

    @override
    def load_session(self, token_hash: TokenHash) -> Session | None:
        return self.sessions.get(token_hash)

    @override
    def replace_session(self, old: TokenHash, session: Session) -> bool:
        with self._lock:
            if self.sessions.pop(old, None) is None:
                return False
            self.sessions[session.token_hash] = session
            return True

    @override
    def touch_session(self, token_hash: TokenHash, *, seen_at: datetime) -> None:
        with self._lock:
            if token_hash in self.sessions:
                self.sessions[token_hash] = replace(self.sessions[token_hash], seen_at=seen_at)

    @override
    def note_confirmation(self, token_hash: TokenHash, *, at: datetime) -> None:
        self._change(token_hash, confirmed_at=at)

    @override
    def note_shared(self, token_hash: TokenHash, *, is_shared: bool) -> None:
        self._change(token_hash, is_shared=is_shared)

    def _change(self, token_hash: TokenHash, **changes: Any) -> None:
        with self._lock:
            if token_hash in self.sessions:
                self.sessions[token_hash] = replace(self.sessions[token_hash], **changes)

    @override
    def delete_session(self, token_hash: TokenHash) -> None:
        with self._lock:
            self.sessions.pop(token_hash, None)

    @override
    def list_sessions(self, account_id: AccountId) -> Sequence[Session]:
        own = [s for s in self.sessions.values() if s.account_id == account_id]
        return sorted(own, key=lambda session: session.started_at, reverse=True)

    @override
    def delete_sessions(self, account_id: AccountId) -> None:
        with self._lock:
            self.sessions = {h: s for h, s in self.sessions.items() if s.account_id != account_id}


class MemorySettingUp(SettingUp):
    """A set-up over the dictionaries."""

    def __init__(self, accounts: MemoryAccounts, sessions: MemorySessions) -> None:
        self._accounts, self._sessions = accounts, sessions

    @override
    def set_up(self, credentials: Credentials, *, old: TokenHash, session: Session) -> bool:
        if not self._sessions.replace_session(old, session):
            return False
        account_id = credentials.account_id
        self._accounts.accounts[account_id] = replace(
            self._accounts.accounts[account_id],
            password_hash=credentials.password_hash,
            totp_secret=credentials.totp_secret,
            totp_last_step=credentials.totp_last_step,
        )
        self._sessions.delete_sessions(account_id)
        self._sessions.add_session(session)
        return True


class MemoryFailures(FailureStore):
    """Counts of failures in a dictionary."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.failures: dict[str, Failures] = {}

    @override
    def load_failures(self, key: str) -> Failures:
        return self.failures.get(key, Failures())

    @override
    def record_failure(self, key: str, *, at: datetime, forget_before: datetime) -> None:
        with self._lock:
            known = self.failures.get(key, Failures())
            is_old = known.last_at is not None and known.last_at < forget_before
            self.failures[key] = Failures(1 if is_old else known.count + 1, at)

    @override
    def forget_failure(self, key: str) -> None:
        with self._lock:
            known = self.failures.get(key, Failures())
            self.failures[key] = replace(known, count=max(known.count - 1, 0))

    @override
    def clear_failures(self, key: str) -> None:
        with self._lock:
            self.failures.pop(key, None)
