"""What a withdrawal could not stop or tell at once, and is tried again until it is done.

A message that was being handed over when consent was withdrawn may come back: the broker was away,
a process ended. It does not leave again. A desk that could not be told by message (its node or its
desk is gone from the registry) is told as soon as it can be; until then it stands in a list that
somebody has to look after.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, func, or_, select

from console.process.tasks import describe_failure
from node.domain.access import SYSTEM, Permission, Principal
from node.domain.audit import Act
from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.service.audit import record
from node.service.case_content import is_erased, open_content
from node.service.case_work import CaseWork
from node.service.context import NodeContext, NodeError, NotFoundError, StaleError
from node.service.permitting import find_seen_case, require
from node.service.records import OUT, add_event, load_signed
from node.service.telling import (
    TELL_AGAIN_AFTER,
    WITHDRAWN,
    HeldMessage,
    Untold,
    ask_to_delete,
    place_of_untold,
)
from node.service.withdrawal_views import is_theirs
from node.service.withdrawals import Withdrawn, place_of_withdrawal, take_back
from node.store.consent_tables import UntoldRow, WithdrawalRow
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import Channel
from protocol.messages.catalogue import parse_payload
from protocol.messages.head import CaseMessage

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 100
#: Queued messages of cases with a withdrawal: what is not meant by it shall hide nothing.
_MOST_LOOKED_AT: Final = 5_000
_MOST_LISTED: Final = 200


# ------------------------------------------------------------------ messages that came back


def recall_what_waits(context: NodeContext) -> int:
    """Take back what waits to leave and rests on a consent that was withdrawn meanwhile.

    What fails lets all others be taken back; in the end it is raised as an ``ExceptionGroup``,
    because a message that should not leave still may.
    """
    question = (
        select(MessageRow.message_id, WithdrawalRow.withdrawal_id)
        .join(WithdrawalRow, col(WithdrawalRow.case_id) == col(MessageRow.case_id))
        .where(
            MessageRow.direction == OUT,
            MessageRow.dispatch == Dispatch.QUEUED,
            WithdrawalRow.type == WITHDRAWN,
            col(MessageRow.stored_at) <= col(WithdrawalRow.recorded_at),
            func.length(MessageRow.signed_payload_sealed) > 0,
            func.length(WithdrawalRow.content_sealed) > 0,
        )
        .order_by(col(MessageRow.stored_at))
        .limit(_MOST_LOOKED_AT)
    )
    with context.database.reading() as session:
        found = session.exec(question).all()
    recalled, failures = 0, list[Exception]()
    for message_id, withdrawal_id in found:
        try:
            recalled += context.transact(partial(_recall, context, message_id, withdrawal_id))
        except Exception as error:
            log.warning("message_not_recalled", message=message_id, error=describe_failure(error))
            if failures and isinstance(error, OperationalError):
                raise  # the store is away, not one row of it: it is away for all of them
            failures.append(error)
    if recalled:
        context.signals.inbox.notify()
    if failures:
        raise ExceptionGroup("Messages could not be taken back.", failures)
    return recalled


def _recall(context: NodeContext, message_id: str, withdrawal_id: str, session: Session) -> bool:
    row = session.get_one(MessageRow, message_id)
    case = session.get_one(CaseRow, row.case_id)
    if is_erased(case) or row.dispatch != Dispatch.QUEUED:
        return False
    withdrawal = session.get_one(WithdrawalRow, withdrawal_id)
    place = place_of_withdrawal(withdrawal_id)
    said = open_content(context, case, withdrawal.content_sealed, place=place, kind=Withdrawn)
    message = parse_payload(load_signed(context, row, case).payload)
    if not isinstance(message, CaseMessage) or not said.reach.covers(message):
        return False
    take_back(context, session, HeldMessage(row, message), who=SYSTEM)
    return row.dispatch == Dispatch.CANCELLED


# ------------------------------------------------------------------ desks that were not told


@dataclass(frozen=True, slots=True)
class UntoldView:
    """A desk that has data which is to be deleted, and could not be told by message."""

    untold_id: str
    case_id: str
    peer: str
    authority: str
    channel: str
    type: str
    since: datetime
    settled_at: datetime | None
    settled_by: str | None
    #: What told it in the end; ``None``: somebody told it another way.
    message_id: str | None
    row_version: int


def tell_untold(context: NodeContext) -> int:
    """Try again to tell whoever could not be told; returns how many were told now."""
    now = context.clock()
    moment = or_(
        col(UntoldRow.try_again_at) <= now,
        # Written by a clock that was set back since.
        col(UntoldRow.try_again_at) > now + TELL_AGAIN_AFTER,
    )
    due = (
        select(UntoldRow)
        .where(col(UntoldRow.settled_at).is_(None), moment)
        .order_by(col(UntoldRow.try_again_at))
        .limit(_AT_ONCE)
    )
    with context.database.reading() as session:
        found = [row.untold_id for row in session.exec(due)]
    told = sum(_try_to_tell(context, untold_id) for untold_id in found)
    if told:
        context.signals.tell_queued()
    return told


def handle_tell_now(context: NodeContext, withdrawal_id: str, *, who: Principal) -> int:
    """Tell everybody who still has to be told of a withdrawal; returns how many were told.

    Who cannot be told by message stays in the list. Done twice it is done once. Raises
    ``ForbiddenError``, ``NotFoundError`` for a withdrawal of a case that is not there for them.
    """
    require(who, Permission.WORK_CASES)
    with context.database.reading() as session:
        withdrawal = session.get(WithdrawalRow, withdrawal_id)
        if (
            withdrawal is None
            or not is_theirs(withdrawal, who)
            or find_seen_case(session, withdrawal.case_id, who=who) is None
        ):
            raise NotFoundError("There is no such withdrawal here: open it again from its case.")
        waiting = select(UntoldRow.untold_id).where(
            UntoldRow.withdrawal_id == withdrawal_id, col(UntoldRow.settled_at).is_(None)
        )
        found = session.exec(waiting).all()
    # Recipients in channels that they do not see are told all the same.
    everywhere = replace(who, channels=frozenset(Channel))
    told = sum(_try_to_tell(context, untold_id, who=everywhere) for untold_id in found)
    if told:
        context.signals.tell_queued()
    return told


def _try_to_tell(context: NodeContext, untold_id: str, *, who: Principal = SYSTEM) -> bool:
    try:
        told = context.transact(partial(_tell, context, untold_id, who=who))
    except NodeError:  # nothing of it was written
        told = False
    except Exception as error:  # noqa: BLE001 - one damaged row silences no other desk: it stays in the list of those to be told
        log.warning("desk_not_told", untold=untold_id, error=describe_failure(error))
        told = False
    if not told:
        context.transact(partial(_put_off, context, untold_id))
    return told


def _tell(context: NodeContext, untold_id: str, session: Session, *, who: Principal) -> bool:
    row = session.get_one(UntoldRow, untold_id, with_for_update=True)
    case = session.get_one(CaseRow, row.case_id)
    if row.settled_at is not None or is_erased(case):
        return False
    place = place_of_untold(untold_id)
    untold = open_content(context, case, row.content_sealed, place=place, kind=Untold)
    held = [each for name in untold.held if (each := _load(context, session, case, name))]
    if not held:
        return False
    work = CaseWork(context, session, case, who)
    sent = ask_to_delete(work, untold.word, held, withdrawal_id=row.withdrawal_id)
    row.message_id = sent.message_id
    _settle(context, session, row, who=who)
    return True


def _load(
    context: NodeContext, session: Session, case: CaseRow, message_id: str
) -> HeldMessage | None:
    row = session.get(MessageRow, message_id)
    if row is None or not row.signed_payload_sealed:
        return None
    message = parse_payload(load_signed(context, row, case).payload)
    return HeldMessage(row, message) if isinstance(message, CaseMessage) else None


def _put_off(context: NodeContext, untold_id: str, session: Session) -> None:
    row = session.get(UntoldRow, untold_id, with_for_update=True)
    if row is not None and row.settled_at is None:
        row.try_again_at = context.clock() + TELL_AGAIN_AFTER
        session.add(row)


def _settle(context: NodeContext, session: Session, row: UntoldRow, *, who: Principal) -> None:
    row.settled_at, row.settled_by = context.clock(), who.actor
    row.row_version += 1
    session.add(row)
    add_event(
        session,
        kind=EventKind.RECIPIENT_TOLD,
        at=row.settled_at,
        actor=who.actor,
        case_id=row.case_id,
        message_id=row.message_id,
        code=row.peer,
        channel=Channel(row.channel),
    )


def list_untold(
    context: NodeContext, *, who: Principal, open_only: bool = True
) -> list[UntoldView]:
    """List desks that were not told, in the channels of who asks, the oldest first."""
    require(who, Permission.READ_CASES)
    statement = select(UntoldRow).where(col(UntoldRow.channel).in_(sorted(who.channels)))
    if open_only:
        statement = statement.where(col(UntoldRow.settled_at).is_(None))
    with context.database.reading() as session:
        rows = session.exec(
            statement.order_by(col(UntoldRow.since), UntoldRow.untold_id).limit(_MOST_LISTED)
        ).all()
    return [_view(row) for row in rows]


def handle_settle_untold(
    context: NodeContext, untold_id: str, *, who: Principal, row_version: int | None = None
) -> UntoldView:
    """Say that somebody told the desk another way; done twice it is done once.

    Raises ``NotFoundError``, ``ForbiddenError``, ``StaleError`` if it changed since.
    """
    require(who, Permission.WORK_CASES)

    def work(session: Session) -> UntoldView:
        row = session.get(UntoldRow, untold_id, with_for_update=True)
        if row is None or not who.sees(Channel(row.channel)):
            raise NotFoundError("There is no such desk to be told: open it from the list again.")
        if row.settled_at is not None:
            return _view(row)
        if row_version is not None and row_version != row.row_version:
            raise StaleError("It has changed since you opened it: look at its newest state.")
        _settle(context, session, row, who=who)
        record(context, session, who, Act.RECIPIENT_TOLD, subject=untold_id)
        return _view(row)

    view = context.transact(work)
    context.signals.inbox.notify()
    return view


def _view(row: UntoldRow) -> UntoldView:
    return UntoldView(
        untold_id=row.untold_id,
        case_id=row.case_id,
        peer=row.peer,
        authority=row.authority,
        channel=row.channel,
        type=row.type,
        since=row.since,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        message_id=row.message_id,
        row_version=row.row_version,
    )
