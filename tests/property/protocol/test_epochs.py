"""Epoch keys: always one to seal for, none erased too early, none kept too long, by any clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.epochs import (
    EpochPolicy,
    HeldKey,
    KeyPlan,
    Validity,
    plan_first_keys,
    plan_keys,
)
from protocol.errors import LocalProtocolError
from protocol.signing import KeyId

START = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
POLICY = EpochPolicy()
POLICIES = (
    POLICY,
    EpochPolicy(span=30 * DAY, lead=45 * DAY, tolerance=DAY),
    EpochPolicy(span=2 * DAY, lead=10 * DAY, life=5 * DAY, tolerance=DAY),
)
#: For how long the registry's timestamp is good: a clock further ahead finds it expired.
FRESH = DAY


def find_newest(document: Sequence[HeldKey], at: datetime) -> HeldKey | None:
    """Choose as a sender does (SPEC section 12)."""
    valid = [key for key in document if key.validity.covers(at)]
    return max(valid, key=lambda key: (key.validity.valid_from, key.key_id), default=None)


@dataclass
class Node:
    """A node that does what its plans say; ``true_now`` is what no node can see."""

    policy: EpochPolicy = POLICY
    true_now: datetime = START
    offset: timedelta = timedelta(0)
    confirmed: datetime | None = None
    held: list[HeldKey] = field(default_factory=list)
    made: int = 0
    #: What was published when, by the true time, and how wrong the clock was.
    documents: list[tuple[datetime, timedelta, tuple[HeldKey, ...]]] = field(default_factory=list)
    plan: KeyPlan | None = None

    def run(self, *, online: bool) -> KeyPlan:
        """Look at clock and registry, and carry out the plan."""
        now = self.true_now + self.offset
        if online and self.offset <= FRESH:
            self.confirmed = now
        plan = plan_keys(now=now, confirmed=self.confirmed, held=self.held, policy=self.policy)
        new = []
        for validity in plan.make:
            self.made += 1
            new.append(HeldKey(KeyId(f"{self.made:032x}"), validity))
        listed = tuple(key for key in self.held if key.key_id in plan.publish) + tuple(new)
        self.documents.append((self.true_now, self.offset, listed))
        self.held = [key for key in self.held if key.key_id not in plan.erase] + new
        self.plan = plan
        return plan


days = st.integers(0, 24 * 60).map(lambda hours: hours * HOUR)
jumps = st.one_of(
    st.just(timedelta(0)),
    st.integers(-24, 24).map(lambda hours: hours * HOUR),
    st.sampled_from([-400 * DAY, -30 * DAY, 30 * DAY, 365 * DAY, 20 * 365 * DAY]),
)
steps = st.lists(
    st.tuples(days, jumps, st.booleans(), st.integers(0, 24 * 60), st.integers(-24, 24)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(POLICIES), steps)
def test_whatever_a_sender_seals_for_a_listed_key_opens_until_it_expires(
    policy: EpochPolicy,
    steps: list[tuple[timedelta, timedelta, bool, int, int]],
) -> None:
    """Weeks off, clocks set by years, old registries: no key goes while a message may need it."""
    node = Node(policy)
    sealed: list[tuple[HeldKey, datetime]] = []
    for passed, offset, online, stale_hours, skew_hours in steps:
        node.true_now += passed
        node.offset = offset
        node.run(online=online)
        sender_now = node.true_now + skew_hours * HOUR
        seen = [
            listed
            for published, _, listed in node.documents
            if published <= node.true_now - stale_hours * HOUR
        ]
        key = find_newest(seen[-1], sender_now) if seen else None
        if key is not None:
            sealed.append((key, sender_now + policy.life))
        for needed, expires_at in sealed:
            assert needed in node.held or expires_at <= node.true_now


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(POLICIES), steps)
def test_there_is_always_a_key_for_senders(
    policy: EpochPolicy,
    steps: list[tuple[timedelta, timedelta, bool, int, int]],
) -> None:
    """What a node with a fair clock published serves for the whole lead, minus what clocks err."""
    node = Node(policy)
    for passed, offset, online, stale_hours, skew_hours in steps:
        node.true_now += passed
        node.offset = offset
        node.run(online=online)
        _, _, listed = node.documents[-1]
        skew = skew_hours * HOUR
        if abs(offset) + abs(skew) <= policy.tolerance:  # whatever its clock was before
            stale = min(stale_hours * HOUR, policy.lead - policy.tolerance)
            assert find_newest(listed, node.true_now + skew) is not None
            assert find_newest(listed, node.true_now + stale + skew) is not None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(POLICIES), steps)
def test_a_document_is_never_too_full_and_plans_settle(
    policy: EpochPolicy,
    steps: list[tuple[timedelta, timedelta, bool, int, int]],
) -> None:
    """At most 32 are listed, and what a plan asked for is done once it was carried out."""
    node = Node(policy)
    for passed, offset, online, _, _ in steps:
        node.true_now += passed
        node.offset = offset
        node.run(online=online)
        assert len(node.documents[-1][2]) <= policy.most_published
        again = node.run(online=online)
        assert again.make == ()
        assert again.erase == ()
        assert {key.key_id for key in node.documents[-1][2]} <= {k.key_id for k in node.held}


@given(st.sampled_from(POLICIES))
def test_with_a_right_clock_keys_go_on_the_day_that_is_promised(policy: EpochPolicy) -> None:
    """Looking every few hours, keys are erased at valid_to + life + tolerance, no later."""
    node = Node(policy)
    gone: dict[KeyId, datetime] = {}
    known: dict[KeyId, Validity] = {}
    most_held = 0
    while node.true_now < START + 200 * DAY:
        plan = node.run(online=True)
        known |= {key.key_id: key.validity for key in node.held}
        gone |= {key_id: node.true_now for key_id in plan.erase if key_id not in gone}
        most_held = max(most_held, len(node.held))
        node.true_now += 6 * HOUR
    assert len(gone) >= 2
    for key_id, at in gone.items():
        assert at == known[key_id].valid_to + policy.life + policy.tolerance
    behind = policy.life + 2 * policy.tolerance + policy.span
    assert most_held <= (policy.lead + behind) // policy.span + 2


@pytest.mark.parametrize("ahead", [1, 2, 30, 3650])
def test_a_clock_that_jumped_ahead_erases_nothing_that_is_needed(ahead: int) -> None:
    """By a day it may be believed, further ahead it is not: either way the keys stay."""
    node = Node()
    node.run(online=True)
    needed = find_newest(node.documents[-1][2], START)
    assert needed is not None
    # A message that was sealed in the key's last moment is good for one hour more.
    node.true_now = needed.validity.valid_to + POLICY.life - HOUR
    node.offset = ahead * DAY
    node.run(online=True)
    assert needed in node.held


def test_a_clock_that_nobody_confirms_erases_nothing() -> None:
    """Without a registry that was found fresh, keys pile up rather than go."""
    held = [HeldKey(KeyId("1" * 32), Validity(START - 100 * DAY, START - 93 * DAY))]
    alone = plan_keys(now=START, confirmed=None, held=held, policy=POLICY)
    assert (alone.erase, alone.publish) == ((), (held[0].key_id,))
    sure = plan_keys(now=START, confirmed=START, held=held, policy=POLICY)
    assert (sure.erase, sure.publish) == ((held[0].key_id,), ())


def test_keys_of_clocks_that_were_wrong_do_not_push_out_those_of_today() -> None:
    """A clock years ahead, with more keys there than a document takes: today's stay listed."""
    today = [HeldKey(KeyId(f"{n:032x}"), v) for n, v in enumerate(plan_first_keys(START, POLICY))]
    ahead = START + 3650 * DAY
    others = [
        HeldKey(KeyId(f"{100 + n:032x}"), Validity(ahead + n * 7 * DAY, ahead + (n + 1) * 7 * DAY))
        for n in range(-10, 40)
    ]
    plan = plan_keys(now=ahead, confirmed=START, held=[*today, *others], policy=POLICY)
    assert {key.key_id for key in today} <= set(plan.publish)
    assert len(plan.publish) + len(plan.make) == POLICY.most_published


