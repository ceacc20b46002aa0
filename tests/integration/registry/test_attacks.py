"""Attacks of the TUF specification (1.5.2) against our client, over real HTTP: each is refused.

After each, the view that was verified before is still what the client holds.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from contact_registry.errors import RegistryExpiredError, RegistryRefusedError
from contact_registry.models import serialize_document
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import contacts_path
from contact_registry.trust.storage import RepositoryFiles
from tests.support.registry import (
    AL,
    CheatingHost,
    RegistryWorld,
    make_contacts,
    make_signer,
    serve_registry,
)


def read(world: RegistryWorld, name: str) -> bytes:
    """Return a published metadata file."""
    data = world.repository.read_metadata(name)
    assert data is not None
    return data


def publish_with_stolen_online_key(
    world: RegistryWorld, changes: dict[str, tuple[int, bytes] | None]
) -> None:
    """Publish whatever an attacker who holds the hub's online key can: any files it likes."""
    files = RepositoryFiles(world.folder)
    timestamp = Metadata[Timestamp].from_bytes(read(world, "timestamp.json"))
    old = timestamp.signed.snapshot_meta.version
    snapshot = Metadata[Snapshot].from_bytes(read(world, f"{old}.snapshot.json"))
    for role, change in changes.items():
        if change is None:
            del snapshot.signed.meta[f"{role}.json"]
            continue
        version, data = change
        files.write_metadata(role, version, data)
        snapshot.signed.meta[f"{role}.json"] = MetaFile.from_data(version, data, ["sha256"])
    snapshot.signed.version += 1
    snapshot.sign(world.online.snapshot)
    data = snapshot.to_bytes()
    files.write_metadata("snapshot", old + 1, data)
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta = MetaFile.from_data(old + 1, data, ["sha256"])
    timestamp.sign(world.online.timestamp)
    files.write_metadata("timestamp", timestamp.signed.version, timestamp.to_bytes())
    files.write_metadata("timestamp", None, timestamp.to_bytes())


def expect_refusal(client: RegistryClient, *, match: str | None = None) -> RegistryRefusedError:
    """Check that a refresh is refused and that the earlier view is untouched."""
    before = client.load_cached()
    with pytest.raises(RegistryRefusedError, match=match) as caught:
        client.refresh()
    assert client.load_cached() == before
    return caught.value


def test_rollback_of_the_timestamp(
    world: RegistryWorld, client: RegistryClient, host: CheatingHost
) -> None:
    """An older, correctly signed timestamp is refused by a client that has seen a newer one."""
    old = read(world, "timestamp.json")
    world.publish(world.contacts_submission(AL))
    client.refresh()
    host.serve_instead("metadata/timestamp.json", old)
    expect_refusal(client, match="version")


def test_rollback_inside_the_snapshot(world: RegistryWorld, client: RegistryClient) -> None:
    """A newer snapshot that names an older version of a Participant is refused."""
    old = read(world, "1.AL.json")
    world.publish(world.contacts_submission(AL))
    client.refresh()
    publish_with_stolen_online_key(world, {"AL": (1, old)})
    expect_refusal(client, match="version")


def test_a_participant_cut_out_of_the_snapshot(
    world: RegistryWorld, client: RegistryClient
) -> None:
    """A newer snapshot in which a Participant's node is gone is refused."""
    client.refresh()
    publish_with_stolen_online_key(world, {"AL-node": None})
    expect_refusal(client, match="missing")


def test_freeze(tmp_path: Path, http: httpx.Client) -> None:
    """A registry whose timestamp ran out is refused, also by a client that knows nothing yet."""
    world = RegistryWorld(tmp_path / "repository")
    world.clock.move(timedelta(days=-2))
    world.publish_all()
    world.clock.move(timedelta(days=2))
    with serve_registry(world) as (address, _):
        client = world.client(address, tmp_path / "cache", http)
        assert isinstance(expect_refusal(client), RegistryExpiredError)


def test_tampered_document(
    world: RegistryWorld, client: RegistryClient, host: CheatingHost
) -> None:
    """A document with one byte changed is refused."""
    client.refresh()
    world.publish(world.contacts_submission(AL, note="second floor"))
    data = serialize_document(make_contacts(AL, note="second floor"))
    listed = Metadata[Targets].from_bytes(read(world, "2.AL.json")).signed.targets
    target = listed[contacts_path(AL)]
    name = f"targets/participants/AL/{target.hashes['sha256']}.contacts.json"
    host.serve_instead(name, data.replace(b"second", b"secomd"))
    expect_refusal(client, match="metadata of AL")


