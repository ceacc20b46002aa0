"""The directory as of a day: what this node had verified, and acted on, at a past moment."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlmodel import col, select
from typing_extensions import override

from contact_registry.directory import Directory
from contact_registry.errors import RegistryError
from contact_registry.trust.past import verify_past_directory
from contact_registry.trust.verification import FileSource, verify_root_chain
from node.service.context import NodeContext
from node.service.registry_archive import RegistryArchive
from node.store.tables import RegistryVersionRow
from protocol.errors import MalformedError

#: Past views that are kept at hand: people look at a day and then at a Participant of that day.
_AT_HAND: Final = 2
#: Versions that are tried: one that was fetched because a message names it is not kept whole.
_MOST_TRIED: Final = 8
#: Beyond them, sums of days and time zones leave what a date can hold.
_YEARS: Final = range(1970, 9000)


class NotKeptError(RegistryError):
    """This node kept no directory of that moment; ``first`` is when it began to, None if never."""

    def __init__(self, first: datetime | None) -> None:
        since = "nothing yet" if first is None else f"directories since {first:%Y-%m-%d}"
        super().__init__(
            f"This node keeps {since}: choose a later day, or ask the registry operators, who keep "
            "every version."
        )
        self.first = first


class _NotWholeError(Exception):
    """A file of a version is not kept."""


@dataclass(frozen=True, slots=True)
class _ArchivedFiles(FileSource):
    """Feeds the trusted core from the archive."""

    archive: RegistryArchive

    @override
    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return a file of the archive."""
        return self._find(sha256)

    @override
    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return a file of the archive."""
        return self._find(sha256)

    def _find(self, sha256: str) -> bytes:
        data = self.archive.find_object(sha256)
        if data is None:
            raise _NotWholeError
        return data


@dataclass(frozen=True, slots=True)
class PastDirectories:
    """Reads past directories out of the archive. Methods block."""

    archive: RegistryArchive
    _at_hand: dict[tuple[str, datetime], Directory] = field(default_factory=dict)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def load_as_of(self, moment: datetime) -> Directory:
        """Return the directory that this node acted on at a moment, verified anew.

        Signatures that ran out are judged as of then. Raises :class:`NotKeptError`, and
        ``RegistryRefusedError`` if what is kept does not verify.
        """
        with self._one_at_a_time:
            for row in self._list_versions(moment):
                key = (row.sha256, moment)
                if key not in self._at_hand:
                    directory = self._verify(row, moment)
                    if directory is None:
                        continue
                    while len(self._at_hand) >= _AT_HAND:
                        del self._at_hand[next(iter(self._at_hand))]
                    self._at_hand[key] = directory
                return self._at_hand[key]
        raise NotKeptError(self._find_first())

    def _verify(self, row: RegistryVersionRow, moment: datetime) -> Directory | None:
        snapshot = self.archive.find_object(row.sha256)
        if snapshot is None:
            return None
        kept = self.archive.list_roots()
        first = self.archive.trusted_root
        newer = [data for _, data in sorted(kept.items()) if data != first]
        try:
            return verify_past_directory(
                snapshot,
                _ArchivedFiles(self.archive),
                roots=verify_root_chain(first, newer),
                kept_at=row.kept_at,
                at=moment,
            )
        except _NotWholeError:
            return None

    def _list_versions(self, moment: datetime) -> list[RegistryVersionRow]:
        """Return the versions kept by then, the newest first."""
        with self.archive.database.reading() as session:
            return list(
                session.exec(
                    select(RegistryVersionRow)
                    .where(col(RegistryVersionRow.kept_at) <= moment)
                    .order_by(col(RegistryVersionRow.version).desc())
                    .limit(_MOST_TRIED)
                )
            )

    def _find_first(self) -> datetime | None:
        with self.archive.database.reading() as session:
            first = session.exec(
                select(RegistryVersionRow).order_by(col(RegistryVersionRow.kept_at)).limit(1)
            ).first()
        return None if first is None else first.kept_at


def find_directory(context: NodeContext, at: datetime | None) -> tuple[Directory, datetime]:
    """Return the directory to answer with, and the moment that it is asked for.

    That is today's for now and for a moment to come, and that of then for a past one. Raises
    :class:`NotKeptError`, and ``MalformedError`` for a moment without time zone or in a year out of
    all reach.
    """
    now = context.clock()
    if at is not None and at.tzinfo is None:
        raise MalformedError("Give the moment with its time zone, as 2026-03-01T22:30:00Z.")
    if at is not None and at.year not in _YEARS:
        raise MalformedError(f"Give a year from {_YEARS.start} to {_YEARS.stop - 1}.")
    if at is None or at >= now:
        return context.directory.current(), at or now
    if context.past is None:
        raise NotKeptError(None)
    return context.past.load_as_of(at), at
