"""What lies in mailboxes at one moment: numbers and ages, by class and sender, never content."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from protocol.errors import MalformedError
from protocol.subjects import AccountId, TrafficClass, parse_mailbox_subject


@dataclass(frozen=True, slots=True)
class ClassSnapshot:
    """What lies in the mailbox of one class; counts as in :class:`MailboxSnapshot`.

    ``by_sender`` counts the stored ones, ``per_sender`` is how many each may have there.
    """

    traffic: TrafficClass
    stored: int
    stored_bytes: int
    waiting: int
    unconfirmed: int
    redelivered: int
    oldest_at: datetime | None
    per_sender: int
    total_bytes: int
    by_sender: Mapping[AccountId, int]

    @property
    def full_for(self) -> tuple[AccountId, ...]:
        """The senders of which no more is taken now: what else they send waits with them."""
        return tuple(sender for sender, count in self.by_sender.items() if count >= self.per_sender)


@dataclass(frozen=True, slots=True)
class MailboxSnapshot:
    """What lies in a Participant's mailboxes at one moment.

    ``waiting`` were never handed out; ``unconfirmed`` were handed out and not acknowledged yet,
    ``redelivered`` of them more than once. ``oldest_at`` is when the oldest of all was stored.
    """

    account: AccountId
    stored: int
    stored_bytes: int
    waiting: int
    unconfirmed: int
    redelivered: int
    oldest_at: datetime | None
    classes: tuple[ClassSnapshot, ...] = ()

    @classmethod
    def of(cls, account: AccountId, classes: tuple[ClassSnapshot, ...]) -> Self:
        """Add up the classes."""
        return cls(
            account=account,
            stored=sum(each.stored for each in classes),
            stored_bytes=sum(each.stored_bytes for each in classes),
            waiting=sum(each.waiting for each in classes),
            unconfirmed=sum(each.unconfirmed for each in classes),
            redelivered=sum(each.redelivered for each in classes),
            oldest_at=min((each.oldest_at for each in classes if each.oldest_at), default=None),
            classes=classes,
        )


def read_class(
    traffic: TrafficClass, *, stream: Mapping[str, Any], consumer: Mapping[str, Any]
) -> ClassSnapshot:
    """Read the broker's answers about a stream (with counts by subject) and its consumer."""
    state = stream["state"]
    stored = int(state["messages"])
    return ClassSnapshot(
        traffic=traffic,
        stored=stored,
        stored_bytes=int(state["bytes"]),
        waiting=int(consumer["num_pending"]),
        unconfirmed=int(consumer["num_ack_pending"]),
        redelivered=int(consumer["num_redelivered"]),
        oldest_at=datetime.fromisoformat(state["first_ts"]).astimezone(UTC) if stored else None,
        per_sender=int(stream["config"]["max_msgs_per_subject"]),
        total_bytes=int(stream["config"]["max_bytes"]),
        by_sender=_read_senders(state.get("subjects") or {}),
    )


def _read_senders(subjects: Mapping[str, int]) -> dict[AccountId, int]:
    found: dict[AccountId, int] = {}
    for text, count in subjects.items():
        try:
            sender = parse_mailbox_subject(text).sender
        except MalformedError:  # cannot be: the broker takes no other subject
            continue
        found[sender] = found.get(sender, 0) + int(count)
    return found
