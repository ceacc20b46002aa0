"""The people of a node: who they are, what they may do and see, and their way in.

Administrators decide it and never see what it opens: nobody has a role that shows content and one
that administers or audits, nobody changes their own roles or clearance, and what they give counts
only when a second person has confirmed it (``node.service.second_word``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, delete, select

from console.accounts.models import (
    TOKEN_BYTES,
    Account,
    AccountId,
    SignInLink,
    format_token,
    hash_token,
)
from console.storage.witness import Done
from node.domain.access import GRANTS, KEEPS_OUT, Permission, Principal
from node.domain.audit import Act
from node.domain.standing import Access
from node.service.accounts import lock_people, open_accounts, open_sessions
from node.service.audit import record
from node.service.context import NodeContext, NodeError, NotFoundError, StaleError
from node.service.permitting import require
from node.service.principals import split_channels, write_channels
from node.service.second_word import held_names, note_gain
from node.service.tokens import take_back_tokens_of
from node.store.account_tables import AccountRow, ClearanceRow
from node.store.kept_form_tables import KeptFormRow
from protocol.identifiers import Channel
from protocol.policy.facts import Role


class AccountProblem(StrEnum):
    """What is wrong with what an administrator asks: pages say it in the reader's language."""

    NAME_MALFORMED = "name_malformed"
    NAME_TAKEN = "name_taken"
    DISPLAY_NAME_MALFORMED = "display_name_malformed"
    ONESELF = "oneself"
    LAST_ADMIN = "last_admin"
    NO_KNOWN_ROLE = "no_known_role"
    ROLES_APART = "roles_apart"
    CONFIDENTIAL_WITHOUT_CASES = "confidential_without_cases"
    LINK_TOO_LONG = "link_too_long"
    #: Of an invitation by mail: they have a way in, no address, no mail server that takes it.
    SET_UP = "set_up"
    NO_ADDRESS = "no_address"
    NO_MAIL = "no_mail"


class AccountError(NodeError):
    """An account cannot be made or changed as asked."""

    def __init__(self, text: str, problem: AccountProblem) -> None:
        super().__init__(text)
        self.problem = problem


LINK_PATH: Final = "/link/"
"""Where a sign-in link leads: the console's address, this path, and the token."""

LINK_LIFETIME: Final = timedelta(hours=72)

