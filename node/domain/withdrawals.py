"""The states of a deletion that one side owes the other, as a table.

It begins with a withdrawal of consent or a request to delete, sent or received, and ends with a
typed answer. Until then it grows late: a reminder, then the desk's reserve. No state but the end
is a quiet one.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.messages.general import ErasureOutcome


class DeletionState(StrEnum):
    """Where a deletion stands."""

    #: Asked for, and in time.
    OPEN = "open"
    #: The deadline is over; people were told.
    OVERDUE = "overdue"
    #: Long over: the reserve was told, too.
    ESCALATED = "escalated"
    ERASED = "erased"
    ERASED_IN_PART = "erased_in_part"
    #: The other side keeps everything, and says under which duty.
    NOT_ERASED = "not_erased"
    #: The message that asked for it was taken back before it left.
    TAKEN_BACK = "taken_back"


OPEN_STATES: Final = frozenset({DeletionState.OPEN, DeletionState.OVERDUE, DeletionState.ESCALATED})
"""States in which an answer is owed."""

ESCALATED_AFTER: Final = timedelta(days=1)
"""How long after the deadline the reserve is told."""


class DeletionEvent(StrEnum):
    """What moves a deletion."""

    DEADLINE_PASSED = "deadline_passed"
    LONG_PASSED = "long_passed"
    ANSWERED_ERASED = "answered_erased"
    ANSWERED_IN_PART = "answered_in_part"
    ANSWERED_NOT_ERASED = "answered_not_erased"
    TAKEN_BACK = "taken_back"


_ANSWERS: Final = (
    (DeletionEvent.ANSWERED_ERASED, DeletionState.ERASED),
    (DeletionEvent.ANSWERED_IN_PART, DeletionState.ERASED_IN_PART),
    (DeletionEvent.ANSWERED_NOT_ERASED, DeletionState.NOT_ERASED),
)
#: What was kept may be erased later, and that is said in a further answer.
_ANSWERABLE: Final = OPEN_STATES | {DeletionState.ERASED_IN_PART, DeletionState.NOT_ERASED}

DELETION_TABLE: Final[Mapping[tuple[DeletionState, DeletionEvent], DeletionState]] = (
    MappingProxyType(
        {
            (DeletionState.OPEN, DeletionEvent.DEADLINE_PASSED): DeletionState.OVERDUE,
            (DeletionState.OVERDUE, DeletionEvent.LONG_PASSED): DeletionState.ESCALATED,
            **{(state, event): to for state in _ANSWERABLE for event, to in _ANSWERS},
            **{
                (state, DeletionEvent.TAKEN_BACK): DeletionState.TAKEN_BACK for state in OPEN_STATES
            },
        }
    )
)

EVENT_OF_OUTCOME: Final[Mapping[ErasureOutcome, DeletionEvent]] = MappingProxyType(
    {
        ErasureOutcome.ERASED: DeletionEvent.ANSWERED_ERASED,
        ErasureOutcome.ERASED_IN_PART: DeletionEvent.ANSWERED_IN_PART,
        ErasureOutcome.NOT_ERASED: DeletionEvent.ANSWERED_NOT_ERASED,
    }
)


def advance_deletion(state: DeletionState, event: DeletionEvent) -> DeletionState | None:
    """Return the next state, or ``None`` if the event changes nothing."""
    return DELETION_TABLE.get((state, event))
