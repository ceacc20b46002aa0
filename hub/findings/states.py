"""How a finding is looked after: one table, and nothing that is not in it can happen.

That a finding is *true* is another matter: the registry says so, each time it is asked. A finding
that is put right goes away by itself, whatever stands here.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Standing(StrEnum):
    """Whether somebody looks after a finding."""

    OPEN = "open"
    TAKEN = "taken"
    RESOLVED = "resolved"
    """It stays as it is, for a reason that is written down, until a day."""


class Step(StrEnum):
    """What an operator does with a finding."""

    TAKE = "take"
    ASSIGN = "assign"
    GIVE_BACK = "give_back"
    RESOLVE = "resolve"
    REOPEN = "reopen"


STEPS: Final[Mapping[Standing, Mapping[Step, Standing]]] = MappingProxyType(
    {
        Standing.OPEN: MappingProxyType(
            {
                Step.TAKE: Standing.TAKEN,
                Step.ASSIGN: Standing.TAKEN,
                Step.RESOLVE: Standing.RESOLVED,
            }
        ),
        Standing.TAKEN: MappingProxyType(
            {
                Step.TAKE: Standing.TAKEN,
                Step.ASSIGN: Standing.TAKEN,
                Step.GIVE_BACK: Standing.OPEN,
                Step.RESOLVE: Standing.RESOLVED,
            }
        ),
        Standing.RESOLVED: MappingProxyType({Step.REOPEN: Standing.OPEN}),
    }
)
