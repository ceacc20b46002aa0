"""Fixtures of two nodes that all tests of a file share; each begins a case of its own.

A file takes them by their names: ``pair, next_code = shared_pair.pair, shared_pair.next_code``.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.support.case_pages import Case, begin_case
from tests.support.node_console import Pair, build_pair


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Pair]:
    """Build the nodes of AL and XK with their consoles, once for a file."""
    built = build_pair(tmp_path_factory.mktemp("pair"), url_of=shared_node_url_of)
    yield built
    built.network.close()


@pytest.fixture(autouse=True)
def next_code(pair: Pair) -> None:
    """Let a minute pass: a code of the second factor is good for one sign-in."""
    pair.network.clock.advance(minutes=1)


@pytest.fixture
def case(pair: Pair) -> Case:
    """Begin a case on consent, which XK knows."""
    return begin_case(pair)
