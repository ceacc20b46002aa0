"""A node with its pages of changes for each test, and a browser without a screen for its editor."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.change_site import ChangeSite, build_change_site
from tests.support.page_reader import PageReader


@pytest.fixture
def site(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[ChangeSite]:
    """Build the node of AL beside a real registry."""
    with build_change_site(tmp_path, node_url_of) as built:
        yield built


@pytest.fixture
async def editor(site: ChangeSite) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's directory editor is signed in."""
    async with PageReader(site.app, clock=site.clock) as reader:
        await reader.sign_in("editor")
        yield reader
