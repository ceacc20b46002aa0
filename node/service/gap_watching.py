"""What is missing on the links that this node receives from, kept row by row.

Only what changes is looked at: a message that arrives in order costs one short query. Whoever
changes the gaps of a link holds its :class:`LinkWatchRow`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Executable, Select, exists, literal, sql, union_all
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, func, select

from node.service.context import NodeContext
from node.service.link_judging import find_highest
from node.service.records import IN
from node.store.link_tables import LinkAnnouncedRow, LinkGapRow, LinkGoneRow, LinkWatchRow
from node.store.tables import MessageRow
from protocol.link_repair import GapWatch, follow_gaps
from protocol.links import LinkGap, LinkPosition, NumberRange, find_gaps


def lock_link(session: Session, peer: str) -> LinkWatchRow:
    """Keep others from changing what is remembered of the link from ``peer``."""
    row = session.exec(
        select(LinkWatchRow).where(LinkWatchRow.peer == peer).with_for_update()
    ).one_or_none()
    if row is None:
        row = LinkWatchRow(peer=peer)
        session.add(row)
        session.flush()
    return row


def load_watches(session: Session, peer: str) -> tuple[GapWatch, ...]:
    """Return what is remembered about every gap of the link from ``peer``, ascending."""
    rows = session.exec(
        select(LinkGapRow)
        .where(LinkGapRow.peer == peer)
        .order_by(col(LinkGapRow.generation), col(LinkGapRow.first))
    )
    return tuple(
        GapWatch(
            gap=LinkGap(row.generation, row.first, row.last),
            noticed_at=row.noticed_at,
            asked=row.asked,
            asked_at=row.asked_at,
            given_up=row.given_up,
        )
        for row in rows
    )


def save_watches(
    session: Session, peer: str, *, before: Sequence[GapWatch], after: Sequence[GapWatch]
) -> None:
    """Remember ``after`` instead of ``before``, touching only the rows that differ."""
    for watch in set(before) - set(after):
        row = session.get(LinkGapRow, (peer, watch.gap.generation, watch.gap.first))
        if row is not None:
            session.delete(row)
    session.flush()
    for watch in sorted(set(after) - set(before), key=lambda each: each.gap):
        session.add(
            LinkGapRow(
                peer=peer,
                generation=watch.gap.generation,
                first=watch.gap.first,
                last=watch.gap.last,
                noticed_at=watch.noticed_at,
                asked=watch.asked,
                asked_at=watch.asked_at,
                given_up=watch.given_up,
            )
        )
    session.flush()


def note_arrival(
    context: NodeContext, session: Session, *, peer: str, position: LinkPosition, highest: int
) -> None:
    """Bring the gaps to a message that has just been stored.

    ``highest`` is the highest number of its generation that was held before it.
    """
    generation, seq = position.generation, position.seq
    watches = load_watches(session, peer)
    end = find_known_end(session, peer, watches, generation=generation, held=highest)
    is_missed = any(watch.gap.covers(generation, seq) for watch in watches)
    if not is_missed and seq <= end:
        _forget_gone(session, peer, generation=generation, seq=seq)
        return
    if not is_missed and seq == end + 1:
        return
    row = lock_link(session, peer)
    watches = load_watches(session, peer)
    gaps = subtract((watch.gap for watch in watches), (LinkGap(generation, seq, seq),))
    if seq > end + 1:
        gaps.append(LinkGap(generation, end + 1, seq - 1))
    now = context.clock()
    save_watches(session, peer, before=watches, after=follow_gaps(watches, gaps, now=now))
    row.look_at = now
    announced = session.get(LinkAnnouncedRow, (peer, generation, seq))
    if announced is not None:
        session.delete(announced)


def find_known_end(
    session: Session, peer: str, watches: Iterable[GapWatch], *, generation: int, held: int
) -> int:
    """Return the highest number of a generation that is known to exist, whatever became of it."""
    gone = session.exec(
        select(func.max(LinkGoneRow.last)).where(
            LinkGoneRow.peer == peer, LinkGoneRow.generation == generation
        )
    ).one()
    missing = (watch.gap.last for watch in watches if watch.gap.generation == generation)
    return max(held, gone or 0, *missing, 0)


def subtract(gaps: Iterable[LinkGap], parts: Iterable[LinkGap]) -> list[LinkGap]:
    """Return what is left of ``gaps`` without ``parts``, ascending."""
    left = sorted(gaps)
    for part in parts:
        rest: list[LinkGap] = []
        for gap in left:
            if gap.generation != part.generation or gap.last < part.first or part.last < gap.first:
                rest.append(gap)
                continue
            if gap.first < part.first:
                rest.append(LinkGap(gap.generation, gap.first, part.first - 1))
            if part.last < gap.last:
                rest.append(LinkGap(gap.generation, part.last + 1, gap.last))
        left = rest
    return left


def _forget_gone(session: Session, peer: str, *, generation: int, seq: int) -> None:
    """Take a message that came after all out of what was reported gone."""
    row = session.exec(
        select(LinkGoneRow).where(
            LinkGoneRow.peer == peer,
            LinkGoneRow.generation == generation,
            col(LinkGoneRow.first) <= seq,
            col(LinkGoneRow.last) >= seq,
        )
    ).first()
    if row is None:
        return
    told_at, gap = row.told_at, LinkGap(generation, row.first, row.last)
    session.delete(row)
    session.flush()
    add_gone(session, peer, subtract((gap,), (LinkGap(generation, seq, seq),)), told_at=told_at)


def add_gone(session: Session, peer: str, gaps: Iterable[LinkGap], *, told_at: datetime) -> None:
    """Remember ranges of which the sender knows nothing."""
    for gap in gaps:
        session.add(
            LinkGoneRow(
                peer=peer,
                generation=gap.generation,
                first=gap.first,
                last=gap.last,
                told_at=told_at,
            )
        )
    session.flush()


# ------------------------------------------------------------------ from the beginning


def watch_anew(context: NodeContext, peer: str) -> None:
    """Look through everything held of a link, as a node does once when it starts.

    So nothing stays unseen that was stored before gaps were watched, or by a restored backup.
    """

    def look(session: Session) -> None:
        row = lock_link(session, peer)
        watches = load_watches(session, peer)
        gaps = _find_all_gaps(session, peer, watches)
        now = context.clock()
        after = follow_gaps(watches, gaps, now=now)
        save_watches(session, peer, before=watches, after=after)
        row.look_at = now if after else None
        for gap in subtract((LinkGap(w.gap.generation, 1, w.gap.last) for w in watches), gaps):
            session.exec(
                delete(LinkAnnouncedRow).where(
                    col(LinkAnnouncedRow.peer) == peer,
                    col(LinkAnnouncedRow.generation) == gap.generation,
                    col(LinkAnnouncedRow.seq).between(gap.first, gap.last),
                )
            )

    context.transact(look)


def _find_all_gaps(session: Session, peer: str, watches: Sequence[GapWatch]) -> list[LinkGap]:
    mine = (col(MessageRow.direction) == IN, col(MessageRow.peer) == peer)
    held = session.exec(select(MessageRow.link_generation).where(*mine).distinct()).all()
    generations = {each for each in held if each} | {watch.gap.generation for watch in watches}
    gaps: list[LinkGap] = []
    for generation in sorted(generations):
        gone = session.exec(
            select(LinkGoneRow.first, LinkGoneRow.last).where(
                LinkGoneRow.peer == peer, LinkGoneRow.generation == generation
            )
        )
        # First, or what arrives in order meanwhile would be higher than all that are held.
        highest = find_highest(session, peer=peer, generation=generation)
        settled = (
            *_list_held(session, peer=peer, generation=generation),
            *(NumberRange(first, last) for first, last in gone),
        )
        end = find_known_end(session, peer, watches, generation=generation, held=highest)
        gaps += find_gaps(settled, highest=end, generation=generation)
    return gaps


def _list_held(session: Session, *, peer: str, generation: int) -> list[NumberRange]:
    """Return the ranges of numbers that are here.

    The database goes through them: a link of years has hundreds of thousands, which here would
    leave ten megabytes with the process for as long as it runs.
    """
    # One statement, so that a message that arrives meanwhile is in both parts or in none.
    edges: Executable = union_all(
        _select_edges(peer=peer, generation=generation, step=-1),
        _select_edges(peer=peer, generation=generation, step=1),
    )
    found: dict[int, list[int]] = {-1: [], 1: []}
    for number, step in session.connection().execute(edges):
        found[step].append(number)
    pairs = zip(sorted(found[-1]), sorted(found[1]), strict=True)
    return [NumberRange(first, last) for first, last in pairs]


def _select_edges(*, peer: str, generation: int, step: int) -> Select[int | None, int]:
    """Ask for the numbers of a link that have no neighbour on one side."""
    neighbour = aliased(MessageRow)
    number = col(MessageRow.link_seq)
    return (
        sql.select(number, literal(step))
        .where(
            col(MessageRow.direction) == IN,
            col(MessageRow.peer) == peer,
            col(MessageRow.link_generation) == generation,
            number > 0,
            ~exists().where(
                col(neighbour.direction) == IN,
                col(neighbour.peer) == peer,
                col(neighbour.link_generation) == generation,
                col(neighbour.link_seq) == number + step,
                col(neighbour.link_seq) > 0,
            ),
        )
        .distinct()
    )


def list_linked_peers(context: NodeContext) -> list[str]:
    """Return every Participant that we hold numbered messages from."""
    with context.database.reading() as session:
        return list(
            session.exec(
                select(MessageRow.peer)
                .where(MessageRow.direction == IN, col(MessageRow.link_seq).is_not(None))
                .distinct()
            )
        )
