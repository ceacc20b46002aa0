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
        EventKind.MESSAGE_CANCELLED: Step.CANCELLED,
        EventKind.MESSAGE_GIVEN_UP: None,
        EventKind.MESSAGE_RETRIED: None,
        EventKind.MESSAGE_SETTLED: None,
        EventKind.OPEN_AGAIN: None,
        EventKind.ENVELOPE_RETRIED: None,
        EventKind.ENVELOPE_SETTLED: None,
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
        EventKind.LINK_CANCELLED: None,
        EventKind.MESSAGE_LATE: None,
        EventKind.MESSAGE_ASKED_AGAIN: None,
        EventKind.FILES_ARRIVED: Step.DELIVERED,
        EventKind.FILE_BROKEN: None,
        EventKind.FILE_GONE: None,
        EventKind.FILE_GIVEN_UP: None,
        EventKind.FILE_QUARANTINED: None,
        EventKind.FILE_UNSCANNED: None,
        EventKind.FILE_SCANNED_AGAIN: None,
        EventKind.FILE_TAKEN: None,
        EventKind.REGISTRY_CONFLICT: None,
    }
)
"""Every kind of entry; None where it tells of no step."""

#: A message with files counts as delivered once these are here, not when it came (SPEC 13).
_BEFORE_FILES: Final = frozenset({EventKind.MESSAGE_RECEIVED, EventKind.MESSAGE_UNREADABLE})


def find_step(kind: EventKind, *, awaits_files: bool) -> Step | None:
    """Return the step that an entry tells of; ``awaits_files``: its message came with files."""
    if awaits_files and kind in _BEFORE_FILES:
        return None
    return STEP_OF_EVENT[kind]
