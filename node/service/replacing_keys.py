"""Before the keys of this node are replaced: what they signed and nobody has yet arrives no more.

A recipient takes in only what a listed key signed, and cannot tell ours from a thief's. So what is
on its way under the old keys is given up at once, and its desks are told, instead of being tried in
vain until it expires.
"""

from typing import Final

from sqlmodel import Session, col, delete, select

from node.domain.events import EventKind
from node.domain.states import OPEN_DISPATCH, Dispatch, DispatchEvent, advance_dispatch
from node.service.context import NodeContext
from node.service.records import OUT, add_event
from node.store.tables import MessageRow, OutboxRow

#: Rows of one transaction.
_AT_ONCE: Final = 200


def give_up_what_is_open(context: NodeContext, *, actor: str) -> int:
    """Give up every message without a receipt; returns how many. Blocking; the node is stopped.

    Each stands among what did not arrive, and in its desk's inbox. A receipt that comes all the
    same still counts. What was to leave once more, because its recipient had lost it, does not:
    the recipient asks again, and is told. Broken off, it goes on where it ended when it is called
    again.
    """
    count = 0
    while given_up := context.transact(lambda session: _give_up_some(context, session, actor)):
        count += given_up
    context.transact(lambda session: session.exec(delete(OutboxRow)))
    return count


def _give_up_some(context: NodeContext, session: Session, actor: str) -> int:
    rows = session.exec(
        select(MessageRow)
        .where(MessageRow.direction == OUT, col(MessageRow.dispatch).in_(OPEN_DISPATCH))
        .order_by(col(MessageRow.message_id))
        .limit(_AT_ONCE)
        .with_for_update()
    ).all()
    now = context.clock()
    for row in rows:
        row.dispatch = advance_dispatch(Dispatch(row.dispatch or ""), DispatchEvent.GIVEN_UP)
        row.row_version += 1
        outbox = session.get(OutboxRow, row.message_id)
        if outbox is not None:
            session.delete(outbox)
        add_event(
            session,
            kind=EventKind.MESSAGE_GIVEN_UP,
            at=now,
            actor=actor,
            case_id=row.case_id,
            message_id=row.message_id,
        )
    return len(rows)
