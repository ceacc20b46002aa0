"""What becomes of a file that we send, as a table. What is not in it cannot happen."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SentState(StrEnum):
    """Where a file of ours is."""

    #: Its message is not with the broker yet, or no chunk is.
    WAITING = "waiting"
    #: Some chunks are with the broker.
    MOVING = "moving"
    #: All are. Whether they arrived, the receipt of the message says.
    HANDED_OVER = "handed_over"
    #: Its message came to an end before all chunks left: none leaves any more.
    ENDED = "ended"
    #: It is not on our disk any more, or was damaged.
    GONE = "gone"


class SentEvent(StrEnum):
    """What happens to it."""

    SOME_STORED = "some_stored"
    ALL_STORED = "all_stored"
    ASKED_AGAIN = "asked_again"
    MESSAGE_ENDED = "message_ended"
    LOST = "lost"


SENT_TABLE: Final[Mapping[tuple[SentState, SentEvent], SentState]] = MappingProxyType(
    {
        (SentState.WAITING, SentEvent.SOME_STORED): SentState.MOVING,
        (SentState.WAITING, SentEvent.ALL_STORED): SentState.HANDED_OVER,
        (SentState.MOVING, SentEvent.SOME_STORED): SentState.MOVING,
        (SentState.MOVING, SentEvent.ALL_STORED): SentState.HANDED_OVER,
        (SentState.WAITING, SentEvent.ASKED_AGAIN): SentState.WAITING,
        (SentState.MOVING, SentEvent.ASKED_AGAIN): SentState.MOVING,
        (SentState.HANDED_OVER, SentEvent.ASKED_AGAIN): SentState.MOVING,
        # Asked for although its message had come to an end here: proof beats belief.
        (SentState.ENDED, SentEvent.ASKED_AGAIN): SentState.MOVING,
        (SentState.WAITING, SentEvent.MESSAGE_ENDED): SentState.ENDED,
        (SentState.MOVING, SentEvent.MESSAGE_ENDED): SentState.ENDED,
        (SentState.WAITING, SentEvent.LOST): SentState.GONE,
        (SentState.MOVING, SentEvent.LOST): SentState.GONE,
        (SentState.HANDED_OVER, SentEvent.LOST): SentState.GONE,
        (SentState.ENDED, SentEvent.LOST): SentState.GONE,
    }
)


def advance_sent(state: SentState, event: SentEvent) -> SentState | None:
    """Return the next state, or None if the event changes nothing."""
    return SENT_TABLE.get((state, event))
