"""The people of a node: who they are, what they may do, and their way in."""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from console.accounts.models import (
    TOKEN_BYTES,
    Account,
    AccountId,
    SignInLink,
    format_token,
    hash_token,
)
from node.service.context import NodeContext, NodeError, NotFoundError
from node.store.accounts import SqlAccounts, SqlSessions
from protocol.policy.facts import Role


class AccountError(NodeError):
    """An account cannot be made as asked."""


LINK_PATH: Final = "/link/"
"""Where a sign-in link leads: the console's address, this path, and the token."""

_SIGN_IN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,118}")
_LONGEST_DISPLAY_NAME: Final = 200
_LONGEST_LINK: Final = timedelta(days=7)


def handle_add_account(
    context: NodeContext, *, sign_in_name: str, display_name: str, roles: Iterable[str]
) -> AccountId:
    """Add a person, who then sets up password and second factor through a sign-in link.

    Raises :class:`AccountError`: a name that is taken or malformed, an unknown role, or a node
    administrator who would also see content, which one person never does.
    """
    name = sign_in_name.strip().casefold()
    shown = display_name.strip()
    wanted = frozenset(roles)
    if not _SIGN_IN_NAME.fullmatch(name):
        raise AccountError(
            "A sign-in name has 2 to 119 letters a to z, digits, and . _ @ -, beginning with a "
            "letter or digit."
        )
    if not shown or len(shown) > _LONGEST_DISPLAY_NAME or not shown.isprintable():
        raise AccountError("A display name is one line of up to 200 characters.")
    unknown = sorted(wanted - set(Role))
    if unknown or not wanted:
        raise AccountError(f"Give one or more of these roles: {', '.join(Role)}.")
    if Role.NODE_ADMIN in wanted and wanted & {Role.FOCAL_POINT, Role.APPROVER}:
        raise AccountError(
            "A node administrator never sees content: make a second account for the focal point."
        )
    account = Account(
        id=AccountId(context.random(16).hex()),
        sign_in_name=name,
        display_name=shown,
        roles=wanted,
    )
    if not SqlAccounts(context.database, context.keys).add_account(account, at=context.clock()):
        raise AccountError(f"The sign-in name {name} is taken: choose another.")
    return account.id


def handle_make_sign_in_link(
    context: NodeContext, sign_in_name: str, lifetime: timedelta = timedelta(hours=72)
) -> str:
    """Make a one-time link: its token, shown here and never again.

    Earlier links stop working and all sessions end: a link is also what follows a lost device.

    The link is the console's address, :data:`LINK_PATH`, and the token. Raises ``NotFoundError``
    for an unknown name, :class:`AccountError` for a lifetime that is too long.
    """
    if not timedelta(0) < lifetime <= _LONGEST_LINK:
        raise AccountError("A sign-in link lives between a moment and 7 days.")
    accounts = SqlAccounts(context.database, context.keys)
    account = accounts.load_account_by_name(sign_in_name.strip())
    if account is None or not account.is_active:
        raise NotFoundError("There is no active account of that sign-in name: list the accounts.")
    SqlSessions(context.database, context.keys).delete_sessions(account.id)
    token = context.random(TOKEN_BYTES)
    accounts.save_link(
        SignInLink(
            token_hash=hash_token(token),
            account_id=account.id,
            expires_at=context.clock() + lifetime,
        )
    )
    return format_token(token)


def list_accounts(context: NodeContext) -> Sequence[Account]:
    """Give all accounts, by sign-in name."""
    return SqlAccounts(context.database, context.keys).list_accounts()
