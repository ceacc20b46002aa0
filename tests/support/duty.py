"""People at desks for tests of items: accounts with clearances, rosters, and a kept post."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session, col, select

from contact_registry.models import Authority
from node.domain.access import Principal
from node.domain.notices import Letter
from node.domain.work import Telling
from node.service.context import NodeContext
from node.service.principals import load_people, write_channels
from node.service.work.roster import Member, Roster, handle_keep_roster
from node.store.account_tables import AccountRow, ClearanceRow
from node.store.work_tables import WorkEventRow, WorkItemRow
from protocol.identifiers import Channel, ParticipantCode
from protocol.policy.facts import Role
from tests.support.node import Network
from tests.support.people import acting

KEEPER = acting("keeper", Role.NODE_ADMIN)
"""Keeps rosters."""


@dataclass(slots=True)
class KeptPost:
    """A postman who keeps what he gets, or raises what the test says."""

    letters: list[Letter] = field(default_factory=list)
    trouble: Exception | None = None

    def send(self, letter: Letter) -> None:
        """Keep a letter."""
        if self.trouble is not None:
            raise self.trouble
        self.letters.append(letter)


def add_person(
    context: NodeContext,
    name: str,
    *roles: Role,
    channels: Iterable[Channel] = Channel,
    active: bool = True,
) -> Principal:
    """Add somebody who may sign in: a focal point for every channel unless told otherwise."""
    held = roles or (Role.FOCAL_POINT,)

    def add(session: Session) -> None:
        session.add(
            AccountRow(
                account_id=name,
                sign_in_name=name,
                display_name=name,
                roles=" ".join(held),
                is_active=active,
                created_at=context.clock(),
            )
        )
        session.flush()
        session.add(ClearanceRow(account_id=name, channels=write_channels(channels)))

    context.transact(add)
    with context.database.reading() as session:
        return load_people(session, [name]).get(name) or acting(name, *held, channels=channels)


def keep_roster(context: NodeContext, desk: str, *members: Member, **parts: Any) -> Roster:
    """Let these people work at a desk that had no roster."""
    roster = Roster(desk=desk, members=members, **parts)
    return handle_keep_roster(context, roster, who=KEEPER, seen=0)


def change_desks(network: Network, code: str, *desks: Authority) -> None:
    """Let a Participant list these desks, and no others."""
    directory = network.directory.directory
    participant = ParticipantCode(code)
    document = directory.contacts[participant].model_copy(update={"authorities": desks})
    network.directory.directory = replace(
        directory, contacts={**directory.contacts, participant: document}
    )


def load_items(context: NodeContext, **where: object) -> Sequence[WorkItemRow]:
    """Return all items of a node, in the order in which they were made."""
    statement = select(WorkItemRow).order_by(col(WorkItemRow.opened_at), col(WorkItemRow.kind))
    for name, value in where.items():
        statement = statement.where(getattr(WorkItemRow, name) == value)
    with context.database.reading() as session:
        return session.exec(statement).all()


def told(context: NodeContext, item_id: str) -> list[tuple[str | None, str | None]]:
    """Return who was told of an item, as members of which audience, in order."""
    with context.database.reading() as session:
        rows = session.exec(
            select(WorkEventRow)
            .where(
                WorkEventRow.item_id == item_id,
                col(WorkEventRow.kind).in_([kind.value for kind in Telling]),
            )
            .order_by(col(WorkEventRow.work_event_id))
        )
        return [(row.target, row.code) for row in rows]
