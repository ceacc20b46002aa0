"""After a restore from a backup: a new generation on every link, and asking what was lost.

SPEC section 6.3. To be begun before the restored node sends anything: the numbers that its backup
would give out next may have been given out already. What is asked is asked again until it is
answered, because nothing else would show that it was lost: the peers have receipts for what they
sent, and the backup does not know that it ever came.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlmodel import Session, col, delete, func, select

from contact_registry.errors import RegistryUnavailableError
from node.service.context import NodeContext
from node.service.gap_watching import lock_link
from node.service.machine_mail import is_request_waiting, owe_machine_mail
from node.service.records import IN, OUT
from node.store.link_tables import LinkAskedRow, RestoreQuestionRow
from node.store.tables import LinkHeadRow, MessageRow
from protocol.limits import LIMITS
from protocol.link_repair import RepairRules
from protocol.links import LinkHead, restart_link
from protocol.messages.link_repair import (
    HeadField,
    ResendAnswerBody,
    ResendRequestBody,
    Restored,
)

#: The highest generation that a peer's word alone carries a link to.
_MOST_HEARD: Final = LIMITS.number // 2


def begin_new_generation(context: NodeContext) -> list[str]:
    """Begin one on the link to every peer, and ask each for what the backup lacks.

    Returns the peers: everybody that the store knows or that has a node by the registry, because
    the backup may be older than the first message. Without a registry at hand, the others follow
    once there is one. All of them in one transaction: a node with half of its links restarted could
    not tell which.
    """
    listed = set[str]()
    with suppress(RegistryUnavailableError):
        listed = _list_participants(context)

    def restart(session: Session) -> list[str]:
        heads = {
            row.peer: row
            for row in session.exec(
                select(LinkHeadRow).order_by(col(LinkHeadRow.peer)).with_for_update()
            )
        }
        met = session.exec(
            select(MessageRow.peer).where(col(MessageRow.link_seq).is_not(None)).distinct()
        )
        peers = sorted({*heads, *met, *listed})
        session.exec(delete(RestoreQuestionRow))
        for peer in peers:
            _restart(context, session, peer, heads.get(peer))
        _mark(context, session)
        return peers

    peers = context.transact(restart)
    context.signals.outbox.notify()
    return peers


def _list_participants(context: NodeContext) -> set[str]:
    return {code for code in context.directory.current().keys if code != context.participant}


def _mark(context: NodeContext, session: Session) -> None:
    """Remember that this node was restored, in a row of its own Participant."""
    none = LinkHead()
    row = _make_question(context.participant, received=none, sent=none)
    row.answered_at = context.clock()
    session.add(row)


def _restart(context: NodeContext, session: Session, peer: str, row: LinkHeadRow | None) -> None:
    sent = LinkHead(row.generation, row.seq, row.digest) if row else LinkHead()
    if row is None:
        row = LinkHeadRow(peer=peer, generation=0, seq=0, digest="")
    fresh = restart_link(sent, now=context.clock())
    row.generation, row.seq, row.digest = fresh.generation, fresh.seq, fresh.digest
    session.add(row)
    question = _make_question(peer, received=_find_last_received(session, peer), sent=sent)
    session.add(question)
    _ask(context, session, question)


def _make_question(peer: str, *, received: LinkHead, sent: LinkHead) -> RestoreQuestionRow:
    return RestoreQuestionRow(
        peer=peer,
        received_generation=received.generation,
        received_seq=received.seq,
        received_digest=received.digest,
        sent_generation=sent.generation,
        sent_seq=sent.seq,
        sent_digest=sent.digest,
    )


def _find_last_received(session: Session, peer: str) -> LinkHead:
    row = session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == IN,
            MessageRow.peer == peer,
            col(MessageRow.link_seq).is_not(None),
        )
        .order_by(col(MessageRow.link_generation).desc(), col(MessageRow.link_seq).desc())
        .limit(1)
    ).first()
    if row is None or row.link_generation is None or row.link_seq is None:
        return LinkHead()
    return LinkHead(row.link_generation, row.link_seq, row.payload_sha256)


# ------------------------------------------------------------------ links begun later


def is_restored(session: Session) -> bool:
    """Whether this node was ever restored: then a link that it begins has no first generation.

    The store may have forgotten that the link was begun before.
    """
    return session.exec(select(func.count()).select_from(RestoreQuestionRow)).one() > 0


# ------------------------------------------------------------------ until it is answered


def repeat_questions(context: NodeContext) -> int:
    """Ask again whoever has not answered, and for the first time who was not listed before.

    Returns how many questions were stored. Nothing is done by a node that was never restored.
    """
    with context.database.reading() as session:
        known = {row.peer: row.ask_at for row in session.exec(select(RestoreQuestionRow))}
    if not known:
        return 0
    now = context.clock()
    rules = context.rules.repair
    due = {peer for peer, at in known.items() if at is not None and _is_due(at, now, rules)}
    peers = sorted(due | (_list_participants(context) - known.keys()))
    asked = [context.transact(partial(_repeat, context, peer=peer)) for peer in peers]
    if any(asked):
        context.signals.outbox.notify()
    return sum(asked)


def _pause_before_more(rules: RepairRules) -> timedelta:
    """Before asking for what an answer had no room for: a peer answers twelve times a window."""
    return rules.window / 12


def _is_due(ask_at: datetime, now: datetime, rules: RepairRules) -> bool:
    """Say whether a moment has come; one out of reach was written before the clock was set back."""
    return ask_at <= now or ask_at > now + max(rules.pauses) + _pause_before_more(rules)


def _repeat(context: NodeContext, session: Session, *, peer: str) -> bool:
    lock_link(session, peer)
    question = session.get(RestoreQuestionRow, peer, with_for_update=True)
    if question is None:
        question = _make_question(
            peer, received=_find_last_received(session, peer), sent=LinkHead()
        )
    elif question.ask_at is None:
        return False
    elif question.asked >= context.rules.repair.questions:
        question.ask_at = None  # the notices say so
        return False
    elif is_request_waiting(session, peer):  # the broker is away: that uses up no question
        question.ask_at = context.clock() + context.rules.repair.pauses[0]
        return False
    session.add(question)
    _ask(context, session, question)
    return True


def _ask(context: NodeContext, session: Session, question: RestoreQuestionRow) -> None:
    now = context.clock()
    lock_link(session, question.peer)
    body = ResendRequestBody(
        restored=Restored(
            received=HeadField(
                generation=question.received_generation,
                seq=question.received_seq,
                digest=question.received_digest,
            ),
            sent=HeadField(
                generation=question.sent_generation,
                seq=question.sent_seq,
                digest=question.sent_digest,
            ),
        )
    )
    question.message_id = owe_machine_mail(context, session, peer=question.peer, body=body)
    question.ask_at = now + context.rules.repair.pause(question.asked)
    question.asked += 1
    session.add(LinkAskedRow(message_id=question.message_id, peer=question.peer, at=now))
    session.flush()


def find_open_question(session: Session, peer: str, request_id: str) -> RestoreQuestionRow | None:
    """Return the question that an answer is to; None if it answers anything else."""
    row = session.get(RestoreQuestionRow, peer, with_for_update=True)
    is_open = row is not None and row.answered_at is None and row.message_id == request_id
    return row if is_open else None


def note_restore_answer(
    context: NodeContext, session: Session, question: RestoreQuestionRow, body: ResendAnswerBody
) -> int:
    """Settle the question, or move it forward if the answer had no room for everything.

    Returns how many messages of ours the peer named that this node knows nothing of. Where their
    numbers are those that would be given out next, the link begins anew once more.
    """
    now = context.clock()
    told = [(each.generation, each.seq, each.payload_sha256) for each in body.numbers]
    seen = [(each.generation, each.seq, each.payload_sha256) for each in body.seen]
    received = (question.received_generation, question.received_seq, question.received_digest)
    sent = (question.sent_generation, question.sent_seq, question.sent_digest)
    further = max([received, *told]), max([sent, *seen])
    if body.more and further != (received, sent):
        received, sent = further
        question.received_generation, question.received_seq, question.received_digest = received
        question.sent_generation, question.sent_seq, question.sent_digest = sent
        question.ask_at = now + _pause_before_more(context.rules.repair)
        question.asked = 0
    else:
        question.answered_at, question.ask_at = now, None
    session.add(question)
    forgotten = _find_forgotten(session, question.peer, body)
    _heed(context, session, question.peer, heard=max(forgotten.values(), default=0))
    return len(forgotten)


def _find_forgotten(session: Session, peer: str, body: ResendAnswerBody) -> dict[str, int]:
    """Return the generation of each message that the peer has from us and this node does not."""
    named = {each.message_id: each.generation for each in body.seen}
    known = session.exec(
        select(MessageRow.wire_id).where(
            MessageRow.direction == OUT,
            MessageRow.peer == peer,
            col(MessageRow.wire_id).in_(named),
        )
    )
    return {name: named[name] for name in named.keys() - set(known)}


def _heed(context: NodeContext, session: Session, peer: str, *, heard: int) -> None:
    """Go beyond a generation that was begun before the restore and forgotten by it.

    It is not behind ours if the clock was set back meanwhile, or one backup restored twice within
    a minute. What no clock brings forth in centuries is not believed: nothing would come after it.
    """
    row = session.exec(
        select(LinkHeadRow).where(LinkHeadRow.peer == peer).with_for_update()
    ).one_or_none()
    if row is None or not row.generation <= heard <= _MOST_HEARD:
        return
    sent = LinkHead(row.generation, row.seq, row.digest)
    fresh = restart_link(sent, now=context.clock(), heard=heard)
    row.generation, row.seq, row.digest = fresh.generation, fresh.seq, fresh.digest
    session.add(row)
