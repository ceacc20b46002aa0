"""What lies in a mailbox that its owner has left is handed over again at once, to its new one.

A Participant has another broker account after its keys were stolen, and nobody can empty the old
mailbox. Without this, what waits there would follow with the next planned hand-over: after up to a
day, however urgent.
"""

from collections.abc import Mapping

from sqlmodel import Session, col, or_, update

from contact_registry.errors import RegistryUnavailableError
from node.service.context import NodeContext
from node.store.tables import OutboxRow


def list_accounts(context: NodeContext) -> Mapping[str, str]:
    """Return the broker account of every Participant; empty without a registry at hand."""
    try:
        keys = context.directory.current().keys
    except RegistryUnavailableError:
        return {}
    return {code: document.broker.account for code, document in keys.items()}


def follow_moved(context: NodeContext, before: Mapping[str, str]) -> int:
    """Make due what the outbox owes to whom had another account ``before``; returns how much.

    Handing over what has arrived already changes nothing. What a worker is trying is left to it.
    """
    now_listed = list_accounts(context)
    moved = [code for code, account in now_listed.items() if before.get(code, account) != account]
    if not moved:
        return 0

    def bring_forward(session: Session) -> int:
        now = context.clock()
        is_free = or_(col(OutboxRow.claimed_until).is_(None), col(OutboxRow.claimed_until) < now)
        return session.exec(
            update(OutboxRow)
            .where(col(OutboxRow.peer).in_(moved), col(OutboxRow.next_attempt_at) > now, is_free)
            .values(next_attempt_at=now)
            .execution_options(synchronize_session=False)
        ).rowcount

    count = context.transact(bring_forward)
    context.signals.outbox.notify()
    return count
