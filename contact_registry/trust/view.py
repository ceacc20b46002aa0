"""The trusted core, second half: everything below the top level, as one view.

Like :mod:`contact_registry.trust.verification`, on which it stands: bytes in, a ``Directory`` or an
error out; no clock, no network. What this process verified already below the very same signatures
is not verified again (:mod:`contact_registry.trust.proven`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Protocol, TypeVar

from tuf.api.metadata import Snapshot, Targets

from contact_registry.directory import Directory
from contact_registry.models import (
    ContactsDocument,
    KeysDocument,
    ParticipantEntry,
    parse_participants,
)
from contact_registry.trust.layout import (
    RoleKind,
    is_proper_delegation,
    node_role,
    participant_role,
    path_of_role,
)
from contact_registry.trust.proven import (
    FoundBranches,
    NamedFile,
    Proof,
    ProvenBranch,
    ProvenBranches,
    ProvenList,
)
from contact_registry.trust.verification import (
    DEFAULT_GRACE,
    FileSource,
    check_contacts,
    check_keys,
    find_list,
    read_role,
    read_target,
    refusing,
    require_delegations,
)
from protocol.identifiers import ParticipantCode

_Document = TypeVar("_Document", ContactsDocument, KeysDocument)


class SignedTop(Protocol):
    """A verified top level, today's or a past one: what a view stands on."""

    @property
    def targets(self) -> Targets:
        """Who takes part, and whose directory key counts."""

    @property
    def snapshot(self) -> Snapshot:
        """Version and hash of every file."""

    @property
    def snapshot_sha256(self) -> str:
        """SHA-256 of the snapshot file."""

    @property
    def expires_at(self) -> datetime:
        """When the first of the top-level signatures runs out."""


def verify_directory(  # noqa: PLR0913 - what a view depends on, by name
    top: SignedTop,
    source: FileSource,
    *,
    verified_at: datetime,
    now: datetime | None = None,
    grace: timedelta = DEFAULT_GRACE,
    proven: ProvenBranches | None = None,
) -> Directory:
    """Verify every Participant's documents below ``top`` and return them as one view.

    A Participant that has not published yet, or has no node, is listed without these documents.
    What is overdue is judged as of ``now``, which is ``verified_at`` unless the view is an older
    one that is read again. What ``proven`` holds is neither read nor verified again where it stands
    below the very same; afterwards ``proven`` holds this view, and nothing of another one.
    Raises :class:`~contact_registry.errors.RegistryRefusedError`, and whatever ``source`` raises.
    """
    judged_at = now or verified_at
    reader = _Reader(top, source, proven if proven is not None else ProvenBranches())
    entries = reader.read_list()
    overdue: dict[str, datetime] = {}
    contacts: dict[ParticipantCode, ContactsDocument] = {}
    keys: dict[ParticipantCode, KeysDocument] = {}
    for entry in entries:
        own = reader.read_contacts(entry)
        if own is None:
            continue
        contacts[entry.code] = own.document
        _note_overdue(overdue, own, judged_at)
        node = reader.read_keys(entry, own.role)
        if node is None:
            continue
        _note_overdue(overdue, node, judged_at)
        if min(own.role.expires, node.role.expires) + grace > judged_at:
            keys[entry.code] = node.document
    if proven is not None:
        proven.replace(reader.found)
    return Directory(
        version=top.snapshot.version,
        sha256=top.snapshot_sha256,
        expires_at=top.expires_at,
        verified_at=verified_at,
        participants=entries,
        contacts=MappingProxyType(contacts),
        keys=MappingProxyType(keys),
        overdue=MappingProxyType(overdue),
    )


@dataclass(slots=True)
class _Reader:
    """Goes through the branches of one view, and notes each in ``found``."""

    top: SignedTop
    source: FileSource
    proven: ProvenBranches
    found: FoundBranches = field(default_factory=FoundBranches)

    def read_list(self) -> tuple[ParticipantEntry, ...]:
        with refusing("list of Participants"):
            target = find_list(self.top.targets)
            listed = self.proven.find_list(target)
            if listed is None:
                document = parse_participants(read_target(self.source, target))
                listed = ProvenList(document, NamedFile.of_document(target), target.length)
            entries = listed.document.participants
            require_delegations(self.top.targets, entries)
        self.found.participants = listed
        return entries

    def read_contacts(self, entry: ParticipantEntry) -> ProvenBranch[ContactsDocument] | None:
        place = _Place(entry, RoleKind.PARTICIPANT, self.top.targets)
        known = self.proven.find_contacts(self._gather_proof(place))
        branch = known or self._verify(place, lambda data: check_contacts(data, entry))
        if branch is not None:
            self.found.contacts.append(branch)
        return branch

    def read_keys(
        self, entry: ParticipantEntry, delegator: Targets
    ) -> ProvenBranch[KeysDocument] | None:
        place = _Place(entry, RoleKind.NODE, delegator)
        known = self.proven.find_keys(self._gather_proof(place))
        branch = known or self._verify(place, lambda data: check_keys(data, entry.code))
        if branch is not None:
            self.found.keys.append(branch)
        return branch

    def _gather_proof(self, place: "_Place") -> Proof | None:
        """Take what stands above a branch; None if it is not as it has to be to be looked up."""
        meta = self.top.snapshot.meta.get(f"{place.role}.json")
        delegations = place.delegator.delegations
        if meta is None or not is_proper_delegation(delegations, place.entry.code, place.kind):
            return None
        return Proof.gather(place.role, meta, delegations, place.entry)

    def _verify(
        self, place: "_Place", check: Callable[[bytes], _Document]
    ) -> ProvenBranch[_Document] | None:
        """Return a branch that is verified now; None if it has published nothing yet."""
        code = place.entry.code
        role = read_role(self.top.snapshot, self.source, code, place.kind, place.delegator)
        proof = self._gather_proof(place)
        if role is None or proof is None:
            return None
        with refusing(f"metadata of {place.role}"):
            target = role.targets[path_of_role(code, place.kind)]
            data = read_target(self.source, target)
        with refusing(f"{_CONTENT[place.kind]} of {code}"):
            document = check(data)
        return ProvenBranch(
            proof, role, document, (NamedFile.of_role(proof), NamedFile.of_document(target))
        )


_CONTENT = {RoleKind.PARTICIPANT: "contacts", RoleKind.NODE: "keys"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a branch is: whose it is, which of the two, and who delegates to it."""

    entry: ParticipantEntry
    kind: RoleKind
    delegator: Targets

    @property
    def role(self) -> str:
        code = self.entry.code
        return participant_role(code) if self.kind is RoleKind.PARTICIPANT else node_role(code)


def _note_overdue(
    overdue: dict[str, datetime],
    branch: ProvenBranch[ContactsDocument] | ProvenBranch[KeysDocument],
    now: datetime,
) -> None:
    if branch.role.is_expired(now.astimezone(UTC)):
        overdue[branch.proof.role] = branch.role.expires
