"""What happens to accounts, told to whoever keeps an audit log, inside the same transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sqlmodel import Session as DatabaseSession

from console.accounts.models import AccountId


class Deed(StrEnum):
    """Something that was done to an account, or by it."""

    ACCOUNT_ADDED = "account_added"
    ROLES_CHANGED = "roles_changed"
    SHUT_OUT = "shut_out"
    LET_IN = "let_in"
    LINK_MADE = "link_made"
    LINK_FOLLOWED = "link_followed"
    CREDENTIALS_SET = "credentials_set"
    SECOND_FACTOR_FORGOTTEN = "second_factor_forgotten"
    #: Password and second factor were both given; unlocking a screen is not this.
    SIGNED_IN = "signed_in"
    #: A session of somebody who had signed in is over: signed out, ended elsewhere, or too old.
    SESSION_ENDED = "session_ended"


@dataclass(frozen=True, slots=True)
class Done:
    """One deed, whose account it is, and codes that say more."""

    deed: Deed
    account_id: AccountId
    detail: Mapping[str, str] = field(default_factory=dict)


Witness = Callable[[DatabaseSession, Done], None]
"""Told of each deed in the transaction that does it: what it writes is kept with the deed, or not
at all. What it raises undoes the deed."""


def tell_nobody(_session: DatabaseSession, _done: Done) -> None:
    """Keep no log: the witness of a face that has none."""
