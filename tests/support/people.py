"""Who asks, in tests: people and programs with what they may do and see."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from node.domain.access import Principal, list_permissions
from node.domain.standing import CONFIDENTIAL
from node.service.context import NodeContext
from node.service.principals import describe_local
from node.service.tokens import TokenWish, handle_make_token
from node.store.account_tables import HeldRow
from protocol.identifiers import Channel
from protocol.policy.facts import Role

STAFF: Final = Principal(
    actor="officer",
    permissions=list_permissions({Role.FOCAL_POINT}),
    channels=frozenset(Channel),
    roles=frozenset({Role.FOCAL_POINT}),
    person="officer",
)
"""A focal point who is cleared for every channel."""

LOCAL: Final = describe_local("tester")
"""A command on the node's machine."""


def acting(actor: str, *roles: Role, channels: Iterable[Channel] = Channel) -> Principal:
    """Return somebody of this name: a focal point for every channel unless told otherwise."""
    held = frozenset(roles or {Role.FOCAL_POINT})
    return replace(
        STAFF,
        actor=actor,
        person=actor,
        roles=held,
        permissions=list_permissions(held),
        channels=frozenset(channels),
    )


def token_of(context: NodeContext, label: str = "program", *, days: float = 1, **wish: Any) -> str:
    """Make a token, for every channel unless told otherwise."""
    wanted: dict[str, Any] = {"channels": frozenset(Channel), **wish}
    lifetime = timedelta(days=days)
    return handle_make_token(
        context, TokenWish(label=label, lifetime=lifetime, **wanted), who=LOCAL
    )


def note_all_held(context: NodeContext) -> None:
    """Let this be a node where people had everything before: access waits for a second person."""
    with context.database.transaction() as session:
        for name in (*Channel, CONFIDENTIAL):
            session.add(HeldRow(name=name, since=context.clock()))
