"""The trusted core: signed bytes in; what they say, verified, or an error out.

Its second half, :mod:`contact_registry.trust.view`, makes a ``Directory`` of what stands below the
top level. No clock, no network. The same core serves the node after each download, the node without
network, the hub before it publishes, and the tests. It follows the client workflow of the TUF
specification (1.0.x, section 5); rollback protection, which compares with what was seen before, is
the part of ``tuf.ngclient.Updater`` in :mod:`contact_registry.trust.client`.

What is stricter here than the specification:

- each role lists exactly its one file, by SHA-256 and length (section 4.5 leaves that open);
- every entry of the snapshot carries length and SHA-256, so that bytes and not only versions agree.

What is milder: a delegation whose signature ran out (a Participant that forgot to sign again) is
reported as overdue and does not take the whole registry away from everybody. Its contacts stay; its
node's keys are left out once it has been overdue for longer than ``grace``, which bounds for how
long a registry host that holds back a Participant's newer keys could keep an old one in use.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from contact_registry.errors import DocumentError, RegistryExpiredError, RegistryRefusedError
from contact_registry.models import (
    ContactsDocument,
    KeysDocument,
    ListedBy,
    ParticipantEntry,
    parse_contacts,
    parse_keys,
    parse_participants,
)
from contact_registry.trust.layout import (
    LIMITS,
    PARTICIPANTS_PATH,
    RoleKind,
    is_proper_delegation,
    node_role,
    participant_role,
    path_of_role,
)
from protocol.identifiers import ParticipantCode

#: How long the keys of an overdue node stay in use: long enough for a holiday of the one person
#: who holds the directory key.
DEFAULT_GRACE: Final = timedelta(days=30)

#: A timestamp is signed for a day, and a clock may be two days behind (SPEC 12.2).
LONGEST_TIMESTAMP: Final = timedelta(days=3)

#: It becomes part of an address, so it is looked at before anybody asks for the file.
_SHA256: Final = re.compile("[0-9a-f]{64}")

_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


class FileSource(Protocol):
    """Where the core gets the bytes that it verifies: a network, a cache, a folder."""

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return the metadata file of a delegated role; at most ``length`` bytes."""

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a target; at most ``length`` bytes."""


@dataclass(frozen=True, slots=True)
class TopLevelFiles:
    """The bytes of the top-level roles; ``roots`` are those after the trusted one, in order."""

    roots: Sequence[bytes]
    timestamp: bytes
    snapshot: bytes
    targets: bytes


@dataclass(frozen=True, slots=True)
class TopLevel:
    """Verified top-level metadata."""

    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets
    snapshot_sha256: str

    @property
    def expires_at(self) -> datetime:
        """When the first of the top-level signatures runs out."""
        return min(
            self.root.expires, self.timestamp.expires, self.snapshot.expires, self.targets.expires
        )


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn what the TUF library says of ``what`` into our own error."""
    try:
        yield
    except (RepositoryError, SecureSystemsError, DocumentError, ValueError) as error:
        raise RegistryRefusedError(
            f"The registry's {what} does not verify ({error}). Nothing was taken over. Tell the "
            "registry operators: the file was damaged on its way, or altered."
        ) from error


def verify_top_level(
    files: TopLevelFiles, *, trusted_root: bytes, reference_time: datetime | None
) -> TopLevel:
    """Verify root chain, timestamp, snapshot and targets (sections 5.3 to 5.6).

    With ``reference_time`` None, expiry is not looked at: for an operator who renews what expired.
    Raises :class:`~contact_registry.errors.RegistryRefusedError`.
    """
    authority = verify_root_chain(trusted_root, files.roots)[-1]
    with refusing("timestamp"):
        timestamp = read_signed(Timestamp, files.timestamp, authority)
    with refusing("snapshot"):
        pinned = timestamp.snapshot_meta
        require_pinned(pinned)
        pinned.verify_length_and_hashes(files.snapshot)
        snapshot = read_signed(Snapshot, files.snapshot, authority)
        _require_version(snapshot.version, pinned.version)
    with refusing("targets"):
        targets = read_delegate(snapshot, files.targets, Targets.type, authority)
    if reference_time is not None:
        _require_current({"root": authority, "timestamp": timestamp, "snapshot": snapshot,
                          "targets": targets}, reference_time)  # fmt: skip
    return TopLevel(
        root=authority,
        timestamp=timestamp,
        snapshot=snapshot,
        targets=targets,
        snapshot_sha256=hashlib.sha256(files.snapshot).hexdigest(),
    )


