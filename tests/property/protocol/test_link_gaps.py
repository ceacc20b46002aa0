"""Links: every gap is found, asked for, and ends as a message, as gone, or as given up aloud."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
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
    for _ in range(3):
        plan = plan_resend_request(watches, now=now)
        assert len(plan.ask) == LIMITS.ranges
        assert (plan.look_again_at or now) >= now + 10 * MINUTE  # a pause before the next, too
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


def test_numbers_that_are_asked_for_twice_are_answered_once() -> None:
    """Ranges in any order that overlap: the answer ascends, and its message can be made."""
    kept = {n: KeptMessage(f"{n:064x}", available=True) for n in (2, 3, 12)}
    wanted = [LinkGap(1, 10, 20), LinkGap(1, 1, 15), LinkGap(1, 2, 3), LinkGap(1, 10, 20)]
    answer = answer_request(wanted, find=keep(kept))
    assert [each.seq for each in answer.known] == [2, 3, 12]
    assert answer.unknown == (LinkGap(1, 1, 1), LinkGap(1, 4, 11), LinkGap(1, 13, 20))
    assert not answer.more


def test_unknown_ranges_of_several_gaps_share_one_bound() -> None:
    """Two gaps of fifty unknown ranges each: one answer has room for 64, and says there is more."""
    kept = {n: KeptMessage(f"{n:064x}", available=True) for n in range(2, 400, 2)}
    answer = answer_request([LinkGap(1, 1, 100), LinkGap(1, 201, 300)], find=keep(kept))
    assert len(answer.unknown) == LIMITS.ranges
    assert answer.unknown[-1] == LinkGap(1, 227, 227)
    assert answer.more


def test_what_was_cut_in_an_early_gap_is_not_forgotten_over_a_late_one() -> None:
    """The first range has no room, the last one was told in full: there is more all the same."""
    kept = {n: KeptMessage(f"{n:064x}", available=True) for n in range(1, LIMITS.items + 2)}
    answer = answer_request([LinkGap(1, 1, 600), LinkGap(1, 700, 700)], find=keep(kept))
    assert len(answer.known) == LIMITS.items
    assert LinkGap(1, 700, 700) in answer.unknown
    assert answer.more


def test_every_second_number_left_out_is_followed_in_linear_time() -> None:
    """Ten times the gaps cost about ten times the comparisons, not a hundred times."""

    def count_looks(gaps: int) -> int:
        looks = 0

        class Watched(GapWatch):
            """Counts how often its place is looked at."""

            __slots__ = ()

            def __getattribute__(self, name: str) -> object:
                nonlocal looks
                looks += name == "gap"
                return super().__getattribute__(name)

        missing = [LinkGap(1, 2 * n + 1, 2 * n + 1) for n in range(gaps)]
        watches = [Watched(gap, START) for gap in missing]
        assert [each.gap for each in follow_gaps(watches, missing, now=START)] == missing
        return looks

    assert count_looks(300) <= 11 * count_looks(30)


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


def test_a_message_that_the_next_one_does_not_name_is_a_conflict() -> None:
    """What fills a gap has the digest that the message after it names as its predecessor."""
    view = LinkView(
        generation=1, highest=5, digest_before=None, prev_named_after="a" * 64, digest_at=None
    )
    position = LinkPosition(1, 4, "c" * 64)
    assert judge_position(position, digest="a" * 64, view=view) is LinkVerdict.FILLS_GAP
    assert judge_position(position, digest="b" * 64, view=view) is LinkVerdict.CONFLICT


@pytest.mark.parametrize(
    "position",
    [LinkPosition(2, 5, "a" * 64), LinkPosition(2, 7, "a" * 64), LinkPosition(2, 6, "b" * 64)],
    ids=["given-out-already", "skips-one", "other-predecessor"],
)
def test_a_link_grows_in_order_only(position: LinkPosition) -> None:
    """A place given out already, one further on, or over another message is the caller's fault."""
    head = LinkHead(2, 5, "a" * 64)
    assert head.advance(head.next(), digest="c" * 64) == LinkHead(2, 6, "c" * 64)
    with pytest.raises(LocalProtocolError):
        head.advance(position, digest="c" * 64)


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
