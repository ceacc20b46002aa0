"""Asking peers for what their links lost, and listening to their answers (SPEC section 6).

What is asked is stored with the memory that it was asked, in one transaction: a crash before it
leaves loses neither. What an answer says is believed about numbers that are missing here, and only
if it answers a request that we made.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlmodel import Session, col, func, or_, select

from node.domain.events import SYSTEM_ACTOR, EventKind
from node.service.attachments.reported_gone import note_gone
from node.service.context import NodeContext
from node.service.gap_watching import (
    add_gone,
    find_known_end,
    load_watches,
    lock_link,
    save_watches,
    subtract,
)
from node.service.link_judging import find_highest
from node.service.machine_mail import is_request_waiting, owe_machine_mail
from node.service.records import IN, add_event
from node.service.restoring import find_open_question, note_restore_answer
from node.store.link_tables import (
    LinkAnnouncedRow,
    LinkAskedRow,
    LinkGapRow,
    LinkGoneRow,
    LinkWatchRow,
)
from node.store.tables import MessageRow
from protocol.link_repair import (
    Fate,
    GapWatch,
    NumberFate,
    follow_gaps,
    is_awaited,
    note_answer,
    plan_resend_request,
)
from protocol.links import HeadVerdict, LinkGap, LinkHead, LinkPosition, judge_head, merge_ranges
from protocol.links import NumberRange as Range
from protocol.messages.link_repair import (
    NumbersField,
    ResendAnswer,
    ResendAnswerBody,
    ResendRequestBody,
)

#: Requests of ours to one peer that an answer may still name.
_REMEMBERED_REQUESTS: Final = 16
#: Reports of one peer that are remembered, of each kind; beyond, its numbers stay missing and are
#: given up in the end. No honest node has lost so many.
MOST_REPORTS: Final = 4_096
#: Gaps of one peer beyond which its word alone makes no new ones.
_MOST_GAPS: Final = 4_096
#: A moment further ahead than this beyond the longest pause was written by a clock that was set
#: back since: it counts as due.
_TOLERANCE: Final = timedelta(hours=1)


def plan_requests(context: NodeContext) -> int:
    """Ask every peer for what is due to be asked; returns how many requests were stored."""
    now = context.clock()
    longest = max(context.rules.repair.pauses) + _TOLERANCE
    with context.database.reading() as session:
        peers = session.exec(
            select(LinkWatchRow.peer).where(
                or_(col(LinkWatchRow.look_at) <= now, col(LinkWatchRow.look_at) > now + longest)
            )
        ).all()
    asked = [context.transact(partial(_plan, context, peer=peer)) for peer in sorted(peers)]
    if any(asked):
        context.signals.outbox.notify()
    return sum(asked)


def _plan(context: NodeContext, session: Session, *, peer: str) -> bool:
    row = lock_link(session, peer)
    now = context.clock()
    if is_request_waiting(session, peer):  # the broker is away: that must not use up questions
        row.look_at = now + context.rules.repair.pauses[0]
        return False
    watches = load_watches(session, peer)
    plan = plan_resend_request(watches, now=now, rules=context.rules.repair)
    save_watches(session, peer, before=watches, after=plan.watches)
    row.look_at = plan.look_again_at
    _tell(session, peer, plan.given_up, kind=EventKind.LINK_GIVEN_UP, at=now, actor=SYSTEM_ACTOR)
    if not plan.ask:
        return False
    body = ResendRequestBody(numbers=tuple(NumbersField.of(gap) for gap in plan.ask))
    message_id = owe_machine_mail(context, session, peer=peer, body=body)
    remember_request(session, message_id, peer=peer, at=now)
    return True


def remember_request(session: Session, message_id: str, *, peer: str, at: datetime) -> None:
    """Listen to the answer to a request; only the last few of one peer are remembered."""
    session.add(LinkAskedRow(message_id=message_id, peer=peer, at=at))
    session.flush()
    rows = session.exec(
        select(LinkAskedRow)
        .where(LinkAskedRow.peer == peer)
        .order_by(col(LinkAskedRow.at).desc())
        .offset(_REMEMBERED_REQUESTS)
    ).all()
    for row in rows:
        session.delete(row)


def _tell(  # noqa: PLR0913 - what an entry about missing numbers says
    session: Session,
    peer: str,
    gaps: Sequence[LinkGap],
    *,
    kind: EventKind,
    at: datetime,
    actor: str,
) -> None:
    """Write into the case in which the gap was noticed: that of the next message held."""
    for gap in gaps:
        witness = _find_next(session, peer, gap)
        add_event(
            session,
            kind=kind,
            at=at,
            actor=actor,
            case_id=witness.case_id if witness else None,
            message_id=witness.message_id if witness else None,
            code=f"{gap.generation}.{gap.first}-{gap.last}",
        )


def _find_next(session: Session, peer: str, gap: LinkGap) -> MessageRow | None:
    return session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == IN,
            MessageRow.peer == peer,
            MessageRow.link_generation == gap.generation,
            col(MessageRow.link_seq) > gap.last,
        )
        .order_by(col(MessageRow.link_seq))
        .limit(1)
    ).first()


# ------------------------------------------------------------------ what came late


def is_wanted_late(session: Session, *, peer: str, position: LinkPosition, digest: str) -> bool:
    """Say whether an expired message is one that we asked for and that was announced to come."""
    announced = session.get(LinkAnnouncedRow, (peer, position.generation, position.seq))
    missing = session.exec(
        select(LinkGapRow.first).where(
            LinkGapRow.peer == peer,
            LinkGapRow.generation == position.generation,
            col(LinkGapRow.first) <= position.seq,
            col(LinkGapRow.last) >= position.seq,
        )
    ).first()
    if announced is None or missing is None:
        return False
    fate = NumberFate(announced.generation, announced.seq, announced.digest, Fate.AGAIN)
    return is_awaited(position.generation, position.seq, digest=digest, announced=(fate,))


# ------------------------------------------------------------------ the answer


def apply_answer(context: NodeContext, session: Session, answer: ResendAnswer) -> bool:
    """Take in what a peer says about its link to us; returns whether it answers a request of ours.

    An answer that nobody asked for, or to a request of long ago, says nothing.
    """
    peer, body = answer.sender, answer.body
    asked = session.get(LinkAskedRow, body.request_id)
    if asked is None or asked.peer != peer:
        return False
    row = lock_link(session, peer)
    now = context.clock()
    question = find_open_question(session, peer, body.request_id)
    before = load_watches(session, peer)
    ends = _look_at_heads(
        session, row, body, watches=before, asked=asked, now=now, after_restore=question is not None
    )
    missing = [watch.gap for watch in (*before, *ends)]
    told = _note_announced(session, peer, body, missing=missing, now=now)
    gone = _note_gone(session, peer, body, missing=missing, now=now)
    after = _follow(before, subtract(missing, gone), now=now)
    if body.more and (told or gone):
        # Only what was in this request: what was asked for since keeps its pause.
        theirs = [watch for watch in after if watch.asked_at == asked.at]
        others = [watch for watch in after if watch.asked_at != asked.at]
        after = [*others, *note_answer(theirs, told=body.told, now=now)]
    if question is not None:
        row.forgotten += note_restore_answer(context, session, question, body)
    note_gone(context, session, peer, body.attachments_gone)
    save_watches(session, peer, before=before, after=after)
    row.look_at = now if after else None
    return True


def _follow(
    watches: Sequence[GapWatch], gaps: Sequence[LinkGap], *, now: datetime
) -> list[GapWatch]:
    return list(follow_gaps(watches, gaps, now=now))


def _note_announced(
    session: Session,
    peer: str,
    body: ResendAnswerBody,
    *,
    missing: Sequence[LinkGap],
    now: datetime,
) -> int:
    room = MOST_REPORTS - _count(session, LinkAnnouncedRow, peer)
    noted = 0
    for fate in (each.number_fate for each in body.numbers):
        if fate.fate is not Fate.AGAIN or not _is_missing(missing, fate):
            continue
        announced = session.get(LinkAnnouncedRow, (peer, fate.generation, fate.seq))
        if announced is None and noted >= room:
            continue
        if announced is None:
            announced = LinkAnnouncedRow(
                peer=peer,
                generation=fate.generation,
                seq=fate.seq,
                digest=fate.digest,
                told_at=now,
            )
            noted += 1
        announced.digest, announced.told_at = fate.digest, now
        session.add(announced)
    session.flush()
    return noted


def _note_gone(
    session: Session,
    peer: str,
    body: ResendAnswerBody,
    *,
    missing: Sequence[LinkGap],
    now: datetime,
) -> list[LinkGap]:
    """Settle what does not come any more, and show it; returns what that is."""
    room = MOST_REPORTS - _count(session, LinkGoneRow, peer)
    named = [
        fate
        for fate in (each.number_fate for each in body.numbers)
        if fate.fate is not Fate.AGAIN and _is_missing(missing, fate)
    ][: max(0, room)]
    unknown = [part for each in body.unknown for part in _overlap(missing, each.gap)]
    unknown = unknown[: max(0, room - len(named))]
    for fate in named:
        session.merge(
            LinkGoneRow(
                peer=peer,
                generation=fate.generation,
                first=fate.seq,
                last=fate.seq,
                digest=fate.digest,
                told_at=now,
            )
        )
        _check_chain(session, peer, fate, at=now)
    add_gone(session, peer, unknown, told_at=now)
    erased = [_place(fate) for fate in named if fate.fate is Fate.ERASED]
    cancelled = [_place(fate) for fate in named if fate.fate is Fate.CANCELLED]
    gone = erased + unknown
    _tell(session, peer, _merge(gone), kind=EventKind.LINK_GONE, at=now, actor=peer)
    _tell(session, peer, _merge(cancelled), kind=EventKind.LINK_CANCELLED, at=now, actor=peer)
    return gone + cancelled


def _place(fate: NumberFate) -> LinkGap:
    return LinkGap(fate.generation, fate.seq, fate.seq)


def _check_chain(session: Session, peer: str, fate: NumberFate, *, at: datetime) -> None:
    """Compare the digest of an erased message with what the next one held names before it."""
    following = _find_next(session, peer, _place(fate))
    if following is None or following.link_seq != fate.seq + 1:
        return
    if following.link_prev != fate.digest:
        add_event(
            session,
            kind=EventKind.LINK_CONFLICT,
            at=at,
            actor=peer,
            case_id=following.case_id,
            message_id=following.message_id,
        )


def _look_at_heads(  # noqa: PLR0913 - what is known when the ends are compared
    session: Session,
    row: LinkWatchRow,
    body: ResendAnswerBody,
    *,
    watches: Sequence[GapWatch],
    asked: LinkAskedRow,
    now: datetime,
    after_restore: bool,
) -> list[GapWatch]:
    """Find what is missing at the end of each generation, and whether the sender forgot any.

    Only what was held when we asked is compared: what came since may have overtaken the answer.
    Of a generation that we hold nothing of, all is missing if it is the last one. After a restore
    of ours it is missing in any: an old one may have come late, and after the backup.
    """
    verdicts = {HeadVerdict.LEVEL}
    found: list[GapWatch] = []
    heads = [each.head for each in body.heads]
    for head in heads:
        held = _find_held(session, row.peer, head, until=asked.at)
        verdicts.add(judge_head(head, held=held))
        highest = find_highest(session, peer=row.peer, generation=head.generation)
        is_known = highest > 0 or any(w.gap.generation == head.generation for w in watches)
        end = find_known_end(session, row.peer, watches, generation=head.generation, held=highest)
        has_room = len(watches) + len(found) < _MOST_GAPS
        is_wanted = is_known or after_restore or head is heads[-1]
        if head.seq > end and has_room and is_wanted:
            found.append(GapWatch(LinkGap(head.generation, end + 1, head.seq), noticed_at=now))
    newest = session.exec(
        select(func.max(MessageRow.link_generation)).where(
            MessageRow.direction == IN,
            MessageRow.peer == row.peer,
            col(MessageRow.stored_at) <= asked.at,
        )
    ).one()
    if (newest or 0) > heads[-1].generation:
        verdicts.add(HeadVerdict.BEHIND)
    troubles = verdicts & {HeadVerdict.BEHIND, HeadVerdict.CONFLICT}
    row.head_trouble = min(troubles) if troubles else None
    return found


def _find_held(session: Session, peer: str, head: LinkHead, *, until: datetime) -> LinkHead:
    """Return the message held at the place that the sender names, or else the last one."""
    mine = select(MessageRow).where(
        MessageRow.direction == IN,
        MessageRow.peer == peer,
        MessageRow.link_generation == head.generation,
        col(MessageRow.stored_at) <= until,
    )
    last = session.exec(mine.order_by(col(MessageRow.link_seq).desc()).limit(1)).first()
    there = session.exec(mine.where(MessageRow.link_seq == head.seq).limit(1)).first()
    held = there if there is not None and there.payload_sha256 != head.digest else last
    if held is None or held.link_seq is None:
        return LinkHead(generation=head.generation)
    return LinkHead(head.generation, held.link_seq, held.payload_sha256)


def _count(session: Session, table: type[LinkAnnouncedRow] | type[LinkGoneRow], peer: str) -> int:
    return session.exec(select(func.count()).select_from(table).where(table.peer == peer)).one()


def _is_missing(missing: Sequence[LinkGap], fate: NumberFate) -> bool:
    return any(gap.covers(fate.generation, fate.seq) for gap in missing)


def _overlap(missing: Sequence[LinkGap], part: LinkGap) -> list[LinkGap]:
    return [
        LinkGap(part.generation, max(gap.first, part.first), min(gap.last, part.last))
        for gap in missing
        if gap.generation == part.generation and gap.first <= part.last and part.first <= gap.last
    ]


def _merge(gaps: Sequence[LinkGap]) -> list[LinkGap]:
    """Return the fewest ranges that say the same, ascending."""
    return [
        LinkGap(generation, each.first, each.last)
        for generation in sorted({gap.generation for gap in gaps})
        for each in merge_ranges(
            Range(gap.first, gap.last) for gap in gaps if gap.generation == generation
        )
    ]
