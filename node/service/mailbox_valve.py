"""What else waits for a full mailbox waits along, instead of being sealed and refused one by one.

A peer that is away for weeks may have thousands of messages waiting for it. Once the broker has
refused one of them, the others of its class that are due would be refused as well: they rest as
long as it does, and some are tried then. When the mailbox takes one again, the others follow. What
is immediate, and what is new, is always tried itself.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select, update

from node.domain.ports import MailboxFullError
from node.service.composing import PRIORITY
from node.service.context import NodeContext
from node.service.dispatching import Attempt, Consigned
from node.store.tables import MessageRow, OutboxRow
from protocol.identifiers import ParticipantCode
from protocol.limits import LIMITS
from protocol.messages.codes import Urgency

#: Bytes of a signed message that travels in class ``m`` for certain: sealing pads by an eighth at
#: most. Larger ones have a mailbox of their own, which may have room, and go on as they did.
_SURELY_SMALL: Final = LIMITS.small_envelope * 3 // 4
#: The failures after which the pause is as long as it gets.
_MANY_FAILURES: Final = 100
#: Messages that follow one which was taken: twice what is handed over at once.
_FOLLOWING: Final = 256
_IMMEDIATE: Final = PRIORITY[Urgency.IMMEDIATE]


class MailboxValve:
    """One worker's memory of whose mailbox refused it. What it puts off stands in the store."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._shut: set[ParticipantCode] = set()

    def learn(self, messages: Iterable[Consigned], attempts: Iterable[Attempt]) -> None:
        """Take note of how handing over went, after it was recorded."""
        refused: set[ParticipantCode] = set()
        taken: set[ParticipantCode] = set()
        for message, attempt in zip(messages, attempts, strict=True):
            if len(message.signed.payload) <= _SURELY_SMALL:
                if attempt.error is None:
                    taken.add(message.peer)
                elif attempt.error == MailboxFullError.TEXT:
                    refused.add(message.peer)
        if refused:
            self._shut |= refused
            self._context.transact(partial(_put_off, self._context, peers=refused))
        for peer in sorted((taken - refused) & self._shut):
            if not self._context.transact(partial(_let_follow, self._context, peer=peer)):
                self._shut.discard(peer)


def _put_off(context: NodeContext, session: Session, *, peers: Collection[ParticipantCode]) -> None:
    """Let what is due wait as long as what was refused often; not what is immediate."""
    now = context.clock()
    until = now + context.rules.retry_pause(_MANY_FAILURES)
    for peer in sorted(peers):
        session.exec(
            update(OutboxRow)
            .where(
                col(OutboxRow.message_id).in_(
                    select(OutboxRow.message_id)
                    .join(MessageRow, col(MessageRow.message_id) == col(OutboxRow.message_id))
                    .where(
                        OutboxRow.peer == peer,
                        OutboxRow.priority > _IMMEDIATE,
                        OutboxRow.next_attempt_at <= now,
                        _is_free(now),
                        func.length(MessageRow.signed_payload_sealed) <= _SURELY_SMALL,
                    )
                    .with_for_update(of=OutboxRow, skip_locked=True)
                )
            )
            .values(next_attempt_at=until, last_error=MailboxFullError.TEXT)
            .execution_options(synchronize_session=False)
        )


def _let_follow(context: NodeContext, session: Session, *, peer: ParticipantCode) -> bool:
    """Bring some of what waits for this reason forward; whether there was any."""
    now = context.clock()
    following = session.exec(
        select(OutboxRow.message_id)
        .where(
            OutboxRow.peer == peer,
            OutboxRow.last_error == MailboxFullError.TEXT,
            OutboxRow.next_attempt_at > now,
            _is_free(now),
        )
        .order_by(col(OutboxRow.priority), col(OutboxRow.next_attempt_at))
        .limit(_FOLLOWING)
        .with_for_update(skip_locked=True)
    ).all()
    session.exec(
        update(OutboxRow)
        .where(col(OutboxRow.message_id).in_(following))
        .values(next_attempt_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(following)


def _is_free(now: datetime) -> ColumnElement[bool]:
    """Return the condition that no worker is trying a row."""
    return or_(col(OutboxRow.claimed_until).is_(None), col(OutboxRow.claimed_until) < now)
