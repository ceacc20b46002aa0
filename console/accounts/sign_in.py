"""Signing in: password, then code; the one-time link that sets both up; unlocking.

Every refusal is a sentence for the page that tells what to do next and nothing about which part was
wrong. An attempt is counted, for the account and for the client, before the password is checked,
so that parallel guesses wait too; what turns out well is taken back.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from console.accounts.lockout import ACCOUNT_DELAYS, CLIENT_DELAYS, FORGET_AFTER, find_wait
from console.accounts.models import (
    TOKEN_BYTES,
    Account,
    AccountId,
    Credentials,
    Enrolment,
    Failures,
    SignedIn,
    SignInLink,
    Stage,
    format_token,
    hash_token,
    parse_token,
)
from console.accounts.passwords import Passwords, TooManyAttemptsError
from console.accounts.ports import AccountStore, FailureStore, SettingUp
from console.accounts.recovery import RecoveryCodes
from console.accounts.second_factor import SECRET_BYTES, find_totp_step, make_totp_secret
from console.accounts.sessions import Granted, Sessions, Visitor
from console.formats import describe_duration
from console.i18n import Message, msg

LINK_LIFETIME: Final = timedelta(hours=72)
"""Long enough for a Friday's invitation to be followed on Monday."""

_log = structlog.get_logger(__name__)

