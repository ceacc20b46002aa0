"""Trying a dead letter again, or settling it: what an administrator may do without its content."""

from datetime import datetime
from enum import StrEnum
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from console.refusals import as_it_is
from node.domain.events import EventKind
from node.domain.states import Dispatch, DispatchEvent, advance_dispatch
from node.service.attachments.chunk_sending import owe_whole
from node.service.composing import PRIORITY
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.dead_letters import (
    DeadLetter,
    LetterKind,
    Obstacle,
    find_letter,
    load_dead_letter,
    parse_envelope_number,
)
from node.service.opening import Arrival
from node.service.receiving import Intake, IntakeResult, handle_arrivals, handle_stumble
from node.service.records import add_event, lock_message
from node.service.settling import resettle
from node.store.tables import MessageRow, OutboxRow, QuarantineRow, SettledLetterRow
from protocol.messages.codes import Urgency
from protocol.subjects import TrafficClass, parse_account_id


class SettleReason(StrEnum):
    """How a letter was settled. Codes and no text: a text could name somebody."""

    TOLD_BY_TELEPHONE = "told_by_telephone"
    SENT_ANEW = "sent_anew"
    OTHER_SIDE_MENDS = "other_side_mends"
    NOT_NEEDED = "not_needed"


class RetryOutcome(StrEnum):
    """What came of trying again."""

    #: It is in the outbox and leaves now.
    QUEUED = "queued"
    #: The envelope was taken in.
    TAKEN_IN = "taken_in"
    #: The envelope was refused again; the list says why.
    REFUSED_AGAIN = "refused_again"


class CannotRetryError(RefusedDraftError):
    """Trying again would be in vain; the message says why and what helps instead."""


_WHY_NOT = {
    Obstacle.OVER: "Its time is over, so the other side would refuse it. Have it written anew, and "
    "tell the other desk by telephone.",
    Obstacle.KEYS_REPLACED: "It was signed with keys that were replaced since, so the other side "
    "would refuse it. It may have arrived before: telephone the other desk, and have it written "
    "anew if it is not there.",
    Obstacle.HELD_BACK: "It waits because the registry is too old, and leaves by itself after the "
    "next refresh. See that the hub can be reached.",
    Obstacle.NOT_KEPT: "The envelope was not kept: its sender's share of the quarantine was used "
    "up. Ask its sender to send it again.",
}


def handle_retry(
    context: NodeContext, letter_id: str, *, actor: str, version: int | None = None
) -> RetryOutcome:
    """Try a dead letter again. It is safe at any time: whoever has it already knows it.

    ``version`` is what the person saw. Raises ``NotFoundError``, ``StaleError``,
    :class:`CannotRetryError`.
    """
    letter = load_dead_letter(context, letter_id)
    _verify_version(letter, version)
    if letter.obstacle is not None:
        raise CannotRetryError(as_it_is(_WHY_NOT[letter.obstacle]))
    if letter.kind is LetterKind.QUARANTINED:
        return _take_in_again(context, letter, actor=actor)
    context.transact(partial(_send_again, context, letter=letter, actor=actor, version=version))
    context.signals.outbox.notify()
    context.signals.inbox.notify()
    return RetryOutcome.QUEUED


def handle_settle(
    context: NodeContext,
    letter_id: str,
    *,
    reason: SettleReason,
    actor: str,
    version: int | None = None,
) -> None:
    """Give a dead letter up: no further attempt is made, and it leaves the list.

    A receipt that comes all the same still counts, and an envelope that comes again is listed
    again. Done twice it is done once. Raises ``NotFoundError``, ``StaleError``.
    """

    def settle(session: Session) -> None:
        letter = find_letter(context, session, letter_id)
        _verify_version(letter, version)
        if not letter.is_open:
            return
        now = context.clock()
        if letter.kind is LetterKind.QUARANTINED:
            _settle_envelope(session, letter, reason=reason, actor=actor, at=now)
        else:
            _settle_message(session, letter, reason=reason, actor=actor, at=now)

    context.transact(settle)
    context.signals.inbox.notify()


def _verify_version(letter: DeadLetter, version: int | None) -> None:
    if version is not None and version != letter.version:
        raise StaleError("It has changed since you opened the page: look at its newest state.")


# ------------------------------------------------------------------ ours


def _lock(session: Session, letter: DeadLetter, version: int | None) -> MessageRow:
    row = lock_message(session, letter.letter_id)
    if row is None:
        raise NotFoundError("There is no such message here (any more): go back to the list.")
    if row.row_version != (letter.version if version is None else version):
        raise StaleError("It has changed since you opened the page: look at its newest state.")
    return row


