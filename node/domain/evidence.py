"""Which step of a message an entry of the timeline tells of."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from node.domain.events import EventKind
from protocol.evidence.steps import Step

STEP_OF_EVENT: Final[Mapping[EventKind, Step | None]] = MappingProxyType(
    {
        EventKind.CASE_OPENED: None,
        EventKind.PARTICIPANT_JOINED: None,
        EventKind.MESSAGE_QUEUED: Step.SIGNED,
        EventKind.MESSAGE_ON_ITS_WAY: Step.ACCEPTED_BY_BROKER,
        EventKind.MESSAGE_DELIVERED: Step.DELIVERED,
        EventKind.MESSAGE_READ: Step.READ,
        EventKind.MESSAGE_REJECTED: Step.REJECTED,
        EventKind.MESSAGE_EXPIRED: Step.EXPIRED,
        EventKind.MESSAGE_RECEIVED: Step.DELIVERED,
        EventKind.MESSAGE_UNREADABLE: Step.DELIVERED,
        EventKind.MESSAGE_OPENED: Step.READ,
        # Decisions and answers are messages of their own, with steps of their own.
        EventKind.DECIDED: None,
        EventKind.DECISION_RECEIVED: None,
        EventKind.ANSWERED: None,
        EventKind.ANSWER_RECEIVED: None,
        EventKind.LINK_GAP: None,
        EventKind.LINK_CONFLICT: None,
        EventKind.LINK_GIVEN_UP: None,
        EventKind.LINK_GONE: None,
        EventKind.MESSAGE_LATE: None,
        EventKind.MESSAGE_ASKED_AGAIN: None,
        EventKind.REGISTRY_CONFLICT: None,
    }
)
"""Every kind of entry; None where it tells of no step."""