_WRONG: Final = msg("The name or the password is not right. Check both and try again.")
_WRONG_CODE: Final = msg(
    "The code is not right, or was used before. Wait for the next code in your app and type it."
)
_WRONG_PASSWORD: Final = msg("The password is not right. Try again.")
_NOT_CONFIRMED: Final = msg("Neither the password nor a new code. Type one of them again.")
_OVER: Final = msg("This took too long, so the sign-in has ended. Start again.")


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that failed, and what the person should do. ``field`` names the input it is about."""

    reason: Message
    field: str
    is_over: bool = False
    """Nothing more can be done in this session: start again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The use cases of signing in, over the stores of one face."""

    accounts: AccountStore
    setting_up: SettingUp
    failures: FailureStore
    sessions: Sessions
    passwords: Passwords
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    recovery: RecoveryCodes | None = None
    """Codes that take the place of the app's; None where the face has none."""

    def give_password(self, *, name: str, password: str, visitor: Visitor) -> Granted | Refused:
        """First step: a name and its password open a session that waits for the code."""
        sign_in_name = name.strip()
        refused = self._refuse_or_count(_account_key(sign_in_name), visitor, field="name")
        if refused is not None:
            return refused
        account = self.accounts.load_account_by_name(sign_in_name)
        usable = account if account is not None and _is_usable(account) else None
        stored = None if usable is None else usable.password_hash
        is_right = self._is_password(password, stored, key=_account_key(sign_in_name))
        if not is_right or usable is None or stored is None:
            _log.warning("sign_in_refused", step="password")
            return Refused(_WRONG, "name")
        self.failures.forget_failure(_client_key(visitor))
        hashes = {stored}
        if self.passwords.needs_rehash(stored):
            with suppress(TooManyAttemptsError):  # then at the next sign-in
                stronger = self.passwords.hash_password(password)
                hashes.add(stronger)
                self.accounts.replace_password_hash(
                    usable.id, expected=stored, replacement=stronger
                )

        def holds() -> bool:
            account = self.accounts.load_account(usable.id)
            now = account.password_hash if account else None
            if now is None or now in hashes:
                return now is not None
            # Another sign-in may have strengthened it, or somebody has set another one up.
            return self._is_password(password, now, key=_account_key(sign_in_name))

        granted = self.open_while(holds, usable, Stage.SECOND_FACTOR, visitor)
        return granted or Refused(_WRONG, "name")

    def give_code(self, signed_in: SignedIn, *, code: str, visitor: Visitor) -> Granted | Refused:
        """Second step: the code of the authenticator app makes the session active."""
        account = signed_in.account
        refused = self._refuse_or_count(_account_key(account.sign_in_name), visitor, field="code")
        if refused is not None:
            return refused
        if not self._use_code(account, code):
            _log.warning("sign_in_refused", step="code", account=account.id)
            return Refused(_WRONG_CODE, "code")
        self.failures.forget_failure(_client_key(visitor))
        return self._activate(signed_in)

    def unlock(
        self, signed_in: SignedIn, *, password: str, code: str, visitor: Visitor
    ) -> Granted | Refused:
        """Open a locked screen: the password; after the absolute time, the code as well.

        Attempts count against this session, which nobody else can have: a stranger who guesses at
        the account's sign-in must not keep an officer from a hidden screen.
        """
        account = signed_in.account
        key = _session_key(signed_in)
        refused = self._refuse_or_count(key, visitor, field="password")
        if refused is not None:
            return refused
        if not self._is_password(password, account.password_hash, key=key):
            _log.warning("sign_in_refused", step="unlock", account=account.id)
            return Refused(_WRONG_PASSWORD, "password")
        full = self.sessions.needs_full_sign_in(signed_in.session)
        if full and not self._use_code(account, code):
            return Refused(_WRONG_CODE, "code")
        self.failures.forget_failure(_client_key(visitor))
        self.failures.clear_failures(key)
        return self._activate(signed_in, renew=full)

    def create_link(self, account_id: AccountId, *, lifetime: timedelta = LINK_LIFETIME) -> str:
        """Make the token of a one-time link; the caller hands it over, and keeps no copy."""
        token = self.random(TOKEN_BYTES)
        self.accounts.save_link(
            SignInLink(
                token_hash=hash_token(token),
                account_id=account_id,
                expires_at=self.clock() + lifetime,
            )
        )
        return format_token(token)

    def is_link_open(self, token: str) -> bool:
        """Tell whether a link still works. Looking at it uses nothing up."""
        raw = parse_token(token)
        link = None if raw is None else self.accounts.load_link(hash_token(raw))
        return link is not None and link.used_at is None and self.clock() < link.expires_at

    def follow_link(self, token: str, visitor: Visitor) -> Granted | None:
        """Use a link up and open a session in which password and second factor are set up."""
        raw = parse_token(token)
        if raw is None:
            return None
        link = self.accounts.consume_link(hash_token(raw), at=self.clock())
        account = None if link is None else self.accounts.load_account(link.account_id)
        if link is None or account is None or not account.is_active:
            return None
        granted = self.open_while(
            lambda: self.accounts.load_link(link.token_hash) is not None,  # no newer one was made
            account,
            Stage.ENROLMENT,
            visitor,
        )
        if granted is None:
            return None
        enrolment = Enrolment(
            password_hash=None, totp_secret=make_totp_secret(self.random(SECRET_BYTES))
        )
        session = replace(granted.signed_in.session, enrolment=enrolment)
        self.sessions.update(session)
        _log.info("sign_in_link_followed", account=account.id)
        return Granted(granted.token, SignedIn(account=account, session=session))

    def choose_password(
        self, signed_in: SignedIn, *, password: str, again: str
    ) -> Granted | Refused:
        """Set the new password aside until the code proves the second factor too."""
        session = signed_in.session
        if session.enrolment is None:
            return Refused(_OVER, "password", is_over=True)
        weakness = self.passwords.find_weakness(
            password, sign_in_name=signed_in.account.sign_in_name
        )
        if weakness is not None:
            return Refused(weakness, "password")
        if password != again:
            return Refused(msg("The two passwords differ. Type the same one twice."), "again")
        enrolment = replace(session.enrolment, password_hash=self.passwords.hash_password(password))
        changed = SignedIn(account=signed_in.account, session=replace(session, enrolment=enrolment))
        granted = self.sessions.advance(changed, Stage.ENROLMENT, renew=False)
        return granted or Refused(_OVER, "password", is_over=True)

    def confirm_enrolment(self, signed_in: SignedIn, *, code: str) -> Granted | Refused:
        """Take the first code: from now on new password and second factor hold, and nothing else.

        All other sessions of the account end, and its passkeys, recovery codes and national login:
        they may be in the hands for which the link was made. So whoever follows somebody else's
        link is noticed, too: nothing of that person's works any more. This session becomes active.
        All of it is one act: what was begun before it with an old way in is not finished after it.
        """
        enrolment = signed_in.session.enrolment
        if enrolment is None or enrolment.password_hash is None:
            return Refused(_OVER, "code", is_over=True)
        step = find_totp_step(code, secret=enrolment.totp_secret, at=self.clock(), after=-1)
        if step is None:
            return Refused(_WRONG_CODE, "code")
        account = signed_in.account
        credentials = Credentials(
            account_id=account.id,
            password_hash=enrolment.password_hash,
            totp_secret=enrolment.totp_secret,
            totp_last_step=step,
        )
        granted = self.sessions.prepare(signed_in, Stage.ACTIVE, renew=True)
        new = granted.signed_in.session
        if not self.setting_up.set_up(credentials, old=signed_in.session.token_hash, session=new):
            return Refused(_OVER, "code", is_over=True)
        self.failures.clear_failures(_account_key(account.sign_in_name))
        _log.info("sign_in_set_up", account=account.id)
        return granted

    def confirm_password(
        self, signed_in: SignedIn, *, password: str, visitor: Visitor
    ) -> Refused | None:
        """Ask somebody who is signed in for the password once more; counted as unlocking is."""
        key = _session_key(signed_in)
        refused = self._refuse_or_count(key, visitor, field="password")
        if refused is not None:
            return refused
        if not self._is_password(password, signed_in.account.password_hash, key=key):
            return Refused(_WRONG_PASSWORD, "password")
        self.failures.forget_failure(_client_key(visitor))
        self.failures.clear_failures(key)
        return None

    def confirm_identity(
        self, signed_in: SignedIn, *, given: str, visitor: Visitor
    ) -> Refused | None:
        """Ask somebody who is signed in to prove it once more: by password, or by a new code.

        Attempts count against this session, as unlocking does.
        """
        key = _session_key(signed_in)
        refused = self._refuse_or_count(key, visitor, field="password")
        if refused is not None:
            return refused
        is_code = given.strip().isdecimal() and self._use_code(signed_in.account, given.strip())
        if not is_code and not self._is_password(given, signed_in.account.password_hash, key=key):
            _log.warning("sign_in_refused", step="confirm", account=signed_in.account.id)
            return Refused(_NOT_CONFIRMED, "password")
        self.failures.forget_failure(_client_key(visitor))
        self.failures.clear_failures(key)
        return None

    def count_attempt(self, visitor: Visitor, *, field: str) -> Refused | None:
        """Count an attempt that names nobody, for the client alone, or refuse it."""
        return self._refuse_or_count(None, visitor, field=field)

    def count_asking(self, visitor: Visitor, *, field: str) -> Refused | None:
        """Count a passkey's beginning for the client, or refuse it: each one is kept for a while.

        Beside the attempts: whoever comes in takes back one of each.
        """
        return self._refuse_or_count(None, _as_asking(visitor), field=field)

    def let_in(
        self, account: Account, visitor: Visitor, *, holds: Callable[[], bool]
    ) -> Granted | Refused:
        """Open an active session for somebody who has shown both factors otherwise.

        ``holds`` looks once more whether what they have shown is theirs.
        """
        self.failures.forget_failure(_client_key(visitor))
        self.failures.forget_failure(_client_key(_as_asking(visitor)))
        begun = self.open_while(holds, account, Stage.SECOND_FACTOR, visitor)
        return self._activate(begun.signed_in) if begun else Refused(_OVER, "name", is_over=True)

    def open_while(
        self, holds: Callable[[], bool], account: Account, stage: Stage, visitor: Visitor
    ) -> Granted | None:
        """Open a session, and end it again if what was shown for it does not hold any more.

        A set-up ends the sessions that are kept by then; who comes with something old a moment
        later finds here, when theirs is kept, that it is worth nothing.
        """
        granted = self.sessions.open(account, stage, visitor)
        if holds():
            return granted
        self.sessions.end(granted.signed_in.session)
        _log.warning("sign_in_refused", step="replaced", account=account.id)
        return None

    def _activate(self, signed_in: SignedIn, *, renew: bool = True) -> Granted | Refused:
        self.failures.clear_failures(_account_key(signed_in.account.sign_in_name))
        granted = self.sessions.advance(signed_in, Stage.ACTIVE, renew=renew)
        return granted or Refused(_OVER, "code", is_over=True)

    def _use_code(self, account: Account, code: str) -> bool:
        if self.recovery is not None and self.recovery.use(account.id, code):
            _log.warning("recovery_code_used", account=account.id)
            return True
        if account.totp_secret is None:
            return False
        step = find_totp_step(
            code, secret=account.totp_secret, at=self.clock(), after=account.totp_last_step
        )
        return step is not None and self.accounts.advance_totp_step(account.id, step)

    def _refuse_or_count(self, key: str | None, visitor: Visitor, *, field: str) -> Refused | None:
        now = self.clock()
        of_key = Failures() if key is None else self.failures.load_failures(key)
        wait = max(
            find_wait(of_key, delays=ACCOUNT_DELAYS, now=now),
            find_wait(
                self.failures.load_failures(_client_key(visitor)), delays=CLIENT_DELAYS, now=now
            ),
        )
        if wait > timedelta(0):
            _log.warning("sign_in_delayed", seconds=int(wait.total_seconds()))
            return Refused(
                msg(
                    "There were too many attempts. Wait %(time)s and try again, "
                    "or ask your administrator for a one-time link.",
                    time=describe_duration(wait + timedelta(seconds=59)),
                ),
                field,
            )
        for counted in (key, _client_key(visitor)):
            if counted is None:
                continue
            self.failures.record_failure(counted, at=now, forget_before=now - FORGET_AFTER)
        return None

    def _is_password(self, password: str, stored: str | None, *, key: str) -> bool:
        """Check it; where it is not even looked at, that is no guess at the account's."""
        try:
            return self.passwords.is_password(password, stored)
        except TooManyAttemptsError:
            self.failures.forget_failure(key)
            _log.warning("sign_in_turned_away")
            raise


def _is_usable(account: Account) -> bool:
    return (
        account.is_active and account.password_hash is not None and account.totp_secret is not None
    )


def _account_key(sign_in_name: str) -> str:
    return _key("account", sign_in_name.casefold())


def _session_key(signed_in: SignedIn) -> str:
    return _key("session", signed_in.session.token_hash)


def _as_asking(visitor: Visitor) -> Visitor:
    return replace(visitor, client=f"asking {visitor.client}")


def _client_key(visitor: Visitor) -> str:
    return _key("client", visitor.client)


def _key(kind: str, name: str) -> str:
    # Hashed, so that a table of failures does not list who works here and from where.
    return hashlib.sha256(f"{kind}\0{name}".encode()).hexdigest()