def require_short_timestamp(top: TopLevel, at: datetime) -> None:
    """Refuse a timestamp that is good for longer than any honest one, as seen at ``at``.

    Whoever held the online key for a moment could sign one for years, and with it show today's
    registry as the newest for years, to everybody whom the next root can be kept from. So a thief
    has to go on holding the key, and a view is never younger than it looks by more than this.
    Raises :class:`~contact_registry.errors.RegistryRefusedError`.
    """
    if top.timestamp.expires - at > LONGEST_TIMESTAMP:
        raise RegistryRefusedError(
            f"The registry's timestamp is good until {top.timestamp.expires:%Y-%m-%d %H:%M} UTC, "
            "longer than the registry host signs any: check this machine's clock; if it is right, "
            "tell the registry operators, because somebody may have their online key."
        )


def read_root(data: bytes) -> Root:
    """Read a root without verifying it: for comparing, and for nothing else.

    Raises :class:`~contact_registry.errors.RegistryRefusedError`.
    """
    with refusing("root"):
        return _read(Root, data).signed


def verify_root_chain(trusted_root: bytes, newer: Iterable[bytes]) -> list[Root]:
    """Verify that each root was signed by the one before it and by itself (section 5.3).

    Returns all of them, the trusted one first. Expiry is not looked at.
    Raises :class:`~contact_registry.errors.RegistryRefusedError`.
    """
    with refusing("root"):
        root = _read(Root, trusted_root)
        require_signatures(root, root.signed, Root.type)
        chain = [root.signed]
        for data in newer:
            root = _read(Root, data)
            require_signatures(root, chain[-1], Root.type)
            require_signatures(root, root.signed, Root.type)
            if root.signed.version != chain[-1].version + 1:
                raise RepositoryError(f"version {root.signed.version} is out of order")
            chain.append(root.signed)
        return chain


def check_contacts(data: bytes, entry: ParticipantEntry) -> ContactsDocument:
    """Read contacts and check that they are this Participant's, and claim no more than they may."""
    document = parse_contacts(data)
    if document.participant != entry.code:
        raise DocumentError(f"These are the contacts of {document.participant}, not {entry.code}.")
    if (
        document.listed_by is ListedBy.PARTICIPANT
        and entry.directory_key_held_by is ListedBy.OPERATOR
    ):
        raise DocumentError(
            f"The operators hold the directory key of {entry.code}, so its contacts are listed by "
            "the operator: set listed_by accordingly, or give the Participant its own key first."
        )
    return document


def check_keys(data: bytes, code: ParticipantCode) -> KeysDocument:
    """Read keys and check that they are this Participant's."""
    document = parse_keys(data)
    if document.participant != code:
        raise DocumentError(f"These are the keys of {document.participant}, not of {code}.")
    return document


def read_participants(targets: Targets, source: FileSource) -> tuple[ParticipantEntry, ...]:
    """Return the Participants that the operators list, each with a proper delegation."""
    with refusing("list of Participants"):
        entries = parse_participants(read_target(source, find_list(targets))).participants
        require_delegations(targets, entries)
        return entries


def find_list(targets: Targets) -> TargetFile:
    """Return where the list of Participants is; raises ``RepositoryError``."""
    if set(targets.targets) != {PARTICIPANTS_PATH}:
        raise RepositoryError("the operators sign participants.json and nothing else")
    return targets.targets[PARTICIPANTS_PATH]


def require_delegations(targets: Targets, entries: Iterable[ParticipantEntry]) -> None:
    """Raise ``RepositoryError`` for a Participant without a proper delegation."""
    for entry in entries:
        if not is_proper_delegation(targets.delegations, entry.code, RoleKind.PARTICIPANT):
            raise RepositoryError(f"{entry.code} is listed without a proper delegation")


