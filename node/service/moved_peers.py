"""What lies in a mailbox that its owner has left is handed over again at once, to its new one.

A Participant has another broker account after its keys were stolen, and nobody can empty the old
mailbox. Without this, what waits there would follow with the next planned hand-over: after up to a
day, however urgent.

Which accounts were followed is in the store, not in memory: a move counts once, whoever fetched the
registry that told of it, and however often the store failed meanwhile. Of several processes one
may still have an older view, and cannot refresh it: what that names was left, not moved to.

What leaves for the old account at the very moment is not missed either: whoever records such a
hand-over has the newer view by then (:func:`has_left`); and a process whose own view changes later
than another's brings forward once more, since it has handed over by the older one until now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlmodel import Session, col, or_, select, update

from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from node.service.context import NodeContext
from node.store.link_tables import FollowedAccountRow
from node.store.tables import OutboxRow
from protocol.identifiers import ParticipantCode


@dataclass(slots=True)
class MovedPeers:
    """Follows whoever moved, for one process, whose view of the registry it remembers."""

    context: NodeContext
    #: The accounts to which this process has handed over since it last followed.
    _seen: Mapping[ParticipantCode, str] = field(default_factory=dict, init=False)

    def follow(self) -> int:
        """Make due what the outbox owes to whoever has another account now; returns how much.

        Who is listed for the first time has not moved: nothing waits for it elsewhere; nor has
        anybody at the first look after the update that brought the table. Handing over what has
        arrived already changes nothing. What a worker is trying is left to it.
        """
        context = self.context
        try:
            directory = context.directory.current()
        except RegistryUnavailableError:
            return 0
        listed = {code: document.broker.account for code, document in directory.keys.items()}
        here = {
            peer for peer, account in listed.items() if self._seen.get(peer, account) != account
        }
        with context.database.reading() as session:
            if not here and not _find_news(directory, _load(session)):
                self._seen = listed
                return 0

        def follow(session: Session) -> int:
            # Locked, so that of several processes one follows.
            known = {row.peer: row for row in _load(session, lock=True)}
            news = _find_news(directory, known.values())
            for row in news:
                session.merge(row)
            moved = here | {row.peer for row in news if row.peer in known}
            return _bring_forward(context, session, moved=sorted(moved))

        count = context.transact(follow)
        self._seen = listed
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
    listed = {code: document.broker.account for code, document in sorted(directory.keys.items())}
    return [
        FollowedAccountRow(peer=peer, account=account, version=version)
        for peer, account in listed.items()
        if peer not in known or (known[peer].account != account and known[peer].version < version)
    ]


def _bring_forward(context: NodeContext, session: Session, *, moved: list[str]) -> int:
    now = context.clock()
    is_free = or_(col(OutboxRow.claimed_until).is_(None), col(OutboxRow.claimed_until) < now)
    return session.exec(
        update(OutboxRow)
        .where(col(OutboxRow.peer).in_(moved), col(OutboxRow.next_attempt_at) > now, is_free)
        .values(next_attempt_at=now)
        .execution_options(synchronize_session=False)
    ).rowcount
