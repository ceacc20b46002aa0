"""Nodes go back to old backups while the broker forgets, and no message is lost in silence.

Each run is on SQLite or on PostgreSQL, chosen by its seed or its name.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store.tables import MessageRow
from tests.support.copied_stores import CopiedFiles, CopiedStores, copied_databases
from tests.support.node_databases import pick_kind
from tests.support.postgres import PostgresCluster
from tests.support.restoring import Ordeal


@contextmanager
def stores_of(name: str, cluster: PostgresCluster) -> Iterator[CopiedStores]:
    """Give stores on the database that this name is on."""
    if pick_kind(name) == "postgresql":
        with copied_databases(cluster) as databases:
            yield databases
        return
    with tempfile.TemporaryDirectory() as folder:
        yield CopiedFiles(Path(folder))


@contextmanager
def running(name: str, cluster: PostgresCluster, *, seed: int) -> Iterator[Ordeal]:
    """Give two nodes to which happens what a test says."""
    with stores_of(name, cluster) as stores:
        made = Ordeal(stores, Random(seed))
        try:
            yield made
        finally:
            made.network.close()


@pytest.fixture
def ordeal(request: pytest.FixtureRequest, postgres_cluster: PostgresCluster) -> Iterator[Ordeal]:
    """Two nodes to which happens what a test says."""
    with running(request.node.name, postgres_cluster, seed=0) as made:
        yield made


def go_through(seed: int, cluster: PostgresCluster, *, steps: int) -> None:
    """Run one ordeal, then look at what became of every message."""
    with running(f"seed {seed}", cluster, seed=seed) as ordeal:
        ordeal.run(steps)
        ordeal.heal()
        assert ordeal.list_lost() == []
        assert ordeal.list_unproven() == []


@pytest.mark.parametrize("seed", [245, 261])
def test_what_once_was_lost_comes_again(seed: int, postgres_cluster: PostgresCluster) -> None:
    """Runs that have lost messages: the question was lost, or the backup knew no peer."""
    go_through(seed, postgres_cluster, steps=80)


@settings(max_examples=3)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_around_a_restore(seed: int, postgres_cluster: PostgresCluster) -> None:
    """Whatever happens, what its sender remembers is shown once and proven as delivered."""
    go_through(seed, postgres_cluster, steps=60)


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