def _send_again(
    context: NodeContext,
    session: Session,
    *,
    letter: DeadLetter,
    actor: str,
    version: int | None,
) -> None:
    row = _lock(session, letter, version)
    outbox = session.get(OutboxRow, row.message_id, with_for_update=True)
    now = context.clock()
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), DispatchEvent.RETRIED)
    if state is not None:
        row.dispatch = state
        row.row_version += 1
        session.flush()
        resettle(context, session, row)
    if outbox is None and state is not None:
        session.add(
            OutboxRow(
                message_id=row.message_id,
                peer=row.peer,
                priority=PRIORITY[Urgency(row.urgency or Urgency.URGENT)],
                transport_id=context.random(16).hex(),
                next_attempt_at=now,
                may_have_left=True,
            )
        )
    elif outbox is not None:
        outbox.next_attempt_at = now
        if state is not None:
            # It lay there to leave once, for whoever asked. Now it is owed until its receipt.
            outbox.once_until, outbox.may_have_left = None, True
    if state is not None:
        owe_whole(context, session, row.message_id)
    settled = session.get(SettledLetterRow, row.message_id)
    if settled is not None:
        session.delete(settled)
    _note(session, letter, kind=EventKind.MESSAGE_RETRIED, at=now, actor=actor, row=row)


def _settle_message(
    session: Session, letter: DeadLetter, *, reason: SettleReason, actor: str, at: datetime
) -> None:
    row = _lock(session, letter, None)
    kind = EventKind.MESSAGE_SETTLED
    state = advance_dispatch(Dispatch(row.dispatch or Dispatch.QUEUED), DispatchEvent.GIVEN_UP)
    if state is not None:
        outbox = session.get(OutboxRow, row.message_id, with_for_update=True)
        if outbox is not None:
            session.delete(outbox)
        row.dispatch = state
        row.row_version += 1
        kind = EventKind.MESSAGE_GIVEN_UP
    session.merge(SettledLetterRow(message_id=row.message_id, at=at))
    _note(session, letter, kind=kind, at=at, actor=actor, row=row, code=reason)


# ------------------------------------------------------------------ theirs


def _take_in_again(context: NodeContext, letter: DeadLetter, *, actor: str) -> RetryOutcome:
    number = parse_envelope_number(letter.letter_id)
    with context.database.reading() as session:
        row = session.get(QuarantineRow, number)
        if row is None or row.account is None:
            raise NotFoundError("The envelope is not kept here any more: go back to the list.")
        ours = context.directory.current().keys.get(context.participant)
        if ours is None:
            raise CannotRetryError(
                as_it_is(
                    "The registry does not list this node now, so nothing can be taken in. Try "
                    "again once its keys are published."
                )
            )
        arrival = Arrival(
            sender=parse_account_id(row.account),
            recipient=parse_account_id(ours.broker.account),
            traffic=TrafficClass(row.traffic),
            envelope=row.envelope,
        )
    result = _take_in(context, arrival)
    refused = result.intake is Intake.QUARANTINED
    outcome = RetryOutcome.REFUSED_AGAIN if refused else RetryOutcome.TAKEN_IN

    def record(session: Session) -> None:
        now = context.clock()
        kept = session.get(QuarantineRow, number, with_for_update=True)
        # Refused for another reason, it is a row of its own: this one is settled, too.
        if kept is not None and (not refused or kept.times == letter.times):
            kept.settled_at = now
        _note(session, letter, kind=EventKind.ENVELOPE_RETRIED, at=now, actor=actor, code=outcome)

    context.transact(record)
    context.signals.inbox.notify()
    return outcome


def _take_in(context: NodeContext, arrival: Arrival) -> IntakeResult:
    try:
        (result,) = handle_arrivals(context, [arrival])
    except (SQLAlchemyError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - put aside with its kind, as the consumer does
        return handle_stumble(context, arrival, problem=type(error).__name__)
    return result


def _settle_envelope(
    session: Session, letter: DeadLetter, *, reason: SettleReason, actor: str, at: datetime
) -> None:
    row = session.get(QuarantineRow, parse_envelope_number(letter.letter_id), with_for_update=True)
    if row is None:
        raise NotFoundError("The envelope is not kept here any more: go back to the list.")
    row.settled_at = at
    _note(session, letter, kind=EventKind.ENVELOPE_SETTLED, at=at, actor=actor, code=reason)


def _note(  # noqa: PLR0913 - the columns of one entry
    session: Session,
    letter: DeadLetter,
    *,
    kind: EventKind,
    at: datetime,
    actor: str,
    row: MessageRow | None = None,
    code: str | None = None,
) -> None:
    add_event(
        session,
        kind=kind,
        at=at,
        actor=actor,
        case_id=row.case_id if row is not None else None,
        message_id=letter.letter_id,
        code=code,
    )
