"""Registry versions that only a peer has seen are fetched, verified, and kept for evidence."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from sqlmodel import SQLModel

from console.storage.database import Database
from contact_registry.errors import RegistryRefusedError, RegistryUnavailableError
from contact_registry.evidence.registry_proof import collect_objects
from contact_registry.trust.client import RegistryClient
from node.adapters.registry import RegistryDirectory
from node.service.registry_archive import RegistryArchive
from node.store import account_tables, tables
from node.store.tables import ReceiptRow
from protocol.messages.head import RegistryPin
from tests.support.registry import AL, MK, CheatingHost, RegistryWorld
from tests.support.tables import create_tables

REGISTERED = (account_tables, tables)


@dataclass
class Node:
    """What a node has of the registry: a client, its view, and what it kept."""

    client: RegistryClient
    directory: RegistryDirectory
    archive: RegistryArchive

    def name(self, pin: RegistryPin) -> None:
        """Note that a receipt that this node holds names a version."""
        with self.archive.database.transaction() as session:
            session.add(
                ReceiptRow(
                    receipt_id=f"{pin.version} {pin.sha256[:32]}",
                    signer_key_id="ab" * 16,
                    signed_receipt=b"",
                    registry_version=pin.version,
                    registry_sha256=pin.sha256,
                )
            )

    def proves(self, pin: RegistryPin) -> bool:
        """Say whether the keys of both Participants at this version are at hand, and verify."""
        return bool(collect_objects(self.archive.open(), pin, {AL, MK}))


@pytest.fixture
def node(
    world: RegistryWorld, client: RegistryClient, node_url_of: Callable[[str], str]
) -> Iterator[Node]:
    """Give a node with an empty database."""
    database = Database(node_url_of("AL"))
    create_tables(database, SQLModel.metadata)
    archive = RegistryArchive(
        database, trusted_root=world.repository.read_root(), clock=world.clock
    )
    yield Node(client, RegistryDirectory(client, archive=archive), archive)
    database.close()


def pin_of(world: RegistryWorld) -> RegistryPin:
    """Return the version that is published now."""
    published = world.repository.published_version()
    return RegistryPin(version=published.version, sha256=published.sha256)


def test_every_version_that_was_seen_is_kept(world: RegistryWorld, node: Node) -> None:
    """A refresh keeps what it verified; the next version does not push it out."""
    first = pin_of(world)
    node.directory.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    node.directory.refresh()
    assert node.proves(first)
    assert node.proves(pin_of(world))


def test_a_version_in_between_is_fetched_when_somebody_names_it(
    world: RegistryWorld, node: Node, host: CheatingHost
) -> None:
    """It costs its snapshot and the files that were different then."""
    node.directory.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    between = pin_of(world)
    world.publish(world.contacts_submission(AL, note="moved again"))
    node.directory.refresh()
    node.name(between)
    assert not node.archive.has(between.sha256)
    host.asked.clear()
    node.directory.complete_archive()
    assert node.proves(between)
    assert host.asked == [f"metadata/{between.version}.snapshot.json", "metadata/2.AL.json"]
    assert node.archive.list_missing() == []


def test_a_version_that_never_was_is_asked_for_once(
    world: RegistryWorld, node: Node, host: CheatingHost
) -> None:
    """Made up by its sender, or shown to it alone: it does not hold up the others."""
    node.directory.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    between = pin_of(world)
    world.publish(world.contacts_submission(AL, note="moved again"))
    node.directory.refresh()
    for pin in (
        RegistryPin(version=2_000, sha256="cd" * 32),
        RegistryPin(version=between.version, sha256="ef" * 32),
    ):
        node.name(pin)
    node.name(between)
    node.directory.complete_archive()
    assert node.archive.has(between.sha256)
    assert len(node.archive.list_missing()) == 2
    host.asked.clear()
    node.directory.complete_archive()
    assert host.asked == []


def test_a_hash_under_a_wrong_version_does_not_hide_the_right_one(
    world: RegistryWorld, node: Node
) -> None:
    """Somebody names a true hash with another number, and is looked at first: no harm is done."""
    node.directory.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    between = pin_of(world)
    world.publish(world.contacts_submission(AL, note="moved again"))
    node.directory.refresh()
    node.name(RegistryPin(version=2_000, sha256=between.sha256))
    node.directory.complete_archive()
    assert not node.archive.has(between.sha256)
    node.name(between)
    node.directory.complete_archive()
    assert node.proves(between)


def test_an_altered_past_is_not_kept(world: RegistryWorld, node: Node, host: CheatingHost) -> None:
    """What the host serves for a past version has to have the hashes of then."""
    node.directory.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    between = pin_of(world)
    world.publish(world.contacts_submission(AL, note="moved again"))
    host.serve_instead("metadata/2.AL.json", world.repository.read_metadata("3.AL.json") or b"")
    with pytest.raises(RegistryRefusedError):
        node.client.download_past(between.version, between.sha256, find=lambda _: None)
    node.name(between)
    node.directory.refresh()
    assert not node.archive.has(between.sha256)


def test_a_host_that_is_away_is_asked_again(
    world: RegistryWorld, node: Node, host: CheatingHost
) -> None:
    """An outage says nothing about a version."""
    node.directory.refresh()
    world.publish(world.contacts_submission(AL, note="moved"))
    between = pin_of(world)
    world.publish(world.contacts_submission(AL, note="moved again"))
    node.directory.refresh()
    node.name(between)
    path = f"metadata/{between.version}.snapshot.json"
    host.serve_instead(path, b"", status=httpx.codes.SERVICE_UNAVAILABLE)
    with pytest.raises(RegistryUnavailableError):
        node.client.download_past(between.version, between.sha256, find=lambda _: None)
    node.directory.complete_archive()
    assert not node.archive.has(between.sha256)
    host.lies.clear()
    node.directory.complete_archive()
    assert node.proves(between)
