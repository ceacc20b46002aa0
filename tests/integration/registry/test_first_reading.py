"""A first reading asks for many files at once, and believes none of them for that."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tuf.api.metadata import Metadata, TargetFile, Targets

from contact_registry.errors import RegistryRefusedError, RegistryUnavailableError
from contact_registry.trust.ahead import list_documents, list_roles
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


@pytest.mark.parametrize("name", ["1.Q003-node.json", "participants.json"])
def test_a_reading_goes_on_where_it_broke_off(
    registry: LargeRegistry, crowd: Crowd, reader: RegistryClient, name: str
) -> None:
    """Over a line that fails now and then, what has come once does not have to come again."""
    crowd.waits, crowd.fails = False, name
    with pytest.raises(RegistryUnavailableError):
        reader.refresh()
    crowd.fails = "nothing"
    assert len(reader.refresh().keys) == len(registry.codes)
    again = {asked for asked, times in crowd.asked.items() if times > 1}
    failed = {asked for asked in crowd.asked if name in asked}
    assert again == {"2.root.json", "timestamp.json", *failed}


def test_a_role_leads_to_its_one_document(registry: LargeRegistry) -> None:
    """Before a signature is looked at, a role makes nobody ask for another file than its own."""
    top = registry.repository.load_top()
    roles = list_roles(top, ())
    role = next(it for it in roles if it.name == "1.Q001.json")
    data = registry.repository.read_metadata(role.name) or b""
    metadata = Metadata[Targets].from_bytes(data)
    (honest,) = list_documents(roles, {role.sha256: data}, ())
    assert honest.name.startswith("participants/Q001/")
    for number in range(300):
        path = f"participants/Q002/{number}.json"
        metadata.signed.targets[path] = TargetFile(1_000_000, {"sha256": f"{number:064x}"}, path)
    wide = metadata.to_bytes()
    named = replace(role, sha256=hashlib.sha256(wide).hexdigest())
    assert list(list_documents([named], {named.sha256: wide}, ())) == [honest]
    own = metadata.signed.targets["participants/Q001/contacts.json"]
    own.hashes = {"sha256": "../\r\nhttp://example.org"}
    forged = metadata.to_bytes()
    named = replace(role, sha256=hashlib.sha256(forged).hexdigest())
    assert list(list_documents([named], {named.sha256: forged}, ())) == []
    # What is not the file that the snapshot names leads nowhere.
    assert list(list_documents([role], {role.sha256: wide}, ())) == []
