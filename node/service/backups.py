"""The record of backups: noted when one is made, and when somebody tried to restore one.

The node cannot look into a safe: what stands here is what ``trm-node backup`` and
``trm-node check-backup`` did, and what people say they did by other means.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.backups import Backup, BackupKind
from node.service.audit import record
from node.service.context import NodeContext, NodeError, NotFoundError
from node.service.permitting import require
from node.store.backup_tables import BackupRow

#: Newest first; older ones are forgotten as new ones are noted.
KEPT: Final = 100
_LONGEST_PLACE: Final = 200
#: Whoever says that a backup was made may mean one of some time ago.
_LONGEST_AGO: Final = timedelta(days=366)
_CLOCKS_APART: Final = timedelta(minutes=5)


class BackupRefusedError(NodeError):
    """A backup cannot be noted as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBackup:
    """A backup that was made. ``size`` in bytes, where this program made it."""

    made_at: datetime
    place: str
    kind: BackupKind = BackupKind.NOTED
    size: int | None = None
    #: Of one that has its identifier already.
    backup_id: str | None = None


def handle_note_backup(context: NodeContext, new: NewBackup, *, who: Principal) -> str:
    """Note that a backup was made; returns its identifier.

    Raises :class:`BackupRefusedError` for a moment that is to come or long past, and for a place
    that is no line of text.
    """
    require(who, Permission.ADMINISTER_NODE)
    now, shown = context.clock(), new.place.strip()
    if not now - _LONGEST_AGO <= new.made_at <= now + _CLOCKS_APART:
        raise BackupRefusedError("A backup was made within the last year, and not in the future.")
    if not shown or len(shown) > _LONGEST_PLACE or not shown.isprintable():
        raise BackupRefusedError("Say where it lies, on one line of up to 200 characters.")
    backup_id = new.backup_id or context.random(16).hex()

    def note(session: Session) -> None:
        session.add(
            BackupRow(
                backup_id=backup_id,
                made_at=new.made_at,
                kind=new.kind.value,
                place=shown,
                size=new.size,
                noted_by=who.actor,
            )
        )
        session.flush()
        old = session.exec(select(BackupRow).order_by(col(BackupRow.made_at).desc()).offset(KEPT))
        for row in old:
            session.delete(row)
        detail = {"kind": new.kind.value}
        record(context, session, who, Act.BACKUP_NOTED, subject=backup_id, detail=detail)

    context.transact(note)
    return backup_id


def handle_note_test(context: NodeContext, backup_id: str, *, passed: bool, who: Principal) -> None:
    """Note that somebody tried to restore a backup, and what came of it.

    Raises ``NotFoundError``.
    """
    require(who, Permission.ADMINISTER_NODE)

    def note(session: Session) -> None:
        row = session.get(BackupRow, backup_id, with_for_update=True)
        if row is None:
            raise NotFoundError("There is no such backup in the list: note it first.")
        row.tested_at, row.test_passed, row.tested_by = context.clock(), passed, who.actor
        session.add(row)
        detail = {"passed": passed}
        record(context, session, who, Act.BACKUP_TESTED, subject=backup_id, detail=detail)

    context.transact(note)


def list_backups(context: NodeContext, *, who: Principal) -> list[Backup]:
    """List backups, the newest first."""
    require(who, Permission.WATCH_DELIVERY)
    with context.database.reading() as session:
        rows = session.exec(
            select(BackupRow).order_by(col(BackupRow.made_at).desc()).limit(KEPT)
        ).all()
    return [
        Backup(
            backup_id=row.backup_id,
            made_at=row.made_at,
            kind=BackupKind(row.kind),
            place=row.place,
            size=row.size,
            noted_by=row.noted_by,
            tested_at=row.tested_at,
            test_passed=row.test_passed,
            tested_by=row.tested_by,
        )
        for row in rows
    ]
