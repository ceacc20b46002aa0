"""Networks of nodes for the tests of use cases, on both databases that the product supports."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.node import Network, make_network, sqlite_urls
from tests.support.postgres import PostgresCluster


@pytest.fixture(params=["sqlite", "postgresql"])
def url_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Where each node of a test keeps its store."""
    if request.param == "sqlite":
        yield sqlite_urls(tmp_path)
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.schemas() as urls:
        yield urls


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL, XK and MK, who know each other."""
    made = make_network(["AL", "XK", "MK"], url_of=url_of)
    yield made
    made.close()
