"""One signed registry for all tests of changes; each test works on a copy of its files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.changes import DeskWorld, open_desk_world
from tests.support.registry import RegistryWorld


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Give a registry with everything of AL and MK published; to be copied, never written."""
    world = RegistryWorld(tmp_path_factory.mktemp("published") / "repository")
    world.publish_all()
    return world


@pytest.fixture
def desks(published: RegistryWorld, tmp_path: Path) -> Iterator[DeskWorld]:
    """Give a desk at the registry's host."""
    with open_desk_world(tmp_path, published=published) as made:
        yield made
