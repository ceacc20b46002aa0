"""What lies in a mailbox that its owner has left is handed over again at once, to its new one.

A Participant has another broker account after its keys were stolen, and nobody can empty the old
mailbox. Without this, what waits there would follow with the next planned hand-over: after up to a
day, however urgent.

Each message that waits says to which account it was handed over last (``outbox.handed_to``). So
whichever process finds one at an account that is not its recipient's any more brings it forward,
whoever handed it over, by however old a view, and whatever became of that process since. Of several
processes one may still have an older view, and cannot refresh it: what that names was left, not
moved to, so the store keeps which account the newest view named (``followed_account``).

What leaves for the old account at the very moment is not waited for: whoever records such a
hand-over has the newer view by then (:func:`has_left`).
"""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, or_, select, update

from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from node.service.context import NodeContext
from node.store.link_tables import FollowedAccountRow
from node.store.tables import OutboxRow
from protocol.identifiers import ParticipantCode


def follow_moved(context: NodeContext) -> int:
    """Make due what was handed over to an account that its recipient has left; returns how much.

    Handing over what has arrived already changes nothing. What a worker is trying is left to it.
    """
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        return 0
    with context.database.reading() as session:
        known = _load(session)
        if not _find_news(directory, known) and not _find_astray(session, directory, known):
            return 0

    def follow(session: Session) -> int:
        # Locked, so that of several processes one follows.
        known = {row.peer: row for row in _load(session, lock=True)}
        for row in _find_news(directory, known.values()):
            known[row.peer] = session.merge(row)
        now = context.clock()
        return sum(
            _bring_forward(session, peer, account, now=now)
            for peer, account in _find_astray(session, directory, known.values())
        )

    count = context.transact(follow)
    context.signals.outbox.notify()
    return count


def has_left(directory: Directory | None, peer: str, account: str | None) -> bool:
    """Say whether a Participant has another account by now than the one that was handed over to."""
    document = directory.keys.get(ParticipantCode(peer)) if directory else None
    return document is not None and account not in {None, document.broker.account}


def _load(session: Session, *, lock: bool = False) -> list[FollowedAccountRow]:
    question = select(FollowedAccountRow).order_by(col(FollowedAccountRow.peer))
    return list(session.exec(question.with_for_update() if lock else question))


def _find_news(
    directory: Directory, followed: Iterable[FollowedAccountRow]
) -> list[FollowedAccountRow]:
    """Return what the table should say of whoever is new in it, or has another account now."""
    known = {row.peer: row for row in followed}
    version = directory.version
    return [
        FollowedAccountRow(peer=peer, account=account, version=version)
        for peer, account in _list_accounts(directory).items()
        if peer not in known or (known[peer].account != account and known[peer].version < version)
    ]


def _find_astray(
    session: Session, directory: Directory, followed: Iterable[FollowedAccountRow]
) -> list[tuple[str, str]]:
    """Return which accounts of whom something lies at that they have left, as far as we know."""
    listed = _list_accounts(directory)
    # Where a newer view has named another account than ours, that one's process follows.
    present = {row.peer: row.account for row in followed if listed.get(row.peer) == row.account}
    places = select(OutboxRow.peer, OutboxRow.handed_to).distinct()
    return [
        (peer, account)
        for peer, account in session.exec(places)
        if account is not None and present.get(peer, account) != account
    ]


def _list_accounts(directory: Directory) -> dict[str, str]:
    return {code: document.broker.account for code, document in sorted(directory.keys.items())}


def _bring_forward(session: Session, peer: str, account: str, *, now: datetime) -> int:
    is_free = or_(col(OutboxRow.claimed_until).is_(None), col(OutboxRow.claimed_until) < now)
    return session.exec(
        update(OutboxRow)
        .where(
            col(OutboxRow.peer) == peer,
            col(OutboxRow.handed_to) == account,
            col(OutboxRow.next_attempt_at) > now,
            is_free,
        )
        .values(next_attempt_at=now)
        .execution_options(synchronize_session=False)
    ).rowcount
