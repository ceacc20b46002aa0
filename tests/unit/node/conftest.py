"""Networks of nodes for the tests of use cases, on both databases that the product supports."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.node import Network, make_network, sqlite_urls
from tests.support.postgres import PostgresCluster


def _postgres_urls(cluster: PostgresCluster) -> Callable[[str], str]:
    def url_of(code: str) -> str:
        name = f"node_{code.lower()}_{id(url_of)}"
        with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return cluster.url(name)

    return url_of


@pytest.fixture(params=["sqlite", "postgresql"])
def url_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Where each node of a test keeps its store."""
    if request.param == "sqlite":
        return sqlite_urls(tmp_path)
    return _postgres_urls(request.getfixturevalue("postgres_cluster"))


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL, XK and MK, who know each other."""
    made = make_network(["AL", "XK", "MK"], url_of=url_of)
    yield made
    made.close()
