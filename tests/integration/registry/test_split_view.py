"""Two nodes that are shown two registries over HTTP find out by their first message: end to end.

Whoever holds the online keys can publish two histories that both verify. Nothing in either shows
the other; what shows it is that each signed message names its sender's registry (SPEC 12.3).
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from contact_registry.models import ContactsDocument, ListedBy
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.repository import RegistryRepository
from contact_registry.trust.submitting import build_contacts_submission, build_keys_submission
from node.adapters.registry import RegistryDirectory
from node.domain.alarms import AlarmStanding
from node.domain.events import EventKind
from node.service import reading
from node.service.notices import list_notices
from node.service.pin_watching import note_verified
from node.service.registry_archive import RegistryArchive
from node.store.pin_tables import RegistryAlarmRow
from protocol.identifiers import ParticipantCode
from tests.support.link_repair import count_kind, names, send
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    Network,
    make_authority,
    make_context,
    make_directory,
    make_keys,
    make_keystore,
)
from tests.support.people import STAFF
from tests.support.registry import AL, MK, RegistryWorld
from tests.support.registry_stage import StageServer, read_files, serve_shown, write_at_once

CODES = (AL, MK)
CERTAIN, CONFIRMED = AlarmStanding.CERTAIN, AlarmStanding.CONFIRMED


@dataclass
class TwoNodes:
    """AL and MK with their stores, the registry that lists them, and a host for each of them."""

    network: Network
    world: RegistryWorld
    server: StageServer
    directories: dict[str, RegistryDirectory]

    def publish(self, repository: RegistryRepository, code: ParticipantCode, note: str) -> None:
        """Let a Participant change its contacts in one of the histories."""
        desk = make_authority(code).model_copy(update={"note": note})
        contacts = ContactsDocument(
            participant=code, listed_by=ListedBy.PARTICIPANT, authorities=(desk,)
        )
        submission = build_contacts_submission(
            contacts,
            previous_version=repository.role_status(code).version,
            signers=[self.world.directory_keys[code]],
            expires=self.world.clock() + timedelta(days=90),
            node_keys=[self.world.node_keys[code].verify_key],
        )
        repository.accept(submission, self.world.online)

    def show(self, code: str, folder: Path) -> None:
        """Show a node the registry of this folder from now on."""
        self.server.show(code, read_files(folder))

    def fork(self, name: str) -> RegistryRepository:
        """Copy the registry as it stands: another history begins, under the same keys."""
        folder = self.world.folder.parent / name
        shutil.copytree(self.world.folder, folder)
        return RegistryRepository(folder, clock=self.world.clock, write_file=write_at_once)

    def refresh(self, code: str) -> None:
        """Let a node look, as its worker does."""
        self.directories[code].refresh()
        node = self.network.node(code)
        node.transact(partial(note_verified, node))

    def alarms(self, code: str) -> list[tuple[str, str, str, str]]:
        """Return what a node holds: who found it, who holds, who named, what that proves."""
        with self.network.node(code).database.reading() as session:
            rows = session.exec(select(RegistryAlarmRow).order_by(col(RegistryAlarmRow.raised_by)))
            return [(row.raised_by, row.held_by, row.named_by, row.standing) for row in rows]


@pytest.fixture
def two(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[TwoNodes]:
    """Found a registry of AL and MK, and give each a node that reads it over HTTP."""
    clock = FakeClock(datetime.now(UTC).replace(microsecond=0))
    stores = {code: make_keystore(code, at=clock()) for code in CODES}
    world = RegistryWorld(tmp_path / "honest", write_file=write_at_once)
    world.clock.now = clock()
    world.create()
    network = Network(clock=clock, directory=FixedDirectory(make_directory(stores.values())))
    with serve_shown() as server, httpx.Client(trust_env=False) as http:
        two = TwoNodes(network, world, server, {})
        for code, store in stores.items():
            two.publish(world.repository, code, "")
            world.publish(
                build_keys_submission(
                    make_keys(store, at=clock()),
                    previous_version=0,
                    signer=world.node_keys[code],
                    expires=clock() + timedelta(days=90),
                )
            )
            context = make_context(
                store,
                network.directory,
                database_url=node_url_of(code),
                clock=clock,
            )
            root = world.repository.read_root()
            client = RegistryClient(
                base_url=f"{server.origin}/{code}/",
                cache_dir=tmp_path / f"cache-{code}",
                trusted_root=root,
                http=http,
                clock=clock,
            )
            archive = RegistryArchive(context.database, trusted_root=root, clock=clock)
            two.directories[code] = RegistryDirectory(client, archive=archive)
            network.nodes[code] = replace(context, directory=two.directories[code])
        for code in CODES:
            two.show(code, world.folder)
            two.refresh(code)
        yield two
    network.close()


def test_one_registry_alarms_nobody(two: TwoNodes) -> None:
    """Nodes of one history agree, also while one of them is a version behind the other."""
    two.publish(two.world.repository, AL, "second floor")
    two.show(AL, two.world.folder)
    two.refresh(AL)
    (sent,) = names(send(two.network, recipient="MK"))
    two.network.settle()
    two.show(MK, two.world.folder)
    two.refresh(MK)
    two.network.settle()
    assert reading.get_message(two.network.node("AL"), sent, who=STAFF).item.dispatch == "delivered"
    for code in CODES:
        assert two.alarms(code) == []
        assert list_notices(two.network.node(code)) == []


@pytest.mark.parametrize("seen_first", [True, False], ids=["refreshed before", "refreshed after"])
def test_two_registries_are_found_by_the_first_message(
    two: TwoNodes,
    seen_first: bool,
) -> None:
    """Both histories verify; the message arrives, and both nodes hold the proof and say so."""
    one, other = two.fork("one"), two.fork("other")
    two.publish(one, AL, "told to AL")
    two.publish(other, MK, "told to MK")
    two.show(AL, one.folder)
    two.show(MK, other.folder)
    two.refresh(AL)
    if seen_first:
        two.refresh(MK)
    (sent,) = names(send(two.network, recipient="MK"))
    two.network.settle()
    two.refresh(MK)
    two.network.settle()
    versions = [two.directories[code].current().version for code in CODES]
    assert versions[0] == versions[1]
    assert reading.get_message(two.network.node("AL"), sent, who=STAFF).item.dispatch == "delivered"
    assert ("MK", "MK", "AL", CERTAIN) in two.alarms("MK")
    assert ("MK", "MK", "AL", CONFIRMED) in two.alarms("AL")
    for code in CODES:
        notices = " ".join(list_notices(two.network.node(code)))
        assert f"registry: two versions {versions[0]}" in notices
        assert count_kind(two.network, EventKind.REGISTRY_CONFLICT, code) >= 1


def test_a_history_that_was_rewritten_under_a_node(two: TwoNodes, tmp_path: Path) -> None:
    """A node that lost its cache and is shown another history of a version it acted on knows it."""
    one, other = two.fork("one"), two.fork("other")
    two.publish(one, AL, "first")
    two.publish(other, AL, "second")
    two.show(MK, one.folder)
    two.refresh(MK)
    shutil.rmtree(tmp_path / "cache-MK")
    two.show(MK, other.folder)
    two.refresh(MK)
    assert two.alarms("MK") == [("MK", "MK", "MK", CERTAIN)]
    assert "registry: two versions" in " ".join(list_notices(two.network.node("MK")))
