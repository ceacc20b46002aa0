"""A registry that a signer holds, for tests of what its tool makes of a signing file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.metadata import Root, Targets

from contact_registry.ceremony.effects import Effects, derive_effects
from contact_registry.ceremony.preparing import (
    OwnParts,
    Periods,
    prepare_admission,
    prepare_renewal,
)
from contact_registry.ceremony.shapes import Holders
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.operators import OperatorsChange, Standing
from contact_registry.trust.operators_acceptance import Examined, examine_change
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.registry import RegistryWorld, make_entry

ME: Final = ParticipantCode("ME")
NEW: Final = SigningKey(hashlib.sha256(b"a new key").digest())


@dataclass(frozen=True)
class Scene:
    """A registry that a signer holds, and those who could sign."""

    world: RegistryWorld
    standing: Standing

    @property
    def periods(self) -> Periods:
        """Signatures from now on."""
        return Periods(self.world.clock())

    def admission(self) -> OperatorsChange:
        """Return a good file: ME is admitted."""
        holders = Holders((NEW.verify_key,), 1)
        return prepare_admission(
            self.standing, make_entry(ME), holders, own=OwnParts(), periods=self.periods
        )

    def renewal(self) -> OperatorsChange:
        """Return a good file: root and targets are signed again."""
        roles = frozenset({Root.type, Targets.type})
        return prepare_renewal(self.standing, self.periods, roles=roles)

    def examine(self, change: OperatorsChange) -> Examined:
        """Show a file to an honest signer's tool."""
        return examine_change(change, self.standing, now=self.world.clock())

    def effects(self, change: OperatorsChange) -> Effects:
        """Tell what a file does."""
        return derive_effects(self.examine(change), self.standing, now=self.world.clock())


def make_scene(folder: Path) -> Scene:
    """Make a registry with AL and MK, where 2 of 3 operators decide."""
    world = RegistryWorld(folder / "repository")
    world.publish_all()
    repository = OperatedRepository(world.folder, clock=world.clock, keyring=OnlineKeyring(list))
    return Scene(world, repository.read_standing())
