"""A hub with its console for each test, and browsers without a screen that visit it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.hub_console import Hub, HubReader, build_hub, publish_small_registry
from tests.support.registry import RegistryWorld


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Publish a registry with AL and MK, once: for tests that read it and publish nothing."""
    return publish_small_registry(tmp_path_factory.mktemp("small-registry"))


@pytest.fixture
def hub(tmp_path: Path, small_world: RegistryWorld) -> Iterator[Hub]:
    """Build a hub's console over the small registry."""
    built = build_hub(tmp_path, world=small_world)
    yield built
    built.close()


@pytest.fixture
async def reader(hub: Hub) -> AsyncIterator[HubReader]:
    """Open a browser in which nobody is signed in yet."""
    async with HubReader(hub) as opened:
        yield opened
