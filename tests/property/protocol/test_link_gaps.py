"""Links: every gap is found, asked for, and ends as a message, as gone, or as given up aloud."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import LocalProtocolError
from protocol.limits import LIMITS
from protocol.link_repair import (
    RULES,
    Fate,
    GapWatch,
    KeptMessage,
    NumberFate,
    RepairAnswer,
    answer_request,
    follow_gaps,
    is_awaited,
    note_answer,
    plan_resend_request,
)
from protocol.links import (
    FIRST_PREVIOUS,
    HeadVerdict,
    LinkGap,
    LinkHead,
    LinkPosition,
    LinkVerdict,
    LinkView,
    NumberRange,
    collect_ranges,
    find_gaps,
    judge_head,
    judge_position,
    merge_ranges,
    restart_link,
)

START = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

numbers = st.sets(st.integers(1, 60))


# ------------------------------------------------------------------ ranges and gaps


@given(numbers, numbers)
def test_ranges_hold_exactly_their_numbers(some: set[int], more: set[int]) -> None:
    """Collected and merged in any order, ranges are ascending, apart, and complete."""
    merged = merge_ranges((*collect_ranges(more), *collect_ranges(some)))
    assert merged == collect_ranges(some | more)
    assert {n for each in merged for n in range(each.first, each.last + 1)} == some | more
    assert all(b.first > a.last + 1 for a, b in pairwise(merged))
    assert sum(each.count for each in merged) == len(some | more)


@given(numbers, st.integers(0, 70))
def test_gaps_are_exactly_what_is_missing(held: set[int], highest: int) -> None:
    """From 1 to the highest known number, each is either settled or in one gap."""
    gaps = find_gaps(collect_ranges(held), highest=highest, generation=3)
    missing = [n for gap in gaps for n in range(gap.first, gap.last + 1)]
    assert missing == [n for n in range(1, highest + 1) if n not in held]
    assert all(gap.generation == 3 and gap.count >= 1 for gap in gaps)


def test_a_range_goes_up() -> None:
    """A range from a higher to a lower number is a fault of the caller."""
    with pytest.raises(LocalProtocolError):
        NumberRange(2, 1)


# ------------------------------------------------------------------ when to ask


@given(numbers, numbers, st.integers(1, 60))
def test_what_is_left_of_a_gap_keeps_its_memory(
    before: set[int], arrived: set[int], highest: int
) -> None:
    """Messages that trickle in do not begin the questions anew, and new gaps are not hurried."""
    first = find_gaps(collect_ranges(before), highest=highest, generation=1)
    watches = [GapWatch(gap, START, asked=2, asked_at=START) for gap in first]
    now = START + DAY
    later = find_gaps(collect_ranges(before | arrived), highest=highest + 5, generation=1)
    followed = follow_gaps(watches, later, now=now)
    seen = [n for watch in followed for n in range(watch.gap.first, watch.gap.last + 1)]
    assert seen == [n for gap in later for n in range(gap.first, gap.last + 1)]
    for watch in followed:
        old = any(gap.covers(1, watch.gap.first) for gap in first)
        assert (watch.noticed_at, watch.asked) == ((START, 2) if old else (now, 0))


def test_it_waits_asks_with_growing_pauses_and_gives_up_aloud() -> None:
    """Ten minutes, an hour, six, then daily; after the last question people are told, once."""
    watches = follow_gaps((), [LinkGap(1, 4, 6)], now=START)
    now, asked_at, told = START, list[datetime](), list[LinkGap]()
    while True:
        plan = plan_resend_request(watches, now=now)
        watches = plan.watches
        told += plan.given_up
        asked_at += [now] if plan.ask else []
        if plan.look_again_at is None:
            break
        assert plan.look_again_at > now
        now = plan.look_again_at
    pauses = [b - a for a, b in zip([START, *asked_at], asked_at, strict=False)]
    assert pauses[:4] == [10 * MINUTE, 60 * MINUTE, 360 * MINUTE, DAY]
    assert set(pauses[4:]) == {DAY}
    assert len(asked_at) == RULES.questions
    assert told == [LinkGap(1, 4, 6)]
    assert now - START >= 28 * DAY
    assert plan_resend_request(watches, now=now + 400 * DAY).given_up == ()


def test_a_clock_that_is_set_gives_nothing_up() -> None:
    """Ten years ahead it asks once more; back again it asks at once rather than in ten years."""
    watches = follow_gaps((), [LinkGap(1, 1, 1)], now=START)
    ahead = plan_resend_request(watches, now=START + 3650 * DAY)
    assert (ahead.ask, ahead.given_up) == ((LinkGap(1, 1, 1),), ())
    back = plan_resend_request(ahead.watches, now=START)
    assert (back.ask, back.given_up) == ((LinkGap(1, 1, 1),), ())


def test_one_request_is_bounded_and_the_rest_follows() -> None:
    """More gaps than fit are asked for in the next requests, none twice before all were."""
    gaps = [LinkGap(1, n, n) for n in range(1, 2 * (3 * LIMITS.ranges), 2)]
    watches = follow_gaps((), gaps, now=START)
    now, asked = START + 10 * MINUTE, list[LinkGap]()
    while len(asked) < len(gaps):
        plan = plan_resend_request(watches, now=now)
        assert len(plan.ask) <= LIMITS.ranges
        asked += plan.ask
        watches = plan.watches
        now += 10 * MINUTE
    assert sorted(asked) == sorted(gaps)


def test_numbers_that_a_sender_skipped_cost_one_range() -> None:
    """A sender that jumps to the last number there is makes neither work nor long messages."""
    gaps = find_gaps([NumberRange(1, 1)], highest=LIMITS.number - 1, generation=1)
    plan = plan_resend_request(follow_gaps((), gaps, now=START), now=START + 10 * MINUTE)
    assert plan.ask == (LinkGap(1, 2, LIMITS.number - 1),)
    answer = answer_request(plan.ask, find=lambda _gap, _most: ())
    assert (answer.known, answer.unknown, answer.more) == ((), plan.ask, False)


# ------------------------------------------------------------------ answers


def keep(kept: dict[int, KeptMessage]) -> Callable[[LinkGap, int], list[tuple[int, KeptMessage]]]:
    """Return how a sender looks into what it kept of generation 1."""

    def find(gap: LinkGap, most: int) -> list[tuple[int, KeptMessage]]:
        return [
            (seq, kept[seq]) for seq in sorted(kept) if gap.generation == 1 and gap.covers(1, seq)
        ][:most]

    return find


@given(numbers, st.sets(st.integers(1, 60)), st.integers(1, 60), st.integers(0, 59))
def test_an_answer_speaks_of_every_number_once(
    held: set[int], erased: set[int], first: int, length: int
) -> None:
    """Again, erased, or unknown: each number asked for is one of these."""
    kept = {n: KeptMessage(f"{n:064x}", available=n not in erased) for n in held}
    wanted = LinkGap(1, first, first + length)
    answer = answer_request([wanted], find=keep(kept))
    told = [each.seq for each in answer.known]
    told += [n for gap in answer.unknown for n in range(gap.first, gap.last + 1)]
    assert sorted(told) == list(range(first, first + length + 1))
    assert not answer.more
    for each in answer.known:
        assert each.digest == kept[each.seq].digest
        assert (each.fate is Fate.AGAIN) == kept[each.seq].available
    assert {each.seq for each in answer.again} == (held - erased) & set(told)


@pytest.mark.parametrize("step", [1, 2], ids=["all-kept", "every-second-kept"])
def test_a_long_answer_is_cut_and_the_rest_is_asked_for_soon(step: int) -> None:
    """What had no room is asked for after the first pause, until everything was spoken of."""
    kept = {n: KeptMessage(f"{n:064x}", available=True) for n in range(1, 3001, step)}
    watches = follow_gaps((), [LinkGap(1, 1, 3000)], now=START)
    now, settled = START, set[int]()
    for _ in range(200):
        plan = plan_resend_request(watches, now=now)
        answer = answer_request(plan.ask, find=keep(kept))
        assert len(answer.known) <= LIMITS.items
        assert len(answer.unknown) <= LIMITS.ranges
        settled |= {each.seq for each in answer.known}
        settled |= {n for gap in answer.unknown for n in range(gap.first, gap.last + 1)}
        left = find_gaps(collect_ranges(settled), highest=3000, generation=1)
        if not left:
            break
        assert answer.more or not plan.ask
        watches = follow_gaps(note_answer(plan.watches, told=told(answer), now=now), left, now=now)
        now += 10 * MINUTE
    assert settled == set(range(1, 3001))
    assert now - START < DAY


def told(answer: RepairAnswer) -> list[LinkGap]:
    """Return every number that an answer speaks of."""
    return [LinkGap(each.generation, each.seq, each.seq) for each in answer.known] + list(
        answer.unknown
    )


def test_only_what_was_announced_is_taken_in_late() -> None:
    """Another place, another digest, or one that was said to be gone does not pass its expiry."""
    announced = [
        NumberFate(1, 4, "a" * 64, Fate.AGAIN),
        NumberFate(1, 5, "b" * 64, Fate.ERASED),
    ]
    assert is_awaited(1, 4, digest="a" * 64, announced=announced)
    assert not is_awaited(1, 4, digest="b" * 64, announced=announced)
    assert not is_awaited(2, 4, digest="a" * 64, announced=announced)
    assert not is_awaited(1, 5, digest="b" * 64, announced=announced)


# ------------------------------------------------------------------ generations and heads


@given(st.integers(1, 2**30), st.integers(0, 1000), st.integers(0, 2**30), st.integers(0, 40 * 365))
def test_a_restored_link_never_reuses_a_generation(
    generation: int, seq: int, heard: int, days: int
) -> None:
    """Higher than the backup's and than what the peer has seen; it begins at its first number."""
    head = restart_link(LinkHead(generation, seq, "a" * 64), now=START + days * DAY, heard=heard)
    assert head.generation > max(generation, heard)
    assert head.next() == LinkPosition(head.generation, 1, FIRST_PREVIOUS)