_SIGN_IN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,118}")
_LONGEST_DISPLAY_NAME: Final = 200
_LONGEST_LINK: Final = timedelta(days=7)
_SHOW_CONTENT: Final = frozenset(
    role for role, granted in GRANTS.items() if Permission.READ_CASES in granted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What somebody shall be: their roles, and of which messages they may know."""

    roles: frozenset[str]
    channels: frozenset[Channel] = field(default_factory=lambda: frozenset({Channel.ASSISTANCE}))
    #: The strictly confidential part of cases.
    confidential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """Somebody who is to be added."""

    sign_in_name: str
    display_name: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person of this node, as administrators see them. ``row_version`` counts changes."""

    account: Account
    standing: Standing
    row_version: int
    access: Access = Access.CONFIRMED


def handle_add_account(context: NodeContext, person: NewPerson, *, who: Principal) -> AccountId:
    """Add a person, who then sets up password and second factor through a sign-in link.

    Raises :class:`AccountError`: a name that is taken or malformed, an unknown role, or roles that
    one person never has together; ``ForbiddenError``.
    """
    require(who, Permission.ADMINISTER_PEOPLE)
    name = person.sign_in_name.strip().casefold()
    shown = person.display_name.strip()
    if not _SIGN_IN_NAME.fullmatch(name):
        raise AccountError(
            "A sign-in name has 2 to 119 letters a to z, digits, and . _ @ -, beginning with a "
            "letter or digit.",
            AccountProblem.NAME_MALFORMED,
        )
    if not shown or len(shown) > _LONGEST_DISPLAY_NAME or not shown.isprintable():
        raise AccountError(
            "A display name is one line of up to 200 characters.",
            AccountProblem.DISPLAY_NAME_MALFORMED,
        )
    _verify(person.standing)
    account = Account(
        id=AccountId(context.random(16).hex()),
        sign_in_name=name,
        display_name=shown,
        roles=person.standing.roles,
    )

    def clear(session: Session, _done: Done) -> None:
        row = _set_clearance(context, session, account.id, person.standing, who=who)
        note_gain(context, session, row, had=frozenset(), who=who)

    if not open_accounts(context, who, also=clear).add_account(account, at=context.clock()):
        raise AccountError(
            f"The sign-in name {name} is taken: choose another.", AccountProblem.NAME_TAKEN
        )
    return account.id


def handle_change_standing(
    context: NodeContext,
    account_id: AccountId,
    standing: Standing,
    *,
    who: Principal,
    row_version: int | None = None,
) -> Person:
    """Give somebody other roles or another clearance; they count from the next request on.

    ``row_version`` is what the administrator saw. Raises ``NotFoundError``, :class:`AccountError`
    (as for a new person; for oneself; for the last administrator), ``StaleError``.
    """
    require(who, Permission.ADMINISTER_PEOPLE)
    _verify(standing)
    if account_id == who.person:
        raise AccountError(
            "Nobody changes what they may do themselves: ask another administrator.",
            AccountProblem.ONESELF,
        )

    def change(session: Session) -> None:
        lock_people(context, session)
        account = session.get(AccountRow, account_id)
        if account is None:
            raise NotFoundError("There is no such account: list the people.")
        clearance = session.get(ClearanceRow, account_id, with_for_update=True)
        seen = 0 if clearance is None else clearance.row_version
        if row_version is not None and row_version != seen:
            raise StaleError("Somebody changed this person meanwhile: look at them again.")
        had = held_names(account.roles.split(), clearance)
        was, account.roles = account.roles, " ".join(sorted(standing.roles))
        if was != account.roles:
            detail = {"was": was, "now": account.roles}
            record(context, session, who, Act.ROLES_CHANGED, subject=account_id, detail=detail)
        session.add(account)
        session.flush()
        keep_an_administrator(session, was)
        row = _set_clearance(context, session, account_id, standing, who=who)
        note_gain(context, session, row, had=had, who=who)
        _forget_kept_form(session, account_id)

    context.transact(change)
    return load_person(context, account_id, who=who)


def handle_shut_out(context: NodeContext, account_id: AccountId, *, who: Principal) -> None:
    """Close an account at once: its sessions end, its links and tokens stop working, for good.

    It stays in the list, since timelines and the audit log name it. Nothing happens if it is closed
    already. Raises ``NotFoundError``, :class:`AccountError` for oneself and the last administrator.
    """
    require(who, Permission.ADMINISTER_PEOPLE)
    if account_id == who.person:
        raise AccountError(
            "Nobody shuts themselves out: ask another administrator.", AccountProblem.ONESELF
        )
    account = _find(context, account_id)

    def keep(session: Session, _done: Done) -> None:
        lock_people(context, session)
        keep_an_administrator(session, " ".join(account.roles))
        take_back_tokens_of(context, session, account_id, who=who)
        _forget_kept_form(session, account_id)

    open_accounts(context, who, also=keep).shut_out(account_id)


def handle_let_in(context: NodeContext, account_id: AccountId, *, who: Principal) -> None:
    """Open a closed account again: password and second factor are those of before, no tokens."""
    require(who, Permission.ADMINISTER_PEOPLE)
    _find(context, account_id)
    open_accounts(context, who).let_in(account_id)


def handle_make_sign_in_link(
    context: NodeContext,
    sign_in_name: str,
    lifetime: timedelta = LINK_LIFETIME,
    *,
    who: Principal,
) -> str:
    """Make a one-time link: its token, shown here and never again.

    Earlier links stop working and all sessions end: a link is also what follows a lost device.

    The link is the console's address, :data:`LINK_PATH`, and the token. Raises ``NotFoundError``
    for an unknown name, :class:`AccountError` for a lifetime that is too long.
    """
    require(who, Permission.ADMINISTER_PEOPLE)
    if not timedelta(0) < lifetime <= _LONGEST_LINK:
        raise AccountError(
            "A sign-in link lives between a moment and 7 days.", AccountProblem.LINK_TOO_LONG
        )
    accounts = open_accounts(context, who)
    account = accounts.load_account_by_name(sign_in_name.strip())
    if account is None or not account.is_active:
        raise NotFoundError("There is no active account of that sign-in name: list the accounts.")
    token = context.random(TOKEN_BYTES)
    accounts.save_link(
        SignInLink(
            token_hash=hash_token(token),
            account_id=account.id,
            expires_at=context.clock() + lifetime,
        )
    )
    # After it: whoever has just followed an earlier link is signed out, too.
    open_sessions(context, who).delete_sessions(account.id)
    return format_token(token)


def list_accounts(context: NodeContext) -> Sequence[Account]:
    """Give all accounts, by sign-in name: for naming who did something."""
    return open_accounts(context).list_accounts()


def list_people(context: NodeContext, *, who: Principal) -> list[Person]:
    """Give all people with what they may do and see, by sign-in name."""
    require(who, Permission.ADMINISTER_PEOPLE)
    with context.database.reading() as session:
        clearances = {row.account_id: row for row in session.exec(select(ClearanceRow))}
    return [_describe(account, clearances.get(account.id)) for account in list_accounts(context)]


def load_person(context: NodeContext, account_id: AccountId, *, who: Principal) -> Person:
    """Give one person; raises ``NotFoundError``."""
    require(who, Permission.ADMINISTER_PEOPLE)
    account = _find(context, account_id)
    with context.database.reading() as session:
        return _describe(account, session.get(ClearanceRow, account_id))


def keep_an_administrator(session: Session, had: str) -> None:
    """Refuse what takes the last administrator away; only the command line could mend it.

    It looks after the change and behind the lock, so that two who take the role from each other at
    once do not both succeed. ``had``: the roles of before.
    """
    if Role.NODE_ADMIN not in had.split():
        return
    others = session.exec(select(AccountRow.roles).where(col(AccountRow.is_active).is_(True)))
    if not any(Role.NODE_ADMIN in roles.split() for roles in others):
        raise AccountError(
            "This is the last node administrator: give somebody else the role first.",
            AccountProblem.LAST_ADMIN,
        )


def _find(context: NodeContext, account_id: AccountId) -> Account:
    account = open_accounts(context).load_account(account_id)
    if account is None:
        raise NotFoundError("There is no such account: list the people.")
    return account


def _describe(account: Account, clearance: ClearanceRow | None) -> Person:
    return Person(
        account=account,
        standing=Standing(
            roles=account.roles,
            channels=split_channels(clearance.channels) if clearance else frozenset(),
            confidential=clearance.confidential if clearance else False,
        ),
        row_version=clearance.row_version if clearance else 0,
        access=Access(clearance.access) if clearance else Access.CONFIRMED,
    )


def _set_clearance(
    context: NodeContext, session: Session, account_id: str, standing: Standing, *, who: Principal
) -> ClearanceRow:
    shows = bool(standing.roles & _SHOW_CONTENT)
    channels = write_channels(standing.channels) if shows else ""
    row = session.get(ClearanceRow, account_id)
    if row is None:
        row = ClearanceRow(account_id=account_id, channels="", row_version=0)
    if (row.channels, row.confidential) != (channels, standing.confidential):
        detail: dict[str, str | int | bool | None] = {
            "was": row.channels,
            "now": channels,
            "confidential": standing.confidential,
        }
        record(context, session, who, Act.CLEARANCE_CHANGED, subject=account_id, detail=detail)
    row.channels, row.confidential = channels, standing.confidential
    row.row_version += 1
    session.add(row)
    return row


def _forget_kept_form(session: Session, account_id: str) -> None:
    """Forget what they typed when their screen locked: they may not see it any more."""
    session.execute(delete(KeptFormRow).where(col(KeptFormRow.account_id) == account_id))


def _verify(standing: Standing) -> None:
    unknown = standing.roles - set(Role)
    if unknown or not standing.roles:
        raise AccountError(
            f"Give one or more of these roles: {', '.join(Role)}.", AccountProblem.NO_KNOWN_ROLE
        )
    if standing.roles & KEEPS_OUT and standing.roles & _SHOW_CONTENT:
        raise AccountError(
            "Who administers or audits the node never sees content: make a second account for "
            "their work on cases.",
            AccountProblem.ROLES_APART,
        )
    if standing.confidential and not standing.roles & _SHOW_CONTENT:
        raise AccountError(
            "The strictly confidential part is opened only to somebody who reads cases.",
            AccountProblem.CONFIDENTIAL_WITHOUT_CASES,
        )
