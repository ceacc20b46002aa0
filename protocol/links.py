"""Numbered hash chains between two Participants (SPEC section 6).

Every message from A to B is the next link of one chain: it carries its number and the digest of
the message before it. A message that is missing shows at B as soon as any later one arrives; one
that was swapped for another breaks the digest. Receipts are not numbered: a lost receipt shows as
a message without receipt, and is answered again when that message is sent again.

``generation`` starts at 1 and grows when a node is restored from a backup, so that numbers never
fork: see :func:`restart_link`. What is missing is found by :func:`find_gaps`; asking for it, and
answering, is :mod:`protocol.link_repair`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from protocol.errors import LocalProtocolError
from protocol.limits import LIMITS

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


# ------------------------------------------------------------------ what is missing


@dataclass(frozen=True, slots=True, order=True)
class NumberRange:
    """The numbers from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        """Refuse a range that holds nothing."""
        if not 0 <= self.first <= self.last:
            raise LocalProtocolError("A range of numbers goes from a lower to a higher one.")

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


def collect_ranges(numbers: Iterable[int]) -> tuple[NumberRange, ...]:
    """Return the fewest ranges that hold these numbers, ascending."""
    # Numbers, not a range for each: a link of years has hundreds of thousands.
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(NumberRange(first, last) for first, last in ranges)


def merge_ranges(ranges: Iterable[NumberRange]) -> tuple[NumberRange, ...]:
    """Return the fewest ranges that hold what any of these holds, ascending."""
    merged: list[NumberRange] = []
    for each in sorted(ranges):
        if merged and each.first <= merged[-1].last + 1:
            merged[-1] = NumberRange(merged[-1].first, max(merged[-1].last, each.last))
        else:
            merged.append(each)
    return tuple(merged)


@dataclass(frozen=True, slots=True, order=True)
class LinkGap:
    """Numbers of one generation that are neither here nor reported gone."""

    generation: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many messages."""
        return self.last - self.first + 1

    def covers(self, generation: int, seq: int) -> bool:
        """Say whether the message at this place is one of them."""
        return generation == self.generation and self.first <= seq <= self.last


def find_gaps(
    settled: Iterable[NumberRange], *, highest: int, generation: int
) -> tuple[LinkGap, ...]:
    """Return what is missing of one generation, ascending.

    ``settled`` is what is held or was reported gone; ``highest`` is the highest number known to
    exist: held, or named by the sender as its head. Old generations have gaps like the newest one.
    """
    gaps: list[LinkGap] = []
    expected = 1
    for each in merge_ranges(settled):
        if each.last < expected:
            continue
        if each.first > expected:
            gaps.append(LinkGap(generation, expected, min(each.first - 1, highest)))
        expected = each.last + 1
        if expected > highest:
            break
    if expected <= highest:
        gaps.append(LinkGap(generation, expected, highest))
    return tuple(gap for gap in gaps if gap.first <= gap.last)


# ------------------------------------------------------------------ after a restore


def restart_link(head: LinkHead, *, now: datetime, heard: int = 0) -> LinkHead:
    """Begin a new generation, after a restore from a backup whose head of the link was ``head``.

    ``heard`` is the highest generation of this link that the peer says it has seen. The number is
    the minutes since 1970, unless a higher one was used: "one more than the backup's" would be
    given out twice if the same backup is restored twice, and the second time would fork.
    """
    minutes = int(now.astimezone(UTC).timestamp()) // 60
    generation = max(minutes, head.generation + 1, heard + 1)
    if generation > LIMITS.number:
        raise LocalProtocolError(
            "This link has no generation left: set the clock right, and tell the peer's "
            "administrators, who hold messages under a generation that cannot be."
        )
    return LinkHead(generation=generation, seq=0, digest=FIRST_PREVIOUS)


class HeadVerdict(StrEnum):
    """What a sender's own word about the end of its link means to the recipient."""

    #: Nothing is missing at the end.
    LEVEL = "level"
    #: The sender has sent more: the rest is missing, or on its way.
    AHEAD = "ahead"
    #: We hold messages that the sender does not know of: it was restored and did not begin a new
    #: generation. Shown to the administrators of both.
    BEHIND = "behind"
    #: The same place, another message: its history was rewritten.
    CONFLICT = "conflict"


def judge_head(head: LinkHead, *, held: LinkHead) -> HeadVerdict:
    """Compare the head that a sender names with the last message held (``seq`` 0: none)."""
    theirs, ours = (head.generation, head.seq), (held.generation, held.seq)
    if theirs == ours:
        return HeadVerdict.LEVEL if head.digest == held.digest else HeadVerdict.CONFLICT
    return HeadVerdict.AHEAD if theirs > ours else HeadVerdict.BEHIND
