"""Root and targets as plain shapes: read from what is published, changed, and written anew."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from securesystemslib.signer import Key
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from contact_registry.errors import RegistryError
from contact_registry.models import ParticipantEntry, ParticipantsDocument, serialize_document
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    RoleKind,
    make_delegation,
    make_tuf_key,
    participant_role,
)
from contact_registry.trust.operators import Standing
from protocol.identifiers import ParticipantCode
from protocol.signing import VerifyKey


@dataclass(frozen=True, slots=True)
class Holders:
    """Whose signatures count, and how many are needed."""

    keys: tuple[VerifyKey, ...]
    threshold: int

    @classmethod
    def of(cls, role: Role, keys: Mapping[str, Key]) -> Self:
        """Read the holders of a published role."""
        return cls(tuple(read_key(keys[keyid]) for keyid in role.keyids), role.threshold)

    def key_ids(self) -> list[str]:
        """Return the ids of the keys."""
        return [key.key_id for key in self.keys]

    def change(
        self, *, add: tuple[VerifyKey, ...], remove: frozenset[str], threshold: int | None
    ) -> Self:
        """Return the holders without some and with others."""
        kept = [key for key in self.keys if key.key_id not in remove]
        known = {key.key_id for key in kept}
        added = [key for key in add if key.key_id not in known]
        return replace(
            self,
            keys=(*kept, *added),
            threshold=self.threshold if threshold is None else threshold,
        )

    def check(self, name: str) -> None:
        """Refuse a threshold that these keys cannot reach."""
        if not 1 <= self.threshold <= len(self.keys):
            raise RegistryError(
                f"{name} would need {self.threshold} of {len(self.keys)} signatures, which cannot "
                "be: choose --threshold accordingly, or name more keys."
            )


@dataclass(frozen=True, slots=True)
class RootShape:
    """Who holds the four top-level roles."""

    root: Holders
    targets: Holders
    snapshot: VerifyKey
    timestamp: VerifyKey

    @classmethod
    def read(cls, root: Root) -> Self:
        """Read a published root."""
        return cls(
            root=Holders.of(root.roles[Root.type], root.keys),
            targets=Holders.of(root.roles[Targets.type], root.keys),
            snapshot=read_key(root.keys[root.roles[Snapshot.type].keyids[0]]),
            timestamp=read_key(root.keys[root.roles[Timestamp.type].keyids[0]]),
        )

    def write(self, *, version: int, expires: datetime) -> bytes:
        """Return the root metadata, unsigned."""
        self.root.check("The root")
        self.targets.check("The list of Participants")
        root = Root(version=version, expires=expires, consistent_snapshot=True)
        holders = {
            Root.type: self.root,
            Targets.type: self.targets,
            Snapshot.type: Holders((self.snapshot,), 1),
            Timestamp.type: Holders((self.timestamp,), 1),
        }
        for name, held in holders.items():
            root.roles[name] = Role([], held.threshold)
            for key in held.keys:
                root.add_key(make_tuf_key(key), name)
        data: bytes = Metadata(root).to_bytes()
        return data


@dataclass(frozen=True, slots=True)
class TargetsShape:
    """Which Participants take part, and who signs for each."""

    entries: tuple[ParticipantEntry, ...]
    holders: Mapping[ParticipantCode, Holders]

    @classmethod
    def read(cls, standing: Standing) -> Self:
        """Read the published targets."""
        delegations = standing.top.targets.delegations
        roles = delegations.roles or {} if delegations is not None else {}
        keys = delegations.keys if delegations is not None else {}
        return cls(
            entries=standing.entries,
            holders={
                entry.code: Holders.of(roles[participant_role(entry.code)], keys)
                for entry in standing.entries
            },
        )

    def admit(self, entry: ParticipantEntry, holders: Holders) -> Self:
        """Return the shape with one Participant more, or with a changed one in its place."""
        others = tuple(known for known in self.entries if known.code != entry.code)
        is_known = len(others) < len(self.entries)
        entries = (
            tuple(entry if known.code == entry.code else known for known in self.entries)
            if is_known
            else (*others, entry)
        )
        return replace(self, entries=entries, holders={**self.holders, entry.code: holders})

    def leave_out(self, code: ParticipantCode) -> Self:
        """Return the shape without a Participant."""
        return replace(
            self,
            entries=tuple(entry for entry in self.entries if entry.code != code),
            holders={known: held for known, held in self.holders.items() if known != code},
        )

    def write(self, *, version: int, expires: datetime) -> tuple[bytes, bytes]:
        """Return the targets metadata, unsigned, and the list of Participants."""
        document = serialize_document(ParticipantsDocument(participants=self.entries))
        digest = hashlib.sha256(document).hexdigest()
        roles: dict[str, DelegatedRole] = {}
        keys: dict[str, Key] = {}
        for entry in self.entries:
            held = self.holders[entry.code]
            held.check(str(entry.code))
            roles[participant_role(entry.code)] = make_delegation(
                entry.code, RoleKind.PARTICIPANT, keys=held.keys, threshold=held.threshold
            )
            keys |= {key.key_id: make_tuf_key(key) for key in held.keys}
        targets = Targets(
            version=version,
            expires=expires,
            targets={
                PARTICIPANTS_PATH: TargetFile(len(document), {"sha256": digest}, PARTICIPANTS_PATH)
            },
            delegations=Delegations(keys=keys, roles=roles),
        )
        return Metadata(targets).to_bytes(), document


def read_key(key: Key) -> VerifyKey:
    """Return a key as it stands in published metadata."""
    return VerifyKey(bytes.fromhex(str(key.keyval["public"])))
