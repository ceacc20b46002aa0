"""The course of a case at this node, as tables.

A case has one **strand** for each channel in which it is worked on. A strand is open or closed
here; what the other side thinks of it is said in messages.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

UNKNOWN_CHANNEL: Final = "unknown"
"""The strand of messages that this version cannot read."""


class StrandState(StrEnum):
    """Whether a case is worked on in a channel."""

    OPEN = "open"
    CLOSED = "closed"


class StrandEvent(StrEnum):
    """What moves a strand."""

    CLOSED = "closed"
    REOPENED = "reopened"
    #: A message came that somebody has to answer.
    OPENER_RECEIVED = "opener_received"


STRAND_TABLE: Final[Mapping[tuple[StrandState, StrandEvent], StrandState]] = MappingProxyType(
    {
        (StrandState.OPEN, StrandEvent.CLOSED): StrandState.CLOSED,
        (StrandState.CLOSED, StrandEvent.REOPENED): StrandState.OPEN,
        # What comes is never left lying in a closed case.
        (StrandState.CLOSED, StrandEvent.OPENER_RECEIVED): StrandState.OPEN,
    }
)
"""What is not here changes nothing."""


def advance_strand(state: StrandState, event: StrandEvent) -> StrandState | None:
    """Return the next state, or ``None`` if the event changes nothing."""
    return STRAND_TABLE.get((state, event))


REOPENS_NOTHING: Final = frozenset({"general.consent_withdrawn", "general.erasure"})
"""Types that have to be carried out in a closed case, too, and take nothing up again."""


class ReopenReason(StrEnum):
    """Why somebody here takes a closed case up again."""

    NEW_FACTS = "new_facts"
    PERSON_CAME_BACK = "person_came_back"
    PROCEEDINGS_GO_ON = "proceedings_go_on"
    CLOSED_BY_MISTAKE = "closed_by_mistake"
    OTHER = "other"


class StatementKind(StrEnum):
    """What can be said of a case, in a message or by people here. The newest word counts."""

    #: Who coordinates the case on the side that says so: a post.
    MANAGER = "manager"
    #: The code is a ``TraffickingStatus``.
    PERSON_STATUS = "person_status"
    #: The code is a ``PersonGroup``: whether the rules for children apply.
    PERSON_GROUP = "person_group"
    #: The code is a ``GuardianSituation``; the details name the guardian's post.
    GUARDIAN = "guardian"
