"""What pages reckon from the registry again and again, each kept until it can have changed.

A registry of 200 Participants takes a second or two to look through; one page must not make the
next one wait for the same answer.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final, TypeVar

from tuf.api.metadata import Timestamp

from contact_registry.coverage import Coverage, list_coverage
from contact_registry.directory import Directory
from contact_registry.history.archive import RegistryHistory
from contact_registry.history.indexing import HistoryWalk
from contact_registry.history.versions import HistoricVersion, InterruptedVersion, SignedFile
from contact_registry.trust.published import PublishedRepository, PublishedVersion
from contact_registry.trust.storage import RepositoryFiles
from protocol.identifiers import Channel

#: Desks open and close on the quarter of an hour at the finest, by every list that we know.
_SPAN: Final = timedelta(minutes=15)
_KEPT: Final = 16
_KEPT_VERSIONS: Final = 500
_Answer = TypeVar("_Answer")


@dataclass(slots=True)
class _Shelf:
    """The past as of one published version, and what was read of it."""

    published: PublishedVersion
    history: RegistryHistory
    signed: tuple[SignedFile, ...] | None = None


class RegistryReading:
    """Keeps coverage tables, the list of versions, and who signed. For any thread; blocks."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, str, datetime], Any] = OrderedDict()
        self._answers_lock = Lock()
        self._shelf: _Shelf | None = None
        self._walk: HistoryWalk | None = None
        self._walk_lock = Lock()
        self._told: dict[int, HistoricVersion] = {}
        self._shelf_lock = Lock()

    def coverage(
        self, directory: Directory, at: datetime, channel: Channel = Channel.ASSISTANCE
    ) -> Coverage:
        """Return the table as of the quarter of an hour in which ``at`` lies."""
        quarter = find_quarter(at)
        return self.keep(
            f"coverage:{channel}",
            directory,
            quarter,
            lambda: list_coverage(directory, quarter, channel=channel),
        )

    def keep(
        self, what: str, directory: Directory, quarter: datetime, reckon: Callable[[], _Answer]
    ) -> _Answer:
        """Return what was reckoned under this name for this version and quarter, or reckon it."""
        key = (what, f"{directory.version}:{directory.sha256}", quarter)
        with self._answers_lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                kept: _Answer = self._answers[key]
                return kept
        found = reckon()
        with self._answers_lock:
            self._answers[key] = found
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return found

    def history(self, repository: PublishedRepository) -> RegistryHistory:
        """Return the registry's past for one question; what is slow there keeps nobody waiting."""
        return RegistryHistory(repository.folder, walk=self._find_walk(repository))

    def list_numbers(self, repository: PublishedRepository) -> tuple[int, ...]:
        """Return the numbers of the versions that were in force, newest first."""
        with self._shelf_lock:
            return self._open(repository).history.list_numbers()[::-1]

    def list_interrupted(self, repository: PublishedRepository) -> tuple[InterruptedVersion, ...]:
        """Return versions that were signed and never in force, oldest first."""
        with self._shelf_lock:
            return self._open(repository).history.list_interrupted()

    def tell_versions(
        self, repository: PublishedRepository, numbers: Iterable[int]
    ) -> list[HistoricVersion]:
        """Return these versions, in the order given; what was told of one holds for good."""
        with self._shelf_lock:
            history = self._open(repository).history
            return [self._tell(history, number) for number in numbers]

    def _tell(self, history: RegistryHistory, number: int) -> HistoricVersion:
        told = self._told.get(number)
        if told is None:
            if len(self._told) >= _KEPT_VERSIONS:
                self._told.clear()
            told = self._told[number] = history.tell_version(number)
        return told

    def list_signed(self, repository: PublishedRepository) -> tuple[SignedFile, ...]:
        """Return who signed each file that is published now, with its expiry.

        The timestamp is renewed without a new version, so its own is looked at each time.
        """
        with self._shelf_lock:
            shelf = self._open(repository)
            if shelf.signed is None:
                shelf.signed = shelf.history.list_signatures(shelf.published.version)
            signed = shelf.signed
        timestamp = repository.load_top().timestamp
        return tuple(
            replace(file, version=timestamp.version, expires_at=timestamp.expires.astimezone(UTC))
            if file.role == Timestamp.type
            else file
            for file in signed
        )

    def _open(self, repository: PublishedRepository) -> _Shelf:
        published = repository.published_version()
        if self._shelf is None or self._shelf.published != published:
            walk = self._find_walk(repository)
            if self._shelf is not None and published.version <= self._shelf.published.version:
                self._told.clear()  # the folder was restored: its numbers may mean other versions
            self._shelf = _Shelf(published, RegistryHistory(repository.folder, walk=walk))
        return self._shelf

    def _find_walk(self, repository: PublishedRepository) -> HistoryWalk:
        with self._walk_lock:
            if self._walk is None:
                self._walk = HistoryWalk(RepositoryFiles(repository.folder))
            return self._walk


def find_quarter(at: datetime) -> datetime:
    """Return the beginning of the quarter of an hour in which a moment lies."""
    since_hour = timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    return at - since_hour % _SPAN
