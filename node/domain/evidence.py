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
        # The course of a case happens here and is told in messages of its own.
        EventKind.ACT_NOT_IN_ORDER: None,
        EventKind.NOTE_ADDED: None,
        EventKind.NOTE_CHANGED: None,
        EventKind.NOTE_DELETED: None,
        EventKind.CASE_LINKED: None,
        EventKind.CASE_UNLINKED: None,
        EventKind.MANAGER_NAMED: None,
        EventKind.CASE_HANDED_OVER: None,
        EventKind.PERSON_STATUS_RECORDED: None,
        EventKind.PERSON_GROUP_RECORDED: None,
        EventKind.GUARDIAN_RECORDED: None,
        EventKind.CASE_CLOSED: None,
        EventKind.CASE_REOPENED: None,
        EventKind.CONFIDENTIAL_CHANGED: None,
        # So do consents, approvals, returns, and whose turn it is.
        EventKind.CONSENT_RECORDED: None,
        EventKind.CONSENT_WITHDRAWN: None,
        EventKind.EXCEPTION_RECORDED: None,
        EventKind.CIRCUMSTANCES_CHANGED: None,
        EventKind.APPROVAL_ASKED: None,
        EventKind.APPROVAL_GIVEN: None,
        EventKind.APPROVAL_REFUSED: None,
        EventKind.APPROVAL_EXPIRED: None,
        EventKind.APPROVAL_TAKEN_BACK: None,
        EventKind.WITHDRAWAL_RECORDED: None,
        EventKind.WITHDRAWAL_RECEIVED: None,
        EventKind.DELETION_CONFIRMED: None,
        EventKind.DELETION_REPORTED: None,
        EventKind.DELETION_OVERDUE: None,
        EventKind.DELETION_ESCALATED: None,
        EventKind.RECIPIENT_TOLD: None,
        EventKind.ERASED: None,
        EventKind.PASSED_ON: None,
        EventKind.ONWARD_ALLOWED: None,
        EventKind.ONWARD_DENIED: None,
        EventKind.RETURN_CHANGED: None,
        EventKind.ARRIVAL_UNANNOUNCED: None,
        EventKind.ARRIVAL_SETTLED: None,
        EventKind.ITEM_CLAIMED: None,
        EventKind.ITEM_RELEASED: None,
        EventKind.ITEM_HANDED_OVER: None,
        EventKind.ITEM_MOVED: None,
        EventKind.ITEM_REMINDED: None,
        EventKind.ITEM_ESCALATED: None,
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
