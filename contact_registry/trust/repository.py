"""The signed repository on disk: create it, admit Participants, publish changes, renew signatures.

A publication writes, in this order: documents, role metadata, snapshot, the numbered timestamp, and
``timestamp.json`` last. Nothing points at the new files before that last, atomic step, so a crash
anywhere leaves the old version or the new one. Before it, the very core that a client runs verifies
the new state: what no client would accept is never published. No published file is written over;
versions that a crash left behind unpublished are not served, and are replaced.
"""

import hashlib
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from contact_registry.clock import Clock
from contact_registry.errors import (
    RefusalCode,
    RegistryRefusedError,
    RepositoryStateError,
    SubmissionRefusedError,
)
from contact_registry.models import ParticipantEntry, ParticipantsDocument, serialize_document
from contact_registry.trust.acceptance import check_sizes, check_submission
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    ExpiryPeriods,
    RoleKind,
    make_delegation,
    make_tuf_key,
    participant_role,
    target_file_name,
)
from contact_registry.trust.published import PublishedRepository, PublishedVersion
from contact_registry.trust.storage import RepositoryFiles, WriteFile, exclusive, write_durably
from contact_registry.trust.submitting import Submission
from contact_registry.trust.verification import TopLevel
from protocol.signing import VerifyKey

DEFAULT_EXPIRY: Final = ExpiryPeriods()
#: Publications of one role in an hour. Nothing published is ever deleted, so a node that runs wild
#: must not be able to fill the disk of the host.
MOST_PER_HOUR: Final = 60
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OnlineSigners:
    """The hub's online keys; one key may serve both roles."""

    snapshot: Signer
    timestamp: Signer


@dataclass(frozen=True, slots=True)
class NewParticipant:
    """A Participant to admit, with its directory keys (those of the operators who list for it)."""

    entry: ParticipantEntry
    directory_keys: tuple[VerifyKey, ...]
    threshold: int = 1


