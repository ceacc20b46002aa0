"""Taking a message of ours back before it is on its way (SPEC section 6.4).

What the broker has confirmed cannot be taken back: it may be read at this moment. What waits here
can: its content never leaves, and if its recipient misses the number, it is told that nothing is
missing. Where a hand-over was begun and nobody knows how it ended, it ends here all the same, and
people are told that the message may have left; should it have arrived, the receipt says so.
"""

from dataclasses import dataclass

from sqlmodel import Session, select

from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.service.audit import record
from node.service.cases.statements import forget_statements
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.permitting import find_seen_message, require
from node.service.records import OUT, add_event
from node.service.settling import recount
from node.store.tables import EventRow, MessageRow, OutboxRow

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
    context: NodeContext, message_id: str, *, who: Principal, row_version: int | None = None
) -> Cancelled:
    """Take a message back; done twice it is done once.

    ``row_version`` is what the person saw. Raises ``NotFoundError``; ``StaleError`` if it changed
    since, or is being handed over at this moment; :class:`TooLateError` if it has left.
    """
    require(who, Permission.WORK_CASES)

    def cancel(session: Session) -> Cancelled:
        return cancel_message(context, session, message_id, who=who, row_version=row_version)

    cancelled = context.transact(cancel)
    context.signals.inbox.notify()
    return cancelled


def cancel_message(
    context: NodeContext,
    session: Session,
    message_id: str,
    *,
    who: Principal,
    row_version: int | None = None,
) -> Cancelled:
    """Do the work of :func:`handle_cancel` inside the caller's transaction."""
    row = find_seen_message(session, message_id, who=who, lock=True)
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
        actor=who.actor,
        case_id=row.case_id,
        message_id=row.message_id,
        code=None if certain else MAY_HAVE_LEFT,
    )
    session.flush()
    record(context, session, who, Act.MESSAGE_CANCELLED, subject=row.message_id)
    _reopen(context, session, row, actor=who.actor)
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
    """Take back what a message of ours said, and did to the conversations that it acted on."""
    forget_statements(session, row.message_id)
    recount(context, session, row, actor=actor)


# ------------------------------------------------------------------ before it is done


def foresee_certain(context: NodeContext, message_id: str) -> bool:
    """Say whether taking a message back now would be certain, for the page that asks."""
    with context.database.reading() as session:
        outbox = session.get(OutboxRow, message_id)
    return outbox is not None and is_certain(outbox)
