"""A small real world: real broker, real hub, real nodes as processes of their own."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from contact_registry.directory import Directory
from contact_registry.trust.client import RegistryClient
from deploy.demo.scenario import NodeClient
from deploy.demo.world import DemoWorld, utc_now
from tests.support.chromium import chromium, visit

__all__ = ["chromium", "visit"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DemoWorld]:
    """AL and XK, a hub, and a broker; messages without receipt go again after a second."""
    with DemoWorld(tmp_path / "world", resend_first=timedelta(seconds=1)) as made:
        made.start(["AL", "XK"])
        yield made


@pytest.fixture
def directory(world: DemoWorld) -> Directory:
    """Return the registry, verified from its root."""
    with httpx.Client(timeout=60.0) as http:
        return RegistryClient(
            base_url=world.hub.url,
            cache_dir=world.folder / "test-registry",
            trusted_root=world.trusted_root.read_bytes(),
            http=http,
            clock=utc_now,
        ).refresh()


@pytest.fixture
def clients(world: DemoWorld) -> Iterator[dict[str, NodeClient]]:
    """Give a program of each Participant."""
    made = {
        code: NodeClient(code=code, url=node.url, token=node.api_token)
        for code, node in world.nodes.items()
    }
    yield made
    for client in made.values():
        client.close()
