"""Runs a row of the attack table against a client, over real HTTP, and checks all it says."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp

from contact_registry.directory import Directory
from contact_registry.errors import (
    RegistryError,
    RegistryExpiredError,
    RegistryRefusedError,
    RegistryUnavailableError,
)
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.fetcher import FILE_DEADLINE, Patience
from tests.support.registry import Timepiece, make_signer
from tests.support.registry_attack_table import Attack, Family, Outcome, Remedy
from tests.support.registry_attacks_transport import ENDLESS
from tests.support.registry_forge import Forge, make_meta
from tests.support.registry_stage import KEYS, LONG_SILENCE, OPERATORS, Reply, Shown, Stage

_ERRORS: Final[Mapping[Outcome, type[RegistryError]]] = {
    Outcome.REFUSED: RegistryRefusedError,
    Outcome.EXPIRED: RegistryExpiredError,
    Outcome.UNAVAILABLE: RegistryUnavailableError,
}
#: Seconds by the client's own measure between two looks at it: nobody has to wait for a minute.
_STEP: Final = 7.0
#: How far honest versions are ahead after a while.
_FURTHER: Final = 10


class AttackFailedError(AssertionError):
    """The client did not do what the row says."""


@dataclass
class Theatre:
    """What all rows of a module share: the stage, and what honest people show after a theft."""

    stage: Stage
    remedies: Mapping[Remedy, Mapping[str, bytes | Reply]]

    @classmethod
    def build(cls, stage: Stage, scratch: Path) -> "Theatre":
        """Prepare the remedies."""
        return cls(
            stage,
            {
                Remedy.HONEST_HOST: stage.moments.newest,
                Remedy.NEXT_VERSIONS: _go_on(Forge(stage, frozenset(KEYS), scratch)),
                Remedy.NEW_ONLINE_KEYS: _make_new_online_keys(
                    Forge(stage, frozenset(KEYS), scratch)
                ),
            },
        )

    def run(self, row: Attack, folder: Path) -> None:
        """Do the attack, look at the client, bring help; raises ``AssertionError``."""
        stage = self.stage
        forge = Forge(stage, row.held, folder)
        row.run(forge)
        clock = Timepiece(stage.world.clock() + timedelta(days=row.days))
        shown = stage.show(row.place, forge.files)
        ticks = itertools.count(step=_STEP if row.family is Family.SLOW else 0)

        def look_at_clock() -> float:
            shown.looked.release()
            return next(ticks)

        client = stage.client(
            row.place,
            folder / "cache",
            knows=row.knows,
            clock=clock,
            patience=Patience(
                silence=row.silence or LONG_SILENCE,
                beginning=row.beginning or FILE_DEADLINE,
                monotonic=look_at_clock,
            ),
        )
        before = client.load_cached()
        _meet(row, client, before, stage.newest)
        _check_traffic(row, shown)
        if row.silence is not None or row.beginning is not None:
            client = stage.client(row.place, folder / "cache", knows=None)
        clock.now = stage.world.clock()
        self._help(row, client)

    def _help(self, row: Attack, client: RegistryClient) -> None:
        """Show the honest registry: with the remedy of the row, and with none before, all is well.

        What a ceremony heals is tested with the ceremonies.
        """
        if row.remedy is Remedy.CEREMONY:
            return
        for remedy, files in self.remedies.items():
            self.stage.show(row.place, files)
            try:
                view = client.refresh()
            except RegistryRefusedError:
                _require(remedy is not row.remedy, f"{remedy.name} does not heal it")
            else:
                _require(remedy is row.remedy, f"{remedy.name} heals it already")
                _require(_is_same(view, self.stage.newest), "the view is not the honest one")
                return


def _meet(row: Attack, client: RegistryClient, before: Directory | None, newest: Directory) -> None:
    """Let the client look, and check what it makes of it and what it has then."""
    error = _ERRORS.get(row.outcome)
    try:
        view = client.refresh()
    except RegistryError as raised:
        _require(error is not None, f"it raised {raised!r}")
        exact = {RegistryRefusedError, RegistryExpiredError} & {type(raised)}
        _require(
            isinstance(raised, error or RegistryError) and (not exact or type(raised) is error),
            f"it raised {raised!r}",
        )
        _require(re.search(row.says, str(raised)) is not None, f"it says {raised}")
        _require(client.load_cached() == before, "the view that was verified before is lost")
        return
    _require(error is None, "it was taken over")
    if row.outcome is Outcome.WITHOUT_EFFECT:
        _require(_is_same(view, newest), "the view is not the honest newest one")
    elif row.outcome is Outcome.NOTHING_NEW:
        _require(not _is_same(view, newest), "the view is the newest one")
        _require(before is None or _is_same(view, before), "the view is not the earlier one")
    _require(row.seen is None or row.seen(view), "the view is not what the row says")
    _require(client.load_cached() == view, "the view was not kept")


def _check_traffic(row: Attack, shown: Shown) -> None:
    """Check that it hung up on what never ends, and asked for nothing that no role leads to."""
    _require(shown.sent < ENDLESS, "it read to the end of what never ends")
    _require(len(shown.asked) <= len(set(shown.asked)), "it asked for a file twice")
    _require(not any("EVIL" in name for name in shown.asked), f"{row.id}: it asked for more")


def _is_same(one: Directory, other: Directory) -> bool:
    """Whether two views say the same of everybody, whatever version and moment they have."""
    return (one.participants, one.contacts, one.keys) == (
        other.participants,
        other.contacts,
        other.keys,
    )


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AttackFailedError(otherwise)


def _go_on(forge: Forge) -> Mapping[str, bytes | Reply]:
    """Let everybody honest sign the newest files again, as versions further on."""
    roles: dict[str, tuple[int, bytes] | None] = {}
    for role in ("targets", "AL", "AL-node", "MK", "MK-node"):
        signed = forge.targets(role)
        signed.version += _FURTHER
        holders = OPERATORS[:2] if role == "targets" else (role,)
        roles[role] = (signed.version, forge.sign(signed, *holders))
    version = forge.version_of("snapshot") + _FURTHER
    timestamp = forge.version_of("timestamp") + _FURTHER
    forge.publish(roles, snapshot_version=version)
    forge.publish_timestamp(version=timestamp)
    return forge.files


def _make_new_online_keys(forge: Forge) -> Mapping[str, bytes | Reply]:
    """Let the operators put other keys for snapshot and timestamp into the next root.

    Under the new keys the versions go on from the honest ones, as if nothing had happened.
    """
    fresh = make_signer()
    root = forge.load(Root, "root")
    for role in (Snapshot.type, Timestamp.type):
        for keyid in tuple(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        root.add_key(fresh.public_key, role)
    root.version += 1
    snapshot = Metadata(forge.load(Snapshot, "snapshot"))
    snapshot.signed.version += 1
    snapshot.sign(fresh)
    data = snapshot.to_bytes()
    timestamp = Metadata(forge.load(Timestamp, "timestamp"))
    timestamp.signed.version += 1
    timestamp.signed.snapshot_meta = make_meta(snapshot.signed.version, data)
    timestamp.sign(fresh)
    forge.show(f"metadata/{root.version}.root.json", forge.sign(root, "operator-1", "operator-2"))
    forge.show(f"metadata/{snapshot.signed.version}.snapshot.json", data)
    forge.show("metadata/timestamp.json", timestamp.to_bytes())
    return forge.files
