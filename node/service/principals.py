"""Who asks: the principal of a person who signed in, or that a program is bound to."""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlmodel import Session, col, select

from console.accounts.models import Account
from node.domain.access import ABOUT_CONTENT, Permission, Principal, list_permissions
from node.domain.standing import Access
from node.service.context import NodeContext
from node.store.account_tables import AccountRow, ClearanceRow
from node.store.bulk import in_parts
from protocol.identifiers import Channel
from protocol.policy.facts import Role

LOCAL: Final = "local:"
"""How a command on the node's machine stands in timelines and in the audit log."""


def describe_person(context: NodeContext, account: Account) -> Principal:
    """Return what the person of this account may do and see, as of now."""
    with context.database.reading() as session:
        clearance = session.get(ClearanceRow, account.id)
    return _describe(str(account.id), account.roles, clearance)


def load_people(session: Session, account_ids: Iterable[str]) -> Mapping[str, Principal]:
    """Return what these people may do and see; without those who may not sign in (any more)."""
    found = {}
    for part in in_parts(sorted(set(account_ids))):
        statement = (
            select(AccountRow, ClearanceRow)
            .join(
                ClearanceRow,
                col(ClearanceRow.account_id) == col(AccountRow.account_id),
                isouter=True,
            )
            .where(col(AccountRow.account_id).in_(part), col(AccountRow.is_active).is_(True))
        )
        for account, clearance in session.exec(statement):
            found[account.account_id] = _describe(
                account.account_id, account.roles.split(), clearance
            )
    return found


def describe_local(login: str) -> Principal:
    """Return who a command on the node's machine is: it administers, and reads no content."""
    return Principal(
        actor=f"{LOCAL}{login}"[:64],
        permissions=list_permissions({Role.NODE_ADMIN}),
        roles=frozenset({Role.NODE_ADMIN}),
    )


def is_local(who: Principal) -> bool:
    """Say whether this is a command on the node's machine."""
    return who.actor.startswith(LOCAL)


def _describe(account_id: str, roles: Iterable[str], clearance: ClearanceRow | None) -> Principal:
    held = frozenset(Role(role) for role in roles)
    permissions = list_permissions(held, confidential=bool(clearance and clearance.confidential))
    if clearance is not None and clearance.access != Access.CONFIRMED:
        permissions -= ABOUT_CONTENT  # until a second person has confirmed it
    reads = Permission.READ_CASES in permissions
    return Principal(
        actor=account_id,
        permissions=permissions,
        channels=split_channels(clearance.channels) if clearance and reads else frozenset(),
        roles=held,
        person=account_id,
    )


def split_channels(text: str) -> frozenset[Channel]:
    """Read the channels of a row."""
    return frozenset(Channel(name) for name in text.split())


def write_channels(channels: Iterable[Channel]) -> str:
    """Write channels for a row."""
    return " ".join(sorted(channels))
