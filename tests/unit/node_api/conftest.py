"""Networks of nodes for the tests of the interface, on both databases where the SQL differs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.node import Network, make_network, sqlite_urls
from tests.support.postgres import PostgresCluster


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, who know each other."""
    made = make_network(["AL", "XK"], url_of=node_url_of)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url_of_both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Where each node of a test keeps its store, on either database."""
    if request.param == "sqlite":
        yield sqlite_urls(tmp_path)
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.schemas() as urls:
        yield urls


@pytest.fixture
def network_on_both(url_of_both: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK, who know each other, on either database."""
    made = make_network(["AL", "XK"], url_of=url_of_both)
    yield made
    made.close()
