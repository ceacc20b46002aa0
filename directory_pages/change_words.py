"""A change in words: where it stands, what happened to it, and what was found about it."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg, pmsg
from contact_registry.changes.change import ChangeEvent, EntryKind
from contact_registry.changes.findings import Finding, FindingCode, Severity
from contact_registry.changes.states import ChangeState, Step
from contact_registry.coverage import CoverageCode, Hours
from directory_pages.codes import Words
from directory_pages.looks import Look
from directory_pages.wording import Names

STATE_LOOKS: Final[Mapping[ChangeState, Look]] = {
    ChangeState.DRAFTED: Look(pmsg("change", "Draft"), "neutral", "pencil"),
    ChangeState.CONFLICTING: Look(pmsg("change", "Conflict: choose"), "warn", "triangle-alert"),
    ChangeState.WAITING: Look(pmsg("change", "Waiting for signatures"), "info", "hourglass"),
    ChangeState.SIGNED: Look(pmsg("change", "Signed"), "info", "key-round"),
    ChangeState.PUBLISHING: Look(pmsg("change", "On its way to the registry"), "info", "send"),
    ChangeState.PUBLISHED: Look(pmsg("change", "Published"), "ok", "circle-check"),
    ChangeState.REFUSED: Look(pmsg("change", "Refused by the registry"), "danger", "shield-x"),
    ChangeState.WITHDRAWN: Look(pmsg("change", "Withdrawn"), "neutral", "ban"),
    ChangeState.SUPERSEDED: Look(
        pmsg("change", "No longer applies: it is published already"), "neutral", "ban"
    ),
}

NEXT_STEPS: Final[Mapping[ChangeState, Message]] = {
    ChangeState.DRAFTED: msg("Finish the draft, then ask for signatures"),
    ChangeState.CONFLICTING: msg("Choose what is to stand"),
    ChangeState.WAITING: msg("Let the holders of the directory key sign"),
    ChangeState.SIGNED: msg("Publish it"),
    ChangeState.PUBLISHING: msg("Nothing: it is sent again until the registry answers"),
    ChangeState.REFUSED: msg("Read the reason, then correct the draft"),
}
"""What is to be done in each open state."""

SEVERITY_LOOKS: Final[Mapping[Severity, Look]] = {
    Severity.BLOCKING: Look(pmsg("finding", "Blocks publication"), "danger", "circle-alert"),
    Severity.WARNING: Look(pmsg("finding", "Fix soon"), "warn", "triangle-alert"),
    Severity.NOTE: Look(pmsg("finding", "Note"), "neutral", "info"),
}

_STEPS: Final[Mapping[Step, tuple[Message, str, str]]] = {
    Step.EDITED: (pmsg("change step", "Edited"), "neutral", "pencil"),
    Step.PREPARED: (pmsg("change step", "Signing file made"), "info", "file-text"),
    Step.SIGNATURE_ADDED: (pmsg("change step", "A signature came"), "info", "key-round"),
    Step.SIGNATURES_COMPLETE: (pmsg("change step", "Signatures are complete"), "ok", "key-round"),
    Step.REOPENED: (pmsg("change step", "Opened again; signatures dropped"), "warn", "pencil"),
    Step.SENT: (pmsg("change step", "Sent to the registry"), "info", "send"),
    Step.PUBLISHED: (pmsg("change step", "Published"), "ok", "circle-check"),
    Step.REFUSED: (pmsg("change step", "Refused by the registry"), "danger", "shield-x"),
    Step.MERGED: (
        pmsg("change step", "Merged with what was published meanwhile"), "info", "refresh-cw",
    ),
    Step.CONFLICT_FOUND: (
        pmsg("change step", "Somebody published what does not go together with it"),
        "warn", "triangle-alert",
    ),
    Step.RESOLVED: (pmsg("change step", "Conflict decided"), "info", "check"),
    Step.NOTHING_LEFT: (
        pmsg("change step", "No longer applies: it is published already"), "neutral", "ban",
    ),
    Step.WITHDRAWN: (pmsg("change step", "Withdrawn"), "neutral", "ban"),
}  # fmt: skip

_KINDS: Final[Mapping[EntryKind, Message]] = {
    EntryKind.CALENDAR: msg("Working days and holidays"),
    EntryKind.NODE_KEYS: msg("Keys of the node"),
    EntryKind.DOCUMENT: msg("The whole list"),
}


_BEGUN: Final = Look(pmsg("change step", "Begun"), "neutral", "plus")


def look_of_event(event: ChangeEvent) -> Look:
    """Say what happened, with its tone and icon."""
    if event.step is Step.EDITED and event.entry_kind is None:
        return _BEGUN
    return Look(*_STEPS[event.step])


def say_entry(kind: EntryKind | None, entry: str, names: Names) -> Words:
    """Say what an edit or a finding is about; nothing where it is about nothing in particular."""
    if kind is None:
        return ""
    if kind is EntryKind.AUTHORITY:
        return names.desk(entry)
    if kind is EntryKind.AGREEMENT:
        return msg("Agreement: %(name)s", name=names.agreement(entry))
    return _KINDS[kind]


_FINDINGS: Final[Mapping[FindingCode, Message]] = {
    FindingCode.NOTHING_CHANGED: msg(
        "The draft says what is published already: change something, or withdraw it."
    ),
    FindingCode.NOT_PUBLISHABLE: msg("The registry would refuse this: %(reason)s"),
    FindingCode.TERMS_CHANGED: msg(
        "The terms of this agreement are changed. Terms are never changed under their name: end "
        "this agreement, and state the new terms under a new name."
    ),
    FindingCode.NOBODY_LISTED: msg("No desk is listed: nobody will find one in this Participant."),
    FindingCode.AUTHORITY_REMOVED: msg(
        "%(entry)s is taken out altogether. If it did exist, rather set its last day, so that "
        "people see that it ended."
    ),
    FindingCode.UNREACHABLE: msg(
        "Nobody in another Participant can reach %(entry)s: add a number with its country code, or "
        "a mailbox."
    ),
    FindingCode.NUMBER_NOT_VALID: msg(
        "A number of %(entry)s cannot be dialled as it is listed: write it with its country code, "
        "or mark it as working inside the Participant only."
    ),
    FindingCode.NOT_CONFIRMED: msg("%(entry)s has no day on which its entry was confirmed."),
    FindingCode.REVIEW_PASSED: msg("The review of %(entry)s is overdue: set a new day."),
    FindingCode.ENDED: msg("%(entry)s has ended."),
    FindingCode.AGREEMENT_NOT_SHARED: msg(
        "This agreement does not count yet: another party does not state these very terms. Compare "
        "the hash of the terms with them."
    ),
    FindingCode.NODE_KEYS_CHANGED: msg(
        "Other keys may speak for this Participant's node: let the node's administrator read out "
        "their identifiers by telephone before you sign."
    ),
    FindingCode.OTHER_CHANGE_OPEN: msg(
        "Another change of these contacts is open. Whichever is published second is merged with "
        "the first, or both are shown to you."
    ),
}

_GAPS: Final[Mapping[CoverageCode, Message]] = {
    CoverageCode.NOTHING_LISTED: msg("nobody is listed at all"),
    CoverageCode.NOBODY_COMPETENT: msg("nobody is competent"),
    CoverageCode.NOBODY_REACHABLE: msg("nobody who is competent can be reached"),
    CoverageCode.NOBODY_OUT_OF_HOURS: msg("nobody answers out of hours"),
    CoverageCode.ONLY_STAND_IN: msg("only a stand-in answers"),
    CoverageCode.ROUTE_ENDED: msg("who stands in is no longer valid: name another"),
    CoverageCode.ROUTE_UNREACHABLE: msg(
        "who stands in cannot be reached from abroad: name another"
    ),
    CoverageCode.HOLIDAYS_NOT_LISTED: msg(
        "no holiday of this year is listed: deadlines count holidays as working days"
    ),
}

_GAP_FRAMES: Final[Mapping[FindingCode, Message]] = {
    FindingCode.GAP_OPENS: pmsg("finding", "With this change %(gap)s"),
    FindingCode.GAP_STAYS: pmsg("finding", "As before, %(gap)s"),
    FindingCode.GAP_CLOSES: pmsg("finding", "No longer so: %(gap)s"),
}


def say_finding(finding: Finding, names: Names) -> Words:
    """Say what was found. A code without words here is said in plain English, as it came."""
    if finding.coverage is not None and finding.code in _GAP_FRAMES:
        frame = _GAP_FRAMES[finding.code]
        gap = _GAPS.get(finding.coverage, finding.message)
        return Message(msgid=frame.msgid, context=frame.context, params={"gap": gap})
    words = _FINDINGS.get(finding.code)
    if words is None:
        return finding.message
    return Message(
        msgid=words.msgid,
        params={"entry": say_entry(finding.entry_kind, finding.entry, names),
                "reason": finding.message},
    )  # fmt: skip


HOURS: Final[Mapping[Hours, Message]] = {
    Hours.IN: pmsg("coverage", "in hours"),
    Hours.OUT: pmsg("coverage", "out of hours"),
}
