"""The audit log: written in the transaction of the act, read in pages, verified from its start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import event
from sqlmodel import Session, col, select

from console.audit.chain import (
    PAGE,
    AuditAct,
    AuditBrokenError,
    AuditChain,
    AuditFilter,
    AuditHead,
)
from console.audit.entries import AuditEntry, Detail, check_party, write_detail
from console.face import Clock
from console.storage.audit_columns import AuditHeadColumns
from console.storage.database import Database
from hub.audit.actions import Action
from hub.audit.entries import DOMAIN
from hub.store.audit_tables import AuditHeadRow, AuditRow

__all__ = ["AuditBrokenError", "AuditFilter", "AuditHead", "AuditLog"]

CHAIN: Final = AuditChain(entries=AuditRow, head=AuditHeadRow, domain=DOMAIN)

_log = structlog.get_logger(__name__)


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
        act = AuditAct(
            at=self._clock(), actor=actor, action=action.value, subject=subject, detail=text
        )
        (entry,) = CHAIN.append(session, self.lock(session), [act])
        _log_when_kept(session, entry)
        return entry

    def lock(self, session: Session) -> AuditHeadColumns:
        """Let whoever else acts wait until this transaction is over; gives the end of the log."""
        return CHAIN.lock(self._database, session)

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
        return CHAIN.read_head(self._database)

    def list_entries(
        self, wanted: AuditFilter | None = None, *, before: int | None = None, limit: int = PAGE
    ) -> Sequence[AuditEntry]:
        """Give entries, newest first; ``before`` a sequence number, for the next page."""
        return CHAIN.list_entries(self._database, wanted, before=before, limit=limit)

    def verify(self, known: AuditHead | None = None) -> AuditHead:
        """Compute every hash anew, from the first entry; returns the head.

        With ``known``, a head that was noted earlier, the log must also still hold it. Raises
        :class:`~console.audit.chain.AuditBrokenError`.
        """
        return CHAIN.verify(self._database, known)


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
