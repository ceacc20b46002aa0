"""The audit log of this node: who saw, sent, approved, exported, erased what.

An act is noted in its own transaction (:func:`record`) and kept with it or not at all;
:func:`chain_due` binds what is due to the chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog
from sqlalchemy import event
from sqlalchemy import select as sql_select
from sqlmodel import Session, select

from console.audit.chain import (
    PAGE,
    AuditAct,
    AuditChain,
    AuditFilter,
    AuditHead,
)
from console.audit.entries import AuditEntry, Detail, check_party, write_detail
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.context import NodeContext
from node.service.permitting import require
from node.store.audit_tables import AuditDueRow, AuditHeadRow, AuditRow
from node.store.bulk import delete_rows, insert_rows, table_of

CHAIN: Final = AuditChain(entries=AuditRow, head=AuditHeadRow, domain="trm-node audit entry 1")
#: Acts that one transaction binds to the chain.
AT_ONCE: Final = 200
_DUE: Final = (
    sql_select(table_of(AuditDueRow)).order_by(table_of(AuditDueRow).c.due_id).limit(AT_ONCE)
)

log = structlog.get_logger(__name__)


def record(  # noqa: PLR0913 - who did what to what
    context: NodeContext,
    session: Session,
    who: Principal | str,
    act: Act,
    *,
    subject: str = "",
    detail: Detail | None = None,
) -> None:
    """Note an act in the transaction that does it.

    ``subject`` and ``detail`` hold identifiers, codes and numbers: never names, never content.
    """
    actor = who if isinstance(who, str) else who.actor
    check_party(actor, subject)
    text = write_detail(detail or {})
    session.add(
        AuditDueRow(at=context.clock(), actor=actor, action=act.value, subject=subject, detail=text)
    )


def record_all(
    context: NodeContext, session: Session, act: Act, subjects: Iterable[tuple[str, str]]
) -> None:
    """Note one kind of act of many: pairs of actor and subject, each new. One statement."""
    now, text = context.clock(), write_detail({})
    rows: list[Mapping[str, object]] = [
        {"at": now, "actor": actor, "action": act.value, "subject": subject, "detail": text}
        for actor, subject in subjects
    ]
    insert_rows(session, AuditDueRow, [dict(row) for row in rows])


def note_seen(context: NodeContext, who: Principal, act: Act, subject: str) -> None:
    """Note that somebody looked at something, in a transaction of its own.

    What the same one looked at a moment ago is not noted twice: one page asks several times.
    """

    def note(session: Session) -> None:
        again = session.exec(
            select(AuditDueRow.due_id).where(
                AuditDueRow.actor == who.actor,
                AuditDueRow.action == act.value,
                AuditDueRow.subject == subject,
            )
        ).first()
        if again is None:
            record(context, session, who, act, subject=subject)

    context.transact(note, durable=False)


def lock_chain(context: NodeContext, session: Session) -> None:
    """Let whoever else appends to the chain, or changes people, wait for this transaction."""
    CHAIN.lock(context.database, session)


def chain_due(context: NodeContext) -> int:
    """Bind acts that are due to the chain, oldest first; returns how many. Ask until it is 0."""
    return context.transact(lambda session: _chain(context, session))


def _chain(context: NodeContext, session: Session) -> int:
    if session.exec(select(AuditDueRow.due_id).limit(1)).first() is None:
        return 0  # asked without the lock: mostly there is nothing
    head = CHAIN.lock(context.database, session)
    due = session.connection().execute(_DUE).all()
    acts = [
        AuditAct(
            at=row.at, actor=row.actor, action=row.action, subject=row.subject, detail=row.detail
        )
        for row in due
    ]
    entries = CHAIN.append(session, head, acts)
    delete_rows(session, AuditDueRow, [row.due_id for row in due])
    if entries:
        _log_when_kept(session, entries[-1])
    return len(entries)


def _log_when_kept(session: Session, newest: AuditEntry) -> None:
    """Write the hash into the process's log too: a log that is collected elsewhere is a witness."""

    def tell(_session: object) -> None:
        log.info("audit_chained", sequence=newest.sequence, entry_hash=newest.entry_hash)

    event.listen(session, "after_commit", tell, once=True)


def list_audit(
    context: NodeContext,
    *,
    who: Principal,
    wanted: AuditFilter | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> Sequence[AuditEntry]:
    """Give entries of the audit log, newest first; what is due is chained first."""
    require(who, Permission.READ_AUDIT)
    _chain_all(context)
    return CHAIN.list_entries(context.database, wanted, before=before, limit=limit)


def read_audit_head(context: NodeContext, *, who: Principal) -> AuditHead:
    """Say where the log ends. Kept elsewhere, it later proves that nothing was taken away."""
    require(who, Permission.READ_AUDIT)
    _chain_all(context)
    return CHAIN.read_head(context.database)


def verify_audit(
    context: NodeContext, *, who: Principal, known: AuditHead | None = None
) -> AuditHead:
    """Compute every hash of the log anew; raises ``AuditBrokenError``."""
    require(who, Permission.READ_AUDIT)
    _chain_all(context)
    return CHAIN.verify(context.database, known)


def _chain_all(context: NodeContext) -> None:
    while chain_due(context):
        pass
