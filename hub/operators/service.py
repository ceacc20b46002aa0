"""Operators: added, given roles, shut out and let in again, and their one-time links."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, select

from console.accounts.models import (
    TOKEN_BYTES,
    Account,
    AccountId,
    SignInLink,
    format_token,
    hash_token,
)
from console.storage.database import Database
from console.storage.witness import Deed, Done
from hub.context import HubError, HubRecords, NotFoundError
from hub.operators.roles import Role
from hub.store.account_tables import AccountRow

LINK_PATH: Final = "/link/"
"""Where a sign-in link leads: the console's address, this path, and the token."""
LINK_LIFETIME: Final = timedelta(hours=1)

_SIGN_IN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,118}")
_LONGEST_DISPLAY_NAME: Final = 200
_LONGEST_LINK: Final = timedelta(days=7)


class AccountProblem(StrEnum):
    """What is wrong with an account that somebody wants."""

    NAME_MALFORMED = "name_malformed"
    NAME_TAKEN = "name_taken"
    DISPLAY_NAME_MALFORMED = "display_name_malformed"
    NO_KNOWN_ROLE = "no_known_role"
    LAST_ADMIN = "last_admin"
    ONESELF = "oneself"
    LINK_TOO_LONG = "link_too_long"


_ADVICE: Final[Mapping[AccountProblem, str]] = {
    AccountProblem.NAME_MALFORMED: "A sign-in name has 2 to 119 letters a to z, digits, and "
    ". _ @ -, beginning with a letter or digit.",
    AccountProblem.NAME_TAKEN: "That sign-in name is taken: choose another.",
    AccountProblem.DISPLAY_NAME_MALFORMED: "A display name is one line of up to 200 characters.",
    AccountProblem.NO_KNOWN_ROLE: f"Give one or more of these roles: {', '.join(Role)}.",
    AccountProblem.LAST_ADMIN: "This is the last hub administrator: give somebody else the role "
    "first.",
    AccountProblem.ONESELF: "Nobody shuts themselves out: ask another administrator.",
    AccountProblem.LINK_TOO_LONG: "A sign-in link lives between a moment and 7 days.",
}


class AccountError(HubError):
    """An account cannot be made or changed as asked; ``problem`` says why, for programs."""

    def __init__(self, problem: AccountProblem) -> None:
        super().__init__(_ADVICE[problem])
        self.problem = problem


class StaleAccountError(HubError):
    """Somebody else changed the account since the page was opened: look at it again."""


def handle_add_operator(
    records: HubRecords, *, actor: str, sign_in_name: str, display_name: str, roles: Iterable[str]
) -> AccountId:
    """Add an operator, who then sets up password and second factor through a sign-in link.

    Raises :class:`AccountError`: a name that is taken or malformed, or no known role.
    """
    name = sign_in_name.strip().casefold()
    shown = display_name.strip()
    if not _SIGN_IN_NAME.fullmatch(name):
        raise AccountError(AccountProblem.NAME_MALFORMED)
    if not shown or len(shown) > _LONGEST_DISPLAY_NAME or not shown.isprintable():
        raise AccountError(AccountProblem.DISPLAY_NAME_MALFORMED)
    account = Account(
        id=AccountId(records.random(16).hex()),
        sign_in_name=name,
        display_name=shown,
        roles=_check_roles(roles),
    )
    if not records.open_accounts(actor).add_account(account, at=records.clock()):
        raise AccountError(AccountProblem.NAME_TAKEN)
    return account.id


def handle_set_roles(
    records: HubRecords,
    account_id: AccountId,
    *,
    actor: str,
    roles: Iterable[str],
    seen: Iterable[str] | None = None,
) -> None:
    """Give an operator other roles; they count from the next request on.

    ``seen`` are the roles that the page showed. Raises ``NotFoundError``, :class:`AccountError`,
    and :class:`StaleAccountError` if the roles are no longer those.
    """
    account = find_operator(records, account_id)
    wanted = _check_roles(roles)
    expected = account.roles if seen is None else frozenset(seen)
    accounts = records.open_accounts(actor, check=_keep_an_admin)
    if not accounts.change_roles(account.id, expected=expected, roles=wanted):
        raise StaleAccountError("The roles were changed meanwhile: look at them again.")