def test_the_same_backup_restored_twice_does_not_fork() -> None:
    """A minute later the generation is another one, though the backup says the same."""
    backup = LinkHead(1, 7, "a" * 64)
    once, twice = (restart_link(backup, now=START + n * MINUTE) for n in (0, 1))
    assert once.generation != twice.generation


def test_generations_come_to_an_end_with_advice() -> None:
    """A generation beyond what can be counted is refused, and somebody is told to look."""
    with pytest.raises(LocalProtocolError, match="set the clock right"):
        restart_link(LinkHead(), now=START, heard=LIMITS.number)


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        (LinkHead(2, 5, "a" * 64), HeadVerdict.LEVEL),
        (LinkHead(2, 5, "b" * 64), HeadVerdict.CONFLICT),
        (LinkHead(2, 6, "b" * 64), HeadVerdict.AHEAD),
        (LinkHead(3, 0, FIRST_PREVIOUS), HeadVerdict.AHEAD),
        (LinkHead(2, 4, "b" * 64), HeadVerdict.BEHIND),
        (LinkHead(1, 9, "b" * 64), HeadVerdict.BEHIND),
    ],
    ids=["level", "other-digest", "more-sent", "new-generation", "forgot-one", "forgot-generation"],
)
def test_a_senders_word_about_its_end_is_judged(head: LinkHead, verdict: HeadVerdict) -> None:
    """Level, ahead, fallen behind what we hold, or another history."""
    assert judge_head(head, held=LinkHead(2, 5, "a" * 64)) is verdict


