"""Two nodes with consoles for each test, and browsers without a screen that visit them."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.node_console import PageReader, Pair, build_pair


@pytest.fixture
def pair(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Pair]:
    """Build the nodes of AL and XK with their consoles."""
    built = build_pair(tmp_path, url_of=node_url_of)
    yield built
    built.network.close()


@pytest.fixture
async def al(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's focal point is signed in."""
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        yield reader


@pytest.fixture
async def xk(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which XK's focal point is signed in."""
    async with PageReader(pair.xk) as reader:
        await reader.sign_in()
        yield reader
