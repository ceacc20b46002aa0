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


SYSTEM_ACTOR = "system"
"""The actor of what the node does by itself."""

CHANGES_NOTHING = "changes_nothing"
"""Code of a receipt that is evidence, and came too late to change anything."""
