"""On which of the two databases a test of a node runs, where it is not told by the test itself.

Tests of the store and of the services run on both each time. Of the others, whose statements are
the same ones, every second runs on PostgreSQL, chosen by its name, so a run shows both and costs
one (``TRM_TEST_DATABASES=turns``, as without it);
``TRM_TEST_DATABASES=both`` runs all of them on both, ``sqlite`` or ``postgresql`` on one, and
``other`` each on the one that it does not run on otherwise: with a usual run, that is both.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

import pytest

from tests.support.node import sqlite_urls
from tests.support.postgres import PostgresCluster

KINDS: Final = ("sqlite", "postgresql")
_WANTED: Final = os.environ.get("TRM_TEST_DATABASES", "")


@pytest.fixture(params=KINDS if _WANTED == "both" else None)
def node_url_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Where each node of a test keeps its store."""
    yield from _open(request, tmp_path)


@pytest.fixture(scope="module", params=KINDS if _WANTED == "both" else None)
def shared_node_url_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Where the nodes that all tests of a file share keep their stores."""
    yield from _open(request, tmp_path_factory.mktemp("stores"))


def _open(request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[[str], str]]:
    kind = getattr(request, "param", _WANTED)
    if kind not in KINDS:
        kind = choose_kind(request.node.nodeid, other=kind == "other")
    if kind == "sqlite":
        yield sqlite_urls(folder)
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.schemas() as urls:
        yield urls


def pick_kind(test: str) -> str:
    """Return the database of a test that opens its stores itself."""
    return _WANTED if _WANTED in KINDS else choose_kind(test, other=_WANTED == "other")


def choose_kind(test: str, *, other: bool = False) -> str:
    """Return the database of a test: always the same one, whatever else runs; or the other."""
    return KINDS[(crc32(test.encode()) + other) % len(KINDS)]
