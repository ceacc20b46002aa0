"""What is published of one Participant now, and who must sign the next version of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Snapshot, Targets

from contact_registry.changes.errors import ChangeNotFoundError
from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from contact_registry.founding import FOUNDING_PARTICIPANTS, make_entry
from contact_registry.models import ContactsDocument, ParticipantEntry, parse_contacts
from contact_registry.trust.acceptance import Published
from contact_registry.trust.cache import KeptSet
from contact_registry.trust.layout import RoleKind, contacts_path, node_role, participant_role
from contact_registry.trust.published import PublishedRepository
from protocol.identifiers import ParticipantCode
from protocol.signing import VerifyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRole:
    """A Participant's role as published: ``version`` 0, no document and no metadata if nothing is.

    ``delegator`` is the operators' verified metadata, which names the keys and how many must sign;
    ``child`` that of the Participant's node, which a new delegation must not invalidate.
    ``has_left`` says that it does not take part any more; then nobody signs for it.
    """

    entry: ParticipantEntry
    delegator: Targets
    version: int = 0
    expires_at: datetime | None = None
    metadata: bytes = b""
    data: bytes = b""
    document: ContactsDocument | None = None
    node_keys: tuple[VerifyKey, ...] = ()
    child: Metadata[Targets] | None = None
    has_left: bool = False

    def to_published(self) -> Published:
        """Return it as the registry host's checks want it."""
        return Published(
            entry=self.entry,
            kind=RoleKind.PARTICIPANT,
            delegator=self.delegator,
            version=self.version,
            expires_at=self.expires_at,
            documents={contacts_path(self.code): self.data} if self.version else {},
            child=self.child,
        )

    @property
    def code(self) -> ParticipantCode:
        """Whose contacts these are."""
        return self.entry.code

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The keys that may sign."""
        if self.has_left:
            return ()
        return tuple(self.delegator.get_delegated_role(participant_role(self.code)).keyids)

    @property
    def threshold(self) -> int:
        """How many of them must."""
        if self.has_left:
            return 1
        return int(self.delegator.get_delegated_role(participant_role(self.code)).threshold)

    def find_signers(self, metadata: Metadata[Targets]) -> tuple[str, ...]:
        """Return the keys of this role whose signature on ``metadata`` is good, in their order."""
        if self.has_left:
            return ()
        role = participant_role(self.code)
        try:
            result = self.delegator.get_verification_result(
                role, metadata.signed_bytes, metadata.signatures
            )
        except (RepositoryError, SecureSystemsError, ValueError):
            return ()
        good = {key_id: key.keyval["public"] for key_id, key in result.signed.items()}
        # A key that is listed under two names still signs once.
        first = {public: key_id for key_id, public in reversed(good.items())}
        return tuple(key_id for key_id in self.key_ids if key_id in first.values())


def read_kept_role(kept: KeptSet, directory: Directory, code: ParticipantCode) -> PublishedRole:
    """Return a Participant's role out of the files that a client verified and keeps.

    Only bytes that the snapshot of ``directory`` names, itself or through others, are taken: that
    view was verified. Raises :class:`~contact_registry.changes.errors.ChangeNotFoundError` for an
    unknown Participant, :class:`~contact_registry.errors.RegistryUnavailableError` if other files
    are kept than those of ``directory``.
    """
    entry = _find_entry(directory.participants, code)
    snapshot = Metadata[Snapshot].from_bytes(_take(kept, "snapshot", directory.sha256)).signed
    targets = _take(kept, "targets", _named(snapshot, "targets"))
    delegator = Metadata[Targets].from_bytes(targets).signed
    role = participant_role(code)
    if f"{role}.json" not in snapshot.meta:
        return PublishedRole(entry=entry, delegator=delegator)
    metadata = _take(kept, role, _named(snapshot, role))
    own = Metadata[Targets].from_bytes(metadata).signed
    path, node = contacts_path(code), node_role(code)
    child = None
    if own.delegations is not None and f"{node}.json" in snapshot.meta:
        child = Metadata[Targets].from_bytes(_take(kept, node, _named(snapshot, node)))
    data = _take(kept, path, own.targets[path].hashes["sha256"])
    return make_published_role(entry, delegator, metadata=metadata, data=data, child=child)


def _named(snapshot: Snapshot, role: str) -> str:
    return (snapshot.meta[f"{role}.json"].hashes or {}).get("sha256", "")


def _take(kept: KeptSet, name: str, sha256: str) -> bytes:
    data = kept.read(sha256)
    if data is None:
        raise RegistryUnavailableError(
            f"The registry at hand lacks {name} as it was verified: bring it again, or wait a "
            "moment if that is just being done."
        )
    return data


def read_repository_role(repository: PublishedRepository, code: ParticipantCode) -> PublishedRole:
    """Return a Participant's role from the registry host's own folder. Blocking.

    Raises :class:`~contact_registry.changes.errors.ChangeNotFoundError` for an unknown Participant.
    """
    top = repository.load_top()
    entry = _find_entry(repository.read_participants(top).participants, code)
    published = repository.find_published(top, participant_role(code))
    name = f"{published.version}.{participant_role(code)}.json"
    metadata = repository.read_metadata(name) if published.version else None
    return make_published_role(
        entry,
        top.targets,
        metadata=metadata,
        data=published.documents.get(contacts_path(code), b""),
        child=published.child,
    )


def make_published_role(
    entry: ParticipantEntry,
    delegator: Targets,
    *,
    metadata: bytes | None,
    data: bytes,
    child: Metadata[Targets] | None,
) -> PublishedRole:
    """Put a role together from verified metadata and its document."""
    if metadata is None:
        return PublishedRole(entry=entry, delegator=delegator, child=child)
    role = Metadata[Targets].from_bytes(metadata).signed
    return PublishedRole(
        entry=entry,
        delegator=delegator,
        version=role.version,
        expires_at=role.expires,
        metadata=metadata,
        data=data,
        document=parse_contacts(data),
        node_keys=read_node_keys(role, entry.code),
        child=child,
    )


def make_left_role(
    code: ParticipantCode,
    *,
    version: int,
    document: ContactsDocument | None,
    node_keys: tuple[VerifyKey, ...],
    now: datetime,
) -> PublishedRole:
    """Return what a desk knows of a Participant that left: what it published last, and no key."""
    known = any(entry.code == code for entry in FOUNDING_PARTICIPANTS)
    return PublishedRole(
        entry=make_entry(code, None if known else code, None),
        delegator=Targets(expires=now),
        version=version,
        document=document,
        node_keys=node_keys,
        has_left=True,
    )


def read_node_keys(role: Targets, code: ParticipantCode) -> tuple[VerifyKey, ...]:
    """Return the keys to which a role delegates its node's part, in their order."""
    delegations = role.delegations
    delegated = (delegations.roles or {}).get(node_role(code)) if delegations else None
    if delegations is None or delegated is None:
        return ()
    return tuple(
        VerifyKey(bytes.fromhex(delegations.keys[key_id].keyval["public"]))
        for key_id in delegated.keyids
    )


def _find_entry(entries: Iterable[ParticipantEntry], code: ParticipantCode) -> ParticipantEntry:
    entry = next((each for each in entries if each.code == code), None)
    if entry is None:
        raise ChangeNotFoundError(
            f"{code} does not take part: check the code, or ask the operators to admit it."
        )
    return entry
