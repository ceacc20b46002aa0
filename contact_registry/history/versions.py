"""What is told of a version: when, what changed in it, who signed which file.

No signed file holds the moment of its signing; each says when its signature runs out, and the
registry host signs for a fixed time ahead. The moment is therefore *reckoned* from the snapshot,
and checked against the timestamp that was signed with it, for another fixed time. It is the
registry host's own claim: whoever holds its online key can choose it. Nobody else signs a moment,
except a Participant's node the one in its keys (``issued_at``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tuf.api.metadata import Metadata, MetaFile, Role, Root, Snapshot, Targets, Timestamp

from contact_registry.models import ListedBy, ParticipantEntry
from contact_registry.trust.layout import ExpiryPeriods, RoleKind, parse_role

#: Snapshot and timestamp are signed in one go; a slow disk lies between.
_ONE_GO: Final = timedelta(minutes=5)
_TOP_LEVEL: Final = frozenset({Root.type, Timestamp.type, Snapshot.type, Targets.type})


class Holder(StrEnum):
    """In whose hands the keys of a role are."""

    OPERATORS = "operators"
    REGISTRY_HOST = "registry_host"
    PARTICIPANT = "participant"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A role that a version brings in another version than the one before; None: not there."""

    role: str
    old_version: int | None
    new_version: int | None


@dataclass(frozen=True, slots=True)
class SignedFile:
    """Who signed one file. ``signed_by`` are those of the role's keys whose signature is good.

    ``entry`` is the Participant that the role speaks for, None for the registry's own roles.
    ``could_sign`` are the further keys of the role, which did not.
    """

    role: str
    version: int
    held_by: Holder
    entry: ParticipantEntry | None
    threshold: int
    signed_by: tuple[str, ...]
    could_sign: tuple[str, ...]
    expires_at: datetime

    @property
    def is_threshold_met(self) -> bool:
        """Whether enough keys signed. A file that is listed here has been verified: it is."""
        return len(self.signed_by) >= self.threshold


@dataclass(frozen=True, slots=True)
class RoleSigners:
    """Whose signatures a role needs: so many, of these keys (by key id, in their order)."""

    threshold: int
    key_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoricVersion:
    """A version that was in force, verified.

    ``published_at`` is the registry host's claim; ``is_moment_certain`` is False where the two
    signatures that it is reckoned from do not agree. ``signed`` are the files that this version
    brought. ``joined`` and ``left`` are Participants. ``root_version`` is that of the newest root
    under which it verifies.
    """

    version: int
    sha256: str
    published_at: datetime
    is_moment_certain: bool
    root_version: int
    changes: tuple[RoleChange, ...]
    joined: tuple[ParticipantEntry, ...]
    left: tuple[ParticipantEntry, ...]
    signed: tuple[SignedFile, ...]

    @property
    def is_renewal(self) -> bool:
        """Whether it says what the version before said, under newer signatures of the host."""
        return not self.changes and not self.is_under_new_root

    @property
    def is_under_new_root(self) -> bool:
        """Whether it verifies under another root than the version before; the first does."""
        return any(file.role == Root.type for file in self.signed)


@dataclass(frozen=True, slots=True)
class InterruptedVersion:
    """A version that was signed and then not gone on from: a crash before it was in force."""

    version: int
    sha256: str


def reckon_moment(
    snapshot_expires: datetime, timestamp_expires: datetime, periods: ExpiryPeriods
) -> tuple[datetime, bool]:
    """Return when a snapshot was signed, and whether the timestamp signed with it agrees."""
    signed = snapshot_expires.astimezone(UTC) - periods.snapshot
    certain = abs(timestamp_expires.astimezone(UTC) - periods.timestamp - signed) <= _ONE_GO
    return signed, certain


def find_changes(
    old: Mapping[str, MetaFile], new: Mapping[str, MetaFile]
) -> tuple[RoleChange, ...]:
    """Return the roles that differ between two snapshots, by name; ``targets`` comes first."""
    names = sorted({*old, *new}, key=lambda name: (name != "targets.json", name))
    return tuple(
        RoleChange(name.removesuffix(".json"), _version(old.get(name)), _version(new.get(name)))
        for name in names
        if _pinned(old.get(name)) != _pinned(new.get(name))
    )


def _version(meta: MetaFile | None) -> int | None:
    return meta.version if meta is not None else None


def _pinned(meta: MetaFile | None) -> tuple[int, dict[str, str] | None] | None:
    return (meta.version, meta.hashes) if meta is not None else None


def is_followed_by(older: Snapshot, newer: Snapshot) -> bool:
    """Whether ``newer`` can have been published while ``older`` was in force.

    Roles never go back, and no version of a role is given out with two contents (TUF
    specification, section 5.5.5). A crash leaves a signed snapshot behind on which the next one
    does not build: the files that it names may have been replaced. Only the operators can let a
    role go.
    """
    ceremony = newer.meta["targets.json"].version > older.meta["targets.json"].version
    for name, meta in older.meta.items():
        later = newer.meta.get(name)
        if later is None:
            if not ceremony:
                return False
        elif later.version < meta.version or (
            later.version == meta.version and later.hashes != meta.hashes
        ):
            return False
    return True


def list_signatures(
    data: bytes,
    delegator: Root | Targets,
    *,
    role: str,
    entry: ParticipantEntry | None = None,
) -> SignedFile:
    """Return who signed a file of ``role``; ``delegator`` says whose signatures count."""
    metadata = Metadata[Any].from_bytes(data)
    result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return SignedFile(
        role=role,
        version=metadata.signed.version,
        held_by=_holder(role, entry),
        entry=entry,
        threshold=result.threshold,
        signed_by=tuple(sorted(result.signed)),
        could_sign=tuple(sorted(result.unsigned)),
        expires_at=metadata.signed.expires.astimezone(UTC),
    )


def read_signers(role: Role) -> RoleSigners:
    """Return whose signatures a role needs."""
    return RoleSigners(role.threshold, tuple(sorted(role.keyids)))


def _holder(role: str, entry: ParticipantEntry | None) -> Holder:
    if role in _TOP_LEVEL:
        operators = role in {Root.type, Targets.type}
        return Holder.OPERATORS if operators else Holder.REGISTRY_HOST
    if parse_role(role)[1] is RoleKind.NODE:
        return Holder.NODE
    held = entry is not None and entry.directory_key_held_by is ListedBy.OPERATOR
    return Holder.OPERATORS if held else Holder.PARTICIPANT
