"""Answering a peer that asks for what our link to it lost (SPEC section 6).

What is asked for is handed over as it was signed: its evidence, its place and its expiry stay. A
peer that asks more often than any honest one has reason to is not answered, and no message is
handed over more often than a peer may ask for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, func, select, tuple_

from node.domain.events import EventKind
from node.domain.ports import StoredContentError
from node.domain.states import Dispatch
from node.service.attachments.chunk_sending import owe_again
from node.service.composing import PRIORITY
from node.service.context import NodeContext
from node.service.gap_watching import lock_link
from node.service.machine_mail import owe_machine_mail
from node.service.records import IN, OUT, add_event, load_signed, lock_message
from node.store.link_tables import HandedAgainRow, LinkWatchRow
from node.store.tables import CaseRow, LinkHeadRow, MessageRow, OutboxRow
from protocol.errors import ProtocolError
from protocol.limits import LIMITS
from protocol.link_repair import KeptMessage, answer_request
from protocol.links import LinkGap, LinkHead
from protocol.messages.codes import Urgency
from protocol.messages.link_repair import (
    HeadField,
    NumberAnswer,
    NumbersField,
    ResendAnswerBody,
    ResendRequest,
    Restored,
    SeenAnswer,
)

#: Requests of one peer that are answered in an hour (``RepairRules.window``). One that follows the
#: pauses asks seldom, also while new gaps appear; what is not answered is asked for again.
ANSWERED_IN_AN_HOUR: Final = 12
#: Lower goes first. What was lost has waited already.
_PRIORITY: Final = PRIORITY[Urgency.URGENT]
#: An expired message is taken in only once it was announced: the answer goes ahead. Should it be
#: overtaken all the same, the message is asked for again, and known as announced by then.
_AFTER_ANSWER: Final = timedelta(minutes=1)
#: Generations that an answer can name.
_GENERATIONS: Final = 64


def apply_request(context: NodeContext, session: Session, request: ResendRequest) -> bool:
    """Answer a peer's request and hand over again what it names; returns whether it was answered.

    A refused one is not told so: its sender asks again when its pause is over.
    """
    peer, now = request.sender, context.clock()
    if not _may_be_answered(lock_link(session, peer), now=now, window=context.rules.repair.window):
        return False
    wanted = [each.gap for each in request.body.numbers]
    if request.body.restored is not None:
        wanted += _list_after(session, peer, request.body.restored)
    kept = _Kept(context, session, peer)
    answer = answer_request(wanted, find=kept.find)
    for fate in sorted(answer.again, key=lambda each: kept.names[each.generation, each.seq]):
        _hand_again(context, session, kept.names[fate.generation, fate.seq], now=now)
    seen, more = _list_seen(session, peer, request.body.restored)
    body = ResendAnswerBody(
        request_id=request.message_id,
        heads=tuple(HeadField.of(head) for head in _list_heads(session, peer)),
        numbers=tuple(NumberAnswer.of(fate) for fate in answer.known),
        unknown=tuple(NumbersField.of(gap) for gap in answer.unknown),
        attachments_gone=owe_again(
            context, session, peer=peer, wanted=request.body.chunks, now=now
        ),
        seen=seen,
        more=answer.more or more,
    )
    owe_machine_mail(context, session, peer=peer, body=body)
    return True


def _may_be_answered(row: LinkWatchRow, *, now: datetime, window: timedelta) -> bool:
    since = row.answering_since
    if since is None or not timedelta(0) <= now - since < window:
        row.answering_since, row.answered = now, 0
    row.answered += 1
    return row.answered <= ANSWERED_IN_AN_HOUR


@dataclass(frozen=True, slots=True)
class _Kept:
    """Finds what we sent to one peer; remembers our names of what it found, by place."""

    context: NodeContext
    session: Session
    peer: str
    names: dict[tuple[int, int], str] = field(default_factory=dict)

    def find(self, gap: LinkGap, most: int) -> Iterator[tuple[int, KeptMessage]]:
        """Implement ``protocol.link_repair.Find``."""
        rows = self.session.exec(
            select(MessageRow)
            .where(
                MessageRow.direction == OUT,
                MessageRow.peer == self.peer,
                MessageRow.link_generation == gap.generation,
                col(MessageRow.link_seq).between(gap.first, gap.last),
            )
            .order_by(col(MessageRow.link_seq))
            .limit(most)
        ).all()
        for row in rows:
            seq = row.link_seq or 0
            self.names[gap.generation, seq] = row.message_id
            yield (
                seq,
                KeptMessage(
                    row.payload_sha256,
                    available=self._is_available(row),
                    cancelled=row.dispatch == Dispatch.CANCELLED,
                ),
            )

    def _is_available(self, row: MessageRow) -> bool:
        """Whether it can come: its content can be read, and its signer's key is ours still.

        What a key signed that was replaced would be refused, so it is written anew.
        """
        if row.signer_key_id != self.context.keys.signing_key.key_id:
            return False
        case = self.session.get(CaseRow, row.case_id) if row.case_id else None
        try:
            load_signed(self.context, row, case)
        except (StoredContentError, ProtocolError):
            return False
        return True


def _hand_again(context: NodeContext, session: Session, message_id: str, *, now: datetime) -> None:
    """Put a message back into the outbox, unless that was done a moment ago or too often."""
    row = lock_message(session, message_id)
    again = session.get(HandedAgainRow, message_id, with_for_update=True)
    outbox = session.get(OutboxRow, message_id, with_for_update=True)
    if row is None or (outbox is not None and (outbox.handed_over == 0 or outbox.claimed_until)):
        return  # it is about to leave anyway
    window = context.rules.repair.window
    if again is None:
        again = HandedAgainRow(message_id=message_id, times=0, last_at=now - window)
        add_event(
            session,
            kind=EventKind.MESSAGE_ASKED_AGAIN,
            at=now,
            actor=row.peer,
            case_id=row.case_id,
            message_id=message_id,
        )
    # As often as an honest peer asks for it.
    if (
        again.times >= context.rules.repair.questions
        or timedelta(0) <= now - again.last_at < window
    ):
        return
    again.times, again.last_at = again.times + 1, now
    session.add(again)
    leaves_at = now + _AFTER_ANSWER if row.expires_at <= now else now
    if outbox is not None:
        outbox.next_attempt_at = min(outbox.next_attempt_at, leaves_at)
        outbox.priority = min(outbox.priority, _PRIORITY)
        return
    session.add(
        OutboxRow(
            message_id=message_id,
            peer=row.peer,
            priority=min(PRIORITY[Urgency(row.urgency or Urgency.URGENT)], _PRIORITY),
            transport_id=context.random(16).hex(),
            next_attempt_at=leaves_at,
            once_until=now + context.rules.expiry,
        )
    )
    session.flush()


def _list_heads(session: Session, peer: str) -> list[LinkHead]:
    """Return the end of each generation of our link to a peer, ascending."""
    current = session.get(LinkHeadRow, peer)
    if current is None:
        return [LinkHead()]
    newest = LinkHead(current.generation, current.seq, current.digest)
    ends = session.exec(
        select(MessageRow.link_generation, func.max(MessageRow.link_seq))
        .where(
            MessageRow.direction == OUT,
            MessageRow.peer == peer,
            col(MessageRow.link_generation) < newest.generation,
        )
        .group_by(col(MessageRow.link_generation))
        .order_by(col(MessageRow.link_generation).desc())
        .limit(_GENERATIONS - 1)
    ).all()
    older = session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == OUT,
            MessageRow.peer == peer,
            tuple_(col(MessageRow.link_generation), col(MessageRow.link_seq)).in_(
                [(generation, seq) for generation, seq in ends]
            ),
        )
        .order_by(col(MessageRow.link_generation))
    ).all()
    heads = [LinkHead(r.link_generation or 1, r.link_seq or 0, r.payload_sha256) for r in older]
    return [*heads, newest]


# ------------------------------------------------------------------ to a restored node


def _list_after(session: Session, peer: str, restored: Restored) -> list[LinkGap]:
    """Return everything that we sent after the last message that the restored node has.

    That is the whole generation where we know no such message: ours was restored, too, and numbers
    were given out twice.
    """
    received = restored.received
    is_known = _is_ours(session, peer, received)
    wanted = []
    for head in _list_heads(session, peer):
        is_same = head.generation == received.generation and is_known
        first = received.seq + 1 if is_same else 1
        if head.generation >= received.generation and first <= head.seq:
            wanted.append(LinkGap(head.generation, first, head.seq))
    return wanted


def _is_ours(session: Session, peer: str, received: HeadField) -> bool:
    digest = session.exec(
        select(MessageRow.payload_sha256).where(
            MessageRow.direction == OUT,
            MessageRow.peer == peer,
            MessageRow.link_generation == received.generation,
            MessageRow.link_seq == received.seq,
        )
    ).first()
    return digest == received.digest


def _list_seen(
    session: Session, peer: str, restored: Restored | None
) -> tuple[tuple[SeenAnswer, ...], bool]:
    """Return what we hold of the restored node beyond what it knows; and whether there is more."""
    if restored is None:
        return (), False
    sent = restored.sent
    place = (col(MessageRow.link_generation), col(MessageRow.link_seq))
    rows = session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == IN,
            MessageRow.peer == peer,
            tuple_(*place) > tuple_(sent.generation, sent.seq),
        )
        .order_by(*place)
        .limit(LIMITS.items + 1)
    ).all()
    seen = tuple(
        SeenAnswer(
            generation=row.link_generation or 1,
            seq=row.link_seq or 1,
            message_id=row.wire_id,
            payload_sha256=row.payload_sha256,
            at=row.stored_at.replace(microsecond=0),
        )
        for row in rows[: LIMITS.items]
    )
    return seen, len(rows) > LIMITS.items
