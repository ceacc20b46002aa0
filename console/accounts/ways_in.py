"""Signing in by something else than password and code: a passkey, or the national login.

A passkey is two factors at once. The national login is as its settings say: one factor, after which
the code of the own app is asked for, or both.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from console.accounts.factors import Ceremony, FactorStore, Purpose
from console.accounts.models import Account, AccountId, SignedIn, Stage
from console.accounts.national import Identity, NationalLogin, NationalLoginError
from console.accounts.passkeys import Passkeys, Place
from console.accounts.recovery import RecoveryCodes
from console.accounts.sessions import Granted, Visitor
from console.accounts.sign_in import Refused, SignIn
from console.i18n import msg

VISIT: Final = timedelta(minutes=15)
"""How long somebody may stay at the national login."""

_PASSKEY_REFUSED: Final = msg(
    "This passkey is not known here, or its use was not confirmed. Try again, or sign in with your "
    "password."
)
_NATIONAL_FAILED: Final = msg(
    "The national login did not work. Try again, or sign in with your password."
)
_NOT_LINKED: Final = msg(
    "No account here is linked to this national login. Sign in with your password, and link it "
    "under 'Where you are signed in'."
)
_TAKEN: Final = msg("This national login belongs to another account. Ask your administrator.")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Linked:
    """An account was linked to the national login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysIn:
    """The use cases of further ways in, over the stores of one face."""

    sign_in: SignIn
    store: FactorStore
    passkeys: Passkeys
    recovery: RecoveryCodes
    national: NationalLogin | None = None

    def confirm(self, signed_in: SignedIn, password: str, visitor: Visitor) -> Refused | None:
        """Ask for the password once more, before a way in is added or taken away."""
        return self.sign_in.confirm_password(signed_in, password=password, visitor=visitor)

    def sign_in_by_passkey(
        self, answer: str, *, place: Place, browser: str, visitor: Visitor
    ) -> Granted | Refused:
        """Let in whose passkey signed this browser's challenge."""
        refused = self.sign_in.count_attempt(visitor, field="passkey")
        if refused is not None:
            return refused
        passkey = self.passkeys.find_signer(answer, place=place, browser=browser)
        account = self._load(passkey.account_id if passkey else None)
        if passkey is None or account is None:
            _log.warning("sign_in_refused", step="passkey")
            return Refused(_PASSKEY_REFUSED, "passkey")

        def holds() -> bool:
            now = self.store.find_passkey(passkey.credential_id)
            return now is not None and (now.account_id, now.public_key) == (
                passkey.account_id,
                passkey.public_key,
            )

        return self.sign_in.let_in(account, visitor, holds=holds)

    # ------------------------------------------------------------------ the national login

    def visit_national(self, *, browser: str, account: Account | None = None) -> str:
        """Give the address of the national login; ``account``: to link it.

        Raises :class:`~console.accounts.national.NationalLoginError`.
        """
        if self.national is None:
            raise NationalLoginError("No national login is set up here.")
        departure = self.national.depart(_bind(browser, account))
        now = self.sign_in.clock()
        self.store.begin_ceremony(
            Ceremony(
                ceremony_id=_name(departure.state),
                purpose=Purpose.NATIONAL,
                secret=departure.secret,
                expires_at=now + VISIT,
            ),
            now=now,
        )
        return departure.address

    def return_from_national(
        self,
        answer: "NationalAnswer",
        *,
        browser: str,
        visitor: Visitor,
        signed_in: SignedIn | None,
    ) -> Granted | Refused | Linked:
        """Let in, or link the account of ``signed_in`` to, whoever the national login says it is.

        Raises :class:`~console.accounts.models.SessionOverError`.
        """
        refused = self.sign_in.count_attempt(visitor, field="national")
        if refused is not None:
            return refused
        account = signed_in.account if signed_in else None
        identity = self._read_answer(answer, bound_to=_bind(browser, account))
        if identity is None:
            return Refused(_NATIONAL_FAILED, "national")
        if signed_in is None:
            return self._let_in(identity, visitor)
        is_theirs = self.store.link_national(
            signed_in.account.id,
            identity.identity_hash,
            at=self.sign_in.clock(),
            by=signed_in.session.token_hash,
        )
        return Linked() if is_theirs else Refused(_TAKEN, "national")

    def _read_answer(self, answer: "NationalAnswer", *, bound_to: str) -> Identity | None:
        secret = self.store.take_ceremony(
            _name(answer.state), Purpose.NATIONAL, at=self.sign_in.clock()
        )
        if secret is None or self.national is None or not answer.code:
            return None
        try:
            return self.national.arrive(
                code=answer.code, issuer=answer.issuer, secret=secret, bound_to=bound_to
            )
        except NationalLoginError as error:
            _log.warning("national_login_refused", problem=str(error))
            return None

    def _let_in(self, identity: Identity, visitor: Visitor) -> Granted | Refused:
        known = self._load(self.store.find_national(identity.identity_hash))
        if known is None:
            return Refused(_NOT_LINKED, "national")

        def holds() -> bool:
            return self.store.find_national(identity.identity_hash) == known.id

        if identity.is_strong:
            return self.sign_in.let_in(known, visitor, holds=holds)
        granted = self.sign_in.open_while(holds, known, Stage.SECOND_FACTOR, visitor)
        return granted or Refused(_NOT_LINKED, "national")

    def _load(self, account_id: AccountId | None) -> Account | None:
        account = account_id and self.sign_in.accounts.load_account(account_id)
        return account if account and account.is_active else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalAnswer:
    """What a browser brings back."""

    code: str
    state: str
    issuer: str | None


def _bind(browser: str, account: Account | None) -> str:
    """Say which browser goes, and whether to sign in or to link which account."""
    return hashlib.sha256(f"{browser}\0{account.id if account else ''}".encode()).hexdigest()


def _name(state: str) -> str:
    return hashlib.sha256(f"state\0{state}".encode()).hexdigest()
