"""The states of a drill as a table: what is not in it cannot happen.

=============  ==============  ==============  =============  ==============  =============
state          reached         not reached     time passed    asked anew      withdrawn
=============  ==============  ==============  =============  ==============  =============
asked          answered        unreached       overdue        *refused*       withdrawn
overdue        answered_late   unreached       overdue        unanswered      withdrawn
the others     *refused*       *refused*       unchanged      unchanged       *refused*
=============  ==============  ==============  =============  ==============  =============

An answer that comes late is still worth more than none, so an overdue drill stays open until the
same desk and phase are asked anew.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class DrillState(StrEnum):
    """Where a drill stands."""

    ASKED = "asked"
    OVERDUE = "overdue"
    ANSWERED = "answered"
    ANSWERED_LATE = "answered_late"
    #: The Participant tried and reached nobody.
    UNREACHED = "unreached"
    #: Nobody answered until the next drill was due.
    UNANSWERED = "unanswered"
    WITHDRAWN = "withdrawn"


class DrillEvent(StrEnum):
    """What happens to a drill."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    TIME_PASSED = "time_passed"
    ASKED_ANEW = "asked_anew"
    WITHDRAWN = "withdrawn"


OPEN: Final = frozenset({DrillState.ASKED, DrillState.OVERDUE})
"""The states in which an answer is taken."""

SUCCEEDED: Final = frozenset({DrillState.ANSWERED, DrillState.ANSWERED_LATE})
FAILED: Final = frozenset({DrillState.UNREACHED, DrillState.UNANSWERED})
_FINAL: Final = frozenset(DrillState) - OPEN
_UNMOVED: Final = (DrillEvent.TIME_PASSED, DrillEvent.ASKED_ANEW)

TRANSITIONS: Final[Mapping[tuple[DrillState, DrillEvent], DrillState]] = MappingProxyType(
    {
        (DrillState.ASKED, DrillEvent.REACHED): DrillState.ANSWERED,
        (DrillState.ASKED, DrillEvent.NOT_REACHED): DrillState.UNREACHED,
        (DrillState.ASKED, DrillEvent.TIME_PASSED): DrillState.OVERDUE,
        (DrillState.ASKED, DrillEvent.WITHDRAWN): DrillState.WITHDRAWN,
        (DrillState.OVERDUE, DrillEvent.REACHED): DrillState.ANSWERED_LATE,
        (DrillState.OVERDUE, DrillEvent.NOT_REACHED): DrillState.UNREACHED,
        (DrillState.OVERDUE, DrillEvent.TIME_PASSED): DrillState.OVERDUE,
        (DrillState.OVERDUE, DrillEvent.ASKED_ANEW): DrillState.UNANSWERED,
        (DrillState.OVERDUE, DrillEvent.WITHDRAWN): DrillState.WITHDRAWN,
        **{(state, event): state for state in _FINAL for event in _UNMOVED},
    }
)


def move(state: DrillState, event: DrillEvent) -> DrillState | None:
    """Return the state after ``event``, or None if the event is refused in this state."""
    return TRANSITIONS.get((state, event))
