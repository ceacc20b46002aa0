"""A served registry and a client of it, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from contact_registry.trust.client import RegistryClient
from tests.support.registry import CheatingHost, RegistryWorld, serve_registry


@pytest.fixture
def world(tmp_path: Path) -> RegistryWorld:
    """Make a registry with everything of AL and MK published."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    return world


@pytest.fixture
def served(world: RegistryWorld) -> Iterator[tuple[str, CheatingHost]]:
    """Serve the registry on a loopback port."""
    with serve_registry(world) as served:
        yield served


@pytest.fixture
def host(served: tuple[str, CheatingHost]) -> CheatingHost:
    """Return the host that can be made to cheat."""
    return served[1]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Open an HTTP client."""
    with httpx.Client(trust_env=False) as http:
        yield http


@pytest.fixture
def client(
    world: RegistryWorld, served: tuple[str, CheatingHost], http: httpx.Client, tmp_path: Path
) -> RegistryClient:
    """Make a client with an empty cache."""
    return world.client(served[0], tmp_path / "cache", http)


@pytest.fixture
def restarted(
    world: RegistryWorld, served: tuple[str, CheatingHost], http: httpx.Client, tmp_path: Path
) -> RegistryClient:
    """Make a second client of the same cache, as a process has after a restart."""
    return world.client(served[0], tmp_path / "cache", http)
