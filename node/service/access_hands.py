"""Who had a hand in somebody's access since it was last confirmed: none of them confirms it.

The last one stands in the clearance itself. But whoever gave a role before somebody else made the
link, or the other way round, has no more seen that the right person came in than the last one has.
"""

from collections.abc import Iterable, Mapping

from sqlmodel import Session, col, delete, select

from node.domain.access import Principal
from node.service.context import NodeContext
from node.service.principals import LOCAL
from node.store.account_tables import ClearanceRow, HandRow, SignInLinkRow
from node.store.bulk import in_parts


def note_hand(context: NodeContext, session: Session, row: ClearanceRow, who: Principal) -> None:
    """Keep that somebody gave this access, or made a link for whoever has it."""
    row.given_by, row.giver = who.actor, who.person
    session.add(row)
    session.merge(
        HandRow(account_id=row.account_id, actor=who.actor, person=who.person, at=context.clock())
    )
    session.flush()


def load_hands(session: Session, account_ids: Iterable[str]) -> Mapping[str, list[HandRow]]:
    """Return who had a hand in the access of each, the last one first."""
    found: dict[str, list[HandRow]] = {}
    for part in in_parts(sorted(set(account_ids))):
        statement = (
            select(HandRow)
            .where(col(HandRow.account_id).in_(part))
            .order_by(col(HandRow.at).desc(), HandRow.actor)
        )
        for hand in session.exec(statement):
            found.setdefault(hand.account_id, []).append(hand)
    return found


def forget_hands(context: NodeContext, session: Session, account_id: str) -> None:
    """Forget them, since it was confirmed; not while a link is out that one of them made."""
    out = session.exec(
        select(SignInLinkRow.account_id).where(
            SignInLinkRow.account_id == account_id,
            col(SignInLinkRow.used_at).is_(None),
            SignInLinkRow.expires_at > context.clock(),
        )
    ).first()
    if out is None:
        session.execute(delete(HandRow).where(col(HandRow.account_id) == account_id))


def is_of_machine_alone(hands: Iterable[HandRow]) -> bool:
    """Say whether only commands on the node's machine had a hand in it."""
    return all(hand.actor.startswith(LOCAL) for hand in hands)
