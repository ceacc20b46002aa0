"""How registry files travel between host and client: small, and never at the price of trust."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from contact_registry.errors import RegistryRefusedError
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.compression import Dictionary, encode
from hub.registry_host.router import create_router
from tests.support.registry import AL, RegistryWorld, serve


class Wire:
    """An ASGI application in front of the host that notes what travels, and can replace it."""

    def __init__(self, world: RegistryWorld) -> None:
        """Serve the world's repository."""
        self.app = FastAPI()
        self.app.include_router(create_router(world.repository, world.online))
        self.codings: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.lies: dict[str, tuple[str, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the host does, or with a lie for this path."""
        name = str(scope["path"]).removeprefix("/registry/")

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                if name in self.lies:
                    message["headers"] = [(b"content-encoding", self.lies[name][0].encode())]
                self.codings[name] = dict(message["headers"]).get(b"content-encoding", b"").decode()
            else:
                if name in self.lies:
                    message["body"] = self.lies[name][1]
                self.sizes[name] = self.sizes.get(name, 0) + len(message["body"])
            await send(message)

        await self.app(scope, receive, note)

    def forget(self) -> None:
        """Begin to note anew."""
        self.codings.clear()
        self.sizes.clear()


@pytest.fixture
def wire(world: RegistryWorld) -> Wire:
    """Make the wire."""
    return Wire(world)


@pytest.fixture
def listening(
    world: RegistryWorld, wire: Wire, http: httpx.Client, tmp_path: Path
) -> Iterator[RegistryClient]:
    """Serve over the wire, and make a client of it."""
    with serve(wire) as address:
        yield world.client(address, tmp_path / "cache", http)


def test_an_update_travels_as_a_difference(
    world: RegistryWorld, wire: Wire, listening: RegistryClient
) -> None:
    """The first reading is compressed; of an update only what differs travels."""
    listening.refresh()
    assert wire.codings["metadata/5.snapshot.json"] == "zstd"
    wire.forget()
    published = world.publish(world.contacts_submission(AL, note="moved to the second floor"))
    assert listening.refresh().sha256 == published.sha256
    changed = {n: c for n, c in wire.codings.items() if n.startswith(("metadata/6", "targets"))}
    assert set(changed.values()) == {"dcz"}
    whole = sum(len(world.repository.read_metadata(n) or b"")
                for n in ("6.snapshot.json", "2.AL.json"))  # fmt: skip
    assert wire.sizes["metadata/6.snapshot.json"] + wire.sizes["metadata/2.AL.json"] < whole / 2
    document = next(n for n in wire.sizes if n.startswith("targets/"))
    assert wire.sizes[document] < 120


def test_a_restarted_client_offers_what_it_kept(
    world: RegistryWorld, wire: Wire, listening: RegistryClient, tmp_path: Path
) -> None:
    """After a restart, too, the files on the disk are what the host codes against."""
    listening.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    wire.forget()
    with httpx.Client(trust_env=False) as http:
        base = listening._metadata_url.removesuffix("registry/metadata/")
        restarted = world.client(base, tmp_path / "cache", http)
        assert restarted.refresh().version == 6
    assert wire.codings["metadata/6.snapshot.json"] == "dcz"


def test_a_client_that_offers_nothing_gets_the_file(
    world: RegistryWorld, wire: Wire, http: httpx.Client
) -> None:
    """Whoever does not offer a coding gets the signed bytes as they are, and may be any client."""
    with serve(wire) as address:
        answer = http.get(
            f"{address}/registry/metadata/5.snapshot.json", headers={"Accept-Encoding": "gzip"}
        )
    assert answer.content == world.repository.read_metadata("5.snapshot.json")
    assert "Content-Encoding" not in answer.headers
    assert "Available-Dictionary" in answer.headers["Vary"]


SNAPSHOT = "metadata/6.snapshot.json"
OTHER = Dictionary("1.AL.json", b"another file")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("zstd", encode(b"{}")),
        ("zstd", b"no frame"),
        ("zstd", encode(b" " * 50_000_000)),
        ("zstd", b"\x50\x2a\x4d\x18\x04\x00\x00\x00word" * 3),
        ("dcz", encode(b"{}", OTHER)),
        ("dcz", b""),
        ("gzip", b"\x1f\x8b"),
        ("zstd, dcz", encode(b"{}")),
    ],
    ids=["another", "garbage", "bomb", "skipped", "dictionary", "empty", "unasked", "two"],
)
def test_a_lie_in_a_coding_is_refused(
    world: RegistryWorld, wire: Wire, listening: RegistryClient, coding: str, body: bytes
) -> None:
    """What a host makes of a coding is refused, and costs no more than the file may have."""
    before = listening.refresh()
    published = world.publish(world.contacts_submission(AL, note="moved"))
    wire.lies[SNAPSHOT] = (coding, body)
    with pytest.raises(RegistryRefusedError):
        listening.refresh()
    assert listening.load_cached() == before
    wire.lies.clear()
    assert listening.refresh().sha256 == published.sha256
