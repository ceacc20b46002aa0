"""Which received messages wait for a typed answer, and which of these by a deletion."""

from typing import Final

from node.domain.states import ANSWERABLE
from node.service.reading import Item
from node.service.records import IN
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.entries import Expectation

ASKS_TO_DELETE: Final = frozenset({"general.consent_withdrawn", "general.erasure"})
"""Types whose typed answer says what was deleted: it is given where the deletion is done."""


def asks_for_answer(tag: str) -> bool:
    """Whether a type is answered by a typed answer, and not by a decision alone."""
    entry = CATALOGUE.get(tag)
    return entry is not None and entry.expects is Expectation.RESPONSE


def is_answerable(message: Item) -> bool:
    """Whether a received message still waits for its typed answer."""
    is_received = message.direction == IN and message.readable
    return is_received and asks_for_answer(message.type) and message.handling in ANSWERABLE


def is_to_delete(message: Item) -> bool:
    """Whether what it waits for is a deletion."""
    return is_answerable(message) and message.type in ASKS_TO_DELETE
