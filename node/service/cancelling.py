"""Taking a message of ours back before it is on its way (SPEC section 6.4).

What the broker has confirmed cannot be taken back: it may be read at this moment. What waits here
can: its content never leaves, and if its recipient misses the number, it is told that nothing is
missing. Where a hand-over was begun and nobody knows how it ended, it ends here all the same, and
people are told that the message may have left; should it have arrived, the receipt says so.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from node.domain.events import EventKind
from node.domain.states import (
    Dispatch,
    DispatchEvent,
    Handling,
    advance_dispatch,
    answer_handling,
    decide_handling,
)
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.records import IN, OUT, add_event, find_message, load_signed, lock_message
from node.store.tables import CaseRow, EventRow, MessageRow, OutboxRow
from protocol.messages.catalogue import parse_payload
from protocol.messages.general import Decision
from protocol.messages.response import Response

MAY_HAVE_LEFT = "may_have_left"
"""Code of the event of a cancellation that came too late to be sure."""


class TooLateError(StaleError):
    """The message has left, or has come to its end: it cannot be taken back any more."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A message that was taken back."""

    message_id: str
    #: Nothing of it can have left this node, as far as the broker's answers can be believed.
    certain: bool


def is_cancellable(dispatch: str | None) -> bool:
    """Say whether a message of ours in this state can still be taken back."""
    state = Dispatch(dispatch) if dispatch else None
    return state is not None and advance_dispatch(state, DispatchEvent.CANCELLED) is not None


def is_certain(outbox: OutboxRow) -> bool:
    """Say whether nothing of a message can have left this node."""
    return not (outbox.handed_over or outbox.tried or outbox.may_have_left)


def handle_cancel(
    context: NodeContext, message_id: str, *, actor: str, row_version: int | None = None
) -> Cancelled:
    """Take a message back; done twice it is done once.

    ``row_version`` is what the person saw. Raises ``NotFoundError``; ``StaleError`` if it changed
    since, or is being handed over at this moment; :class:`TooLateError` if it has left.
    """

    def cancel(session: Session) -> Cancelled:
        return _cancel(context, session, message_id, actor=actor, row_version=row_version)

    cancelled = context.transact(cancel)
    context.signals.inbox.notify()
    return cancelled


def _cancel(
    context: NodeContext,
    session: Session,
    message_id: str,
    *,
    actor: str,
    row_version: int | None,
) -> Cancelled:
    row = lock_message(session, message_id)
    if row is None or row.direction != OUT:
        raise NotFoundError("There is no such message of yours here: open it again from its case.")
    outbox = session.get(OutboxRow, message_id, with_for_update=True)
    if row.dispatch == Dispatch.CANCELLED:
        return Cancelled(message_id, certain=_was_certain(session, row))
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), DispatchEvent.CANCELLED)
    if state is None:
        raise TooLateError(
            "It has left already and cannot be taken back. Telephone the other desk, and send a "
            "correction that takes it back in the same case."
        )
    if row_version is not None and row_version != row.row_version:
        raise StaleError("It has changed since you opened the page: look at its newest state.")
    now = context.clock()
    lease = outbox.claimed_until if outbox is not None else None
    if lease is not None and now < lease <= now + context.rules.lease:
        raise StaleError(
            "It is being handed over at this moment: look again in a minute. What has left cannot "
            "be taken back."
        )
    certain = outbox is not None and is_certain(outbox)
    row.dispatch = state
    row.row_version += 1
    if outbox is not None:
        session.delete(outbox)
    add_event(
        session,
        kind=EventKind.MESSAGE_CANCELLED,
        at=now,
        actor=actor,
        case_id=row.case_id,
        message_id=row.message_id,
        code=None if certain else MAY_HAVE_LEFT,
    )
    session.flush()
    _reopen(context, session, row, actor=actor)
    return Cancelled(message_id, certain=certain)


def _was_certain(session: Session, row: MessageRow) -> bool:
    code = session.exec(
        select(EventRow.code).where(
            EventRow.message_id == row.message_id, EventRow.kind == EventKind.MESSAGE_CANCELLED
        )
    ).first()
    return code != MAY_HAVE_LEFT


# ------------------------------------------------------------------ what it had settled


def _reopen(context: NodeContext, session: Session, row: MessageRow, *, actor: str) -> None:
    """Take back what a decision or an answer of ours did to the message that it names."""
    if row.in_reply_to is None:
        return
    about = find_message(session, direction=IN, peer=row.peer, wire_id=row.in_reply_to, lock=True)
    if about is None or about.handling == Handling.NOTHING_EXPECTED:
        return
    handling, decided_by = _replay(context, session, about)
    if (about.handling, about.decided_by_message) == (handling, decided_by):
        return
    about.handling, about.decided_by_message = handling, decided_by
    about.row_version += 1
    add_event(
        session,
        kind=EventKind.OPEN_AGAIN,
        at=context.clock(),
        actor=actor,
        case_id=about.case_id,
        message_id=about.message_id,
    )


def _replay(
    context: NodeContext, session: Session, about: MessageRow
) -> tuple[Handling, str | None]:
    """Say how a received message stands by the decisions and answers of ours that hold."""
    handling = Handling.NEW if about.opened_at is None else Handling.OPENED
    decided_by: str | None = None
    case = session.get(CaseRow, about.case_id) if about.case_id else None
    replies = session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == OUT,
            MessageRow.peer == about.peer,
            MessageRow.case_id == about.case_id,
            MessageRow.in_reply_to == about.wire_id,
            col(MessageRow.dispatch) != Dispatch.CANCELLED,
        )
        .order_by(col(MessageRow.link_generation), col(MessageRow.link_seq))
    ).all()
    for reply in replies:
        message = parse_payload(load_signed(context, reply, case).payload)
        if isinstance(message, Decision):
            handling = decide_handling(handling, message.body.outcome)
            decided_by = reply.message_id
        elif isinstance(message, Response):
            handling = answer_handling(handling, message.body.completeness)
    return handling, decided_by


# ------------------------------------------------------------------ before it is done


def foresee_certain(context: NodeContext, message_id: str) -> bool:
    """Say whether taking a message back now would be certain, for the page that asks."""
    with context.database.reading() as session:
        outbox = session.get(OutboxRow, message_id)
    return outbox is not None and is_certain(outbox)
