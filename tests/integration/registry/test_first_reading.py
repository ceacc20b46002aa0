"""A first reading asks for many files at once, and believes none of them for that."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contact_registry.errors import RegistryRefusedError, RegistryUnavailableError
from contact_registry.trust.client import RegistryClient
from hub.registry_host.router import create_router
from tests.support.large_registry import LargeRegistry
from tests.support.registry import serve


@dataclass
class Crowd:
    """In front of a host: answers about a role only while another one is asked for, too."""

    app: ASGIApp
    asked: Counter[str] = field(default_factory=Counter)
    fails: str = "nothing"
    lies: str = "nothing"
    waits: bool = True
    waiting: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or wait for company first."""
        name = str(scope["path"]).rpartition("/")[2]
        self.asked[name] += 1
        if self.waits and name.startswith("1.Q") and name.endswith("-node.json"):
            if self.waiting is None:
                self.waiting = asyncio.Event()
                await self.waiting.wait()
            self.waiting.set()

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start" and self.fails in name:
                message = {**message, "status": 503}
            elif message["type"] == "http.response.body" and self.lies in name:
                message = {**message, "body": message["body"][::-1]}
            await send(message)

        await self.app(scope, receive, pass_on)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> LargeRegistry:
    """Make a registry of six Participants: twelve roles, thirteen documents."""
    registry = LargeRegistry(tmp_path_factory.mktemp("first") / "registry", 6, 1)
    registry.open_or_make()
    return registry


@pytest.fixture
def crowd(registry: LargeRegistry) -> Crowd:
    """Put a host behind a crowd."""
    app = FastAPI()
    app.include_router(create_router(registry.repository, registry.online))
    return Crowd(app)


@pytest.fixture
def reader(registry: LargeRegistry, crowd: Crowd, tmp_path: Path) -> Iterator[RegistryClient]:
    """Make a client that has nothing yet."""
    with serve(crowd) as address, httpx.Client(trust_env=False) as http:
        yield RegistryClient(
            base_url=address,
            cache_dir=tmp_path / "cache",
            trusted_root=registry.repository.read_root(),
            http=http,
            clock=registry.clock,
        )


def test_many_at_once_and_each_once(
    registry: LargeRegistry, crowd: Crowd, reader: RegistryClient
) -> None:
    """A host that answers only while two ask is read, and no file is asked for twice."""
    view = reader.refresh()
    assert view.contacts == registry.repository.load_directory().contacts
    assert len(view.keys) == len(registry.codes)
    assert set(crowd.asked.values()) == {1}
    assert len(crowd.asked) == 29


@pytest.mark.parametrize("name", ["1.Q003.json", "1.Q003-node.json", "contacts.json", "keys.json"])
def test_what_fails_or_lies_is_found(
    registry: LargeRegistry, crowd: Crowd, reader: RegistryClient, name: str
) -> None:
    """A file that fails is an outage and one that is altered a refusal; neither is kept."""
    crowd.waits = False
    crowd.fails = name
    with pytest.raises(RegistryUnavailableError):
        reader.refresh()
    crowd.fails, crowd.lies = "nothing", name
    with pytest.raises(RegistryRefusedError):
        reader.refresh()
    assert reader.load_cached() is None
    crowd.lies = "nothing"
    assert len(reader.refresh().keys) == len(registry.codes)
