"""Many rows of the outbox at once: finding what is due, recording what the broker confirmed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import ColumnElement, bindparam, update
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, func, or_, select

from contact_registry.directory import Directory
from contact_registry.errors import RegistryUnavailableError
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.service.context import DeliveryRules, NodeContext
from node.service.moved_peers import has_left
from node.store.bulk import in_parts, insert_rows, table_of, update_rows
from node.store.prepared import Prepared
from node.store.tables import CaseRow, EventRow, MessageRow, OutboxRow

_MESSAGE, _OUTBOX = table_of(MessageRow).c, table_of(OutboxRow).c

# Made once: putting a question together costs more than asking it. Rows are locked in one order by
# all, messages before their outbox rows, so that no two wait for each other.
_MESSAGES: Final = Prepared(
    sql_select(_MESSAGE.message_id, _MESSAGE.dispatch, _MESSAGE.case_id)
    .where(_MESSAGE.message_id.in_(bindparam("message_ids", expanding=True)))
    .order_by(_MESSAGE.message_id)
    .with_for_update()
)
_WAITING: Final = Prepared(
    sql_select(
        _OUTBOX.message_id,
        _OUTBOX.peer,
        _OUTBOX.transport_id,
        _OUTBOX.handed_over,
        _OUTBOX.once_until,
    )
    .where(_OUTBOX.message_id.in_(bindparam("message_ids", expanding=True)))
    .order_by(_OUTBOX.message_id)
    .with_for_update()
)
_MOVE: Final = Prepared(
    update(table_of(MessageRow))
    .where(_MESSAGE.message_id.in_(bindparam("message_ids", expanding=True)))
    .values(dispatch=Dispatch.ON_ITS_WAY, row_version=_MESSAGE.row_version + 1)
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the relay needs of a message that is due."""

    message_id: str
    peer: str
    transport_id: str
    tried: bool
    signed_payload_sealed: bytes
    wrapped_key: bytes | None
    priority: int


def find_due(session: Session, *, now: datetime, rules: DeliveryRules, limit: int) -> list[Waiting]:
    """Return what is due and claimed by nobody, most urgent first, and lock it.

    A moment that lies further ahead than any pause was written by a clock that was set back since:
    it counts as due.
    """
    is_due = col(OutboxRow.next_attempt_at) <= now
    found = _ask(session, [is_due], now=now, rules=rules, limit=limit)
    if len(found) == limit:
        # There is more than that. The index by urgency finds the first of many without a look at
        # the others, one urgency at a time.
        found = _ask_by_urgency(session, is_due, now=now, rules=rules, limit=limit)
    if len(found) < limit:
        is_beyond = col(OutboxRow.next_attempt_at) > now + rules.longest_pause
        found += _ask(session, [is_beyond], now=now, rules=rules, limit=limit - len(found))
    # Of what was written at the same moment, in the order of the link: nothing looks like a gap.
    found.sort(key=lambda row: (row.priority, row.next_attempt_at, row.link_seq or 0))
    return [Waiting(*row[:-2]) for row in found]


def _ask_by_urgency(
    session: Session,
    is_due: ColumnElement[bool],
    *,
    now: datetime,
    rules: DeliveryRules,
    limit: int,
) -> list[Any]:
    found: list[Any] = []
    priority: int | None = session.exec(select(func.min(OutboxRow.priority))).one()
    while priority is not None and len(found) < limit:
        conditions = [is_due, col(OutboxRow.priority) == priority]
        found += _ask(session, conditions, now=now, rules=rules, limit=limit - len(found))
        priority = session.exec(
            select(func.min(OutboxRow.priority)).where(OutboxRow.priority > priority)
        ).one()
    return found


def _ask(
    session: Session,
    conditions: Iterable[ColumnElement[bool]],
    *,
    now: datetime,
    rules: DeliveryRules,
    limit: int,
) -> list[Any]:
    """Return the columns of :class:`Waiting`, and what orders them; longest due first."""
    table = OutboxRow
    return list(
        session.exec(
            select(  # type: ignore[call-overload]  # SQLModel has overloads for four columns only
                table.message_id,
                table.peer,
                table.transport_id,
                table.tried,
                MessageRow.signed_payload_sealed,
                CaseRow.wrapped_key,
                table.priority,
                table.next_attempt_at,
                MessageRow.link_seq,
            )
            .join(MessageRow, col(MessageRow.message_id) == col(table.message_id))
            .outerjoin(CaseRow, col(CaseRow.case_id) == col(MessageRow.case_id))
            .where(
                *conditions,
                or_(
                    col(table.claimed_until).is_(None),
                    col(table.claimed_until) < now,
                    col(table.claimed_until) > now + rules.lease,
                ),
            )
            .order_by(col(table.next_attempt_at))
            .limit(limit)
            .with_for_update(of=table, skip_locked=True)
        )
    )


