"""What a case's timeline can say. A kind is never reused for another meaning."""

from enum import StrEnum


class EventKind(StrEnum):
    """Kinds of timeline entries."""

    CASE_OPENED = "case_opened"
    PARTICIPANT_JOINED = "participant_joined"
    MESSAGE_QUEUED = "message_queued"
    MESSAGE_ON_ITS_WAY = "message_on_its_way"
    MESSAGE_DELIVERED = "message_delivered"
    MESSAGE_READ = "message_read"
    MESSAGE_REJECTED = "message_rejected"
    MESSAGE_EXPIRED = "message_expired"
    #: Taken back by its sender; code ``may_have_left`` if nobody can be sure that it stayed here.
    MESSAGE_CANCELLED = "message_cancelled"
    #: An administrator ended the attempts; the code is the reason.
    MESSAGE_GIVEN_UP = "message_given_up"
    #: An administrator had it handed over once more.
    MESSAGE_RETRIED = "message_retried"
    MESSAGE_RECEIVED = "message_received"
    MESSAGE_UNREADABLE = "message_unreadable"
    MESSAGE_OPENED = "message_opened"
    DECIDED = "decided"
    DECISION_RECEIVED = "decision_received"
    ANSWERED = "answered"
    ANSWER_RECEIVED = "answer_received"
    LINK_GAP = "link_gap"
    LINK_CONFLICT = "link_conflict"
    #: Missing messages were asked for in vain.
    LINK_GIVEN_UP = "link_given_up"
    #: Missing messages do not exist any more, says their sender.
    LINK_GONE = "link_gone"
    #: Missing messages were taken back by their sender before they left: nothing is missing.
    LINK_CANCELLED = "link_cancelled"
    #: A message came after its expiry, because we had asked for it.
    MESSAGE_LATE = "message_late"
    #: The other side asked for a message of ours again.
    MESSAGE_ASKED_AGAIN = "message_asked_again"
    #: Every file of a message is here, and opened without an error.
    FILES_ARRIVED = "files_arrived"
    #: A file is not the one that was announced, or does not open: its message was refused.
    FILE_BROKEN = "file_broken"
    #: The rest of a file does not come any more, says its sender.
    FILE_GONE = "file_gone"
    #: The rest of a file was asked for in vain.
    FILE_GIVEN_UP = "file_given_up"
    #: The malware scanner found something: nobody can open it.
    FILE_QUARANTINED = "file_quarantined"
    #: The malware scanner could not look into it.
    FILE_UNSCANNED = "file_unscanned"
    #: An administrator had it scanned once more.
    FILE_SCANNED_AGAIN = "file_scanned_again"
    #: Somebody took a copy of a file.
    FILE_TAKEN = "file_taken"
    #: The two sides act on different registries.
    REGISTRY_CONFLICT = "registry_conflict"
    #: A refused envelope was looked after by an administrator; the code is what was done.
    ENVELOPE_RETRIED = "envelope_retried"
    ENVELOPE_SETTLED = "envelope_settled"
    #: A refused or expired message of ours was looked after; the code is what was done.
    MESSAGE_SETTLED = "message_settled"
    #: A decision or an answer of ours was taken back before it left: its message is open again.
    OPEN_AGAIN = "open_again"
    # consent, approvals, withdrawals, deletions
    CONSENT_RECORDED = "consent_recorded"
    #: Nothing rests on it any more.
    CONSENT_WITHDRAWN = "consent_withdrawn"
    #: The code is the ground.
    EXCEPTION_RECORDED = "exception_recorded"
    CIRCUMSTANCES_CHANGED = "circumstances_changed"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_GIVEN = "approval_given"
    APPROVAL_REFUSED = "approval_refused"
    #: Nobody decided in time: whoever asked is told.
    APPROVAL_EXPIRED = "approval_expired"
    APPROVAL_TAKEN_BACK = "approval_taken_back"
    #: A withdrawal of consent or a demand to delete was recorded; the code is its type.
    WITHDRAWAL_RECORDED = "withdrawal_recorded"
    #: The other side told of a withdrawal, or asked for deletion; the code is its type.
    WITHDRAWAL_RECEIVED = "withdrawal_received"
    #: The other side said what it deleted; the code is the outcome.
    DELETION_CONFIRMED = "deletion_confirmed"
    #: We said what we deleted; the code is the outcome.
    DELETION_REPORTED = "deletion_reported"
    #: The confirmation is late; the code is the Participant that owes it.
    DELETION_OVERDUE = "deletion_overdue"
    #: It is so late that it was handed to the desk's reserve; the code is who owes it.
    DELETION_ESCALATED = "deletion_escalated"
    #: A desk that could not be told to delete was told after all; the code is its Participant.
    RECIPIENT_TOLD = "recipient_told"
    #: Content was erased here for good; the code is the ground.
    ERASED = "erased"
    #: Data of another Participant was passed on; the code is the authority that has it now.
    PASSED_ON = "passed_on"
    #: The sender of data allowed, or refused, that it is passed on; the code is the authority.
    ONWARD_ALLOWED = "onward_allowed"
    ONWARD_DENIED = "onward_denied"
    # the return journey
    RETURN_CHANGED = "return_changed"
    #: Somebody arrived whose return no acknowledged notice came before.
    ARRIVAL_UNANNOUNCED = "arrival_unannounced"
    ARRIVAL_SETTLED = "arrival_settled"
    # the course of a case
    #: A message came that its conversation does not allow; the code is the act.
    ACT_NOT_IN_ORDER = "act_not_in_order"
    NOTE_ADDED = "note_added"
    NOTE_CHANGED = "note_changed"
    NOTE_DELETED = "note_deleted"
    #: Two cases are of one person, as is known here alone.
    CASE_LINKED = "case_linked"
    CASE_UNLINKED = "case_unlinked"
    #: Somebody here coordinates the case now.
    MANAGER_NAMED = "manager_named"
    #: It went from one person here to another.
    CASE_HANDED_OVER = "case_handed_over"
    #: The code is the status.
    PERSON_STATUS_RECORDED = "person_status_recorded"
    #: The code says whether the rules for children apply.
    PERSON_GROUP_RECORDED = "person_group_recorded"
    #: The code is the situation.
    GUARDIAN_RECORDED = "guardian_recorded"
    #: The code is the outcome.
    CASE_CLOSED = "case_closed"
    #: The code is the reason, or ``message_received``.
    CASE_REOPENED = "case_reopened"
    #: Somebody has what is to be done, or gave it back; the code is who.
    ITEM_CLAIMED = "item_claimed"
    ITEM_RELEASED = "item_released"
    ITEM_HANDED_OVER = "item_handed_over"
    #: Another desk of ours looks after it; the code is the desk.
    ITEM_MOVED = "item_moved"
    #: People were told that something waits; the code is the audience.
    ITEM_REMINDED = "item_reminded"
    #: Nobody took it, or its time runs out: others were told; the code is the audience.
    ITEM_ESCALATED = "item_escalated"
    #: The strictly confidential part was written.
    CONFIDENTIAL_CHANGED = "confidential_changed"


SYSTEM_ACTOR = "system"
"""The actor of what the node does by itself."""

CHANGES_NOTHING = "changes_nothing"
"""Code of a receipt that is evidence, and came too late to change anything."""
