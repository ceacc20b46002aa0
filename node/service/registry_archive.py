"""The registry's past, kept: which keys everybody had when a message was signed.

A message names the registry that its sender acted on. To prove years later whose key signed it,
without hub and network, the signed files of that version have to be at hand. Every version that
this node verifies is kept, file by file under its hash, so that what did not change costs nothing.
Versions that only a peer has seen are asked for at the registry host, as soon as a message names
them.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from console.storage.database import Database
from contact_registry.evidence.registry_proof import PastRegistry
from contact_registry.trust.cache import KeptSet, VerifiedFiles
from contact_registry.trust.past import read_version
from node.domain.ports import Clock
from node.store.tables import (
    MessageRow,
    ReceiptRow,
    RegistryFileRow,
    RegistryRootRow,
    RegistryVersionRow,
)
from protocol.messages.head import RegistryPin

_SNAPSHOT: Final = "snapshot"
#: Names in one question to the database.
_AT_ONCE: Final = 500
#: More versions that nobody has are somebody's mischief: there is one for each change of a contact.
_MOST_MISSING: Final = 10_000


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RegistryArchive:
    """Keeps and returns past versions of the registry. Methods block."""

    database: Database
    trusted_root: bytes
    clock: Clock

    def has(self, sha256: str) -> bool:
        """Whether the version of this hash is kept."""
        with self.database.reading() as session:
            return session.get(RegistryVersionRow, sha256) is not None

    def keep(self, files: VerifiedFiles) -> None:
        """Keep a set of files that verified together."""
        roots = {read_version(data): data for data in (self.trusted_root, *files.roots)}
        objects = (*files.delegated.values(), *files.documents.values(), files.targets)
        self._store(files.snapshot, objects, roots)

    def keep_newest(self, kept: KeptSet) -> None:
        """Keep the set that verified last; only what this archive lacks is read.

        Where a file is damaged on the disk nothing is kept: it is brought again after a restart.
        """
        lasting = kept.list_lasting()
        snapshot = kept.find(_SNAPSHOT)
        if snapshot is None:
            return
        missing = set(lasting.values()) - self._find_known(lasting.values())
        objects = [kept.read(sha256) for sha256 in sorted(missing)]
        if any(data is None for data in objects):
            log.warning("registry_kept_file_damaged", version=read_version(snapshot.content))
            return
        roots = {read_version(data): data for data in (self.trusted_root, *kept.read_roots())}
        self._store(snapshot.content, filter(None, objects), roots)

    def _find_known(self, names: Iterable[str]) -> set[str]:
        with self.database.reading() as session:
            return _find_known(session, names)

    def keep_past(self, pin: RegistryPin, objects: dict[str, bytes]) -> None:
        """Keep the files of a version that was fetched because a message names it."""
        self._store(objects[pin.sha256], objects.values(), {})

    def _store(self, snapshot: bytes, objects: Iterable[bytes], roots: dict[int, bytes]) -> None:
        by_hash = {hashlib.sha256(data).hexdigest(): data for data in (snapshot, *objects)}
        row = RegistryVersionRow(
            sha256=hashlib.sha256(snapshot).hexdigest(),
            version=read_version(snapshot),
            kept_at=self.clock(),
        )
        try:
            with self.database.transaction() as session:
                _add_new(session, row, by_hash, roots)
        except IntegrityError:
            # Another process kept some of the same files meanwhile: what is left is ours to keep.
            with self.database.transaction() as session:
                _add_new(session, row, by_hash, roots)

    def list_missing(self) -> list[RegistryPin]:
        """Return versions that messages or receipts name and that are not kept; newest first."""
        kept = select(RegistryVersionRow.sha256)
        found: set[tuple[int | None, str | None]] = set()
        with self.database.reading() as session:
            for table in (MessageRow, ReceiptRow):
                found |= set(
                    session.exec(
                        select(table.registry_version, table.registry_sha256)
                        .where(
                            col(table.registry_sha256).is_not(None),
                            col(table.registry_sha256).not_in(kept),
                        )
                        .distinct()
                        .limit(_MOST_MISSING)
                    )
                )
        pins = [(version, sha256) for version, sha256 in found if version and sha256]
        return [RegistryPin(version=it[0], sha256=it[1]) for it in sorted(pins, reverse=True)]

    def find_object(self, sha256: str) -> bytes | None:
        """Return a registry file by its hash."""
        with self.database.reading() as session:
            row = session.get(RegistryFileRow, sha256)
            return row.content if row else None

    def list_roots(self) -> dict[int, bytes]:
        """Return every root that is kept, by version."""
        with self.database.reading() as session:
            return {row.version: row.content for row in session.exec(select(RegistryRootRow))}

    def open(self) -> PastRegistry:
        """Return the past, verified from the node's trusted root when it is asked for.

        Raises ``RegistryRefusedError`` if the roots do not follow from it.
        """
        return PastRegistry(
            trusted_root=self.trusted_root, roots=self.list_roots(), find_object=self.find_object
        )


def _add_new(
    session: Session,
    row: RegistryVersionRow,
    files: dict[str, bytes],
    roots: dict[int, bytes],
) -> None:
    known = _find_known(session, files)
    session.add_all(
        RegistryFileRow(sha256=name, content=files[name])
        for name in sorted(files)
        if name not in known
    )
    for version, content in roots.items():
        if session.get(RegistryRootRow, version) is None:
            session.add(RegistryRootRow(version=version, content=content))
    if session.get(RegistryVersionRow, row.sha256) is None:
        session.add(RegistryVersionRow.model_validate(row.model_dump()))


def _find_known(session: Session, names: Iterable[str]) -> set[str]:
    """Return those of the hashes whose files are kept."""
    wanted = sorted(names)
    known: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        known |= set(
            session.exec(
                select(RegistryFileRow.sha256).where(col(RegistryFileRow.sha256).in_(part))
            )
        )
    return known
