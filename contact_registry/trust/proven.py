"""What this process has verified already, so that the same is not verified twice (ADR 0014).

Verification of a branch - a delegated role, and the one document that it lists - is a function of
bytes and of what stands above them, and of nothing else: no clock, no file, no other branch. Bytes
are named by their SHA-256. So a branch is good without a second look if its bytes have the same
hash, and everything above it that the verification looks at is the same: :class:`Proof` holds all
of that by value. One thing that differs, and the branch is verified anew.

What depends on more is never skipped: the top level and its expiry, what the snapshot names, who
takes part, the form of each delegation, when a role's signature runs out, the grace period.

It is kept in memory only. On a disk it would have to be believed after a restart, and whoever can
write there could plant a key.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Self, TypeVar

from tuf.api.metadata import Delegations, MetaFile, TargetFile, Targets

from contact_registry.models import (
    ContactsDocument,
    KeysDocument,
    ParticipantEntry,
    ParticipantsDocument,
)
from contact_registry.trust.layout import target_file_name

_Kind = TypeVar("_Kind", ContactsDocument, KeysDocument)


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything above a branch that its verification looks at, by value.

    ``version``, ``length`` and ``sha256`` are what the snapshot says of the role's file; ``keys``
    are those that the delegation names, each with all of its members; ``entry`` is what the
    operators say of the Participant. The rest of a delegation has one form, which is checked each
    time.
    """

    role: str
    version: int
    length: int
    sha256: str
    threshold: int
    keys: tuple[tuple[str, str], ...]
    entry: ParticipantEntry

    @classmethod
    def gather(
        cls, role: str, meta: MetaFile, delegations: Delegations | None, entry: ParticipantEntry
    ) -> Self | None:
        """Return what stands above a role; None if that is not enough to name its bytes."""
        delegation = (delegations.roles or {}).get(role) if delegations is not None else None
        hashes = meta.hashes or {}
        if delegations is None or delegation is None or meta.length is None:
            return None
        if set(hashes) != {"sha256"} or not set(delegation.keyids) <= set(delegations.keys):
            return None
        return cls(
            role=role,
            version=meta.version,
            length=meta.length,
            sha256=hashes["sha256"],
            threshold=delegation.threshold,
            keys=tuple(
                (keyid, repr(delegations.keys[keyid].to_dict())) for keyid in delegation.keyids
            ),
            entry=entry,
        )


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A verified file: what a client calls it, the name it is published under, and its hash."""

    name: str
    published_name: str
    sha256: str

    @classmethod
    def of_role(cls, proof: Proof) -> Self:
        """Name the metadata of a role."""
        return cls(proof.role, f"{proof.version}.{proof.role}.json", proof.sha256)

    @classmethod
    def of_document(cls, target: TargetFile) -> Self:
        """Name a document; its metadata is known to name it by its SHA-256."""
        sha256 = target.hashes["sha256"]
        return cls(target.path, target_file_name(target.path, sha256), sha256)


@dataclass(frozen=True, slots=True)
class ProvenBranch(Generic[_Kind]):
    """A delegated role and its document, verified, and the two files that they were read from."""

    proof: Proof
    role: Targets
    document: _Kind
    files: tuple[NamedFile, NamedFile]


@dataclass(frozen=True, slots=True)
class ProvenList:
    """The list of Participants, and the file that it was read from, of so many bytes."""

    document: ParticipantsDocument
    file: NamedFile
    length: int


@dataclass(slots=True)
class FoundBranches:
    """What one verification has gone through, proven before or now."""

    participants: ProvenList | None = None
    contacts: list[ProvenBranch[ContactsDocument]] = field(default_factory=list)
    keys: list[ProvenBranch[KeysDocument]] = field(default_factory=list)


_Contacts = Mapping[str, ProvenBranch[ContactsDocument]]
_Keys = Mapping[str, ProvenBranch[KeysDocument]]


class ProvenBranches:
    """The branches of the view that was verified last, by role.

    Any thread may look up; a thread that needs what *its* verification left works on a copy.
    """

    def __init__(self) -> None:
        self._contacts: _Contacts = MappingProxyType({})
        self._keys: _Keys = MappingProxyType({})
        self._list: ProvenList | None = None

    def copy(self) -> "ProvenBranches":
        """Return one that holds the same, and goes its own way."""
        other = ProvenBranches()
        other._contacts, other._keys, other._list = self._contacts, self._keys, self._list
        return other

    def find_contacts(self, proof: Proof | None) -> ProvenBranch[ContactsDocument] | None:
        """Return a Participant's branch if it was verified below the very same."""
        known = self._contacts.get(proof.role) if proof is not None else None
        return known if known is not None and known.proof == proof else None

    def find_keys(self, proof: Proof | None) -> ProvenBranch[KeysDocument] | None:
        """Return a node's branch if it was verified below the very same."""
        known = self._keys.get(proof.role) if proof is not None else None
        return known if known is not None and known.proof == proof else None

    def find_list(self, target: TargetFile) -> ProvenList | None:
        """Return the list of Participants if it was read from the file that is named."""
        known = self._list
        if known is None or target.length != known.length:
            return None
        return known if target.hashes == {"sha256": known.file.sha256} else None

    def replace(self, found: FoundBranches) -> None:
        """Take over what a whole verification has found, and forget everything else."""
        self._contacts = MappingProxyType({b.proof.role: b for b in found.contacts})
        self._keys = MappingProxyType({b.proof.role: b for b in found.keys})
        self._list = found.participants

    def keep_only(self, sha256s: Collection[str]) -> None:
        """Forget what was read from a file that is not among these: a set is kept whole."""

        def has_all(branch: ProvenBranch[Any]) -> bool:
            return all(file.sha256 in sha256s for file in branch.files)

        self._contacts = MappingProxyType({r: b for r, b in self._contacts.items() if has_all(b)})
        self._keys = MappingProxyType({r: b for r, b in self._keys.items() if has_all(b)})
        if self._list is not None and self._list.file.sha256 not in sha256s:
            self._list = None

    def list_files(self) -> list[NamedFile]:
        """Return every file below the top level of the view that was verified last."""
        files = [self._list.file] if self._list is not None else []
        files += [file for branch in self._contacts.values() for file in branch.files]
        return files + [file for branch in self._keys.values() for file in branch.files]
