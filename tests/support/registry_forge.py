"""The attacker's bench: any files may be shown, and only keys that the attacker holds can sign."""

import copy
import hashlib
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from contact_registry.models import AnyDocument, serialize_document
from contact_registry.trust.layout import target_file_name
from contact_registry.trust.repository import RegistryRepository
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import Submission
from tests.support.registry_stage import KEYS, Reply, Stage, read_files, write_at_once

Signed = TypeVar("Signed", Root, Timestamp, Snapshot, Targets)


class Power(StrEnum):
    """What an attacker has. Each attacker can show what it likes; the rest are stolen keys.

    ``ONLINE``: those for snapshot and timestamp. ``OPERATORS``: as many as the threshold asks for.
    ``PARTICIPANT``: another Participant with all its keys is hostile.
    """

    NETWORK = "network or registry host"
    TIMESTAMP = "timestamp key"
    ONLINE = "online keys"
    ONE_OPERATOR = "one operator's key"
    OPERATORS = "two operators' keys"
    DIRECTORY_KEY = "AL's directory key"
    NODE_KEY = "AL's node key"
    PARTICIPANT = "MK's keys"


HELD: Final[Mapping[Power, frozenset[str]]] = {
    Power.NETWORK: frozenset(),
    Power.TIMESTAMP: frozenset({"timestamp"}),
    Power.ONLINE: frozenset({"snapshot", "timestamp"}),
    Power.ONE_OPERATOR: frozenset({"operator-1"}),
    Power.OPERATORS: frozenset({"operator-1", "operator-2"}),
    Power.DIRECTORY_KEY: frozenset({"AL"}),
    Power.NODE_KEY: frozenset({"AL-node"}),
    Power.PARTICIPANT: frozenset({"MK", "MK-node"}),
}


class NotHeldError(Exception):
    """An attack of the table uses a key that its row does not give it: the row is wrong."""


