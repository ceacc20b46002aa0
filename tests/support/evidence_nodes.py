"""Nodes that stand on a real signed registry, and keep its past."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contact_registry.models import ContactsDocument, ListedBy
from node.service.registry_archive import RegistryArchive
from protocol.identifiers import ParticipantCode
from tests.support.evidence import EvidenceWorld
from tests.support.node import (
    FakeClock,
    FixedDirectory,
    Network,
    make_authority,
    make_context,
    make_keys,
    make_keystore,
)
from tests.support.registry import Timepiece


@dataclass
class EvidenceNetwork:
    """A network of nodes, the registry that they share, and what each keeps of it."""

    network: Network
    world: EvidenceWorld
    archives: dict[str, RegistryArchive]

    def publish(self, *codes: str) -> None:
        """Let everybody see the registry as it is now; those named keep it."""
        self.network.directory.directory = self.world.repository.load_directory()
        for code in codes or self.archives:
            self.archives[code].keep(self.world.verified_files())

    def advance(self, **span: float) -> None:
        """Let time pass for nodes and registry, which signs anew what ran out."""
        self.network.clock.advance(**span)
        self.world.clock.now = self.network.clock.now
        self.world.repository.refresh_timestamp(self.world.online)


def make_evidence_network(
    codes: Sequence[str], *, folder: Path, url_of: Callable[[str], str]
) -> EvidenceNetwork:
    """Return nodes whose registry everybody has seen."""
    clock = FakeClock()
    stores = {code: make_keystore(code) for code in codes}
    participants = [ParticipantCode(code) for code in codes]
    world = EvidenceWorld(
        folder / "registry",
        clock=Timepiece(clock.now),
        codes=participants,
        keys={code: stores[code].signing_key for code in participants},
        documents={code: make_keys(stores[code]) for code in participants},
        contacts={
            code: ContactsDocument(
                participant=code,
                listed_by=ListedBy.PARTICIPANT,
                authorities=(make_authority(code),),
            )
            for code in participants
        },
    )
    directory = FixedDirectory(world.repository.load_directory())
    network = Network(clock=clock, directory=directory)
    archives = {}
    for code, store in stores.items():
        context = make_context(store, directory, database_url=url_of(code), clock=clock)
        network.nodes[code] = context
        archives[code] = RegistryArchive(
            context.database, trusted_root=world.trusted_root, clock=clock
        )
    made = EvidenceNetwork(network=network, world=world, archives=archives)
    made.publish()
    return made
