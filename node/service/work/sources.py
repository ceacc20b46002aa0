"""What else needs a person, looked for again and again: what the followers of messages cannot see.

Each source is a question to the store and what is done about each answer. So an item is there
whatever forgot to make it, and done whoever did what it asks for. Nothing here is about time as it
passes: the ladders are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import aliased
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session, col, exists, func, select

from console.process.tasks import describe_failure
from node.domain.states import ANSWERABLE, DECIDABLE, Dispatch, Handling
from node.domain.work import UNDONE, ItemKind, ItemState
from node.service.context import NodeContext
from node.service.records import IN, OUT
from node.service.work.items import NewItem, hold_items, open_item, settle_item
from node.service.work.message_items import OF_MESSAGES, open_from_row, resettle
from node.service.work.routing import route
from node.store.tables import MessageRow, SettledLetterRow
from node.store.work_tables import WorkItemRow
from protocol.identifiers import AuthorityId, Channel, Phase
from protocol.messages.codes import Urgency

log = structlog.get_logger(__name__)

_Each = TypeVar("_Each")

#: Most that one round does of one source: it must end. The rest comes in the next one.
AT_ONCE: Final = 200
#: Messages older than this have their items, or people know why not.
LOOKED_BACK: Final = timedelta(days=60)
#: A message that was stored so long ago and has no item yet gets one by its row alone.
_FOLLOWED_WITHIN: Final = timedelta(minutes=5)
_NOT_ARRIVED: Final = (Dispatch.REJECTED, Dispatch.EXPIRED, Dispatch.GIVEN_UP)
_UNANSWERED: Final = (Handling.NEW, Handling.OPENED)


@dataclass(frozen=True, slots=True)
class Source:
    """``find`` asks what is to be done, at most AT_ONCE of it; ``act`` does one of these."""

    find: Callable[[NodeContext, Session], Sequence[Any]]
    act: Callable[[NodeContext, Session, Any], None]


def run_source(context: NodeContext, source: Source) -> int:
    """Do what a source says; returns how much. Takes the write lock only if there is something.

    What fails holds up nothing else; in the end it is raised as an ``ExceptionGroup``.
    """
    with context.database.reading() as session:
        if not source.find(context, session):
            return 0

    def work(session: Session) -> tuple[int, list[Exception]]:
        found = source.find(context, session)
        failed = work_on_each(session, found, lambda each: source.act(context, session, each))
        return len(found), [error for _, error in failed]

    done, failures = context.transact(work)
    if failures:
        raise ExceptionGroup("Items could not be brought in step with the store.", failures)
    return done


def work_on_each(
    session: Session, found: Sequence[_Each], act: Callable[[_Each], None]
) -> list[tuple[_Each, Exception]]:
    """Do something about each; returns what failed. ``act`` works on the session alone.

    All together first; if one fails, each in a savepoint of its own. What another transaction is in
    the way of is raised at once: all of it is tried again.
    """
    try:
        with session.begin_nested():
            for each in found:
                act(each)
    except (IntegrityError, OperationalError, StaleDataError):
        raise
    except Exception as error:  # noqa: BLE001 - found out below, where each is tried alone
        log.info("items_looked_at_singly", count=len(found), error=describe_failure(error))
    else:
        return []
    failures: list[tuple[_Each, Exception]] = []
    for each in found:
        try:
            with session.begin_nested():
                act(each)
        except (IntegrityError, OperationalError, StaleDataError):
            raise
        except Exception as error:  # noqa: BLE001 - one damaged row silences no other: raised when all is done
            log.warning("item_failed", error=describe_failure(error))
            failures.append((each, error))
    return failures


def settle_found(context: NodeContext, session: Session, item: WorkItemRow) -> None:
    """Note that what an item is about is done; one that others hold now is left to them."""
    for held in hold_items(session, [item.item_id], wait=False):
        settle_item(session, held, at=context.clock())


def has_item(
    kinds: Sequence[ItemKind], subject: Any, *, undone_only: bool = False
) -> ColumnElement[bool]:
    """Return the condition that there is an item of these kinds about a subject."""
    conditions = [col(WorkItemRow.kind).in_(kinds), col(WorkItemRow.subject) == subject]
    if undone_only:
        conditions.append(col(WorkItemRow.state).in_(sorted(UNDONE)))
    return exists().where(*conditions)


def are_undone(kind: ItemKind) -> ColumnElement[bool]:
    """Return the condition for items of a kind that are not done."""
    undone = col(WorkItemRow.state).in_(sorted(UNDONE))
    return undone & (col(WorkItemRow.kind) == kind)


def desk_of(context: NodeContext, row: MessageRow) -> AuthorityId | None:
    """Return our desk that a message concerns: its recipient's, or its sender's if it is ours."""
    return route(
        context,
        phase=Phase(row.phase) if row.phase else None,
        channel=Channel(row.channel) if row.channel else None,
        named=row.from_authority if row.direction == OUT else row.to_authority,
        at=context.clock(),
    )


# ------------------------------------------------------------------- received messages


def _find_without_item(context: NodeContext, session: Session) -> Sequence[MessageRow]:
    now = context.clock()
    return session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == IN,
            col(MessageRow.handling).in_(DECIDABLE),
            ~_is_erased(),
            col(MessageRow.stored_at) < now - _FOLLOWED_WITHIN,
            col(MessageRow.stored_at) > now - LOOKED_BACK,
            ~has_item(sorted(OF_MESSAGES), col(MessageRow.message_id)),
        )
        .limit(AT_ONCE)
    ).all()


def _is_erased() -> ColumnElement[bool]:
    """Return the condition for a message that was erased: nobody can do anything about it."""
    return func.length(MessageRow.signed_payload_sealed) == 0


def _find_out_of_step(
    context: NodeContext, session: Session
) -> Sequence[tuple[WorkItemRow, MessageRow]]:
    """Find items that are done while their messages are not, and the other way round."""
    handling, kind = col(MessageRow.handling), col(WorkItemRow.kind)
    is_open = (
        (kind == ItemKind.DECIDE) & handling.in_(DECIDABLE)
        | (kind == ItemKind.ANSWER) & handling.in_(ANSWERABLE)
        | (kind == ItemKind.READ) & col(MessageRow.opened_at).is_(None)
        | (kind == ItemKind.UNREADABLE)
    ) & ~_is_erased()
    done = (
        (col(WorkItemRow.state) == ItemState.DONE)
        & handling.in_(DECIDABLE)
        & ~_is_erased()
        & col(WorkItemRow.kind).in_((ItemKind.DECIDE, ItemKind.ANSWER))
        & (col(MessageRow.stored_at) > context.clock() - LOOKED_BACK)
        & (col(MessageRow.direction) == IN)
    )
    undone = col(WorkItemRow.state).in_(sorted(UNDONE)) & ~is_open
    of_message = col(MessageRow.message_id) == col(WorkItemRow.message_id)
    kinds = col(WorkItemRow.kind).in_(sorted(OF_MESSAGES))
    found: list[tuple[WorkItemRow, MessageRow]] = []
    for condition in (undone, done):
        statement = select(WorkItemRow, MessageRow).join(MessageRow, of_message)
        found += session.exec(statement.where(kinds, condition).limit(AT_ONCE)).all()
    return found


def _resettle(
    context: NodeContext, session: Session, found: tuple[WorkItemRow, MessageRow]
) -> None:
    resettle(session, [found], at=context.clock(), wait=False)


# ----------------------------------------------------------------------- sent messages


def _is_undelivered() -> ColumnElement[bool]:
    """Return the condition for a message of ours that did not arrive, and nobody looked after.

    A later message to the same Participant in the same case shows that somebody has.
    """
    later = aliased(MessageRow)
    followed = exists().where(
        col(later.direction) == OUT,
        col(later.case_id) == col(MessageRow.case_id),
        col(later.peer) == col(MessageRow.peer),
        col(later.stored_at) > col(MessageRow.stored_at),
    )
    settled = exists().where(col(SettledLetterRow.message_id) == col(MessageRow.message_id))
    return (
        (col(MessageRow.direction) == OUT)
        & col(MessageRow.dispatch).in_(_NOT_ARRIVED)
        & ~settled
        & ~followed
    )


def _find_undelivered(context: NodeContext, session: Session) -> Sequence[MessageRow]:
    return session.exec(
        select(MessageRow)
        .where(
            _is_undelivered(),
            col(MessageRow.stored_at) > context.clock() - LOOKED_BACK,
            ~has_item([ItemKind.UNDELIVERED], col(MessageRow.message_id), undone_only=True),
        )
        .limit(AT_ONCE)
    ).all()


def _find_delivered(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
    still = select(MessageRow.message_id).where(
        col(MessageRow.message_id) == col(WorkItemRow.message_id), _is_undelivered()
    )
    return session.exec(
        select(WorkItemRow).where(are_undone(ItemKind.UNDELIVERED), ~exists(still)).limit(AT_ONCE)
    ).all()


def _find_overdue(context: NodeContext, session: Session) -> Sequence[MessageRow]:
    """Find messages of ours that were not answered in time; one that did not arrive is another."""
    now = context.clock()
    return session.exec(
        select(MessageRow)
        .where(
            MessageRow.direction == OUT,
            col(MessageRow.handling).in_(_UNANSWERED),
            col(MessageRow.answer_by) < now,
            col(MessageRow.answer_by) > now - LOOKED_BACK,
            col(MessageRow.dispatch).not_in((*_NOT_ARRIVED, Dispatch.CANCELLED)),
            ~has_item([ItemKind.CHASE], col(MessageRow.message_id)),
        )
        .limit(AT_ONCE)
    ).all()


def _find_answered(_context: NodeContext, session: Session) -> Sequence[WorkItemRow]:
    waits = select(MessageRow.message_id).where(
        col(MessageRow.message_id) == col(WorkItemRow.message_id),
        col(MessageRow.handling).in_(_UNANSWERED),
        col(MessageRow.dispatch) != Dispatch.CANCELLED,
    )
    return session.exec(
        select(WorkItemRow).where(are_undone(ItemKind.CHASE), ~exists(waits)).limit(AT_ONCE)
    ).all()


def _open_about(kind: ItemKind) -> Callable[[NodeContext, Session, MessageRow], None]:
    def open_one(context: NodeContext, session: Session, row: MessageRow) -> None:
        new = NewItem(
            kind=kind,
            subject=row.message_id,
            urgency=Urgency(row.urgency) if row.urgency else Urgency.URGENT,
            channel=Channel(row.channel) if row.channel else None,
            message_id=row.message_id,
            case_id=row.case_id,
            peer=row.peer,
            phase=Phase(row.phase) if row.phase else None,
            desk=desk_of(context, row),
        )
        open_item(context, session, new)

    return open_one


MESSAGE_SOURCES: Final = (
    Source(_find_without_item, open_from_row),
    Source(_find_out_of_step, _resettle),
    Source(_find_undelivered, _open_about(ItemKind.UNDELIVERED)),
    Source(_find_delivered, settle_found),
    Source(_find_overdue, _open_about(ItemKind.CHASE)),
    Source(_find_answered, settle_found),
)
"""What becomes of messages."""
