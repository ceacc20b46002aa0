"""The chain of an audit log over the tables of one face: appended to, read in pages, verified."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from console.audit.entries import FIRST_HASH, AuditEntry, compute_hash
from console.i18n import msg
from console.refusals import RefusalError
from console.storage.audit_columns import AuditColumns, AuditHeadColumns
from console.storage.database import Database

_HEAD: Final = 1
PAGE: Final = 50
MOST_AT_ONCE: Final = 500


class AuditBrokenError(RefusalError):
    """The log was tampered with, or damaged: the text names the first entry that does not fit."""


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The end of the log: how many entries there are, and the hash of the last."""

    sequence: int
    entry_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; what is empty does not narrow."""

    actor: str = ""
    action: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAct:
    """An act that is to be chained. ``detail`` is the text that is hashed."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChain:
    """One log. ``domain`` is what its hashes begin with: see :mod:`console.audit.entries`."""

    entries: type[AuditColumns]
    head: type[AuditHeadColumns]
    domain: str

    def lock(self, database: Database, session: Session) -> AuditHeadColumns:
        """Let whoever else appends wait until this transaction is over; gives the end."""
        statement = (
            select(self.head)
            .where(col(self.head.head_id) == _HEAD)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        head = session.exec(statement).one_or_none()
        if head is None:
            begin = sqlite.insert if database.is_sqlite else postgresql.insert
            begun = begin(self.head).values(head_id=_HEAD, sequence=0, entry_hash=FIRST_HASH)
            session.execute(begun.on_conflict_do_nothing())
            head = session.exec(statement).one()
        return head

    def append(
        self, session: Session, head: AuditHeadColumns, acts: Sequence[AuditAct]
    ) -> list[AuditEntry]:
        """Bind acts to the end of the log, which the caller has locked."""
        made = []
        for act in acts:
            unsigned = AuditEntry(
                sequence=head.sequence + 1,
                at=act.at,
                actor=act.actor,
                action=act.action,
                subject=act.subject,
                detail=act.detail,
                previous_hash=head.entry_hash,
                entry_hash="",
            )
            entry = replace(unsigned, entry_hash=compute_hash(unsigned, domain=self.domain))
            head.sequence, head.entry_hash = entry.sequence, entry.entry_hash
            made.append(entry)
        session.add(head)
        if made:
            table = self.entries.__table__  # type: ignore[attr-defined]  # SQLAlchemy sets it, SQLModel does not say so
            session.connection().execute(insert(table), [asdict(entry) for entry in made])
        session.flush()
        return made

    def read_head(self, database: Database) -> AuditHead:
        """Say where the log ends. Kept elsewhere, it later proves that nothing was taken away."""
        with database.reading() as session:
            row = session.get(self.head, _HEAD)
        return AuditHead(row.sequence, row.entry_hash) if row else AuditHead(0, FIRST_HASH)

    def list_entries(
        self,
        database: Database,
        wanted: AuditFilter | None = None,
        *,
        before: int | None = None,
        limit: int = PAGE,
    ) -> Sequence[AuditEntry]:
        """Give entries, newest first; ``before`` a sequence number, for the next page."""
        wanted = wanted or AuditFilter()
        statement = select(self.entries).order_by(col(self.entries.sequence).desc())
        if before is not None:
            statement = statement.where(col(self.entries.sequence) < before)
        for column, value in (
            (self.entries.actor, wanted.actor),
            (self.entries.action, wanted.action),
            (self.entries.subject, wanted.subject),
        ):
            if value:
                statement = statement.where(col(column) == value)
        with database.reading() as session:
            rows = session.exec(statement.limit(min(limit, MOST_AT_ONCE))).all()
        return [_entry(row) for row in rows]

    def verify(self, database: Database, known: AuditHead | None = None) -> AuditHead:
        """Compute every hash anew, from the first entry; returns the head.

        With ``known``, a head that was noted earlier, the log must also still hold it. Raises
        :class:`AuditBrokenError`.
        """
        newest = self.list_entries(database, limit=1)
        stated = self.read_head(database)  # after the newest entry: it is never behind it
        head = AuditHead(0, FIRST_HASH)
        kept = known is None or known == head
        until = max(stated.sequence, *(e.sequence for e in newest), 0)
        for entry in self._walk(database, until=until):
            head = self._follow(head, entry)
            kept = kept or head == known
        if head != stated:
            raise AuditBrokenError(
                msg(
                    "The log ends with entry %(last)s, but its end is noted as entry %(stated)s: "
                    "entries were taken away or put in. Compare with a backup.",
                    last=head.sequence,
                    stated=stated.sequence,
                )
            )
        if not kept and known is not None:
            raise AuditBrokenError(
                msg(
                    "Entry %(number)s is not the one whose hash you noted: the log was written "
                    "anew. Compare with a backup, and with the hashes in the log lines of the "
                    "process.",
                    number=known.sequence,
                )
            )
        return head

    def _walk(self, database: Database, *, until: int) -> Iterator[AuditEntry]:
        """Give the entries up to this one, oldest first, a page at a time."""
        last = -1
        while True:
            with database.reading() as session:
                rows = session.exec(
                    select(self.entries)
                    .where(col(self.entries.sequence) > last, col(self.entries.sequence) <= until)
                    .order_by(col(self.entries.sequence))
                    .limit(MOST_AT_ONCE)
                ).all()
            if not rows:
                return
            yield from map(_entry, rows)
            last = rows[-1].sequence

    def _follow(self, head: AuditHead, entry: AuditEntry) -> AuditHead:
        fits = entry.sequence == head.sequence + 1 and entry.previous_hash == head.entry_hash
        if not fits or compute_hash(entry, domain=self.domain) != entry.entry_hash:
            raise AuditBrokenError(
                msg(
                    "Entry %(number)s does not follow from entry %(before)s: it was changed, or "
                    "one was taken away. Compare with a backup, and with the hashes in the log "
                    "lines.",
                    number=entry.sequence,
                    before=head.sequence,
                )
            )
        return AuditHead(entry.sequence, entry.entry_hash)


def _entry(row: AuditColumns) -> AuditEntry:
    return AuditEntry(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        previous_hash=row.previous_hash,
        entry_hash=row.entry_hash,
    )