# ------------------------------------------------------------------ both sides together


@dataclass(frozen=True)
class Sent:
    """A message on the wire."""

    position: LinkPosition
    digest: str


@dataclass
class Sender:
    """Keeps what it sent; can be thrown back to a backup."""

    head: LinkHead = field(default_factory=LinkHead)
    kept: dict[tuple[int, int], Sent] = field(default_factory=dict)
    erased: set[tuple[int, int]] = field(default_factory=set)
    heads: dict[int, LinkHead] = field(default_factory=dict)
    count: int = 0

    def send(self) -> Sent:
        """Give the next message its place."""
        self.count += 1
        position = self.head.next()
        message = Sent(position, f"{self.count:064x}")
        self.head = self.head.advance(position, digest=message.digest)
        self.kept[position.generation, position.seq] = message
        self.heads[position.generation] = self.head
        return message

    def find(self, gap: LinkGap, most: int) -> Iterable[tuple[int, KeptMessage]]:
        """Look up what is kept."""
        places = sorted(place for place in self.kept if gap.covers(*place))
        return [
            (
                place[1],
                KeptMessage(self.kept[place].digest, available=place not in self.erased),
            )
            for place in places
        ][:most]


@dataclass
class Recipient:
    """Holds what arrived, and what its sender said is gone."""

    held: dict[tuple[int, int], Sent] = field(default_factory=dict)
    gone: set[tuple[int, int]] = field(default_factory=set)
    known_heads: dict[int, int] = field(default_factory=dict)
    watches: tuple[GapWatch, ...] = ()
    verdicts: list[LinkVerdict] = field(default_factory=list)

    def take_in(self, message: Sent) -> None:
        """Judge and hold a message, as SPEC section 6 has it; a known one changes nothing."""
        here = message.position
        place = (here.generation, here.seq)
        if self.held.get(place) == message:
            return
        at = self.held.get(place)
        before = self.held.get((here.generation, here.seq - 1))
        after = self.held.get((here.generation, here.seq + 1))
        generation = max((g for g, _ in self.held), default=0)
        self.verdicts.append(
            judge_position(
                here,
                digest=message.digest,
                view=LinkView(
                    generation=generation,
                    highest=max((s for g, s in self.held if g == here.generation), default=0),
                    digest_before=before.digest if before else None,
                    prev_named_after=after.position.prev if after else None,
                    digest_at=at.digest if at else None,
                ),
            )
        )
        self.held[place] = message
        self.known_heads[here.generation] = max(here.seq, self.known_heads.get(here.generation, 0))

    def find_gaps(self) -> list[LinkGap]:
        """Return what is missing of every generation."""
        settled = self.held.keys() | self.gone
        return [
            gap
            for generation, highest in sorted(self.known_heads.items())
            for gap in find_gaps(
                collect_ranges(seq for g, seq in settled if g == generation),
                highest=highest,
                generation=generation,
            )
        ]


