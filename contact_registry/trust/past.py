"""The trusted core for versions of the registry that were in force once: keys as of then.

A message names the registry that its sender acted on by the hash of the snapshot file. That hash
takes the place of the timestamp, which only says what is newest; everything else is verified as it
is for today's version. Expiry is not looked at here, but told: the caller judges it as of the
moment that it asks about.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets

from contact_registry.directory import Directory
from contact_registry.errors import RegistryRefusedError
from contact_registry.models import KeysDocument, ParticipantEntry
from contact_registry.trust.layout import LIMITS, RoleKind, keys_path
from contact_registry.trust.verification import (
    FileSource,
    check_keys,
    read_delegate,
    read_participants,
    read_role,
    read_signed,
    read_target,
    refusing,
    require_pinned,
)
from contact_registry.trust.view import verify_directory
from protocol.identifiers import ParticipantCode


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A version of the registry, verified under the root that stood over it."""

    root: Root
    snapshot: Snapshot
    targets: Targets
    participants: tuple[ParticipantEntry, ...]
    snapshot_sha256: str

    @property
    def expires_at(self) -> datetime:
        """When the first of its signatures ran out; which timestamp named it is not known."""
        return min(self.root.expires, self.snapshot.expires, self.targets.expires)


@dataclass(frozen=True, slots=True)
class PastKeys:
    """The keys of one Participant at a past version, and until when their signatures held."""

    document: KeysDocument
    directory_role_expires_at: datetime
    node_role_expires_at: datetime


def read_version(metadata: bytes) -> int:
    """Return the version number that verified metadata has."""
    version: int = Metadata.from_bytes(metadata).signed.version
    return version


def verify_past_version(snapshot_file: bytes, source: FileSource, *, root: Root) -> PastVersion:
    """Verify a snapshot under ``root``, the targets that it names, and the list of Participants.

    The caller has compared the hash of ``snapshot_file`` with the one that it was told.
    Raises :class:`~contact_registry.errors.RegistryRefusedError`, and whatever ``source`` raises.
    """
    with refusing("snapshot"):
        snapshot = read_signed(Snapshot, snapshot_file, root)
    with refusing("targets"):
        meta = snapshot.meta.get(f"{Targets.type}.json")
        if meta is None:
            raise RepositoryError("the snapshot does not name it")
        length, sha256 = require_pinned(meta)
        if length > LIMITS.targets:
            raise RepositoryError(f"{length} bytes are more than it can have")
        data = source.read_metadata(
            Targets.type, version=meta.version, length=length, sha256=sha256
        )
        targets = read_delegate(snapshot, data, Targets.type, root)
    return PastVersion(
        root=root,
        snapshot=snapshot,
        targets=targets,
        participants=read_participants(targets, source),
        snapshot_sha256=hashlib.sha256(snapshot_file).hexdigest(),
    )


def verify_past_directory(
    snapshot_file: bytes,
    source: FileSource,
    *,
    roots: Sequence[Root],
    kept_at: datetime,
    at: datetime,
) -> Directory:
    """Return the whole registry of a past version, as it was to be read ``at`` that moment.

    ``roots`` are verified, oldest first; the newest under which the version verifies counts.
    ``kept_at`` is when the reader verified it as the newest one, and ``verified_at`` of the answer.
    Raises :class:`~contact_registry.errors.RegistryRefusedError`, and whatever ``source`` raises.
    """
    return verify_directory(
        verify_under_newest(snapshot_file, source, roots), source, verified_at=kept_at, now=at
    )


def verify_under_newest(
    snapshot_file: bytes, source: FileSource, roots: Sequence[Root]
) -> PastVersion:
    """Verify a past version under the newest of the roots that it verifies under.

    Raises :class:`~contact_registry.errors.RegistryRefusedError`, and whatever ``source`` raises.
    """
    for root in reversed(roots[1:]):
        try:
            return verify_past_version(snapshot_file, source, root=root)
        except RegistryRefusedError:
            continue  # it may have been signed under the root before
    return verify_past_version(snapshot_file, source, root=roots[0])


def verify_past_keys(
    version: PastVersion, source: FileSource, code: ParticipantCode
) -> PastKeys | None:
    """Verify both delegations to a Participant's node, and its keys; None if it had none then.

    Raises :class:`~contact_registry.errors.RegistryRefusedError`, and whatever ``source`` raises.
    """
    if all(entry.code != code for entry in version.participants):
        return None
    own = read_role(version.snapshot, source, code, RoleKind.PARTICIPANT, version.targets)
    node = read_role(version.snapshot, source, code, RoleKind.NODE, own) if own else None
    if own is None or node is None:
        return None
    with refusing(f"keys of {code}"):
        document = check_keys(read_target(source, node.targets[keys_path(code)]), code)
    return PastKeys(
        document=document, directory_role_expires_at=own.expires, node_role_expires_at=node.expires
    )
