"""Access that counted without the word of anybody who had the same, and telling those who have it.

The first of a node come in so, the first of a channel (somebody of another channel confirms them),
and whom a command on the machine confirmed. So each who has a part of that access is told, then or
when they get it, until they have said that they know these people.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import SYSTEM, Principal
from node.domain.standing import CONFIDENTIAL, MAY_CONFIRM, list_areas, list_areas_of
from node.service.context import NodeContext
from node.store.account_tables import AccountRow, ClearanceRow, UnaskedRow, UnaskedSeenRow
from protocol.identifiers import Channel

_AT_ONCE: Final = 50


class Why(StrEnum):
    """Why nobody was asked."""

    #: Nobody of this node ever had it.
    FIRST = "first"
    #: Nobody was left who could: confirmed by a command.
    MACHINE = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """A part of somebody's access, and who gave it: ``given_by`` is an actor."""

    unasked_id: int
    account_id: str
    sign_in_name: str
    display_name: str
    why: Why
    channels: frozenset[Channel]
    confidential: bool
    given_by: str
    at: datetime


def note_unasked(
    context: NodeContext,
    session: Session,
    row: ClearanceRow,
    *,
    why: Why,
    areas: frozenset[str],
) -> None:
    """Keep that this part of what somebody has counts from now on, and nobody who has it said so.

    ``areas``: as :func:`node.domain.standing.list_areas` names them.
    """
    session.add(
        UnaskedRow(
            account_id=row.account_id,
            why=why.value,
            channels=" ".join(sorted(areas - {CONFIDENTIAL})),
            confidential=CONFIDENTIAL in areas,
            given_by=row.given_by or SYSTEM.actor,
            at=context.clock(),
        )
    )


def list_unasked(context: NodeContext, *, who: Principal) -> list[Unasked]:
    """Give what this person was not told yet of access that they have a part of, oldest first."""
    if (person := _whom_to_tell(who)) is None:
        return []
    with context.database.reading() as session:
        own = list_areas_of(who)
        return [_describe(account, row, own) for account, row in _find(session, who, person)]


def handle_told(context: NodeContext, last: int, *, who: Principal) -> None:
    """Keep that this person knows of everything up to ``last`` that they are shown."""
    if (person := _whom_to_tell(who)) is None:
        return

    def tell(session: Session) -> None:
        for _account, row in _find(session, who, person):
            if row.unasked_id is not None and row.unasked_id <= last:
                session.add(
                    UnaskedSeenRow(unasked_id=row.unasked_id, account_id=person, at=context.clock())
                )

    context.transact(tell)


def _whom_to_tell(who: Principal) -> str | None:
    return who.person if any(who.may(each) for each in MAY_CONFIRM) else None


def _find(session: Session, who: Principal, person: str) -> list[tuple[AccountRow, UnaskedRow]]:
    own = list_areas_of(who)
    seen = select(UnaskedSeenRow.unasked_id).where(UnaskedSeenRow.account_id == person)
    statement = (
        select(AccountRow, UnaskedRow)
        .join(UnaskedRow, col(UnaskedRow.account_id) == col(AccountRow.account_id))
        .where(UnaskedRow.account_id != person, col(UnaskedRow.unasked_id).not_in(seen))
        .order_by(col(UnaskedRow.unasked_id))
    )
    found = [
        (account, row)
        for account, row in session.exec(statement)
        if own & list_areas(row.channels, confidential=row.confidential)
    ]
    return found[:_AT_ONCE]


def _describe(account: AccountRow, row: UnaskedRow, own: frozenset[str]) -> Unasked:
    """Say what of it the reader has, too: what else somebody has is not theirs to know."""
    areas = list_areas(row.channels, confidential=row.confidential) & own
    return Unasked(
        unasked_id=row.unasked_id or 0,
        account_id=account.account_id,
        sign_in_name=account.sign_in_name,
        display_name=account.display_name,
        why=Why(row.why),
        channels=frozenset(Channel(name) for name in areas - {CONFIDENTIAL}),
        confidential=CONFIDENTIAL in areas,
        given_by=row.given_by,
        at=row.at,
    )