def repair(sender: Sender, recipient: Recipient, *, random: Random, loss: float) -> None:
    """Let the two mend the link over a wire that loses requests, answers, and messages."""
    now = START
    for _ in range(400):
        recipient.watches = follow_gaps(recipient.watches, recipient.find_gaps(), now=now)
        plan = plan_resend_request(recipient.watches, now=now)
        recipient.watches = plan.watches
        assert plan.given_up == ()
        if plan.look_again_at is None:
            return
        if plan.ask and random.random() >= loss:
            answer = answer_request(plan.ask, find=sender.find)
            for each in answer.again:
                if random.random() >= loss:
                    recipient.take_in(sender.kept[each.generation, each.seq])
            if random.random() >= loss:
                recipient.gone |= {
                    (each.generation, each.seq) for each in answer.known if each.fate is Fate.ERASED
                }
                recipient.gone |= {
                    (gap.generation, seq)
                    for gap in answer.unknown
                    for seq in range(gap.first, gap.last + 1)
                }
        now = max(plan.look_again_at, now + MINUTE)
    raise AssertionError("The link was not mended.")


def scatter(messages: Sequence[Sent], *, random: Random, loss: float) -> list[Sent]:
    """Lose some, double some, and change the order."""
    arriving = [each for each in messages if random.random() >= loss]
    arriving += [each for each in messages if random.random() < 0.2]
    random.shuffle(arriving)
    return arriving


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.15, 0.3]),
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.sets(st.integers(1, 40)),
)
def test_every_message_is_there_or_reported_gone_whatever_the_wire_does(
    seed: int, loss: float, bursts: list[int], erased: set[int]
) -> None:
    """Losses, doubles, any order, the sender restored between bursts, the recipient at the end."""
    random = Random(seed)  # noqa: S311 - the same run each time; chosen losses would lose all
    sender, recipient = Sender(), Recipient()
    ever_sent: dict[tuple[int, int], Sent] = {}
    backup_of_recipient = Recipient()
    for number, burst in enumerate(bursts):
        backup = (sender.head, dict(sender.kept), dict(sender.heads))
        messages = [sender.send() for _ in range(burst)]
        ever_sent |= {(m.position.generation, m.position.seq): m for m in messages}
        sender.erased |= {
            place for place in sender.kept if int(sender.kept[place].digest, 16) in erased
        }
        for message in scatter(messages, random=random, loss=loss):
            recipient.take_in(message)
        if number == 0:
            backup_of_recipient = Recipient(
                held=dict(recipient.held), known_heads=dict(recipient.known_heads)
            )
        if random.random() < 0.5:  # the sender's machine is lost, and restored from its backup
            head, sender.kept, sender.heads = backup
            heard = max((g for g, _ in recipient.held), default=0)
            sender.head = restart_link(head, now=START + number * MINUTE, heard=heard)
            sender.heads[sender.head.generation] = sender.head
    for who in (recipient, backup_of_recipient):  # the second: restored, and asks for all since
        for generation, head in sender.heads.items():  # what an answer names in ``heads``
            who.known_heads[generation] = max(head.seq, who.known_heads.get(generation, 0))
        repair(sender, who, random=random, loss=loss)
        assert LinkVerdict.CONFLICT not in who.verdicts
        for place, message in who.held.items():
            assert ever_sent[place] == message
        for place, message in sender.kept.items():
            assert who.held.get(place) == message or place in who.gone
            assert place in sender.erased or place in who.held
