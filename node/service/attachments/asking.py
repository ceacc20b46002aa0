"""Asking a sender for the chunks that are missing, with the pauses of SPEC section 6.

While chunks come, nobody asks: the pause runs from the last one that came, because a large file on
a slow line takes its time, and asking would have it sent twice. Questions are counted, not timed.
"""

from functools import partial
from typing import Final

from sqlmodel import Session, col, or_, select

from node.domain.file_states import Arrival, ArrivalEvent
from node.domain.ports import StoredContentError
from node.service.attachments.received import list_held, load_file, move_file
from node.service.context import NodeContext, NotFoundError
from node.service.gap_watching import lock_link
from node.service.machine_mail import is_request_waiting, owe_machine_mail
from node.service.repairing import remember_request
from node.store.attachment_tables import ReceivedFileRow
from protocol.attachment import Assembly
from protocol.errors import ProtocolError
from protocol.limits import LIMITS
from protocol.messages.link_repair import (
    ChunkRangeField,
    ChunksWanted,
    ResendRequestBody,
)

#: Files that one request names at most (SPEC section 10.5).
_FILES: Final = 16


def ask_for_chunks(context: NodeContext) -> int:
    """Ask every peer for the chunks that are due to be asked for; returns how many were asked."""
    now = context.clock()
    longest = max(context.rules.repair.pauses)
    with context.database.reading() as session:
        peers = session.exec(
            select(ReceivedFileRow.peer)
            .where(
                # A moment further ahead was written by a clock that was set back since.
                or_(
                    col(ReceivedFileRow.ask_at) <= now,
                    col(ReceivedFileRow.ask_at) > now + longest + longest,
                ),
            )
            .distinct()
        ).all()
    asked = [context.transact(partial(_ask, context, peer=peer)) for peer in sorted(peers)]
    if any(asked):
        context.signals.outbox.notify()
    return sum(asked)


def _ask(context: NodeContext, session: Session, *, peer: str) -> bool:
    lock_link(session, peer)
    if is_request_waiting(session, peer):  # the broker is away: that must not use up questions
        return False
    now, longest = context.clock(), max(context.rules.repair.pauses)
    rows = session.exec(
        select(ReceivedFileRow)
        .where(
            ReceivedFileRow.peer == peer,
            ReceivedFileRow.state == Arrival.ARRIVING,
            or_(
                col(ReceivedFileRow.ask_at) <= now,
                col(ReceivedFileRow.ask_at) > now + longest + longest,
            ),
        )
        .order_by(col(ReceivedFileRow.ask_at), col(ReceivedFileRow.file_id))
        .limit(2 * _FILES)
        .with_for_update()
    ).all()
    wanted: dict[str, ChunksWanted] = {}
    for row in rows:
        if len(wanted) == _FILES:
            break
        if row.attachment_id in wanted:  # a request names each once; this one is asked for next
            continue
        if row.asked >= context.rules.repair.questions:
            move_file(context, session, row, ArrivalEvent.ASKED_IN_VAIN)
            continue
        question = _make_question(context, session, row)
        row.ask_at = None
        if question is not None:
            wanted[row.attachment_id] = question
            row.asked, row.asked_at = row.asked + 1, now
            row.ask_at = now + context.rules.repair.pause(row.asked)
        session.add(row)
    session.flush()
    if not wanted:
        return False
    body = ResendRequestBody(chunks=tuple(wanted.values()))
    message_id = owe_machine_mail(context, session, peer=peer, body=body)
    remember_request(session, message_id, peer=peer, at=now)
    return True


def _make_question(
    context: NodeContext, session: Session, row: ReceivedFileRow
) -> ChunksWanted | None:
    """Say what is missing of a file; None if nothing is, or if its content was erased here."""
    try:
        file = load_file(context, session, row.file_id)
    except (NotFoundError, StoredContentError, ProtocolError):
        return None
    missing = Assembly(file.manifest, held=list_held(row)).missing_ranges()
    if not missing:
        return None
    return ChunksWanted(
        message_id=file.wire_id,
        attachment_id=row.attachment_id,
        ranges=tuple(
            ChunkRangeField(first=each.first, last=each.last) for each in missing[: LIMITS.ranges]
        ),
    )
