"""The state machines of a node, as tables. What is not in a table cannot happen.

``Dispatch`` is what became of a message we sent, seen by machines; ``Handling`` is what people did
about a message, on whichever side. They are separate on purpose: that the other node has it does
not mean that anybody has looked at it. What people can do is the table of
:mod:`protocol.conversation.table`; ``Handling`` is what lists need to know of its states.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Dispatch(StrEnum):
    """States of an outgoing message."""

    QUEUED = "queued"
    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    READ = "read"
    REJECTED = "rejected"
    EXPIRED = "expired"
    #: Taken back by its sender before it was on its way.
    CANCELLED = "cancelled"
    #: An administrator ended the attempts before the message expired.
    GIVEN_UP = "given_up"


class DispatchEvent(StrEnum):
    """What moves an outgoing message."""

    BROKER_STORED = "broker_stored"
    RECEIPT_DELIVERED = "receipt_delivered"
    RECEIPT_READ = "receipt_read"
    RECEIPT_REJECTED = "receipt_rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    GIVEN_UP = "given_up"
    #: An administrator had a message handed over once more that was refused or given up.
    RETRIED = "retried"


DISPATCH_TABLE: Final[Mapping[tuple[Dispatch, DispatchEvent], Dispatch]] = MappingProxyType(
    {
        (Dispatch.QUEUED, DispatchEvent.BROKER_STORED): Dispatch.ON_ITS_WAY,
        (Dispatch.ON_ITS_WAY, DispatchEvent.BROKER_STORED): Dispatch.ON_ITS_WAY,
        # A receipt may overtake our own record that the broker has the message.
        (Dispatch.QUEUED, DispatchEvent.RECEIPT_DELIVERED): Dispatch.DELIVERED,
        (Dispatch.ON_ITS_WAY, DispatchEvent.RECEIPT_DELIVERED): Dispatch.DELIVERED,
        (Dispatch.QUEUED, DispatchEvent.RECEIPT_READ): Dispatch.READ,
        (Dispatch.ON_ITS_WAY, DispatchEvent.RECEIPT_READ): Dispatch.READ,
        (Dispatch.DELIVERED, DispatchEvent.RECEIPT_READ): Dispatch.READ,
        (Dispatch.QUEUED, DispatchEvent.RECEIPT_REJECTED): Dispatch.REJECTED,
        (Dispatch.ON_ITS_WAY, DispatchEvent.RECEIPT_REJECTED): Dispatch.REJECTED,
        (Dispatch.QUEUED, DispatchEvent.EXPIRED): Dispatch.EXPIRED,
        (Dispatch.ON_ITS_WAY, DispatchEvent.EXPIRED): Dispatch.EXPIRED,
        (Dispatch.QUEUED, DispatchEvent.CANCELLED): Dispatch.CANCELLED,
        (Dispatch.QUEUED, DispatchEvent.GIVEN_UP): Dispatch.GIVEN_UP,
        (Dispatch.ON_ITS_WAY, DispatchEvent.GIVEN_UP): Dispatch.GIVEN_UP,
        (Dispatch.REJECTED, DispatchEvent.RETRIED): Dispatch.QUEUED,
        (Dispatch.GIVEN_UP, DispatchEvent.RETRIED): Dispatch.QUEUED,
        # The other side had it after all: proof beats what we believed.
        (Dispatch.EXPIRED, DispatchEvent.RECEIPT_DELIVERED): Dispatch.DELIVERED,
        (Dispatch.EXPIRED, DispatchEvent.RECEIPT_READ): Dispatch.READ,
        (Dispatch.EXPIRED, DispatchEvent.RECEIPT_REJECTED): Dispatch.REJECTED,
        (Dispatch.CANCELLED, DispatchEvent.RECEIPT_DELIVERED): Dispatch.DELIVERED,
        (Dispatch.CANCELLED, DispatchEvent.RECEIPT_READ): Dispatch.READ,
        (Dispatch.CANCELLED, DispatchEvent.RECEIPT_REJECTED): Dispatch.REJECTED,
        (Dispatch.GIVEN_UP, DispatchEvent.RECEIPT_DELIVERED): Dispatch.DELIVERED,
        (Dispatch.GIVEN_UP, DispatchEvent.RECEIPT_READ): Dispatch.READ,
        (Dispatch.GIVEN_UP, DispatchEvent.RECEIPT_REJECTED): Dispatch.REJECTED,
        # It was refused because it came too late, and asked for afterwards.
        (Dispatch.REJECTED, DispatchEvent.RECEIPT_DELIVERED): Dispatch.DELIVERED,
        (Dispatch.REJECTED, DispatchEvent.RECEIPT_READ): Dispatch.READ,
    }
)

NOT_HELD: Final = frozenset({Dispatch.CANCELLED, Dispatch.REJECTED})
"""States of a message that the other side does not have, as far as is known: it does nothing."""

OPEN_DISPATCH: Final = frozenset({Dispatch.QUEUED, Dispatch.ON_ITS_WAY})
"""States in which the relay still owes something."""


def advance_dispatch(state: Dispatch, event: DispatchEvent) -> Dispatch | None:
    """Return the next state, or ``None`` if the event changes nothing (repeated, or too late)."""
    return DISPATCH_TABLE.get((state, event))


class Handling(StrEnum):
    """What people did about a message that expects a decision."""

    NEW = "new"
    OPENED = "opened"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    FORWARDED = "forwarded"
    MORE_INFORMATION_ASKED = "more_information_asked"
    ANSWERED_IN_PART = "answered_in_part"
    ANSWERED = "answered"
    #: To an authority of another Participant: it ends here.
    FORWARDED_ELSEWHERE = "forwarded_elsewhere"
    #: Taken back by its sender, or closed with its case by either side.
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    NOTHING_EXPECTED = "nothing_expected"


DECIDABLE: Final = frozenset({Handling.NEW, Handling.OPENED, Handling.MORE_INFORMATION_ASKED})
"""States in which nothing final was decided yet. See :mod:`node.service.conversations`."""
ANSWERABLE: Final = DECIDABLE | {Handling.ACCEPTED, Handling.ANSWERED_IN_PART}
"""States in which a request still waits for its answer: accepting it is not answering it."""
