"""A repository that publishes ceremonies: operators' keys, Participants, online keys.

Everything is built and verified in memory first, by the very core that a client runs. Then files
are written in this order: documents, metadata of targets and Participants, snapshot, numbered
timestamp, root, and ``timestamp.json`` last.

Which root is in force is told by what verifies: a root that takes an online key away, or an
operator's key whose signature the published targets need, does not fit the published timestamp, so
that it comes into force with ``timestamp.json`` (see
:meth:`~contact_registry.trust.published.PublishedRepository.verify_top`). Any other root fits what
is published already and is in force as soon as it is written; a crash right after it leaves the
rest of the ceremony for the next attempt, which takes up where this one ended: the same file is
sent again, and parts that are published are passed over.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from typing_extensions import override

from contact_registry.clock import Clock
from contact_registry.errors import (
    RefusalCode,
    RegistryRefusedError,
    RepositoryStateError,
    SubmissionRefusedError,
)
from contact_registry.trust.layout import ExpiryPeriods, target_file_name
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operators import (
    OperatorsChange,
    Standing,
    TopFiles,
    order_roles,
    path_of,
    read_standing,
)
from contact_registry.trust.operators_acceptance import Examined, examine_change, read_parts
from contact_registry.trust.operators_parts import check_version, is_same_statement
from contact_registry.trust.operators_signatures import require_a_holder
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import DEFAULT_EXPIRY, OnlineSigners, RegistryRepository
from contact_registry.trust.storage import WriteFile, exclusive, write_durably
from contact_registry.trust.verification import (
    FileSource,
    TopLevel,
    TopLevelFiles,
    verify_top_level,
)
from contact_registry.trust.view import verify_directory


@dataclass(frozen=True)
class _Overlay:
    """New files over those that are published."""

    below: FileSource
    roles: Mapping[str, bytes]
    documents: Mapping[str, bytes]

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        new = self.roles.get(role)
        if new is not None:
            return new
        return self.below.read_metadata(role, version=version, length=length, sha256=sha256)

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        new = self.documents.get(path)
        if new is not None:
            return new
        return self.below.read_document(path, length=length, sha256=sha256)


@dataclass
class _Files:
    """What a publication writes."""

    root: tuple[int, bytes] | None
    roles: dict[str, tuple[int, bytes]]
    documents: dict[str, bytes]
    snapshot: tuple[int, bytes] = (0, b"")
    timestamp: tuple[int, bytes] = (0, b"")
    meta: dict[str, MetaFile] = field(default_factory=dict)


class OperatedRepository(RegistryRepository):
    """A repository whose online keys follow its root, and that publishes ceremonies."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        keyring: OnlineKeyring,
        expiry: ExpiryPeriods = DEFAULT_EXPIRY,
        write_file: WriteFile = write_durably,
    ) -> None:
        super().__init__(directory, clock=clock, expiry=expiry, write_file=write_file)
        self._keyring = keyring

    def read_standing(self) -> Standing:
        """Return the published registry, verified, with its bytes."""
        top = self.load_top()
        targets = top.snapshot.meta["targets.json"].version
        files = TopFiles(
            trusted_root=self.read_root(),
            roots=tuple(self.read_root(n) for n in range(2, top.root.version + 1)),
            targets=self._require(Targets.type, targets),
            top=top,
        )
        with self._expecting_health():
            return read_standing(files, self.source(), now=self._clock())

    def follow_root(self) -> OnlineSigners:
        """Return the online signers of the root in force.

        Raises :class:`~contact_registry.errors.RegistryError` if their key files are not here.
        """
        self._keyring.choose(self.load_top().root)
        return self._keyring.signers

    @override
    def _begin(self) -> TopLevel:
        """Let the online signers follow the root, which another process may have replaced."""
        top = super()._begin()
        self._keyring.choose(top.root)
        return top

    def found(self, change: OperatorsChange) -> PublishedVersion:
        """Publish version 1 of everything, as the founders signed it.

        Raises :class:`~contact_registry.errors.RepositoryStateError` if a repository is there, and
        :class:`~contact_registry.errors.SubmissionRefusedError`.
        """
        with exclusive(self._files.folder):
            if self._files.read_metadata(Timestamp.type, None) is not None:
                raise RepositoryStateError(
                    f"{self._files.folder} holds a repository already: choose an empty folder."
                )
            return self._publish_change(change, None)

    def publish_change(self, change: OperatorsChange) -> PublishedVersion:
        """Publish a ceremony whose parts are all complete, in one step.

        What is published already is passed over, so that the same file may be sent again. Raises
        :class:`~contact_registry.errors.SubmissionRefusedError`; then nothing has changed.
        """
        top = self.load_top()
        require_a_holder(change, top.root, top.targets)
        with exclusive(self._files.folder):
            if not self._holds_news(change):
                return self.published_version()
            if change.needs_operators:
                return self._publish_change(change, self.read_standing())
            own = order_roles(change.parts)[0]
            self._check_quota(own, self._recent[own])
            published = self._publish_change(change, self.read_standing())
            self._recent[own].append(self._clock())
            return published

    def _holds_news(self, change: OperatorsChange) -> bool:
        """Whether a part is not published yet; refuses one whose number is taken or too high.

        Whoever has an old file, signed well, may send it again and again: it is told apart before
        the whole registry is read.
        """
        top = self.load_top()
        has_news = False
        for role, part in read_parts(change).items():
            meta = top.snapshot.meta.get(f"{role}.json")
            version = top.root.version if role == Root.type else meta.version if meta else 0
            published = self._files.read_metadata(role, version) if version else None
            if published is not None and is_same_statement(published, part):
                continue
            check_version(role, part.signed.version, before=version)
            has_news = True
        return has_news

    def _publish_change(
        self, change: OperatorsChange, standing: Standing | None
    ) -> PublishedVersion:
        examined = examine_change(change, standing, now=self._clock())
        if not examined.changed:
            return self.published_version()
        _require_complete(examined)
        signers = self._keyring.signers_for(examined.root)
        files = self._build(change, examined, standing, signers)
        self._verify_in_memory(files, standing)
        self._write_all(files)
        self._keyring.choose(examined.root)
        version, snapshot = files.snapshot
        return PublishedVersion(version, hashlib.sha256(snapshot).hexdigest())

    def _build(
        self,
        change: OperatorsChange,
        examined: Examined,
        standing: Standing | None,
        online: OnlineSigners,
    ) -> _Files:
        numbered = {
            role: (examined.parts[role].signed.version, change.parts[role])
            for role in examined.changed
        }
        paths = {path_of(role) for role in examined.changed}
        files = _Files(
            root=numbered.pop(Root.type, None),
            roles=numbered,
            documents={path: d for path, d in change.documents.items() if path in paths},
        )
        files.meta = dict(standing.top.snapshot.meta) if standing is not None else {}
        for role, (version, data) in files.roles.items():
            files.meta[f"{role}.json"] = _describe(version, data)
        version = self._files.newest_version(Snapshot.type) + 1
        snapshot = _sign(
            Snapshot(version=version, expires=self._until(self._expiry.snapshot), meta=files.meta),
            online.snapshot,
        )
        files.snapshot = (version, snapshot)
        newest = self._files.newest_version(Timestamp.type) + 1
        timestamp = Timestamp(
            version=newest,
            expires=self._until(self._expiry.timestamp),
            snapshot_meta=_describe(version, snapshot),
        )
        files.timestamp = (newest, _sign(timestamp, online.timestamp))
        return files

    def _verify_in_memory(self, files: _Files, standing: Standing | None) -> None:
        """Let the client's own core judge the new state before any of it is written."""
        now = self._clock()
        new_root = [files.root[1]] if files.root is not None else []
        known = [standing.trusted_root, *standing.roots] if standing is not None else []
        trusted_root, *roots = [*known, *new_root]
        targets = files.roles.get(Targets.type)
        held = standing.targets_file if standing is not None else b""
        top_files = TopLevelFiles(
            roots=roots,
            timestamp=files.timestamp[1],
            snapshot=files.snapshot[1],
            targets=targets[1] if targets is not None else held,
        )
        new_roles = {role: data for role, (_, data) in files.roles.items()}
        overlay = _Overlay(self.source(), new_roles, files.documents)
        try:
            top = verify_top_level(top_files, trusted_root=trusted_root, reference_time=now)
            verify_directory(top, overlay, verified_at=now)
        except RegistryRefusedError as error:
            raise SubmissionRefusedError(
                f"With this change no client could verify the registry any more: {error}",
                code=RefusalCode.NOT_SIGNED,
            ) from error

    def _write_all(self, files: _Files) -> None:
        for path, data in files.documents.items():
            name = target_file_name(path, hashlib.sha256(data).hexdigest())
            self._files.write_target(name, data)
        for role, (version, data) in files.roles.items():
            self._files.write_metadata(role, version, data)
        self._files.write_metadata(Snapshot.type, *files.snapshot)
        self._files.write_metadata(Timestamp.type, *files.timestamp)
        if files.root is not None:
            self._files.write_metadata(Root.type, *files.root)
        self._files.write_metadata(Timestamp.type, None, files.timestamp[1])

    def _until(self, period: timedelta) -> datetime:
        return (self._clock() + period).astimezone(UTC).replace(microsecond=0)


def _require_complete(examined: Examined) -> None:
    missing = [
        f"{requirement.role} ({requirement.missing} more"
        f"{' of the holders before' if requirement.of_before else ''})"
        for requirement in examined.requirements
        if requirement.missing
    ]
    if missing:
        raise SubmissionRefusedError(
            "Signatures are missing, and a ceremony is published whole or not at all: "
            f"{', '.join(missing)}. Combine the signed files, or have the others sign.",
            code=RefusalCode.NOT_SIGNED,
        )


def _describe(version: int, data: bytes) -> MetaFile:
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})


_Online = TypeVar("_Online", Snapshot, Timestamp)


def _sign(signed: _Online, signer: Signer) -> bytes:
    metadata = Metadata(signed)
    metadata.sign(signer)
    return metadata.to_bytes()
