"""Suites: the strongest common one is taken, nothing weaker can be forced on either side."""

from itertools import chain, combinations

import pytest

from protocol.envelope import Envelope
from protocol.errors import LocalProtocolError, UnsupportedError
from protocol.sealing import OpeningKey
from protocol.suites import SUITE_HYBRID, SUITES, SuiteTable
from tests.support.messages import make_signed

#: An invented future: 7 is the strongest, stronger than 9; 1 is good enough, 5 was withdrawn.
INVENTED = SuiteTable(strongest_first=(7, 9, 1, 5), floor=1)
ALL_OFFERS = [
    set(offer)
    for offer in chain.from_iterable(combinations((9, 7, 1, 5, 30), size) for size in range(6))
]


@pytest.mark.parametrize("offered", ALL_OFFERS, ids=str)
def test_a_sender_takes_the_strongest_common_suite_or_none(offered: set[int]) -> None:
    """Whatever is offered beside it, no weaker one is chosen, and none below the floor."""
    common = [suite for suite in (7, 9, 1) if suite in offered]
    if common:
        assert INVENTED.choose(offered) == common[0]
    else:
        with pytest.raises(UnsupportedError, match="good enough"):
            INVENTED.choose(offered)


@pytest.mark.parametrize("key_suite", [9, 7, 1])
@pytest.mark.parametrize("suite", [9, 7, 1, 5, 30])
def test_a_recipient_takes_a_key_for_its_own_suite_only(suite: int, key_suite: int) -> None:
    """Lower, higher, withdrawn or unknown: only the suite the key was published for opens."""
    if suite == key_suite:
        INVENTED.verify_key_suite(suite, key_suite=key_suite)
        return
    with pytest.raises(UnsupportedError) as refused:
        INVENTED.verify_key_suite(suite, key_suite=key_suite)
    expected = {5: "withdrawn", 30: "not spoken"}.get(suite, "published for")
    assert expected in str(refused.value)


def test_a_key_of_a_withdrawn_suite_opens_nothing() -> None:
    """A floor that was raised holds for keys that were published before it, too."""
    with pytest.raises(UnsupportedError, match="withdrawn"):
        INVENTED.verify_key_suite(5, key_suite=5)


@pytest.mark.parametrize(
    ("numbers", "floor"), [((1, 2), 3), ((1, 1), 1), ((), 1)], ids=["floor", "twice", "empty"]
)
def test_a_table_that_contradicts_itself_is_refused(numbers: tuple[int, ...], floor: int) -> None:
    """The floor is one of the suites, and each stands there once."""
    with pytest.raises(LocalProtocolError):
        SuiteTable(strongest_first=numbers, floor=floor)


def test_this_version_speaks_the_hybrid_suite_alone() -> None:
    """There is nothing to fall back to."""
    assert SUITES.usable == (SUITE_HYBRID,)
    assert SUITES.choose({SUITE_HYBRID, 2}) == SUITE_HYBRID


@pytest.mark.parametrize("suite", [0, 2, 0xFFFF])
def test_another_number_in_front_opens_nothing(suite: int) -> None:
    """It is refused as it is read, and again by the key, which was published for one suite."""
    key = OpeningKey(bytes(range(96)))
    honest = key.recipient_key.seal(make_signed(b"{}"))
    forged = Envelope(
        consignment_bytes=honest.consignment_bytes,
        suite=suite,
        recipient_key_id=honest.recipient_key_id,
        sealed=honest.sealed,
    )
    with pytest.raises(UnsupportedError):
        Envelope.parse(forged.encode())
    with pytest.raises(UnsupportedError):
        key.open(forged)
