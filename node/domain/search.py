"""What can be found by words, and how much one question may cost."""

from enum import StrEnum
from typing import Final

from protocol.identifiers import Channel


class Kind(StrEnum):
    """Kinds of what is found."""

    MESSAGE = "message"
    NOTE = "note"
    #: A case, by its reference alone.
    CASE = "case"
    #: The strictly confidential part of a case. It is never found together with the others.
    CONFIDENTIAL = "confidential"


UNKNOWN_CHANNEL: Final = "unknown"
"""The channel of what could not be read: found by those who are cleared for every channel."""

MOST_WORDS: Final = 8
"""Words of one question; more find nothing that fewer do not."""

LONGEST_QUESTION: Final = 200
"""Characters of one question."""

LONGEST_PAGE: Final = 100
"""Most hits of one answer."""

MOST_LOOKED_AT: Final = 500
"""Documents that one question looks at, found or not. It bounds what a question of frequent words
costs that hardly ever meet; the answer says where to go on."""


def name_channel(channel: Channel | None) -> str:
    """Return how a channel stands in the index."""
    return UNKNOWN_CHANNEL if channel is None else channel.value