class Confirmed(Protocol):
    """An attempt, as far as recording it needs."""

    @property
    def message_id(self) -> str:
        """Of which message."""
        ...

    @property
    def transport_id(self) -> str:
        """Under which name at the broker."""
        ...

    @property
    def error(self) -> str | None:
        """``None`` if the broker confirmed it."""
        ...

    @property
    def sealed_for(self) -> str | None:
        """For which key."""
        ...

    @property
    def recipient(self) -> str | None:
        """Into the mailbox of which account."""
        ...


A = TypeVar("A", bound=Confirmed)


def record_confirmed(
    context: NodeContext, session: Session, attempts: Iterable[A], *, at: datetime
) -> list[A]:
    """Record the hand-overs that the broker confirmed; returns the other attempts.

    Left over are those that failed, and confirmed ones of what was asked for again.
    """
    left: list[A] = []
    confirmed: dict[str, A] = {}
    for attempt in sorted(attempts, key=lambda each: each.message_id):
        if attempt.error is None:
            confirmed[attempt.message_id] = attempt
        else:
            left.append(attempt)
    for part in in_parts(confirmed):
        left += _record_part(context, session, {each: confirmed[each] for each in part}, at=at)
    return left


def _record_part(
    context: NodeContext, session: Session, confirmed: Mapping[str, A], *, at: datetime
) -> list[A]:
    messages = {
        message_id: (Dispatch(dispatch or Dispatch.QUEUED), case_id)
        for message_id, dispatch, case_id in _MESSAGES.ask(
            session, {"message_ids": list(confirmed)}
        )
    }
    if not messages:
        return []
    rows = _WAITING.ask(session, {"message_ids": list(messages)})
    left: list[A] = []
    changes: dict[str, dict[str, Any]] = {}
    on_their_way: list[str] = []
    directory = _find_directory(context)  # by now: behind the lock nobody else brings it forward
    for message_id, peer, transport_id, handed_over, once_until in rows:
        attempt = confirmed[message_id]
        if transport_id != attempt.transport_id:
            continue  # another worker took over
        if once_until is not None:
            left.append(attempt)
            continue
        pause = context.rules.resend_pause(handed_over + 1)
        if has_left(directory, peer, attempt.recipient):
            pause = timedelta(0)  # nobody fetches it there
        changes[message_id] = {
            "handed_over": handed_over + 1,
            "sealed_for": attempt.sealed_for,
            "handed_to": attempt.recipient,
            "transport_id": context.random(16).hex(),
            "next_attempt_at": at + pause,
            "claimed_until": None,
            "last_error": None,
            "tried": False,
            "may_have_left": True,
        }
        dispatch = advance_dispatch(messages[message_id][0], DispatchEvent.BROKER_STORED)
        if handed_over == 0 and dispatch is Dispatch.ON_ITS_WAY:
            on_their_way.append(message_id)
    update_rows(session, OutboxRow, changes)
    _note_on_their_way(session, {each: messages[each][1] for each in on_their_way}, at=at)
    return left


def _find_directory(context: NodeContext) -> Directory | None:
    try:
        return context.directory.current()
    except RegistryUnavailableError:
        return None


def _note_on_their_way(session: Session, cases: Mapping[str, str | None], *, at: datetime) -> None:
    """Move messages, given with their cases, and say so in the timeline."""
    if not cases:
        return
    _MOVE.do(session, [{"message_ids": list(cases)}])
    insert_rows(
        session,
        EventRow,
        [
            {
                "kind": EventKind.MESSAGE_ON_ITS_WAY,
                "at": at,
                "actor": SYSTEM_ACTOR,
                "case_id": case_id,
                "message_id": message_id,
            }
            for message_id, case_id in cases.items()
        ],
    )
