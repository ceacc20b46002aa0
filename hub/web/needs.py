"""What needs an operator now: a table of who looks for it, shown on the overview."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hub.context import HubContext
from hub.operators.roles import Role
from hub.web.change_needs import find_change_needs
from hub.web.drill_needs import find_overdue_drills, find_poor_lists, find_wrong_entries
from hub.web.need import Need
from hub.web.network.needs import find_network_needs
from hub.web.registry.needs import find_registry_needs


@dataclass(frozen=True, slots=True)
class Lookout:
    """Who needs to know, and what finds it. ``find`` may block, and is asked at each overview."""

    roles: frozenset[Role]
    find: Callable[[HubContext], Iterable[Need]]


LOOKOUTS: Final[Sequence[Lookout]] = (
    Lookout(frozenset({Role.DIRECTORY_OPERATOR}), find_registry_needs),
    Lookout(frozenset({Role.DIRECTORY_OPERATOR}), find_overdue_drills),
    Lookout(frozenset({Role.DIRECTORY_OPERATOR}), find_wrong_entries),
    Lookout(frozenset({Role.DIRECTORY_OPERATOR}), find_poor_lists),
    Lookout(frozenset({Role.DIRECTORY_OPERATOR}), find_change_needs),
    Lookout(frozenset({Role.HUB_ADMIN}), find_network_needs),
)
"""A module of pages adds its own here, one line each."""


def find_needs(context: HubContext, roles: frozenset[str]) -> Sequence[Need]:
    """Find what needs a person with these roles."""
    return [
        need
        for lookout in LOOKOUTS
        if not lookout.roles.isdisjoint(roles)
        for need in lookout.find(context)
    ]


def order_needs(found: Iterable[Need]) -> Sequence[Need]:
    """Put the most urgent first; among equals, as they were found."""
    return sorted(found, key=lambda need: need.rank)