def handle_shut_out(records: HubRecords, account_id: AccountId, *, actor: str) -> None:
    """Close an account at once: its sessions end, its links stop working.

    It stays in the list, since the audit log names it. Nothing happens if it is closed already.
    Raises ``NotFoundError``, :class:`AccountError` for oneself and for the last administrator.
    """
    account = find_operator(records, account_id)
    if account.id == actor:
        raise AccountError(AccountProblem.ONESELF)
    records.open_accounts(actor, check=_keep_an_admin).shut_out(account.id)


def handle_let_in(records: HubRecords, account_id: AccountId, *, actor: str) -> None:
    """Open a closed account again: password and second factor are those of before."""
    account = find_operator(records, account_id)
    records.open_accounts(actor).let_in(account.id)


def handle_make_sign_in_link(
    records: HubRecords,
    account_id: AccountId,
    *,
    actor: str,
    lifetime: timedelta = LINK_LIFETIME,
) -> str:
    """Make a one-time link: its token, shown here and never again.

    Earlier links stop working and all sessions end: a link is also what follows a lost device. The
    link is the console's address, :data:`LINK_PATH`, and the token. Raises ``NotFoundError`` for
    an unknown or closed account, :class:`AccountError` for a lifetime that is too long.
    """
    if not timedelta(0) < lifetime <= _LONGEST_LINK:
        raise AccountError(AccountProblem.LINK_TOO_LONG)
    account = find_operator(records, account_id)
    if not account.is_active:
        raise NotFoundError("This account is closed: let it in first.")
    token = records.random(TOKEN_BYTES)
    records.open_accounts(actor).save_link(
        SignInLink(
            token_hash=hash_token(token),
            account_id=account.id,
            expires_at=records.clock() + lifetime,
        )
    )
    # After it: whoever has just followed an earlier link is signed out, too.
    records.open_sessions(actor).delete_sessions(account.id)
    return format_token(token)


@dataclass(frozen=True, slots=True)
class OperatorName:
    """How an operator is called. It needs no key to be read: the second factor stays sealed."""

    account_id: str
    sign_in_name: str
    display_name: str


def list_names(database: Database) -> Sequence[OperatorName]:
    """Give the names of all accounts, by sign-in name."""
    columns = (AccountRow.account_id, AccountRow.sign_in_name, AccountRow.display_name)
    with database.reading() as session:
        rows = session.exec(select(*columns).order_by(col(AccountRow.sign_in_name))).all()
    return [OperatorName(*row) for row in rows]


def list_operators(records: HubRecords) -> Sequence[Account]:
    """Give all accounts, by sign-in name."""
    return records.open_accounts().list_accounts()


def find_operator(records: HubRecords, account_id: AccountId) -> Account:
    """Give an account; raises ``NotFoundError``."""
    account = records.open_accounts().load_account(account_id)
    if account is None:
        raise NotFoundError("There is no such operator: list them.")
    return account


def find_operator_by_name(records: HubRecords, sign_in_name: str) -> Account:
    """Give an account by its sign-in name; raises ``NotFoundError``."""
    account = records.open_accounts().load_account_by_name(sign_in_name.strip())
    if account is None:
        raise NotFoundError("There is no operator of that sign-in name: list them.")
    return account


def _check_roles(roles: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(roles)
    if not wanted or wanted - set(Role):
        raise AccountError(AccountProblem.NO_KNOWN_ROLE)
    return wanted


def _keep_an_admin(session: Session, done: Done) -> None:
    """Keep somebody who can let others in; only the command line could mend it otherwise.

    It looks after the change and behind the lock of the log, so that two administrators who take
    the role from each other at once do not both succeed.
    """
    if done.deed is Deed.ROLES_CHANGED:
        had = done.detail["was"]
    else:
        had = session.get_one(AccountRow, done.account_id).roles
    if Role.HUB_ADMIN not in had.split():
        return
    others = session.exec(select(AccountRow.roles).where(col(AccountRow.is_active).is_(True)))
    if not any(Role.HUB_ADMIN in roles.split() for roles in others):
        raise AccountError(AccountProblem.LAST_ADMIN)
