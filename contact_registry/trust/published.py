"""What a repository's folder has published: read, verified, and never more than that."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from typing_extensions import override

from contact_registry.clock import Clock
from contact_registry.directory import Directory
from contact_registry.errors import (
    DocumentError,
    RefusalCode,
    RegistryExpiredError,
    RegistryNotFoundedError,
    RegistryRefusedError,
    RepositoryStateError,
    SubmissionRefusedError,
)
from contact_registry.models import ParticipantsDocument, parse_participants
from contact_registry.trust.acceptance import Published
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    RoleKind,
    node_role,
    parse_metadata_name,
    parse_role,
    participant_role,
    target_file_name,
)
from contact_registry.trust.proven import ProvenBranches
from contact_registry.trust.storage import RepositoryFiles
from contact_registry.trust.verification import (
    FileSource,
    TopLevel,
    TopLevelFiles,
    read_target,
    refusing,
    verify_top_level,
)
from contact_registry.trust.view import verify_directory
from protocol.errors import MalformedError

_SECOND_ROOT: Final = 2


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A published version of the whole registry: of the snapshot file, and its SHA-256."""

    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """What is published of one delegated role; version 0 and no expiry if nothing yet."""

    role: str
    version: int
    expires_at: datetime | None


class PublishedRepository:
    """The reading half of a repository; every read verifies the top-level signatures."""

    def __init__(self, files: RepositoryFiles, *, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._last_read: tuple[bytes, TopLevel] | None = None
        self._proven = ProvenBranches()

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._files.folder

    def load_directory(self) -> Directory:
        """Verify the published state and return it, as a client would see it."""
        with self._expecting_health():
            return self.verify_view(self.load_top(), self._clock())

    def verify_view(self, top: TopLevel, verified_at: datetime) -> Directory:
        """Verify everything below a top level, published or about to be.

        What this object verified before, below the very same, is not read again: damage of the disk
        is found by the next process, and by every client that asks for the file.
        """
        return verify_directory(top, self.source(), verified_at=verified_at, proven=self._proven)

    def published_version(self) -> PublishedVersion:
        """Return the version and hash that clients see."""
        top = self.load_top()
        return PublishedVersion(top.snapshot.version, top.snapshot_sha256)

    def role_status(self, role: str) -> RoleStatus:
        """Return what is published of a delegated role, so that the next version is known.

        Raises :class:`~contact_registry.errors.SubmissionRefusedError` if there is no such role.
        """
        top = self.load_top()
        published = self.find_published(top, role)
        return RoleStatus(role, published.version, published.expires_at)

    def timestamp_expires_at(self) -> datetime:
        """When the published timestamp runs out and clients begin to refuse the registry."""
        return self.load_top().timestamp.expires

    def read_root(self, version: int = 1) -> bytes:
        """Return root metadata: version 1 is what a client is given to begin with."""
        return self._require(Root.type, version)

    def read_metadata(self, name: str) -> bytes | None:
        """Return a published metadata file by its file name, or None.

        A version above the published one is what a crash left behind, and is not shown: a cache in
        between would keep it for good.
        """
        parsed = parse_metadata_name(name)
        if parsed is None:
            return None
        role, version = parsed
        if version is not None:
            top = self.load_top()
            newest = {
                Root.type: top.root.version,
                Timestamp.type: top.timestamp.version,
                Snapshot.type: top.snapshot.version,
                **{
                    key.removesuffix(".json"): meta.version
                    for key, meta in top.snapshot.meta.items()
                },
            }
            if version > newest.get(role, 0):
                return None
        return self._files.read_metadata(role, version)

    def read_target(self, name: str) -> bytes | None:
        """Return a target file by its published name (with its hash), or None."""
        return self._files.read_target(name)

    def load_top(self) -> TopLevel:
        """Return the verified top level, expired or not.

        Raises :class:`~contact_registry.errors.RepositoryStateError` if there is none, or damage.
        """
        timestamp = self._files.read_metadata(Timestamp.type, None)
        if timestamp is None:
            raise RegistryNotFoundedError(
                f"{self._files.folder} holds no registry yet: run trm-registry init."
            )
        known = self._last_read
        if known is not None and known[0] == timestamp and not self._has_newer_root(known[1]):
            return known[1]
        with self._expecting_health():
            top = self.verify_top(timestamp, reference_time=None)
        self._last_read = (timestamp, top)
        return top

    def _has_newer_root(self, top: TopLevel) -> bool:
        return self._files.read_metadata(Root.type, top.root.version + 1) is not None

    def verify_top(self, timestamp: bytes, *, reference_time: datetime | None) -> TopLevel:
        """Verify the state that this timestamp names, published or about to be.

        A root that names new online keys is written just before the timestamp that they signed. Of
        a crash in between it stays behind: it is not in force, and the one before it is.
        """
        newest = self._files.newest_version(Root.type)
        try:
            return self._verify_under(newest, timestamp, reference_time)
        except RegistryExpiredError:
            raise
        except RegistryRefusedError:
            if newest < _SECOND_ROOT:
                raise
            return self._verify_under(newest - 1, timestamp, reference_time)

    def _verify_under(
        self, newest: int, timestamp: bytes, reference_time: datetime | None
    ) -> TopLevel:
        with refusing("timestamp"):
            pinned = Metadata[Timestamp].from_bytes(timestamp).signed.snapshot_meta
        snapshot = self._require(Snapshot.type, pinned.version)
        with refusing("snapshot"):
            listed = Metadata[Snapshot].from_bytes(snapshot).signed.meta.get("targets.json")
            if listed is None:
                raise RepositoryError("it does not name the targets")
        targets = self._require(Targets.type, listed.version)
        files = TopLevelFiles(
            roots=[self._require(Root.type, version) for version in range(2, newest + 1)],
            timestamp=timestamp,
            snapshot=snapshot,
            targets=targets,
        )
        return verify_top_level(files, trusted_root=self.read_root(), reference_time=reference_time)

    def read_participants(self, top: TopLevel) -> ParticipantsDocument:
        """Return the list of Participants."""
        with self._expecting_health():
            return parse_participants(
                read_target(self.source(), top.targets.targets[PARTICIPANTS_PATH])
            )

    def find_published(self, top: TopLevel, role: str) -> Published:
        """Return what is published of a role, and who delegates to it.

        Raises :class:`~contact_registry.errors.SubmissionRefusedError` if there is no such role.
        """
        try:
            code, kind = parse_role(role)
        except MalformedError as error:
            raise _unknown(role) from error
        entry = next((e for e in self.read_participants(top).participants if e.code == code), None)
        if entry is None:
            raise _unknown(role)
        own = self._published_role(top, participant_role(code))
        node = self._published_role(top, node_role(code))
        if kind is RoleKind.PARTICIPANT:
            delegator, current = top.targets, own
        elif own is None or own.signed.delegations is None:
            raise SubmissionRefusedError(
                f"{code} has not delegated its keys to a node yet: publish its contacts with the "
                "node's key first.",
                code=RefusalCode.UNKNOWN_ROLE,
            )
        else:
            delegator, current = own.signed, node
        return Published(
            entry=entry,
            kind=kind,
            delegator=delegator,
            version=current.signed.version if current else 0,
            expires_at=current.signed.expires if current else None,
            documents=self._published_documents(current),
            child=node if kind is RoleKind.PARTICIPANT else None,
        )

    def _published_role(self, top: TopLevel, name: str) -> Metadata[Targets] | None:
        meta = top.snapshot.meta.get(f"{name}.json")
        if meta is None:
            return None
        with self._expecting_health():
            return Metadata[Targets].from_bytes(self._require(name, meta.version))

    def _published_documents(self, role: Metadata[Targets] | None) -> Mapping[str, bytes]:
        targets = role.signed.targets if role is not None else {}
        with self._expecting_health():
            return {path: read_target(self.source(), target) for path, target in targets.items()}

    @contextmanager
    def _expecting_health(self) -> Iterator[None]:
        """Say that the folder is damaged when what was published does not read any more."""
        try:
            yield
        except (RepositoryError, RegistryRefusedError, DocumentError) as error:
            raise RepositoryStateError(
                f"The repository in {self._files.folder} is damaged: restore it from a backup. "
                f"({error})"
            ) from error

    def _require(self, role: str, version: int) -> bytes:
        data = self._files.read_metadata(role, version)
        if data is None:
            raise RepositoryStateError(
                f"Version {version} of {role} is missing in {self._files.folder}: restore it from "
                "a backup."
            )
        return data

    def source(self) -> "LocalSource":
        """Return the folder as a source for the trusted core."""
        return LocalSource(self._files)


@dataclass(frozen=True, slots=True)
class LocalSource(FileSource):
    """Feeds the trusted core from the repository's own folder."""

    files: RepositoryFiles

    @override
    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return a file of the folder."""
        return self._found(self.files.read_metadata(role, version), f"{version}.{role}.json")

    @override
    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a file of the folder."""
        return self._found(self.files.read_target(target_file_name(path, sha256)), path)

    def _found(self, data: bytes | None, name: str) -> bytes:
        if data is None:
            raise RepositoryStateError(f"{name} is missing: restore it from a backup.")
        return data


def _unknown(role: str) -> SubmissionRefusedError:
    return SubmissionRefusedError(
        f"The registry has no role {role!r}: check the code, or ask the operators to admit the "
        "Participant.",
        code=RefusalCode.UNKNOWN_ROLE,
    )
