"""What operators and Participants sign together, away from the network, and what it begins from.

A change by ceremony is a set of *parts*: the next version of ``root``, of ``targets``, of some
Participants' roles, together with the documents that they name. All of them are published in one
step, or none is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tuf.api.metadata import Root, Targets

from contact_registry.directory import Directory
from contact_registry.models import ParticipantEntry
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    parse_role,
    path_of_role,
)
from contact_registry.trust.verification import FileSource, TopLevel
from contact_registry.trust.view import verify_directory

_TOP: Final = (Root.type, Targets.type)


@dataclass(frozen=True, slots=True)
class OperatorsChange:
    """The parts of a ceremony: metadata by role in :func:`order_roles`, documents by path."""

    parts: Mapping[str, bytes]
    documents: Mapping[str, bytes]

    @property
    def needs_operators(self) -> bool | None:
        """Whether operators sign it; False: one Participant and its node alone; None: neither."""
        if set(_TOP) & set(self.parts):
            return True
        own, *node = order_roles(self.parts) or [""]
        return False if node == [f"{own}-node"] else None


def order_roles(roles: Iterable[str]) -> list[str]:
    """Return role names as a signing file has them: root, targets, then the others by name."""
    return sorted(roles, key=lambda role: (*(role != top for top in _TOP), role))


def path_of(role: str) -> str | None:
    """Return the one document that a role names; None for root.

    Raises :class:`~protocol.errors.MalformedError` if there is no such role.
    """
    if role == Root.type:
        return None
    if role == Targets.type:
        return PARTICIPANTS_PATH
    return path_of_role(*parse_role(role))


@dataclass(frozen=True)
class Standing:
    """The verified registry that a change begins from.

    ``roles`` and ``documents`` are the bytes of the Participants that take part; ``trusted_root``
    is where the chain of ``roots`` begins.
    """

    trusted_root: bytes
    roots: tuple[bytes, ...]
    targets_file: bytes
    top: TopLevel
    directory: Directory
    roles: Mapping[str, bytes]
    documents: Mapping[str, bytes]

    @property
    def entries(self) -> tuple[ParticipantEntry, ...]:
        """The Participants that take part."""
        return self.directory.participants

    def version_of(self, role: str) -> int:
        """Return the published version of a role, also of one whose Participant left; else 0."""
        if role == Root.type:
            version: int = self.top.root.version
            return version
        meta = self.top.snapshot.meta.get(f"{role}.json")
        return meta.version if meta is not None else 0

    def file_of(self, role: str) -> bytes | None:
        """Return the published metadata of a role, or None."""
        if role == Root.type:
            return self.roots[-1] if self.roots else self.trusted_root
        return self.targets_file if role == Targets.type else self.roles.get(role)


@dataclass
class RecordingSource:
    """Remembers what the trusted core read through it."""

    source: FileSource
    roles: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return and remember metadata of a delegated role."""
        data = self.source.read_metadata(role, version=version, length=length, sha256=sha256)
        self.roles[role] = data
        return data

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return and remember a document."""
        data = self.source.read_document(path, length=length, sha256=sha256)
        self.documents[path] = data
        return data


@dataclass(frozen=True, slots=True)
class TopFiles:
    """The bytes above the Participants' roles, beside their verified meaning."""

    trusted_root: bytes
    roots: tuple[bytes, ...]
    targets: bytes
    top: TopLevel


def read_standing(files: TopFiles, source: FileSource, *, now: datetime) -> Standing:
    """Verify everything below the top level and return it all.

    Raises :class:`~contact_registry.errors.RegistryRefusedError`, and whatever ``source`` raises.
    """
    recording = RecordingSource(source)
    directory = verify_directory(files.top, recording, verified_at=now)
    return Standing(
        trusted_root=files.trusted_root,
        roots=files.roots,
        targets_file=files.targets,
        top=files.top,
        directory=directory,
        roles=MappingProxyType(recording.roles),
        documents=MappingProxyType(recording.documents),
    )