def test_tampered_delegated_metadata(
    world: RegistryWorld, client: RegistryClient, host: CheatingHost
) -> None:
    """A Participant's metadata with one byte changed is refused."""
    client.refresh()
    world.publish(world.contacts_submission(AL))
    data = read(world, "2.AL.json")
    tampered = data.replace(b'"version":2', b'"version":3')
    assert tampered != data
    host.serve_instead("metadata/2.AL.json", tampered)
    expect_refusal(client, match="metadata of AL")


@pytest.mark.parametrize("role", ["AL", "AL-node"])
def test_wrong_key_with_stolen_online_key(
    world: RegistryWorld, client: RegistryClient, role: str
) -> None:
    """Who holds the hub's online key still cannot speak for a Participant or its node."""
    client.refresh()
    forged = Metadata[Targets].from_bytes(read(world, f"1.{role}.json"))
    forged.signed.version = 2
    forged.sign(make_signer())
    publish_with_stolen_online_key(world, {role: (2, forged.to_bytes())})
    expect_refusal(client, match="signed")


def test_node_key_speaks_for_contacts(world: RegistryWorld, client: RegistryClient) -> None:
    """A stolen node key cannot change the Participant's contacts."""
    client.refresh()
    forged = Metadata[Targets].from_bytes(read(world, "1.AL.json"))
    forged.signed.version = 2
    forged.sign(world.node_keys[AL])
    publish_with_stolen_online_key(world, {"AL": (2, forged.to_bytes())})
    expect_refusal(client, match="signed")


def test_directory_key_overrides_node_keys(world: RegistryWorld, client: RegistryClient) -> None:
    """A Participant's role that lists its node's keys itself is refused: keys have one source."""
    client.refresh()
    own = Metadata[Targets].from_bytes(read(world, "1.AL.json"))
    node = Metadata[Targets].from_bytes(read(world, "1.AL-node.json"))
    own.signed.version = 2
    own.signed.targets |= node.signed.targets
    own.sign(world.directory_keys[AL])
    publish_with_stolen_online_key(world, {"AL": (2, own.to_bytes())})
    expect_refusal(client, match="nothing else")


def test_mix_and_match(world: RegistryWorld, client: RegistryClient, host: CheatingHost) -> None:
    """Files that were each valid at some time, but never together, are refused."""
    client.refresh()
    world.publish(world.contacts_submission(AL, note="new"))
    host.serve_instead("metadata/2.AL.json", read(world, "1.AL.json"))
    expect_refusal(client, match="metadata of AL")


def test_mixed_snapshot(world: RegistryWorld, client: RegistryClient, host: CheatingHost) -> None:
    """An older snapshot under a newer timestamp is refused."""
    old = read(world, "5.snapshot.json")
    client.refresh()
    world.publish(world.contacts_submission(AL))
    host.serve_instead("metadata/6.snapshot.json", old)
    expect_refusal(client)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda data: data + b" " * 100_000, id="padded"),
        pytest.param(lambda _: b"x" * 20_000_000, id="endless"),
    ],
)
@pytest.mark.parametrize("name", ["timestamp.json", "6.snapshot.json", "2.AL.json"])
def test_oversize(
    world: RegistryWorld,
    client: RegistryClient,
    host: CheatingHost,
    make: Callable[[bytes], bytes],
    name: str,
) -> None:
    """A file longer than it may be is refused, and not read to its end."""
    client.refresh()
    world.publish(world.contacts_submission(AL))
    host.serve_instead(f"metadata/{name}", make(read(world, name)))
    expect_refusal(client, match="more than it may")


def test_foreign_root(
    world: RegistryWorld, served: tuple[str, CheatingHost], http: httpx.Client, tmp_path: Path
) -> None:
    """A registry made by somebody else is refused, however consistent it is."""
    other = RegistryWorld(tmp_path / "other")
    other.create()
    client = other.client(served[0], tmp_path / "fresh", http)
    expect_refusal(client, match="signed|sign")


def test_forged_root_update(
    world: RegistryWorld, client: RegistryClient, host: CheatingHost
) -> None:
    """A next root that one operator signed alone is refused: the threshold is two."""
    client.refresh()
    root = json.loads(world.repository.read_root())
    root["signed"]["version"] = 2
    metadata = Metadata.from_dict(root)
    metadata.sign(world.operators[0])
    host.serve_instead("metadata/2.root.json", metadata.to_bytes())
    expect_refusal(client)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff\xfe", b'{"signed":' * 2_000])
@pytest.mark.parametrize("name", ["timestamp.json", "6.snapshot.json", "2.AL.json"])
def test_garbage(
    world: RegistryWorld, client: RegistryClient, host: CheatingHost, name: str, body: bytes
) -> None:
    """Garbage in place of any file is refused with the registry's own error."""
    client.refresh()
    world.publish(world.contacts_submission(AL))
    host.serve_instead(f"metadata/{name}", body)
    expect_refusal(client)
