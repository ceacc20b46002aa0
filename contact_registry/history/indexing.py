"""Which versions of a registry were in force: a walk over the folder, that goes on from the last.

In force was what a numbered timestamp names, up to the published ``timestamp.json``, and what the
next version in force goes on from; so the walk goes from the newest version down. Each of its
judgements depends on the next version in force alone. What was judged before therefore holds as
long as the version that was the newest then is still in force: a later walk reads what came since,
and no more. Where it is not, because the folder was restored from a backup, all is walked anew.

Nothing is verified here. That is done version by version when it is asked for.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tuf.api.metadata import Metadata, Snapshot, Timestamp

from contact_registry.errors import RegistryNotFoundedError, RepositoryStateError
from contact_registry.history.versions import InterruptedVersion, is_followed_by
from contact_registry.trust.storage import RepositoryFiles
from contact_registry.trust.verification import refusing


@dataclass(frozen=True, slots=True)
class StatedVersion:
    """A version as the files name it, not verified yet.

    ``timestamps`` are those that name it, oldest first: their version and when they run out.
    """

    number: int
    sha256: str
    expires: datetime
    targets_version: int
    timestamps: tuple[tuple[int, datetime], ...]


@dataclass(frozen=True, slots=True)
class HistoryIndex:
    """Versions that were in force, by number and in order, and those that never were."""

    in_force: dict[int, StatedVersion]
    interrupted: tuple[InterruptedVersion, ...]


@dataclass(frozen=True, slots=True)
class _Walked:
    """How far a walk has come: the timestamp it ended with, and the newest version by then."""

    published: bytes
    timestamp_version: int
    newest: Snapshot
    index: HistoryIndex


class HistoryWalk:
    """Looks through one repository, as often as it is asked. Threads may share it; blocks.

    Raises :class:`~contact_registry.errors.RepositoryStateError` if the folder holds no registry or
    a file is missing or damaged, and ``RegistryRefusedError`` for what is no metadata.
    """

    def __init__(self, files: RepositoryFiles) -> None:
        self._files = files
        self._walked: _Walked | None = None
        self._one_at_a_time = threading.Lock()

    def look(self) -> HistoryIndex:
        """Return what versions there are now."""
        with self._one_at_a_time:
            published = self._files.read_metadata(Timestamp.type, None)
            if published is None:
                raise RegistryNotFoundedError(
                    f"{self._files.folder} holds no registry yet: run trm-registry init."
                )
            walked = self._walked
            if walked is None or walked.published != published:
                walked = self._go_on(walked, published) or self._begin(published)
                self._walked = walked
            return walked.index

    def _begin(self, published: bytes) -> _Walked:
        version = _read_timestamp(published).version
        named = self._read_timestamps(range(1, version + 1))
        stated, interrupted, newest = self._judge(named, None)
        if newest is None:
            raise self._damaged(f"timestamp {version}")
        return _Walked(published, version, newest, HistoryIndex(stated, interrupted))

    def _go_on(self, before: _Walked | None, published: bytes) -> _Walked | None:
        """Walk what came since; None if what was judged before does not hold any more."""
        version = _read_timestamp(published).version
        if before is None or version <= before.timestamp_version:
            return None
        if self._read(Timestamp.type, before.timestamp_version) != before.published:
            return None  # restored from a backup, and written over since
        known, last = before.index, max(before.index.in_force)
        named = self._read_timestamps(range(before.timestamp_version + 1, version + 1))
        renewed = named.pop(last, [])
        if any(number < last for number in named):
            return None
        stated, interrupted, newest = self._judge(named, before.newest)
        if named and newest is None:
            return None
        in_force = dict(known.in_force)
        since = tuple((it.version, it.expires.astimezone(UTC)) for it in renewed)
        in_force[last] = replace(in_force[last], timestamps=(*in_force[last].timestamps, *since))
        index = HistoryIndex(in_force | stated, (*known.interrupted, *interrupted))
        return _Walked(published, version, newest or before.newest, index)

    def _judge(
        self, named: dict[int, list[Timestamp]], before: Snapshot | None
    ) -> tuple[dict[int, StatedVersion], tuple[InterruptedVersion, ...], Snapshot | None]:
        """Judge versions from the newest down; the last of them has to go on from ``before``.

        Returns no newest snapshot if there is none, or if it does not.
        """
        in_force: list[StatedVersion] = []
        interrupted: list[InterruptedVersion] = []
        newest: Snapshot | None = None
        later: Snapshot | None = None
        for number in sorted(named, reverse=True):
            snapshot, stated = self._state(number, named[number])
            if later is not None and not is_followed_by(snapshot, later):
                interrupted.append(InterruptedVersion(number, stated.sha256))
                continue
            in_force.append(stated)
            newest, later = newest or snapshot, snapshot
        if before is not None and later is not None and not is_followed_by(before, later):
            newest = None
        return {it.number: it for it in reversed(in_force)}, tuple(reversed(interrupted)), newest

    def _read_timestamps(self, versions: Iterable[int]) -> dict[int, list[Timestamp]]:
        """Return timestamps by the version that they name."""
        named: dict[int, list[Timestamp]] = {}
        for version in versions:
            timestamp = _read_timestamp(self._read(Timestamp.type, version))
            named.setdefault(timestamp.snapshot_meta.version, []).append(timestamp)
        return named

    def _state(self, number: int, timestamps: list[Timestamp]) -> tuple[Snapshot, StatedVersion]:
        with refusing("snapshot"):
            snapshot = Metadata[Snapshot].from_bytes(self._read(Snapshot.type, number)).signed
        if "targets.json" not in snapshot.meta or snapshot.version != number:
            raise self._damaged(f"The snapshot of version {number}")
        return snapshot, StatedVersion(
            number=number,
            sha256=(timestamps[0].snapshot_meta.hashes or {}).get("sha256", ""),
            expires=snapshot.expires,
            targets_version=snapshot.meta["targets.json"].version,
            timestamps=tuple((it.version, it.expires.astimezone(UTC)) for it in timestamps),
        )

    def _read(self, role: str, version: int) -> bytes:
        data = self._files.read_metadata(role, version)
        if data is None:
            raise RepositoryStateError(
                f"Version {version} of {role} is missing in {self._files.folder}: restore it from "
                "a backup."
            )
        return data

    def _damaged(self, what: str) -> RepositoryStateError:
        return RepositoryStateError(
            f"{what} in {self._files.folder} is damaged: restore it from a backup."
        )


def _read_timestamp(data: bytes) -> Timestamp:
    with refusing("timestamp"):
        return Metadata[Timestamp].from_bytes(data).signed
