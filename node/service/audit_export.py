"""The audit log taken out, for another machine: every entry with its hashes, as it stands."""

import json
from collections.abc import Iterator

from console.audit.chain import MOST_AT_ONCE, AuditFilter
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.audit import list_audit, record
from node.service.context import NodeContext
from node.service.permitting import require


def export_audit(context: NodeContext, wanted: AuditFilter, *, who: Principal) -> Iterator[bytes]:
    """Note that the log is taken out, and give one line of JSON for each entry, newest first.

    The note is the first line of a whole export. With everything in it, whoever has the file can
    compute each hash anew (see ``console.audit.entries``).
    """
    require(who, Permission.READ_AUDIT)
    context.transact(
        lambda session: record(
            context,
            session,
            who,
            Act.AUDIT_EXPORTED,
            detail={"actor": wanted.actor, "action": wanted.action, "subject": wanted.subject},
        )
    )
    return _write_lines(context, wanted, who=who)


def _write_lines(context: NodeContext, wanted: AuditFilter, *, who: Principal) -> Iterator[bytes]:
    before: int | None = None
    while entries := list_audit(context, who=who, wanted=wanted, before=before, limit=MOST_AT_ONCE):
        for entry in entries:
            line = {
                "sequence": entry.sequence,
                "at": entry.at.isoformat(),
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "detail": entry.detail,
                "previous_hash": entry.previous_hash,
                "entry_hash": entry.entry_hash,
            }
            yield json.dumps(line, separators=(",", ":")).encode() + b"\n"
        before = entries[-1].sequence
