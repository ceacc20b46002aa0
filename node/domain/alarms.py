"""What this node thinks of two hashes for one version of the registry."""

from enum import StrEnum


class AlarmStanding(StrEnum):
    """How much an alarm proves."""

    #: One of the two hashes was verified here: two registries exist, or the other node is at fault.
    CERTAIN = "certain"
    #: Both are the words of others.
    SUSPECTED = "suspected"
    #: A peer's alarm about a message that we did sign: the two of us were shown two registries, or
    #: the peer says so falsely under its signature.
    CONFIRMED = "confirmed"
    #: A peer's alarm about a message that we do not know, or that named something else.
    UNFOUNDED = "unfounded"


GRAVE = frozenset({AlarmStanding.CERTAIN, AlarmStanding.CONFIRMED})
"""What both administrators have to clear up, outside this system."""