def test_the_last_moment_of_the_lead_has_a_key() -> None:
    """A key that ends just then is followed by one: a moment later nobody could be told of it."""
    held = [HeldKey(KeyId("1" * 32), Validity(START - 3 * DAY, START + POLICY.lead))]
    policy = EpochPolicy(span=24 * DAY)
    plan = plan_keys(now=START, confirmed=START, held=held, policy=policy)
    end = START + POLICY.lead
    assert plan.make == (Validity(end, end + policy.span),)


def test_a_new_node_has_keys_for_the_lead() -> None:
    """The first began before now, each begins where the last ends, and they outlast the lead."""
    made = plan_first_keys(START, POLICY)
    assert made[0] == Validity(START - 2 * DAY, START + 5 * DAY)
    assert all(after.valid_from == before.valid_to for before, after in pairwise(made))
    assert made[-1].valid_to > START + POLICY.lead >= made[-1].valid_from


def test_a_key_made_for_a_year_is_relieved_within_its_first_epoch() -> None:
    """Key stores from before epochs hold one key for a year: senders soon get newer ones."""
    old = HeldKey(KeyId("1" * 32), Validity(START, START + 365 * DAY))
    plan = plan_keys(now=START + 50 * DAY, confirmed=START + 50 * DAY, held=[old], policy=POLICY)
    assert plan.publish == (old.key_id,)
    assert plan.make[0].covers(START + 50 * DAY)
    assert plan.make[0].valid_from > old.validity.valid_from


@pytest.mark.parametrize(
    "times",
    [
        {"span": HOUR},
        {"tolerance": HOUR},
        {"lead": DAY},
        {"span": DAY},
        {"most_published": 4},
    ],
    ids=["short-span", "no-tolerance", "no-lead", "too-many-spans", "small-document"],
)
def test_times_that_cannot_work_are_refused(times: dict[str, timedelta]) -> None:
    """A policy that could leave senders without a key, or overfill the document, is no policy."""
    with pytest.raises(LocalProtocolError):
        EpochPolicy(**times)  # type: ignore[arg-type]  # one of them is a number
