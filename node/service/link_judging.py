"""How a received message fits its link, and what the timeline says of it (SPEC section 6)."""

from typing import Final

from sqlmodel import Session, col, func, select

from node.domain.events import EventKind
from node.service.records import IN, add_event
from node.store.link_tables import LinkGoneRow
from node.store.tables import MessageRow
from protocol.links import LinkPosition, LinkVerdict, LinkView, judge_position

_TOLD_OF: Final = {
    LinkVerdict.AFTER_GAP: EventKind.LINK_GAP,
    LinkVerdict.CONFLICT: EventKind.LINK_CONFLICT,
}


def find_highest(session: Session, *, peer: str, generation: int) -> int:
    """Return the highest number held of a generation of the link from ``peer``, or 0."""
    statement = select(func.max(MessageRow.link_seq)).where(
        MessageRow.direction == IN,
        MessageRow.peer == peer,
        MessageRow.link_generation == generation,
    )
    return session.exec(statement).one() or 0


def judge_arrival(
    session: Session, *, peer: str, position: LinkPosition, digest: str
) -> LinkVerdict:
    """Judge a message from ``peer`` that is not stored yet."""
    mine = (col(MessageRow.direction) == IN, col(MessageRow.peer) == peer)
    generation = session.exec(select(func.max(MessageRow.link_generation)).where(*mine)).one()
    around = {
        row.link_seq: row
        for row in session.exec(
            select(MessageRow).where(
                *mine,
                col(MessageRow.link_generation) == position.generation,
                col(MessageRow.link_seq).between(position.seq - 1, position.seq + 1),
            )
        )
    }
    before, at, after = (around.get(position.seq + step) for step in (-1, 0, 1))
    return judge_position(
        position,
        digest=digest,
        view=LinkView(
            generation=generation or 0,
            highest=find_highest(session, peer=peer, generation=position.generation),
            digest_before=(
                before.payload_sha256
                if before
                else _find_reported(session, peer, position.generation, position.seq - 1)
            ),
            prev_named_after=after.link_prev if after else None,
            digest_at=(
                at.payload_sha256
                if at
                else _find_reported(session, peer, position.generation, position.seq)
            ),
        ),
    )


def _find_reported(session: Session, peer: str, generation: int, seq: int) -> str | None:
    """Return the digest that the sender named of a message that it erased."""
    gone = session.get(LinkGoneRow, (peer, generation, seq))
    return gone.digest if gone else None


def tell_arrival(session: Session, row: MessageRow, *, late: bool) -> None:
    """Write into the timeline that a message came, and what is odd about its place."""
    kinds = [EventKind.MESSAGE_RECEIVED if row.readable else EventKind.MESSAGE_UNREADABLE]
    if row.link_verdict is not None and row.link_verdict in _TOLD_OF:
        kinds.append(_TOLD_OF[LinkVerdict(row.link_verdict)])
    if late:
        kinds.append(EventKind.MESSAGE_LATE)
    for kind in kinds:
        add_event(
            session,
            kind=kind,
            at=row.stored_at,
            actor=row.peer,
            case_id=row.case_id,
            message_id=row.message_id,
        )
