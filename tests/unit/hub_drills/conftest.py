"""A hub whose registry lists AL with a node and MK without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.drills.desk import DrillDesk
from tests.support.console_face import NOON
from tests.support.hub_console import Hub, build_hub
from tests.support.registry import AL, MK, RegistryWorld, Timepiece


@pytest.fixture(scope="session")
def drill_world(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Publish the registry once: the tests read it."""
    folder = tmp_path_factory.mktemp("drill-registry") / "registry"
    world = RegistryWorld(folder, clock=Timepiece(NOON))
    world.create()
    for code in (AL, MK):
        world.publish(world.contacts_submission(code))
    world.publish(world.keys_submission(AL))
    return world


@pytest.fixture
def hub(tmp_path: Path, drill_world: RegistryWorld) -> Iterator[Hub]:
    """Build a hub's console over it."""
    built = build_hub(tmp_path, world=drill_world)
    yield built
    built.close()


@pytest.fixture
def desk(hub: Hub) -> DrillDesk:
    """Return the drills of the hub."""
    return DrillDesk(hub.context)