class Forge:
    """Begins with the honest newest files; an attack changes what is shown.

    ``held`` are the names of the keys at hand (see :data:`tests.support.registry_stage.KEYS`);
    ``stranger`` always is.
    """

    def __init__(self, stage: Stage, held: frozenset[str], scratch: Path) -> None:
        self.stage = stage
        self.moments = stage.moments
        self.files: dict[str, bytes | Reply] = dict(stage.moments.newest)
        self._held = held | {"stranger"}
        self.scratch = scratch

    # ------------------------------------------------------------------ reading

    def bytes_of(self, name: str) -> bytes:
        """Return a file that is shown now."""
        found = self.files[name]
        if isinstance(found, Reply):
            raise TypeError(f"{name} is no plain file any more")
        return found

    def version_of(self, role: str) -> int:
        """Return the newest version of a role that is shown."""
        if role == "root":
            return max(n for n in range(1, 9) if f"metadata/{n}.root.json" in self.files)
        timestamp = Metadata[Timestamp].from_bytes(self.bytes_of("metadata/timestamp.json")).signed
        if role == "timestamp":
            return timestamp.version
        version = timestamp.snapshot_meta.version
        if role == "snapshot":
            return version
        snapshot = (
            Metadata[Snapshot].from_bytes(self.bytes_of(f"metadata/{version}.snapshot.json")).signed
        )
        return snapshot.meta[f"{role}.json"].version

    def name_of(self, role: str) -> str:
        """Return where the newest version of a role is shown."""
        if role == "timestamp":
            return "metadata/timestamp.json"
        return f"metadata/{self.version_of(role)}.{role}.json"

    def document_name(self, role: str) -> str:
        """Return where the one document of a role is shown."""
        (target,) = self.targets(role).targets.values()
        return "targets/" + target_file_name(target.path, target.hashes["sha256"])

    def load(self, kind: type[Signed], role: str) -> Signed:
        """Return a copy of the signed part of a role's newest version."""
        signed = Metadata[Signed].from_bytes(self.bytes_of(self.name_of(role))).signed
        if not isinstance(signed, kind):
            raise TypeError(f"{role} is no {kind.type}")
        return copy.deepcopy(signed)

    def targets(self, role: str) -> Targets:
        """Return a copy of a role that lists targets."""
        return self.load(Targets, role)

    def key(self, holder: str) -> RegistrySigner:
        """Return a key, if the attacker has it."""
        if holder not in self._held or holder not in KEYS:
            raise NotHeldError(f"{holder} is not held")
        return self.stage.keys[holder]

    # ------------------------------------------------------------------ forging

    def sign(self, signed: Signed, *holders: str) -> bytes:
        """Return metadata signed by these holders, who must be held."""
        metadata = Metadata(signed)
        for holder in holders:
            metadata.sign(self.key(holder), append=True)
        return metadata.to_bytes()

    def show(self, name: str, data: bytes | Reply) -> None:
        """Show something at a path."""
        self.files[name] = data

    def publish(
        self,
        roles: Mapping[str, tuple[int, bytes] | None] | None = None,
        *,
        documents: Mapping[str, bytes] | None = None,
        snapshot_version: int | None = None,
    ) -> None:
        """Publish any files with stolen online keys; ``None`` cuts a role out."""
        snapshot = self.load(Snapshot, "snapshot")
        for role, change in (roles or {}).items():
            if change is None:
                del snapshot.meta[f"{role}.json"]
                continue
            version, data = change
            self.show(f"metadata/{version}.{role}.json", data)
            snapshot.meta[f"{role}.json"] = make_meta(version, data)
        for path, data in (documents or {}).items():
            self.show("targets/" + target_file_name(path, sha256(data)), data)
        snapshot.version = snapshot_version or snapshot.version + 1
        self.publish_snapshot(snapshot)

    def publish_snapshot(self, snapshot: Snapshot, *, holder: str = "snapshot") -> None:
        """Sign a snapshot and a timestamp that names it."""
        data = self.sign(snapshot, holder)
        self.show(f"metadata/{snapshot.version}.snapshot.json", data)
        self.publish_timestamp(make_meta(snapshot.version, data))

    def publish_timestamp(
        self, meta: MetaFile | None = None, *, version: int | None = None, days: float = 1
    ) -> None:
        """Sign a timestamp, good for ``days``, that names a snapshot (None: the newest)."""
        timestamp = self.load(Timestamp, "timestamp")
        timestamp.version = version or timestamp.version + 1
        timestamp.snapshot_meta = meta or timestamp.snapshot_meta
        timestamp.expires = self.after(days)
        self.show("metadata/timestamp.json", self.sign(timestamp, "timestamp"))

    def publish_role(
        self, role: str, signed: Targets, *holders: str, document: tuple[str, bytes] | None = None
    ) -> None:
        """Publish the next version of a role, with stolen online keys."""
        signed.version = self.version_of(role) + 1
        data = self.sign(signed, *holders)
        self.publish({role: (signed.version, data)}, documents=dict([document] if document else ()))

    def submit(self, submission: Submission) -> None:
        """Send a submission to the honest hub, which takes it as it takes anybody's, or raises."""
        folder = self.scratch / "honest-hub"
        shutil.copytree(self.stage.world.folder, folder)
        world = self.stage.world
        repository = RegistryRepository(folder, clock=world.clock, write_file=write_at_once)
        repository.accept(submission, world.online)
        self.files = dict(read_files(folder))

    def after(self, days: float) -> datetime:
        """Return the moment ``days`` from now."""
        return (self.stage.world.clock() + timedelta(days=days)).astimezone(UTC)


def sha256(data: bytes) -> str:
    """Return the hash of a file in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def make_meta(version: int, data: bytes) -> MetaFile:
    """Return how a file stands in the metadata above it."""
    return MetaFile(version, len(data), {"sha256": sha256(data)})


def make_target(path: str, document: AnyDocument | bytes) -> tuple[TargetFile, bytes]:
    """Return how a document stands in its role's metadata, and its bytes."""
    data = document if isinstance(document, bytes) else serialize_document(document)
    return TargetFile(len(data), {"sha256": sha256(data)}, path), data
