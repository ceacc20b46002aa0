"""Reading the past from a repository's folder: each version verified from the first root on.

Verified by the core that verifies today's version. What is different: the timestamp is the one
that named the version at the moment asked for, the root is the newest under which the version
verifies, and expiry is judged as of then.

In force was what a numbered timestamp names, up to the published ``timestamp.json``, and what the
next version in force goes on from. A version that a crash left behind fails one or the other; it is
never shown as one that was in force, with one exception that does no harm: where the very same
bytes were published after the crash, both versions are listed, and say the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from contact_registry.directory import Directory
from contact_registry.errors import RegistryRefusedError, RepositoryStateError
from contact_registry.history.comparing import Difference, diff
from contact_registry.history.errors import OtherVersionError, VersionNotKeptError
from contact_registry.history.indexing import HistoryIndex, HistoryWalk, StatedVersion
from contact_registry.history.versions import (
    HistoricVersion,
    InterruptedVersion,
    RoleChange,
    RoleSigners,
    SignedFile,
    find_changes,
    list_signatures,
    read_signers,
    reckon_moment,
)
from contact_registry.models import ParticipantEntry
from contact_registry.trust.layout import ExpiryPeriods, RoleKind, node_role, participant_role
from contact_registry.trust.published import LocalSource
from contact_registry.trust.repository import DEFAULT_EXPIRY
from contact_registry.trust.storage import RepositoryFiles
from contact_registry.trust.verification import (
    TopLevel,
    TopLevelFiles,
    read_participants,
    read_role,
    verify_top_level,
)
from contact_registry.trust.view import verify_directory

#: Verified versions that are kept at hand: a listing needs each and the one before it. All of them
#: would be gigabytes after years with hundreds of Participants.
_AT_HAND: Final = 8


class RegistryHistory:
    """All versions of the repository in a folder. Reads only; methods block.

    The folder is looked through once, so that all answers of one object are about the same past.
    ``periods`` are those that the host signed with; moments are reckoned with them. A process that
    answers often keeps one ``walk`` for all its objects: each goes on from the one before.
    Methods raise :class:`~contact_registry.errors.RepositoryStateError` if the folder holds no
    registry or is damaged.
    """

    def __init__(
        self,
        folder: Path,
        *,
        periods: ExpiryPeriods = DEFAULT_EXPIRY,
        walk: HistoryWalk | None = None,
    ) -> None:
        self._files = RepositoryFiles(folder)
        self._walk = walk or HistoryWalk(self._files)
        self._source = LocalSource(self._files)
        self._periods = periods
        self._found: HistoryIndex | None = None
        self._verified: dict[tuple[int, int], TopLevel] = {}

    # ------------------------------------------------------------------ questions

    def list_versions(self) -> list[HistoricVersion]:
        """Return every version that was in force, oldest first.

        Verified are the registry's own roles of each, and the roles that it brought; the documents
        themselves when a version is loaded.
        """
        listed: list[HistoricVersion] = []
        before: TopLevel | None = None
        for number in self._index().in_force:
            listed.append(self._tell(number, before))
            before = self._verify_first(number)
        return listed

    def list_numbers(self) -> tuple[int, ...]:
        """Return the numbers of the versions that were in force, oldest first; none is verified."""
        return tuple(self._index().in_force)

    def tell_version(self, number: int) -> HistoricVersion:
        """Return one version as :meth:`list_versions` does, and look at none but the one before.

        Raises :class:`~contact_registry.history.errors.VersionNotKeptError`.
        """
        self._require(number)
        numbers = self.list_numbers()
        place = numbers.index(number)
        return self._tell(number, self._verify_first(numbers[place - 1]) if place else None)

    def newest_version(self) -> int:
        """Return the number of the version that is published."""
        return max(self._index().in_force)

    def list_interrupted(self) -> tuple[InterruptedVersion, ...]:
        """Return versions that were signed and never in force, oldest first."""
        return self._index().interrupted

    def list_signatures(self, version: int) -> tuple[SignedFile, ...]:
        """Return who signed each file of a version, not only those that it brought."""
        self._require(version)
        return tuple(self._sign_all(self._verify_first(version), None))

    def find_version(self, at: int | datetime) -> int:
        """Return the number of the version in force ``at`` a moment; a number must be kept.

        Where the host's clock was set back, a later version counts as soon as its own claim says.
        Raises :class:`~contact_registry.history.errors.VersionNotKeptError`.
        """
        if isinstance(at, int):
            self._require(at)
            return at
        moments = {number: self._reckon(number) for number in self._index().in_force}
        unsure = [number for number, (_, certain) in moments.items() if not certain]
        if unsure:
            raise VersionNotKeptError(
                f"When version {unsure[0]} was published cannot be told from its signatures: ask "
                "for a version by its number."
            )
        begun = [number for number, (moment, _) in moments.items() if moment <= at]
        if not begun:
            first, (moment, _) = next(iter(moments.items()))
            raise VersionNotKeptError(
                f"There was no registry yet: version {first}, the first, was published on "
                f"{moment:%Y-%m-%d %H:%M} UTC. Ask for a later moment."
            )
        return max(begun)

    def load_as_of(self, at: int | datetime) -> Directory:
        """Return the registry of a version, or as it was at a moment, verified.

        Expiry is judged as of that moment; of a version, as of its publication. ``verified_at`` of
        the answer is that moment. If ``expires_at`` is not after it, no signature of the host held
        then, and nodes had been warned.
        Raises :class:`~contact_registry.history.errors.VersionNotKeptError`.
        """
        number = self.find_version(at)
        return self._load(number, self._reckon(number)[0] if isinstance(at, int) else at)

    def load_pinned(
        self, version: int, sha256: str, *, sent_at: datetime | None = None
    ) -> Directory:
        """Return the registry that a message names, judged as of when it was sent.

        Raises :class:`~contact_registry.history.errors.VersionNotKeptError` and
        :class:`~contact_registry.history.errors.OtherVersionError`.
        """
        if any((i.version, i.sha256) == (version, sha256) for i in self.list_interrupted()):
            raise OtherVersionError(
                f"Version {version} of this hash was signed and never in force: nobody can have "
                "been shown it. Ask its sender and the registry operators how it came to be named."
            )
        stated = self._require(version)
        if stated.sha256 != sha256:
            raise OtherVersionError(
                f"Version {version} has the hash {stated.sha256} here, and another is named: the "
                "hash was copied wrongly, or the sender was shown another registry. Compare the "
                "hash with the sender by telephone, and tell the registry operators."
            )
        return self._load(version, sent_at or self._reckon(version)[0])

    def load_signers(self, at: int | datetime) -> dict[str, RoleSigners]:
        """Return whose signatures counted for each role, by its name.

        Raises :class:`~contact_registry.history.errors.VersionNotKeptError`.
        """
        top = self._verify_first(self.find_version(at))
        signers = {name: read_signers(role) for name, role in top.root.roles.items()}
        for entry in self._read_participants(top):
            own = read_role(
                top.snapshot, self._source, entry.code, RoleKind.PARTICIPANT, top.targets
            )
            signers |= _read_delegation(top.targets, participant_role(entry.code))
            signers |= _read_delegation(own, node_role(entry.code))
        return signers

    def diff(self, old: int | datetime, new: int | datetime) -> Difference:
        """Compare two versions, or the registry at two moments.

        Raises :class:`~contact_registry.history.errors.VersionNotKeptError`.
        """
        return diff(
            self.load_as_of(old),
            self.load_as_of(new),
            old_signers=self.load_signers(old),
            new_signers=self.load_signers(new),
        )

    # ------------------------------------------------------------------ one version

    def _tell(self, number: int, before: TopLevel | None) -> HistoricVersion:
        top = self._verify_first(number)
        changes = find_changes(before.snapshot.meta if before else {}, top.snapshot.meta)
        new = self._read_participants(top)
        old = self._read_participants(before) if before else ()
        stated_codes = {entry.code for entry in new}, {entry.code for entry in old}
        moment, certain = self._reckon(number)
        return HistoricVersion(
            version=number,
            sha256=top.snapshot_sha256,
            published_at=moment,
            is_moment_certain=certain,
            root_version=top.root.version,
            changes=changes,
            joined=tuple(entry for entry in new if entry.code not in stated_codes[1]),
            left=tuple(entry for entry in old if entry.code not in stated_codes[0]),
            signed=tuple(self._sign_all(top, _Brought(before, changes))),
        )

    def _sign_all(self, top: TopLevel, brought: "_Brought | None") -> Iterator[SignedFile]:
        """Yield the signatures of a version's files; with ``brought``, of new files only."""
        if brought is None or brought.is_new_root(top):
            yield list_signatures(self._read(Root.type, top.root.version), top.root, role=Root.type)
        for role, version in (
            (Timestamp.type, top.timestamp.version),
            (Snapshot.type, top.snapshot.version),
            (Targets.type, top.targets.version),
        ):
            if role != Targets.type or brought is None or brought.has(role):
                yield list_signatures(self._read(role, version), top.root, role=role)
        for entry in self._read_participants(top):
            yield from self._sign_branch(top, entry, brought)

    def _sign_branch(
        self, top: TopLevel, entry: ParticipantEntry, brought: "_Brought | None"
    ) -> Iterator[SignedFile]:
        names = {
            RoleKind.PARTICIPANT: participant_role(entry.code),
            RoleKind.NODE: node_role(entry.code),
        }
        if brought is not None and not any(map(brought.has, names.values())):
            return  # of 200 Participants, one has usually changed
        delegator = top.targets
        for kind, name in names.items():
            role = read_role(top.snapshot, self._source, entry.code, kind, delegator)
            if role is None:
                return
            if brought is None or brought.has(name):
                data = self._read(name, role.version)
                yield list_signatures(data, delegator, role=name, entry=entry)
            delegator = role

    def _read_participants(self, top: TopLevel) -> tuple[ParticipantEntry, ...]:
        return read_participants(top.targets, self._source)

    def _reckon(self, number: int) -> tuple[datetime, bool]:
        stated = self._require(number)
        return reckon_moment(stated.expires, stated.timestamps[0][1], self._periods)

    # ------------------------------------------------------------------ verifying

    def _load(self, number: int, at: datetime) -> Directory:
        stated = self._require(number)
        held = (version for version, expires in stated.timestamps if expires > at)
        timestamp = next(held, stated.timestamps[-1][0])
        return verify_directory(self._verify(number, timestamp), self._source, verified_at=at)

    def _verify_first(self, number: int) -> TopLevel:
        return self._verify(number, self._require(number).timestamps[0][0])

    def _verify(self, number: int, timestamp: int) -> TopLevel:
        """Verify the top level of a version under the newest root that fits it."""
        name = (number, timestamp)
        if name not in self._verified:
            if len(self._verified) >= _AT_HAND:
                del self._verified[next(iter(self._verified))]
            self._verified[name] = self._verify_anew(number, timestamp)
        return self._verified[name]

    def _verify_anew(self, number: int, timestamp: int) -> TopLevel:
        stated = self._require(number)
        newest = self._files.newest_version(Root.type)
        roots = [self._read(Root.type, version) for version in range(2, newest + 1)]
        problem: RegistryRefusedError | None = None
        for newer in range(len(roots), -1, -1):
            files = TopLevelFiles(
                roots=roots[:newer],
                timestamp=self._read(Timestamp.type, timestamp),
                snapshot=self._read(Snapshot.type, number),
                targets=self._read(Targets.type, stated.targets_version),
            )
            try:
                return verify_top_level(
                    files, trusted_root=self._read(Root.type, 1), reference_time=None
                )
            except RegistryRefusedError as error:
                problem = error
        raise RepositoryStateError(
            f"Version {number} in {self._files.folder} does not verify: restore its files from a "
            f"backup. ({problem})"
        ) from problem

    # ------------------------------------------------------------------ what there is

    def _require(self, number: int) -> StatedVersion:
        in_force = self._index().in_force
        if number not in in_force:
            raise VersionNotKeptError(
                f"Version {number} is not kept: it was never in force. This registry has versions "
                f"{min(in_force)} to {max(in_force)}; trm-registry history lists them."
            )
        return in_force[number]

    def _index(self) -> HistoryIndex:
        if self._found is None:
            self._found = self._walk.look()
        return self._found

    def _read(self, role: str, version: int) -> bytes:
        data = self._files.read_metadata(role, version)
        if data is None:
            raise RepositoryStateError(
                f"Version {version} of {role} is missing in {self._files.folder}: restore it from "
                "a backup."
            )
        return data


def _read_delegation(delegator: Targets | None, name: str) -> dict[str, RoleSigners]:
    delegations = delegator.delegations if delegator is not None else None
    role = (delegations.roles or {}).get(name) if delegations is not None else None
    return {name: read_signers(role)} if role is not None else {}


@dataclass(frozen=True, slots=True)
class _Brought:
    """What a version has that the one before it had not."""

    before: TopLevel | None
    changes: tuple[RoleChange, ...]

    def has(self, role: str) -> bool:
        return any(change.role == role for change in self.changes)

    def is_new_root(self, top: TopLevel) -> bool:
        return self.before is None or self.before.root.version != top.root.version
