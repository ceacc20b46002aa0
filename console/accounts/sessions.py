"""Sessions: opened, found again, rotated at each step up, locked when nobody is there, ended.

A token is shown once, to the browser; the store knows its hash. Every step up (the second factor
given, a link followed, a screen unlocked) makes a new token, so that a token planted or seen before
is worth nothing afterwards (session fixation).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from console.accounts.models import (
    STAGES,
    TOKEN_BYTES,
    Account,
    AccountId,
    Session,
    SignedIn,
    Stage,
    TokenHash,
    format_token,
    hash_token,
    parse_token,
)
from console.accounts.ports import AccountStore, SessionStore

DISCARD_AFTER: Final = timedelta(hours=24)
"""A locked session this old is ended; what was being written is kept by the face, not by it."""

TOUCH_EVERY: Final = timedelta(minutes=1)
"""How exactly the last act is kept: one write a minute is enough for a lock after fifteen."""

CONFIRMED_FOR: Final = timedelta(minutes=5)
"""How long it counts that a person has just proved to be there."""

_MAX_BROWSER: Final = 200


class StageError(Exception):
    """A session was moved to a stage that its own does not lead to: a defect of the caller."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request comes from: the client's address and what the browser calls itself.

    ``is_shared``: somebody said of this browser that others use it too.
    """

    client: str
    browser: str
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """A step that succeeded: the browser's new token, and whose session it is."""

    token: str
    signed_in: SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """The sessions of one face."""

    accounts: AccountStore
    store: SessionStore
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    idle_lock: timedelta
    absolute_lock: timedelta
    shared_lock: timedelta = timedelta(minutes=5)
    """The idle time of a computer that others use too."""

    def open(self, account: Account, stage: Stage, visitor: Visitor) -> Granted:
        """Open a session of a person who has just shown something: a password, or a link."""
        token, token_hash = self._make_token()
        now = self.clock()
        session = Session(
            token_hash=token_hash,
            account_id=account.id,
            stage=stage,
            started_at=now,
            seen_at=now,
            client=visitor.client,
            browser=visitor.browser[:_MAX_BROWSER],
            is_shared=visitor.is_shared,
        )
        self.store.add_session(session)
        return Granted(token, SignedIn(account=account, session=session))

    def find(self, token: str) -> SignedIn | None:
        """Give the session of a token as it stands now, or None when there is none any more.

        A session that idled, or grew too old, comes back as LOCKED.
        """
        raw = parse_token(token)
        session = None if raw is None else self.store.load_session(hash_token(raw))
        if session is None:
            return None
        account = self.accounts.load_account(session.account_id)
        if account is None or not account.is_active or self._is_over(session):
            self.store.delete_session(session.token_hash)
            return None
        if session.stage is Stage.ACTIVE and self._must_lock(session):
            session = self._lock(session)
        return None if session is None else SignedIn(account=account, session=session)

    def advance(self, signed_in: SignedIn, stage: Stage, *, renew: bool) -> Granted | None:
        """Move a session a step up, under a new token. None if it was ended meanwhile.

        ``renew`` starts its absolute time anew, and belongs to a full authentication. Raises
        :class:`StageError` when the table has no such step.
        """
        granted = self.prepare(signed_in, stage, renew=renew)
        kept = self.store.replace_session(signed_in.session.token_hash, granted.signed_in.session)
        return granted if kept else None

    def prepare(self, signed_in: SignedIn, stage: Stage, *, renew: bool) -> Granted:
        """Make the next step of a session as :meth:`advance` does, for somebody else to keep."""
        old = signed_in.session
        if stage not in STAGES[old.stage].next:
            raise StageError(f"no way from {old.stage} to {stage}: see STAGES")
        token, token_hash = self._make_token()
        now = self.clock()
        session = replace(
            old,
            token_hash=token_hash,
            stage=stage,
            seen_at=now,
            started_at=now if renew else old.started_at,
            enrolment=None if stage is Stage.ACTIVE else old.enrolment,
            confirmed_at=now if stage is Stage.ACTIVE else old.confirmed_at,
        )
        return Granted(token, SignedIn(account=signed_in.account, session=session))

    def update(self, session: Session) -> bool:
        """Store a session's changed state; False if it was ended meanwhile."""
        return self.store.update_session(session)

    def touch(self, session: Session) -> None:
        """Note that the person did something."""
        now = self.clock()
        if session.stage is Stage.ACTIVE and now - session.seen_at >= TOUCH_EVERY:
            self.store.touch_session(session.token_hash, seen_at=now)

    def find_idle_lock(self, session: Session) -> timedelta:
        """Say after how long without an act this session locks."""
        return min(self.shared_lock, self.idle_lock) if session.is_shared else self.idle_lock

    def is_confirmed(self, session: Session) -> bool:
        """Tell whether the person proved a moment ago to be the one who signed in."""
        proved = session.confirmed_at
        return proved is not None and self.clock() - proved < CONFIRMED_FOR

    def confirm(self, session: Session) -> None:
        """Note that the person has just proved to be the one who signed in."""
        self.store.note_confirmation(session.token_hash, at=self.clock())

    def share(self, session: Session, *, is_shared: bool) -> None:
        """Note whether others use this computer too."""
        self.store.note_shared(session.token_hash, is_shared=is_shared)

    def lock(self, session: Session) -> None:
        """Lock a session now (Hide screen). Locking a locked one changes nothing."""
        if session.stage is Stage.ACTIVE:
            self._lock(session)

    def needs_full_sign_in(self, session: Session) -> bool:
        """Tell whether a locked session has reached its absolute time: password *and* code then."""
        return self.clock() - session.started_at >= self.absolute_lock

    def end(self, session: Session) -> None:
        """End one session."""
        self.store.delete_session(session.token_hash)

    def end_all(self, account_id: AccountId) -> None:
        """End all sessions of an account, as after a recovery."""
        self.store.delete_sessions(account_id)

    def end_other(self, signed_in: SignedIn, token_hash: TokenHash) -> bool:
        """End another session of the same account; False if it is not one of theirs."""
        own = {session.token_hash for session in self.list_own(signed_in)}
        if token_hash not in own:
            return False
        self.store.delete_session(token_hash)
        return True

    def list_own(self, signed_in: SignedIn) -> Sequence[Session]:
        """Give the sessions of this person that are still open, newest first."""
        sessions = self.store.list_sessions(signed_in.account.id)
        return [session for session in sessions if not self._is_over(session)]

    def _make_token(self) -> tuple[str, TokenHash]:
        raw = self.random(TOKEN_BYTES)
        return format_token(raw), hash_token(raw)

    def _is_over(self, session: Session) -> bool:
        lasts = STAGES[session.stage].lasts or DISCARD_AFTER
        return self.clock() - session.started_at >= lasts

    def _must_lock(self, session: Session) -> bool:
        idle = self.clock() - session.seen_at >= self.find_idle_lock(session)
        return idle or self.needs_full_sign_in(session)

    def _lock(self, session: Session) -> Session | None:
        locked = replace(session, stage=Stage.LOCKED)
        return locked if self.store.update_session(locked) else None
