"""Numbered hash chains between two Participants (SPEC section 6).

Every message from A to B is the next link of one chain: it carries its number and the digest of
the message before it. A message that is missing shows at B as soon as any later one arrives; one
that was swapped for another breaks the digest. Receipts are not numbered: a lost receipt shows as
a message without receipt, and is answered again when that message is sent again.

``generation`` starts at 1 and grows when a node is restored from a backup, so that numbers never
fork.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.errors import LocalProtocolError

FIRST_PREVIOUS: Final = "0" * 64
"""What the first message of a generation names as its predecessor."""


@dataclass(frozen=True, slots=True)
class LinkPosition:
    """Where a message stands on its link."""

    generation: int
    seq: int
    prev: str


@dataclass(frozen=True, slots=True)
class LinkHead:
    """The sender's end of a link: what the last message was. Start with ``LinkHead(1, 0, ...)``."""

    generation: int = 1
    seq: int = 0
    digest: str = FIRST_PREVIOUS

    def next(self) -> LinkPosition:
        """Return the position of the next message."""
        return LinkPosition(generation=self.generation, seq=self.seq + 1, prev=self.digest)

    def advance(self, position: LinkPosition, *, digest: str) -> "LinkHead":
        """Return the head after a message at ``position`` with payload ``digest`` was queued."""
        if position != self.next():
            raise LocalProtocolError("A link grows by one message at a time, in order.")
        return LinkHead(generation=position.generation, seq=position.seq, digest=digest)


class LinkVerdict(StrEnum):
    """What the recipient sees when a message arrives."""

    IN_ORDER = "in_order"
    AFTER_GAP = "after_gap"
    FILLS_GAP = "fills_gap"
    CONFLICT = "conflict"
    OLD_GENERATION = "old_generation"


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the recipient knows of a link around an arriving message."""

    #: Highest generation seen, 0 if none.
    generation: int
    #: Highest number seen in that generation, 0 if none.
    highest: int
    #: Digest of the message just before the arriving one, if it is here.
    digest_before: str | None
    #: ``prev`` named by the message just after the arriving one, if that is here.
    prev_named_after: str | None
    #: Digest of another message already at the same position, if any.
    digest_at: str | None


def judge_position(position: LinkPosition, *, digest: str, view: LinkView) -> LinkVerdict:
    """Say how an arriving message fits its link: never a reason to drop it, always one to record.

    ``CONFLICT`` means that the sender's history was rewritten: two messages at one place, or a
    predecessor that is not the one we hold.
    """
    before = FIRST_PREVIOUS if position.seq == 1 else view.digest_before
    if (
        (view.digest_at is not None and view.digest_at != digest)
        or (before is not None and before != position.prev)
        or (view.prev_named_after is not None and view.prev_named_after != digest)
    ):
        return LinkVerdict.CONFLICT
    if position.generation < view.generation:
        return LinkVerdict.OLD_GENERATION
    highest = view.highest if position.generation == view.generation else 0
    if position.seq == highest + 1:
        return LinkVerdict.IN_ORDER
    return LinkVerdict.AFTER_GAP if position.seq > highest else LinkVerdict.FILLS_GAP
