"""The audit log: written in the transaction of the act, read in pages, verified from its start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from sqlalchemy import event
from sqlmodel import Session, col, select

from console.face import Clock
from console.storage.database import Database
from hub.audit.actions import Action
from hub.audit.entries import (
    FIRST_HASH,
    AuditEntry,
    Detail,
    check_party,
    compute_hash,
    write_detail,
)
from hub.store.audit_tables import AuditHeadRow, AuditRow

_HEAD: Final = 1
_PAGE: Final = 50
_MOST_AT_ONCE: Final = 500

_log = structlog.get_logger(__name__)


class AuditBrokenError(Exception):
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


@dataclass(slots=True)
class Act:
    """An act that is being done: its transaction, and what becomes known on the way."""

    session: Session
    subject: str
    detail: dict[str, str | int | bool | None] = field(default_factory=dict)


class AuditLog:
    """The log of one hub."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def acting(
        self, actor: str, action: Action, subject: str = "", **detail: str | int | bool | None
    ) -> Iterator[Act]:
        """Do one act: a transaction that ends with its entry; an exception undoes both.

        ``actor`` is an account's identifier; see :meth:`record` for who else acts. Set
        ``act.subject`` and ``act.detail`` inside where they become known only then.
        """
        with self._database.transaction() as session:
            act = Act(session=session, subject=subject, detail=dict(detail))
            yield act
            self.record(session, actor, action, subject=act.subject, detail=act.detail)

    def record(
        self,
        session: Session,
        actor: str,
        action: Action,
        *,
        subject: str = "",
        detail: Detail | None = None,
    ) -> AuditEntry:
        """Add an entry in an open writing transaction: it is kept with the act, or not at all.

        ``actor`` is the identifier of an account, or ``local:<login>`` (the command line on the
        machine), ``program:<name>`` (the hub by itself), ``participant:<code>`` (a node, by its
        key). Raises :class:`~hub.audit.entries.AuditEntryError`.
        """
        check_party(actor, subject)
        text = write_detail(detail or {})
        session.flush()
        head = self.lock(session)
        unsigned = AuditEntry(
            sequence=head.sequence + 1,
            at=self._clock(),
            actor=actor,
            action=action.value,
            subject=subject,
            detail=text,
            previous_hash=head.entry_hash,
            entry_hash="",
        )
        entry = replace(unsigned, entry_hash=compute_hash(unsigned))
        session.add(_row(entry))
        head.sequence, head.entry_hash = entry.sequence, entry.entry_hash
        session.add(head)
        session.flush()
        _log_when_kept(session, entry)
        return entry

    def lock(self, session: Session) -> AuditHeadRow:
        """Let whoever else acts wait until this transaction is over; gives the end of the log."""
        return session.exec(
            select(AuditHeadRow)
            .where(AuditHeadRow.head_id == _HEAD)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read the log's tables."""
        with self._database.reading() as session:
            yield session

    def find_last_subject(self, session: Session, action: Action) -> str | None:
        """Give what an act of this kind was last done to; None if there was none."""
        return session.exec(
            select(AuditRow.subject)
            .where(AuditRow.action == action.value)
            .order_by(col(AuditRow.sequence).desc())
            .limit(1)
        ).first()

    def read_head(self) -> AuditHead:
        """Say where the log ends. Kept elsewhere, it later proves that nothing was taken away."""
        with self._database.reading() as session:
            row = session.get_one(AuditHeadRow, _HEAD)
        return AuditHead(row.sequence, row.entry_hash)

    def list_entries(
        self, wanted: AuditFilter | None = None, *, before: int | None = None, limit: int = _PAGE
    ) -> Sequence[AuditEntry]:
        """Give entries, newest first; ``before`` a sequence number, for the next page."""
        wanted = wanted or AuditFilter()
        statement = select(AuditRow).order_by(col(AuditRow.sequence).desc())
        if before is not None:
            statement = statement.where(AuditRow.sequence < before)
        for column, value in (
            (AuditRow.actor, wanted.actor),
            (AuditRow.action, wanted.action),
            (AuditRow.subject, wanted.subject),
        ):
            if value:
                statement = statement.where(col(column) == value)
        with self._database.reading() as session:
            rows = session.exec(statement.limit(min(limit, _MOST_AT_ONCE))).all()
        return [_entry(row) for row in rows]

    def verify(self, known: AuditHead | None = None) -> AuditHead:
        """Compute every hash anew, from the first entry; returns the head.

        With ``known``, a head that was noted earlier, the log must also still hold it. Raises
        :class:`AuditBrokenError`.
        """
        newest = self.list_entries(limit=1)
        stated = self.read_head()  # after the newest entry: it is never behind it
        head = AuditHead(0, FIRST_HASH)
        kept = known is None or known == head
        for entry in self._walk(until=max(stated.sequence, *(e.sequence for e in newest), 0)):
            head = _follow(head, entry)
            kept = kept or head == known
        if head != stated:
            raise AuditBrokenError(
                f"The log ends with entry {head.sequence}, but its end is noted as entry "
                f"{stated.sequence}: entries were taken away or put in. Compare with a backup."
            )
        if not kept and known is not None:
            raise AuditBrokenError(
                f"Entry {known.sequence} is not the one whose hash you noted: the log was written "
                "anew. Compare with a backup, and with the hashes in the hub's log lines."
            )
        return head

    def _walk(self, *, until: int) -> Iterator[AuditEntry]:
        """Give the entries up to this one, oldest first, a page at a time."""
        last = -1
        while True:
            with self._database.reading() as session:
                rows = session.exec(
                    select(AuditRow)
                    .where(col(AuditRow.sequence) > last, col(AuditRow.sequence) <= until)
                    .order_by(col(AuditRow.sequence))
                    .limit(_MOST_AT_ONCE)
                ).all()
            if not rows:
                return
            yield from map(_entry, rows)
            last = rows[-1].sequence


def _follow(head: AuditHead, entry: AuditEntry) -> AuditHead:
    fits = entry.sequence == head.sequence + 1 and entry.previous_hash == head.entry_hash
    if not fits or entry.compute_hash() != entry.entry_hash:
        raise AuditBrokenError(
            f"Entry {entry.sequence} does not follow from entry {head.sequence}: it was changed, "
            "or one was taken away. Compare with a backup, and with the hashes in the log lines."
        )
    return AuditHead(entry.sequence, entry.entry_hash)


def _log_when_kept(session: Session, entry: AuditEntry) -> None:
    """Write the hash into the process's log too: a log that is collected elsewhere is a witness."""

    def tell(_session: object) -> None:
        _log.info(
            "audit_entry_kept",
            sequence=entry.sequence,
            action=entry.action,
            entry_hash=entry.entry_hash,
        )

    event.listen(session, "after_commit", tell, once=True)


def _row(entry: AuditEntry) -> AuditRow:
    return AuditRow(
        sequence=entry.sequence,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        detail=entry.detail,
        previous_hash=entry.previous_hash,
        entry_hash=entry.entry_hash,
    )


def _entry(row: AuditRow) -> AuditEntry:
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
