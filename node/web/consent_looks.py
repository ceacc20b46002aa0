"""How entries of a timeline look that tell of consent, approvals, deletions and returns."""

from collections.abc import Mapping
from typing import Final

from console.i18n import pmsg
from node.domain.events import EventKind
from node.web.timeline_looks import TimelineLook

CONSENT_LOOKS: Final[Mapping[EventKind, TimelineLook]] = {
    EventKind.CONSENT_RECORDED: TimelineLook(
        pmsg("timeline", "A consent was put on file"), "info", "file-text"
    ),
    EventKind.CONSENT_WITHDRAWN: TimelineLook(
        pmsg("timeline", "Consent was withdrawn"), "warn", "ban"
    ),
    EventKind.EXCEPTION_RECORDED: TimelineLook(
        pmsg("timeline", "An exception to consent was recorded"), "warn", "pencil"
    ),
    EventKind.CIRCUMSTANCES_CHANGED: TimelineLook(
        pmsg("timeline", "What is known of the case was recorded"), "neutral", "pencil"
    ),
    EventKind.APPROVAL_ASKED: TimelineLook(
        pmsg("timeline", "A second person was asked to approve a message"), "info", "users"
    ),
    EventKind.APPROVAL_GIVEN: TimelineLook(
        pmsg("timeline", "%(what)s: approved by a second person"), "ok", "check"
    ),
    EventKind.APPROVAL_REFUSED: TimelineLook(
        pmsg("timeline", "A second person refused a message"), "warn", "ban"
    ),
    EventKind.APPROVAL_EXPIRED: TimelineLook(
        pmsg("timeline", "Nobody approved a message in time: it was not sent"),
        "danger",
        "alarm-clock",
    ),
    EventKind.APPROVAL_TAKEN_BACK: TimelineLook(
        pmsg("timeline", "A request for approval was taken back"), "neutral", "ban"
    ),
    EventKind.WITHDRAWAL_RECORDED: TimelineLook(
        pmsg("timeline", "Everybody who has the data is to be told"), "warn", "send"
    ),
    EventKind.WITHDRAWAL_RECEIVED: TimelineLook(
        pmsg("timeline", "The other side asks to delete what it sent"), "danger", "alarm-clock"
    ),
    EventKind.DELETION_CONFIRMED: TimelineLook(
        pmsg("timeline", "The other side said what it deleted"), "ok", "check"
    ),
    EventKind.DELETION_REPORTED: TimelineLook(
        pmsg("timeline", "The other side was told what was deleted here"), "ok", "check"
    ),
    EventKind.DELETION_OVERDUE: TimelineLook(
        pmsg("timeline", "A deletion was not confirmed in time"), "danger", "alarm-clock"
    ),
    EventKind.DELETION_ESCALATED: TimelineLook(
        pmsg("timeline", "A deletion is still not confirmed: reach the other side another way"),
        "danger",
        "circle-alert",
    ),
    EventKind.RECIPIENT_TOLD: TimelineLook(
        pmsg("timeline", "A desk that has the data was told"),
        "ok",
        "check",
    ),
    EventKind.ERASED: TimelineLook(
        pmsg("timeline", "Content was erased here for good"), "neutral", "shield-x"
    ),
    EventKind.PASSED_ON: TimelineLook(
        pmsg("timeline", "%(what)s: its data was passed on"), "info", "forward"
    ),
    EventKind.ONWARD_ALLOWED: TimelineLook(
        pmsg("timeline", "%(what)s: its sender allows that it is passed on"), "ok", "check"
    ),
    EventKind.ONWARD_DENIED: TimelineLook(
        pmsg("timeline", "%(what)s: its sender does not allow that it is passed on"), "warn", "ban"
    ),
    EventKind.RETURN_CHANGED: TimelineLook(
        pmsg("timeline", "How far the return is prepared was recorded"), "info", "pencil"
    ),
    EventKind.ARRIVAL_UNANNOUNCED: TimelineLook(
        pmsg("timeline", "The person arrived without an acknowledged prior notice"),
        "danger",
        "circle-alert",
    ),
    EventKind.ARRIVAL_SETTLED: TimelineLook(
        pmsg("timeline", "The unannounced arrival was looked after"), "neutral", "check"
    ),
}
"""Words, tone and icon for each kind of entry."""