def read_role(
    snapshot: Snapshot,
    source: FileSource,
    code: ParticipantCode,
    kind: RoleKind,
    delegator: Targets,
) -> Targets | None:
    """Return a delegated role that lists its one document, or None if it has published nothing."""
    name = participant_role(code) if kind is RoleKind.PARTICIPANT else node_role(code)
    meta = snapshot.meta.get(f"{name}.json")
    if meta is None:
        return None
    if kind is RoleKind.NODE and delegator.delegations is None:
        return None  # signed by its people: it has no node any more; the snapshot never forgets one
    with refusing(f"metadata of {name}"):
        if not is_proper_delegation(delegator.delegations, code, kind):
            raise RepositoryError("it is not properly delegated")
        length, sha256 = require_pinned(meta)
        if length > LIMITS.delegation:
            raise RepositoryError(f"{length} bytes are more than a delegation can have")
        data = source.read_metadata(name, version=meta.version, length=length, sha256=sha256)
        role = read_delegate(snapshot, data, name, delegator)
        path = path_of_role(code, kind)
        if set(role.targets) != {path}:
            raise RepositoryError(f"it may list {path} and nothing else")
        return role


def _read(kind: type[_Signed], data: bytes) -> Metadata[_Signed]:
    metadata = Metadata[_Signed].from_bytes(data)
    if metadata.signed.type != kind.type:
        raise RepositoryError(f"expected {kind.type} metadata, found {metadata.signed.type}")
    return metadata


def read_signed(
    kind: type[_Signed], data: bytes, delegator: Root | Targets, name: str | None = None
) -> _Signed:
    """Return metadata that enough keys of its role have signed."""
    metadata = _read(kind, data)
    require_signatures(metadata, delegator, name or kind.type)
    return metadata.signed


def require_signatures(metadata: Metadata[_Signed], delegator: Root | Targets, name: str) -> None:
    """Check that as many different keys as the threshold of role ``name`` asks for have signed.

    The TUF library counts key identifiers, and one key can stand under two of them
    (GHSA-3633-5h82-39pq tells what follows): here keys are told apart by what they are.
    Raises ``UnsignedMetadataError``, or ``ValueError`` for a role that nobody delegates to.
    """
    result = delegator.get_verification_result(name, metadata.signed_bytes, metadata.signatures)
    keys = {str(key.keyval.get("public")).lower() for key in result.signed.values()}
    if len(keys) < result.threshold:
        raise UnsignedMetadataError(
            f"{name} is signed by {len(keys)} of the {result.threshold} different keys that it "
            "needs"
        )


def read_delegate(snapshot: Snapshot, data: bytes, name: str, delegator: Root | Targets) -> Targets:
    """Return a targets role that is signed, and that the snapshot names."""
    meta = snapshot.meta.get(f"{name}.json")
    if meta is None:
        raise RepositoryError("the snapshot does not name it")
    require_pinned(meta)
    meta.verify_length_and_hashes(data)
    role = read_signed(Targets, data, delegator, name)
    _require_version(role.version, meta.version)
    return role


def read_target(source: FileSource, target: TargetFile) -> bytes:
    """Return a document as its metadata names it; raises ``RepositoryError`` if it is another."""
    if set(target.hashes) != {"sha256"} or not _SHA256.fullmatch(target.hashes["sha256"]):
        raise RepositoryError("a file is named by its SHA-256 and nothing else")
    data = source.read_document(target.path, length=target.length, sha256=target.hashes["sha256"])
    target.verify_length_and_hashes(data)
    return data


def require_pinned(meta: MetaFile) -> tuple[int, str]:
    """Return length and SHA-256 of the file that an entry names; it has to name both."""
    if meta.length is None or set(meta.hashes or ()) != {"sha256"} or meta.hashes is None:
        raise RepositoryError("the file above does not name its length and SHA-256")
    return meta.length, meta.hashes["sha256"]


def _require_version(found: int, expected: int) -> None:
    if found != expected:
        raise RepositoryError(f"version {found} stands where version {expected} was named")


def _require_current(
    signed: Mapping[str, Root | Timestamp | Snapshot | Targets], reference_time: datetime
) -> None:
    for name, part in signed.items():
        if part.is_expired(reference_time.astimezone(UTC)):
            raise RegistryExpiredError(
                f"The registry's {name} ran out on {part.expires:%Y-%m-%d %H:%M} UTC: the registry "
                "host no longer renews it, or something holds newer versions back. Tell the "
                "registry operators; what was verified last stays in use for now."
            )