class RegistryRepository(PublishedRepository):
    """A TUF repository in a folder. One writer at a time, across threads and processes.

    ``expiry`` says how long new signatures hold; ``write_file`` is the port through which every
    file is written. Methods block: call them in a thread from asynchronous code.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        expiry: ExpiryPeriods = DEFAULT_EXPIRY,
        write_file: WriteFile = write_durably,
    ) -> None:
        super().__init__(RepositoryFiles(directory, write=write_file), clock=clock)
        self._expiry = expiry
        self._recent: defaultdict[str, deque[datetime]] = defaultdict(
            lambda: deque(maxlen=MOST_PER_HOUR)
        )

    # ------------------------------------------------------------------ operators

    def create(  # noqa: PLR0913 - the holders of the roles, all by name
        self,
        *,
        root_signers: Sequence[Signer],
        root_threshold: int,
        targets_signers: Sequence[Signer],
        targets_threshold: int,
        online: OnlineSigners,
        participants: Sequence[NewParticipant] = (),
    ) -> PublishedVersion:
        """Sign and write version 1 of everything.

        Raises :class:`~contact_registry.errors.RepositoryStateError` if a repository is there.
        """
        with exclusive(self._files.folder):
            if self._files.read_metadata(Timestamp.type, None) is not None:
                raise RepositoryStateError(
                    f"{self._files.folder} holds a repository already: choose an empty folder."
                )
            root = Root(version=1, expires=self._after(self._expiry.root), consistent_snapshot=True)
            holders = {
                Root.type: (root_signers, root_threshold),
                Targets.type: (targets_signers, targets_threshold),
                Snapshot.type: ((online.snapshot,), 1),
                Timestamp.type: ((online.timestamp,), 1),
            }
            for name, (signers, threshold) in holders.items():
                _require_threshold(name, keys=[s.public_key.keyid for s in signers],
                                   threshold=threshold)  # fmt: skip
                root.roles[name] = Role([], threshold)
                for signer in signers:
                    root.add_key(signer.public_key, name)
            document = ParticipantsDocument(participants=tuple(p.entry for p in participants))
            targets, data = self._make_targets(None, document, participants)
            root_bytes = _sign(root, root_signers)
            self._files.write_metadata(Root.type, 1, root_bytes)
            return self._publish(
                None,
                {Targets.type: (1, _sign(targets, targets_signers))},
                {PARTICIPANTS_PATH: data},
                online,
            )

    def add_participants(
        self,
        participants: Sequence[NewParticipant],
        *,
        targets_signers: Sequence[Signer],
        online: OnlineSigners,
    ) -> PublishedVersion:
        """Admit Participants in one ceremony: their entries, and their directory keys.

        Raises :class:`~contact_registry.errors.SubmissionRefusedError` if one is listed already or
        the signatures do not reach the operators' threshold.
        """
        with exclusive(self._files.folder):
            top = self.load_top()
            listed = self.read_participants(top)
            known = {entry.code for entry in listed.participants}
            repeated = sorted(p.entry.code for p in participants if p.entry.code in known)
            if repeated:
                raise SubmissionRefusedError(
                    f"{', '.join(repeated)} takes part already: leave it out.",
                    code=RefusalCode.INVALID_DOCUMENT,
                )
            document = ParticipantsDocument(
                participants=(*listed.participants, *(p.entry for p in participants))
            )
            targets, data = self._make_targets(top.targets, document, participants)
            signed = _sign(targets, targets_signers)
            return self._publish(
                top,
                {Targets.type: (targets.version, signed)},
                {PARTICIPANTS_PATH: data},
                online,
            )

    def _make_targets(
        self,
        previous: Targets | None,
        document: ParticipantsDocument,
        added: Sequence[NewParticipant],
    ) -> tuple[Targets, bytes]:
        delegations = (previous and previous.delegations) or Delegations(keys={}, roles={})
        roles = dict(delegations.roles or {})
        keys = dict(delegations.keys)
        for participant in added:
            code = participant.entry.code
            name = participant_role(code)
            _require_threshold(
                name,
                keys=[key.key_id for key in participant.directory_keys],
                threshold=participant.threshold,
            )
            roles[name] = make_delegation(
                code,
                RoleKind.PARTICIPANT,
                keys=participant.directory_keys,
                threshold=participant.threshold,
            )
            keys |= {key.key_id: make_tuf_key(key) for key in participant.directory_keys}
        data = serialize_document(document)
        target = TargetFile(len(data), {"sha256": _sha256(data)}, PARTICIPANTS_PATH)
        targets = Targets(
            version=previous.version + 1 if previous else 1,
            expires=self._after(self._expiry.targets),
            targets={PARTICIPANTS_PATH: target},
            delegations=Delegations(keys=keys, roles=roles),
        )
        return targets, data

    # ------------------------------------------------------------------ publishing

    def accept(self, submission: Submission, online: OnlineSigners) -> PublishedVersion:
        """Check a submission and publish it.

        Raises :class:`~contact_registry.errors.SubmissionRefusedError`; then nothing has changed.
        """
        check_sizes(submission)
        with exclusive(self._files.folder):
            top = self._begin()
            published = self.find_published(top, submission.role)
            documents = check_submission(
                submission,
                published,
                now=self._clock(),
                longest=self._expiry.longest_delegation,
            )
            recent = self._recent[submission.role]
            self._check_quota(submission.role, recent)
            role = {submission.role: (published.version + 1, submission.metadata)}
            version = self._publish(top, role, documents, online)
            recent.append(self._clock())
            return version

    def _begin(self) -> TopLevel:
        """Return what a publication begins from; no other writer is at work from here on."""
        return self.load_top()

    def _check_quota(self, role: str, recent: deque[datetime]) -> None:
        """Refuse what comes too often, as far as this process has seen it."""
        if len(recent) == MOST_PER_HOUR and self._clock() - recent[0] < _HOUR:
            raise SubmissionRefusedError(
                f"{role} was published {MOST_PER_HOUR} times within an hour: stop what publishes "
                "it again and again, and try once more in an hour.",
                code=RefusalCode.TOO_OFTEN,
            )

    def refresh_timestamp(self, online: OnlineSigners) -> PublishedVersion:
        """Sign the timestamp again, and the snapshot too once half of its time is over."""
        with exclusive(self._files.folder):
            top = self._begin()
            if top.snapshot.expires < self._after(self._expiry.snapshot / 2):
                return self._publish(top, {}, {}, online)
            meta = top.timestamp.snapshot_meta
            self._write_timestamp(meta, online)
            return PublishedVersion(top.snapshot.version, top.snapshot_sha256)

    def _publish(
        self,
        top: TopLevel | None,
        roles: Mapping[str, tuple[int, bytes]],
        documents: Mapping[str, bytes],
        online: OnlineSigners,
    ) -> PublishedVersion:
        for path, data in documents.items():
            self._files.write_target(target_file_name(path, _sha256(data)), data)
        meta = dict(top.snapshot.meta) if top is not None else {}
        for name, (version, data) in roles.items():
            self._files.write_metadata(name, version, data)
            meta[f"{name}.json"] = MetaFile(version, len(data), {"sha256": _sha256(data)})
        version = self._files.newest_version(Snapshot.type) + 1
        snapshot = _sign(
            Snapshot(version=version, expires=self._after(self._expiry.snapshot), meta=meta),
            (online.snapshot,),
        )
        self._files.write_metadata(Snapshot.type, version, snapshot)
        pinned = MetaFile(version, len(snapshot), {"sha256": _sha256(snapshot)})
        self._write_timestamp(pinned, online)
        return PublishedVersion(version, _sha256(snapshot))

    def _write_timestamp(self, snapshot: MetaFile, online: OnlineSigners) -> None:
        version = self._files.newest_version(Timestamp.type) + 1
        timestamp = _sign(
            Timestamp(
                version=version,
                expires=self._after(self._expiry.timestamp),
                snapshot_meta=snapshot,
            ),
            (online.timestamp,),
        )
        self._verify_as_client(timestamp)
        self._files.write_metadata(Timestamp.type, version, timestamp)
        self._files.write_metadata(Timestamp.type, None, timestamp)

    def _verify_as_client(self, timestamp: bytes) -> None:
        now = self._clock()
        try:
            top = self.verify_top(timestamp, reference_time=now)
            self._check_root_stays(top)
            self.verify_view(top, now)
        except RegistryRefusedError as error:
            raise SubmissionRefusedError(
                f"With this change no client could verify the registry any more: {error}",
                code=RefusalCode.NOT_SIGNED,
            ) from error

    def _check_root_stays(self, top: TopLevel) -> None:
        """Refuse what fits only a root that was replaced: clients know the newer one already."""
        in_force = self._last_read[1].root.version if self._last_read is not None else 0
        if top.root.version < in_force:
            raise RegistryRefusedError(
                f"it is signed for root version {top.root.version}, and version {in_force} is in "
                "force"
            )

    def _after(self, period: timedelta) -> datetime:
        return (self._clock() + period).astimezone(UTC).replace(microsecond=0)


_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


def _sign(signed: _Signed, signers: Sequence[Signer]) -> bytes:
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _require_threshold(name: str, *, keys: Sequence[str], threshold: int) -> None:
    if not 1 <= threshold <= len(keys) or len(set(keys)) != len(keys):
        raise RepositoryStateError(
            f"{name} needs at least {threshold} different keys and a threshold of at least 1: "
            f"{len(set(keys))} were given."
        )
