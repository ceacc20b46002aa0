"""Getting back what a link lost: when to ask, for what, and what to answer (SPEC section 6).

The recipient watches the gaps that it found. A gap is no alarm for the first minutes, because
envelopes overtake each other and a sender hands over by itself what was not receipted. After that
the recipient asks, with growing pauses, and it stops in one of three ways only: the message came,
its sender said that it is gone, or the recipient gives up and says so to people.

The sender looks each number up and says what becomes of it: it sends the message again, with the
signature and digest that it had, or it is gone. A message that was asked for and announced so is
taken in also after its expiry: expiry keeps a message from turning up that everybody has given up,
and this one both sides want.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final

from protocol.errors import LocalProtocolError
from protocol.limits import LIMITS
from protocol.links import LinkGap, NumberRange, collect_ranges, merge_ranges


@dataclass(frozen=True, slots=True)
class RepairRules:
    """When a recipient asks, and when it stops."""

    #: Before the first question, then between one and the next; the last one repeats. The first is
    #: longer than a sender's own first pause (5 minutes), which closes most gaps by itself.
    pauses: tuple[timedelta, ...] = (
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(days=1),
    )
    #: Questions before giving up: about a month, as long as an envelope may lie in a mailbox. They
    #: are counted, not measured: a clock that is set ahead gives nothing up.
    questions: int = 32
    #: The time in which a peer's questions are counted, and in which one message is handed over on
    #: request once.
    window: timedelta = timedelta(hours=1)

    @classmethod
    def paced(cls, first: timedelta) -> "RepairRules":
        """Return rules whose first pause is ``first``, and everything else in proportion.

        Raises :class:`~protocol.errors.LocalProtocolError` for a pause that is none.
        """
        if first <= timedelta(0):
            raise LocalProtocolError("The first pause before asking is longer than nothing.")
        usual = cls()
        scale = first / usual.pauses[0]
        return cls(pauses=tuple(p * scale for p in usual.pauses), window=usual.window * scale)

    def pause(self, asked: int) -> timedelta:
        """Return the pause after the question number ``asked`` (0: before the first)."""
        return self.pauses[min(asked, len(self.pauses) - 1)]


RULES: Final = RepairRules()


@dataclass(frozen=True, slots=True)
class GapWatch:
    """What a recipient remembers about one gap."""

    gap: LinkGap
    noticed_at: datetime
    asked: int = 0
    asked_at: datetime | None = None
    #: Nobody asks any more; people were told. It stays, so that they can see what is missing.
    given_up: bool = False


def follow_gaps(
    watches: Sequence[GapWatch], gaps: Iterable[LinkGap], *, now: datetime
) -> tuple[GapWatch, ...]:
    """Bring what is remembered to the gaps that are there now.

    A gap that was filled is forgotten. What is left of one keeps its memory, so that a trickle of
    messages does not begin the questions anew; numbers never watched begin a memory of their own.
    """
    followed: list[GapWatch] = []
    remembered = sorted(watches, key=lambda each: each.gap)
    passed = 0  # each is looked at once or twice: whoever leaves out every second number makes many
    for gap in sorted(gaps):
        fresh = gap.first
        while passed < len(remembered) and _ends_before(remembered[passed].gap, gap):
            passed += 1
        for watch in islice(remembered, passed, None):
            known = watch.gap
            if (known.generation, known.first) > (gap.generation, gap.last):
                break
            first, last = max(fresh, known.first), min(gap.last, known.last)
            if known.generation != gap.generation or first > last:
                continue
            if fresh < first:
                followed.append(GapWatch(LinkGap(gap.generation, fresh, first - 1), now))
            followed.append(replace(watch, gap=LinkGap(gap.generation, first, last)))
            fresh = last + 1
        if fresh <= gap.last:
            followed.append(GapWatch(LinkGap(gap.generation, fresh, gap.last), now))
    return tuple(followed)


def _ends_before(known: LinkGap, gap: LinkGap) -> bool:
    return (known.generation, known.last) < (gap.generation, gap.first)


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """What to do about the gaps of one link."""

    #: What to ask for now, oldest first, within the bounds of one request; empty: nothing.
    ask: tuple[LinkGap, ...]
    #: What was given up just now: people MUST be told.
    given_up: tuple[LinkGap, ...]
    #: What to remember, once the request is stored for sending.
    watches: tuple[GapWatch, ...]
    #: When to plan again; ``None`` if nothing is missing or everything was given up.
    look_again_at: datetime | None


def plan_resend_request(
    watches: Sequence[GapWatch], *, now: datetime, rules: RepairRules = RULES
) -> RepairPlan:
    """Decide what to ask a sender for.

    One request asks for at most ``LIMITS.ranges`` gaps, however long each: the answer has a bound
    of its own, so a sender that skipped a million numbers costs one range.
    """
    ask: list[LinkGap] = []
    given_up: list[LinkGap] = []
    after: list[GapWatch] = []
    for watch in sorted(watches, key=lambda each: each.gap):
        if watch.given_up or now < _due_at(watch, now=now, rules=rules):
            after.append(watch)
        elif watch.asked >= rules.questions:
            given_up.append(watch.gap)
            after.append(replace(watch, given_up=True))
        elif len(ask) == LIMITS.ranges:
            after.append(replace(watch, asked_at=now))  # after the same pause as if it was asked
        else:
            ask.append(watch.gap)
            after.append(replace(watch, asked=watch.asked + 1, asked_at=now))
    due = [_due_at(watch, now=now, rules=rules) for watch in after if not watch.given_up]
    return RepairPlan(
        ask=tuple(ask),
        given_up=tuple(given_up),
        watches=tuple(after),
        look_again_at=max(now, min(due)) if due else None,
    )


def _due_at(watch: GapWatch, *, now: datetime, rules: RepairRules) -> datetime:
    """Return when to ask; a moment written by a clock that was set back since counts as now."""
    since = watch.asked_at or watch.noticed_at
    return now if since > now else since + rules.pause(watch.asked)


def note_answer(
    watches: Sequence[GapWatch], *, told: Iterable[LinkGap], now: datetime
) -> tuple[GapWatch, ...]:
    """Begin anew with what an answer had no room for: its sender is there, and will say more.

    ``told`` is what the answer did speak of. That part keeps its pause: it is on its way.
    Not for an answer that settled and announced nothing new: with such ones a sender could put off
    for ever that people are told.
    """
    spoken = tuple(told)
    after: list[GapWatch] = []
    for watch in watches:
        at = watch.gap.first
        for each in merge_ranges(
            NumberRange(max(part.first, watch.gap.first), min(part.last, watch.gap.last))
            for part in spoken
            if part.generation == watch.gap.generation
            and part.first <= watch.gap.last
            and watch.gap.first <= part.last
        ):
            after += _begin_anew(watch, at, each.first - 1, now=now)
            after.append(replace(watch, gap=replace(watch.gap, first=each.first, last=each.last)))
            at = each.last + 1
        after += _begin_anew(watch, at, watch.gap.last, now=now)
    return tuple(after)


def _begin_anew(watch: GapWatch, first: int, last: int, *, now: datetime) -> list[GapWatch]:
    if first > last:
        return []
    return [replace(watch, gap=replace(watch.gap, first=first, last=last), asked=0, asked_at=now)]


# ------------------------------------------------------------------ the sender's answer


class Fate(StrEnum):
    """What becomes of a message that was asked for."""

    #: It is sent again, as it was signed.
    AGAIN = "again"
    #: Its content was erased when its time was over; its digest is still known.
    ERASED = "erased"
    #: Its sender took it back before it left: it never comes, and nothing is missing.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """What a sender still knows of a message it sent."""

    digest: str
    #: Whether the signed payload is still there.
    available: bool
    #: Whether its sender took it back: then it does not leave, available or not.
    cancelled: bool = False

    @property
    def fate(self) -> Fate:
        """What is said of it to whoever asks."""
        if self.cancelled:
            return Fate.CANCELLED
        return Fate.AGAIN if self.available else Fate.ERASED


@dataclass(frozen=True, slots=True, order=True)
class NumberFate:
    """The answer for one number that its sender knows."""

    generation: int
    seq: int
    digest: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class RepairAnswer:
    """What a sender says about the numbers it was asked for."""

    known: tuple[NumberFate, ...]
    #: What it knows nothing of: it was restored from an older backup, or never sent them.
    unknown: tuple[LinkGap, ...]
    #: There was no room for all: the asker asks again for the rest.
    more: bool

    @property
    def again(self) -> tuple[NumberFate, ...]:
        """What is to be handed over once more."""
        return tuple(each for each in self.known if each.fate is Fate.AGAIN)


Find = Callable[[LinkGap, int], Iterable[tuple[int, KeptMessage]]]
"""Returns number and message of what is kept of a range: the lowest ones, at most so many."""


def answer_request(wanted: Iterable[LinkGap], *, find: Find) -> RepairAnswer:
    """Say what becomes of each number asked for, once and ascending, as far as one answer goes."""
    known: list[NumberFate] = []
    unknown: list[LinkGap] = []
    more = False
    for gap in _put_in_order(wanted):
        room = LIMITS.items - len(known)
        kept = sorted(find(gap, room + 1), key=lambda each: each[0])
        told_to = gap.last if len(kept) <= room else kept[room][0] - 1
        missing = _find_unknown(gap, [seq for seq, _ in kept], told_to=told_to)
        ranges = LIMITS.ranges - len(unknown)
        if len(missing) > ranges:
            told_to = missing[ranges].first - 1
        more = more or told_to < gap.last
        unknown += missing[:ranges]
        known += (
            NumberFate(gap.generation, seq, message.digest, message.fate)
            for seq, message in kept
            if seq <= told_to
        )
    return RepairAnswer(known=tuple(known), unknown=tuple(unknown), more=more)


def _put_in_order(wanted: Iterable[LinkGap]) -> list[LinkGap]:
    """Return the same numbers, ascending and each once: an asker may have named some twice."""
    ranges: dict[int, list[NumberRange]] = {}
    for gap in wanted:
        ranges.setdefault(gap.generation, []).append(NumberRange(gap.first, gap.last))
    return [
        LinkGap(generation, each.first, each.last)
        for generation in sorted(ranges)
        for each in merge_ranges(ranges[generation])
    ]


def _find_unknown(gap: LinkGap, found: Sequence[int], *, told_to: int) -> list[LinkGap]:
    """Return what is not among ``found``, as far as is told."""
    missing: list[LinkGap] = []
    expected = gap.first
    for held in (*collect_ranges(found), NumberRange(told_to + 1, told_to + 1)):
        if expected < held.first <= told_to + 1:
            missing.append(LinkGap(gap.generation, expected, held.first - 1))
        expected = held.last + 1
    return missing


def is_awaited(generation: int, seq: int, *, digest: str, announced: Iterable[NumberFate]) -> bool:
    """Say whether a message may be taken in after its expiry (SPEC section 8.2, step 6).

    Only one that we asked for, whose sender has announced under its signature that it sends exactly
    this one again. ``announced`` is what sent answers said about numbers that are still missing.
    """
    return any(
        (each.generation, each.seq, each.digest) == (generation, seq, digest)
        and each.fate is Fate.AGAIN
        for each in announced
    )
