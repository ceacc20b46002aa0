"""What lies in a mailbox that its owner has left is handed over again at once, to its new one.

A Participant has another broker account after its keys were stolen, and nobody can empty the old
mailbox. Without this, what waits there would follow with the next planned hand-over: after up to a
day, however urgent.

Which accounts were followed is in the store, not in memory: a move counts once, whoever fetched the
registry that told of it, and however often the store failed meanwhile.
"""

from collections.abc import Mapping

from sqlmodel import Session, col, or_, select, update

from contact_registry.errors import RegistryUnavailableError
from node.service.context import NodeContext
from node.store.link_tables import FollowedAccountRow
from node.store.tables import OutboxRow


def follow_moved(context: NodeContext) -> int:
    """Make due what the outbox owes to whoever has another account now; returns how much.

    Who is listed for the first time has not moved: nothing waits for it elsewhere. Handing over
    what has arrived already changes nothing. What a worker is trying is left to it.
    """
    listed = _list_accounts(context)
    with context.database.reading() as session:
        if not _find_news(listed, {row.peer: row.account for row in _load(session)}):
            return 0

    def follow(session: Session) -> int:
        # Locked, so that of several processes one follows.
        known = {row.peer: row for row in _load(session, lock=True)}
        news = _find_news(listed, {peer: row.account for peer, row in known.items()})
        for peer, account in sorted(news.items()):
            row = known.get(peer) or FollowedAccountRow(peer=peer, account=account)
            row.account = account
            session.add(row)
        return _bring_forward(context, session, moved=[peer for peer in news if peer in known])

    count = context.transact(follow)
    context.signals.outbox.notify()
    return count


def _list_accounts(context: NodeContext) -> Mapping[str, str]:
    """Return the broker account of every Participant; empty without a registry at hand."""
    try:
        keys = context.directory.current().keys
    except RegistryUnavailableError:
        return {}
    return {code: document.broker.account for code, document in keys.items()}


def _load(session: Session, *, lock: bool = False) -> list[FollowedAccountRow]:
    question = select(FollowedAccountRow).order_by(col(FollowedAccountRow.peer))
    return list(session.exec(question.with_for_update() if lock else question))


def _find_news(listed: Mapping[str, str], followed: Mapping[str, str]) -> Mapping[str, str]:
    return {peer: account for peer, account in listed.items() if followed.get(peer) != account}


def _bring_forward(context: NodeContext, session: Session, *, moved: list[str]) -> int:
    now = context.clock()
    is_free = or_(col(OutboxRow.claimed_until).is_(None), col(OutboxRow.claimed_until) < now)
    return session.exec(
        update(OutboxRow)
        .where(col(OutboxRow.peer).in_(moved), col(OutboxRow.next_attempt_at) > now, is_free)
        .values(next_attempt_at=now)
        .execution_options(synchronize_session=False)
    ).rowcount
