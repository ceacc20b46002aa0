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
    #: A message came after its expiry, because we had asked for it.
    MESSAGE_LATE = "message_late"
    #: The other side asked for a message of ours again.
    MESSAGE_ASKED_AGAIN = "message_asked_again"
    #: The two sides act on different registries.
    REGISTRY_CONFLICT = "registry_conflict"


SYSTEM_ACTOR = "system"
"""The actor of what the node does by itself."""
