"""Nodes go back to old backups while the broker forgets, and no message is lost in silence."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store.tables import MessageRow
from tests.support.restoring import Ordeal


@pytest.fixture
def ordeal(tmp_path: Path) -> Iterator[Ordeal]:
    """Two nodes to which happens what a test says."""
    made = Ordeal(tmp_path, Random(0))  # noqa: S311 - nothing is drawn from it
    yield made
    made.network.close()


def go_through(seed: int, *, steps: int) -> None:
    """Run one ordeal, then look at what became of every message."""
    with tempfile.TemporaryDirectory() as folder:
        ordeal = Ordeal(Path(folder), Random(seed))  # noqa: S311 - a failing run is repeated by its seed
        try:
            ordeal.run(steps)
            ordeal.heal()
            assert ordeal.list_lost() == []
            assert ordeal.list_unproven() == []
        finally:
            ordeal.network.close()


@pytest.mark.parametrize("seed", [245, 261])
def test_what_once_was_lost_comes_again(seed: int) -> None:
    """Runs that have lost messages: the question was lost, or the backup knew no peer."""
    go_through(seed, steps=80)


@settings(max_examples=3)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_around_a_restore(seed: int) -> None:
    """Whatever happens, what its sender remembers is shown once and proven as delivered."""
    go_through(seed, steps=60)


def test_an_old_generation_that_came_after_the_backup(ordeal: Ordeal) -> None:
    """A peer that was restored itself has a generation of which the backup knows nothing."""
    network = ordeal.network
    ordeal.send("AL")
    network.collect("AL")
    delayed = network.mailbox.pop()
    ordeal.back_up("AL")
    ordeal.restore("AL")
    network.settle()
    ordeal.send("AL")
    network.settle()
    ordeal.back_up("XK")
    network.deliver(delayed)
    network.settle()
    ordeal.restore("XK")
    ordeal.heal()
    assert ordeal.list_lost() == []


def test_one_backup_restored_twice_within_a_minute(ordeal: Ordeal) -> None:
    """The peer names what the first of the two lives sent: the second goes beyond it."""
    network = ordeal.network
    ordeal.restore("XK")
    ordeal.send("XK")
    network.settle()
    ordeal.restore("XK")
    network.settle()
    ordeal.send("XK")
    with network.node("XK").database.reading() as session:
        generation = session.get_one(MessageRow, ordeal.ledger[-1].message_id).link_generation
    assert generation == int(network.clock().timestamp()) // 60 + 1


def test_numbers_that_were_given_out_twice(ordeal: Ordeal) -> None:
    """Both nodes went back, and what the backup holds last is not what its sender sent there."""
    network = ordeal.network
    ordeal.restore("XK")
    ordeal.send("XK")
    ordeal.send("XK")
    network.settle()
    ordeal.back_up("AL")
    ordeal.restore("XK")
    ordeal.send("XK")
    network.settle()
    ordeal.restore("AL")
    ordeal.heal()
    assert ordeal.list_lost() == []
