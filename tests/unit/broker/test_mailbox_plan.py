"""How the broker's store is divided among mailboxes, classes and senders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.broker.mailbox_plan import (
    GREATEST,
    MAX_PAYLOAD,
    MailboxLimits,
    comfortable_store,
    plan_mailbox,
    record_bytes,
)
from protocol.limits import LIMITS
from protocol.subjects import TrafficClass

GIB = 1024**3

limits = st.builds(
    MailboxLimits,
    messages_per_sender_and_class=st.integers(1, 10_000),
    total_bytes=st.none() | st.integers(1024**2, 64 * GIB),
    store_bytes=st.integers(64 * 1024**2, 10_000 * GIB),
    participants=st.integers(1, 300),
)


@given(limits, st.integers(0, 300))
def test_all_senders_parts_fit_or_the_plan_says_so(
    given_limits: MailboxLimits, listed: int
) -> None:
    """Every sender has room in every class, and all together fit unless one each does not."""
    plan = plan_mailbox(given_limits, participants=listed)

    assert plan.participants >= listed
    assert set(plan.classes) == set(TrafficClass)
    fits = []
    for traffic, each in plan.classes.items():
        assert 1 <= each.per_sender <= given_limits.messages_per_sender_and_class
        filled = each.per_sender * record_bytes(traffic) * plan.participants
        assert filled <= each.total_bytes or each.per_sender == 1
        fits.append(filled <= each.total_bytes)
    assert plan.keeps_parts is all(fits)


@given(st.integers(64 * 1024**2, 10_000 * GIB), st.integers(1, 300))
def test_all_mailboxes_fit_the_store(store: int, listed: int) -> None:
    """What is set aside for so many mailboxes is never more than there is, if parts are kept."""
    plan = plan_mailbox(MailboxLimits(store_bytes=store), participants=listed)
    aside = sum(each.total_bytes for each in plan.classes.values()) * plan.participants

    assert aside <= store or not plan.keeps_parts


@given(st.integers(1, 300))
def test_the_advised_store_is_enough(participants: int) -> None:
    """With the store that operators are told to provide, ordinary traffic never waits."""
    advised = MailboxLimits(store_bytes=comfortable_store(participants), participants=participants)

    assert plan_mailbox(advised, participants=participants).is_comfortable


@pytest.mark.parametrize(
    ("store", "listed", "expected"),
    [
        (20 * GIB, 8, (3547, 1330, 57, 143)),
        (200 * GIB, 57, (554, 207, 8, 22)),
        (1000 * GIB, 200, (173, 64, 2, 7)),
    ],
)
def test_the_table_in_the_documentation(
    store: int, listed: int, expected: tuple[int, int, int, int]
) -> None:
    """So many messages, receipts, large ones and chunks of one sender may wait."""
    plan = plan_mailbox(MailboxLimits(store_bytes=store), participants=listed)

    assert tuple(plan.classes[traffic].per_sender for traffic in TrafficClass) == expected
    assert plan.is_comfortable


def test_the_largest_of_each_class_is_let_through() -> None:
    """The broker's bound on a message leaves room for headers beside the largest envelope."""
    assert GREATEST[TrafficClass.MESSAGE] > LIMITS.small_envelope
    assert GREATEST[TrafficClass.CHUNK] > LIMITS.chunk + 81
    assert GREATEST[TrafficClass.LARGE] == MAX_PAYLOAD > LIMITS.envelope
