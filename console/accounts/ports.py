"""What sign-in needs kept. A face brings its own stores; this package holds no SQL.

Calls may block (a database); they are made from worker threads, never from the event loop. The
operations that two requests may race for are one call each, and a store makes them atomic.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from console.accounts.models import (
    Account,
    AccountId,
    Credentials,
    Failures,
    Session,
    SignInLink,
    TokenHash,
)


class AccountStore(Protocol):
    """Accounts and their one-time links."""

    def load_account(self, account_id: AccountId) -> Account | None:
        """Give an account, or None."""
        ...

    def load_account_by_name(self, sign_in_name: str) -> Account | None:
        """Give the account with this sign-in name (compared without regard to case), or None."""
        ...

    def replace_password_hash(
        self, account_id: AccountId, *, expected: str, replacement: str
    ) -> None:
        """Store a stronger hash of the same password, unless the hash is no longer ``expected``."""
        ...

    def advance_totp_step(self, account_id: AccountId, step: int) -> bool:
        """Remember that the code of ``step`` was used; atomic.

        False, and nothing changed, if the remembered step is the same or newer.
        """
        ...

    def save_language(self, account_id: AccountId, language: str) -> None:
        """Keep the tag of the language that a person reads in."""
        ...

    def save_link(self, link: SignInLink) -> None:
        """Keep a new link; links made earlier for the same account stop working."""
        ...

    def load_link(self, token_hash: TokenHash) -> SignInLink | None:
        """Give a link, used or not, or None."""
        ...

    def consume_link(self, token_hash: TokenHash, *, at: datetime) -> SignInLink | None:
        """Use a link up; atomic. None if it is unknown, used, or expired at ``at``."""
        ...


class SessionStore(Protocol):
    """Sessions, by the hash of their token."""

    def add_session(self, session: Session) -> None:
        """Keep a new session."""
        ...

    def update_session(self, session: Session) -> bool:
        """Store the changed state of a session; False, and nothing stored, if it is gone."""
        ...

    def load_session(self, token_hash: TokenHash) -> Session | None:
        """Give a session, or None."""
        ...

    def replace_session(self, old: TokenHash, session: Session) -> bool:
        """Put ``session`` in the place of ``old``; atomic. False if ``old`` is gone."""
        ...

    def touch_session(self, token_hash: TokenHash, *, seen_at: datetime) -> None:
        """Note the person's last act, if the session is still there."""
        ...

    def note_confirmation(self, token_hash: TokenHash, *, at: datetime) -> None:
        """Note that the person proved to be there once more, if the session is still there."""
        ...

    def note_shared(self, token_hash: TokenHash, *, is_shared: bool) -> None:
        """Note whether others use this computer too, if the session is still there."""
        ...

    def delete_session(self, token_hash: TokenHash) -> None:
        """End a session; nothing happens if it is gone."""
        ...

    def list_sessions(self, account_id: AccountId) -> Sequence[Session]:
        """Give the account's sessions, newest first."""
        ...

    def delete_sessions(self, account_id: AccountId) -> None:
        """End all sessions of an account."""
        ...


class SettingUp(Protocol):
    """Lets a set-up count: the one act that touches all that is kept of an account."""

    def set_up(self, credentials: Credentials, *, old: TokenHash, session: Session) -> bool:
        """Let these credentials, and this session in the place of ``old``, be all that lets in.

        Atomic: every other session ends, and every further way in is forgotten; who adds one, or
        opens or goes on with a session, comes before it or after it. False, and nothing changed,
        if ``old`` is gone.
        """
        ...


class FailureStore(Protocol):
    """Failed sign-ins by key: an account's name or a client's address, as the caller hashed it."""

    def load_failures(self, key: str) -> Failures:
        """Give what is known of ``key``; no failures if nothing is."""
        ...

    def record_failure(self, key: str, *, at: datetime, forget_before: datetime) -> None:
        """Count one more failure; atomic. A count last raised before ``forget_before`` is 1 now."""
        ...

    def forget_failure(self, key: str) -> None:
        """Count one failure less, if there are any; atomic: an attempt turned out well."""
        ...

    def clear_failures(self, key: str) -> None:
        """Forget the failures of ``key`` after a success."""
        ...
