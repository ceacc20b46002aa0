"""Items of messages: made as each message is followed, done when its conversation says so."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from contact_registry.errors import RegistryError
from contact_registry.terms import find_agreed_deadline, load_calendar
from node.domain.events import SYSTEM_ACTOR
from node.domain.states import ANSWERABLE, DECIDABLE, Handling
from node.domain.work import UNDONE, ItemAct, ItemKind, ItemState
from node.service.answerable import asks_for_answer
from node.service.context import NodeContext
from node.service.following import FollowedMessage
from node.service.records import IN
from node.service.work.calendar import compute_default_due
from node.service.work.items import (
    NewItem,
    hold_items,
    make_item,
    move_item,
    open_items,
    settle_item,
)
from node.service.work.routing import find_directory, route
from node.store.tables import MessageRow
from node.store.work_tables import WorkItemRow
from protocol.conversation.acts import CLOSING_TYPE
from protocol.deadlines import AnswerTerms, judge_answer_by
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    Channel,
    ParticipantCode,
    Phase,
    parse_authority_id,
)
from protocol.messages.catalogue import get_entry
from protocol.messages.codes import Urgency
from protocol.messages.entries import Expectation
from protocol.messages.head import CaseMessage

OF_MESSAGES: Final = frozenset(
    {ItemKind.DECIDE, ItemKind.ANSWER, ItemKind.READ, ItemKind.UNREADABLE}
)
"""Kinds of items that are about one received message."""

#: A message that this version stored was followed, or has its item by its row, long before.
_OF_BEFORE: Final = timedelta(days=1)


def follow_items(context: NodeContext, session: Session, batch: Sequence[FollowedMessage]) -> None:
    """Make the items of received messages, and settle those that these messages settle."""
    wanted = [new for each in batch if (new := _find_new(context, each)) is not None]
    open_items(context, session, wanted)
    touched = {each.row.case_id for each in batch if _may_settle(each)}
    resettle_cases(context, session, sorted(case_id for case_id in touched if case_id))


def _may_settle(followed: FollowedMessage) -> bool:
    """Whether a message acts on others of its case: it names one, or ends them all.

    What this leaves out is found when items are brought in step with the store.
    """
    message = followed.case_message
    return message is not None and (message.in_reply_to is not None or message.type == CLOSING_TYPE)


def _find_new(context: NodeContext, followed: FollowedMessage) -> NewItem | None:
    """Return the item of a received message; None if there is nothing to do about it."""
    row, message = followed.row, followed.case_message
    if not followed.is_incoming:
        return None
    if message is None:
        is_new = not row.readable and row.opened_at is None
        return _unreadable(context, row) if is_new else None
    kind = kind_of(row)
    if is_settled(kind, row):
        return None
    now = context.clock()
    desk = route(
        context,
        phase=message.phase,
        channel=message.channel,
        named=message.to_authority,
        child=message.body.treated_as_child,
        at=now,
    )
    return NewItem(
        kind=kind,
        subject=row.message_id,
        urgency=message.urgency,
        channel=message.channel,
        due_at=_compute_due(context, message, row) if kind is not ItemKind.READ else None,
        since=row.stored_at,
        message_id=row.message_id,
        case_id=row.case_id,
        peer=row.peer,
        phase=message.phase,
        desk=desk,
    )


def open_from_row(context: NodeContext, session: Session, row: MessageRow) -> None:
    """Make the item of a received message by what stands beside it alone.

    For one that nothing followed from: somebody has to see it all the same. One of long ago is of
    before there were items: its time begins now, else an upgrade would alarm everybody for all of
    them at once.
    """
    is_old = row.stored_at < context.clock() - _OF_BEFORE
    channel = Channel(row.channel) if row.channel else None
    phase = Phase(row.phase) if row.phase else None
    desk = route(context, phase=phase, channel=channel, named=row.to_authority, at=context.clock())
    new = NewItem(
        kind=kind_of(row),
        subject=row.message_id,
        urgency=Urgency(row.urgency) if row.urgency else Urgency.URGENT,
        channel=channel,
        due_at=None if is_old else _shorten(context, row, desk),
        since=None if is_old else row.stored_at,
        message_id=row.message_id,
        case_id=row.case_id,
        peer=row.peer,
        phase=phase,
        desk=desk,
    )
    make_item(context, session, new)


def _unreadable(context: NodeContext, row: MessageRow) -> NewItem:
    """Return the item of a message of a newer version: it may be about anything."""
    return NewItem(
        kind=ItemKind.UNREADABLE,
        subject=row.message_id,
        urgency=Urgency.URGENT,
        since=row.stored_at,
        message_id=row.message_id,
        case_id=row.case_id,
        peer=row.peer,
        desk=route(context, phase=None, channel=None, named=row.to_authority, at=context.clock()),
    )


def kind_of(row: MessageRow) -> ItemKind:
    """Return what has to be done about a received message."""
    if not row.readable:
        return ItemKind.UNREADABLE
    if row.handling == Handling.NOTHING_EXPECTED:
        return ItemKind.READ
    return ItemKind.ANSWER if asks_for_answer(row.type) else ItemKind.DECIDE


def is_settled(kind: ItemKind, row: MessageRow) -> bool:
    """Whether nothing has to be done about a received message any more."""
    if kind is ItemKind.READ:
        return row.opened_at is not None
    if kind is ItemKind.ANSWER:
        return row.handling not in ANSWERABLE
    return kind is ItemKind.DECIDE and row.handling not in DECIDABLE


def resettle_cases(context: NodeContext, session: Session, case_ids: Sequence[str]) -> None:
    """Bring the items of the messages of cases in step with what became of the messages."""
    if not case_ids:
        return
    pairs = session.exec(
        select(WorkItemRow, MessageRow)
        .join(MessageRow, col(MessageRow.message_id) == col(WorkItemRow.message_id))
        .where(
            col(WorkItemRow.case_id).in_(case_ids),
            col(WorkItemRow.kind).in_((ItemKind.DECIDE, ItemKind.ANSWER, ItemKind.READ)),
            MessageRow.direction == IN,
        )
    ).all()
    resettle(session, pairs, at=context.clock())


def resettle(
    session: Session,
    found: Sequence[tuple[WorkItemRow, MessageRow]],
    *,
    at: datetime,
    wait: bool = True,
) -> None:
    """Bring the items of messages in step with what became of the messages.

    Once a message was erased there is nothing left that anybody could do about it. ``wait``: also
    for items that others hold; else those are left to them.
    """
    rows = {item.item_id: row for item, row in found if _is_out_of_step(item, row)}
    for item in hold_items(session, rows, wait=wait):
        row = rows[item.item_id]
        if item.state == ItemState.DONE:  # its message may have been decided once more by now
            session.refresh(row)
        if not _is_out_of_step(item, row):
            continue  # another process was quicker
        if item.state in UNDONE:
            settle_item(session, item, at=at)
        else:
            move_item(session, item, ItemAct.REOPEN, at=at, actor=SYSTEM_ACTOR)


def _is_out_of_step(item: WorkItemRow, row: MessageRow) -> bool:
    settled = not row.signed_payload_sealed or is_settled(ItemKind(item.kind), row)
    return settled == (item.state in UNDONE)


def _shorten(context: NodeContext, row: MessageRow, desk: AuthorityId | None) -> datetime | None:
    """Return the moment that a sender named, if it is before any that nobody named."""
    if row.answer_by is None:
        return None
    urgency = Urgency(row.urgency) if row.urgency else Urgency.URGENT
    return min(row.answer_by, compute_default_due(context, desk, urgency=urgency, at=row.stored_at))


def _compute_due(context: NodeContext, message: CaseMessage, row: MessageRow) -> datetime | None:
    """Return when the answer to a received message is due, by the rules that count here.

    A sender may shorten the time, never lengthen it (SPEC, section on deadlines), nor by a clock
    that runs ahead: it counts from when the message was stored here at the latest. None: the type
    expects nothing, and nobody asked for an answer by a moment.
    """
    composed_at = min(message.composed_at, row.stored_at)
    entry = get_entry(message.type)
    expects = entry.expectation_of(message.kind) is not Expectation.NOTHING
    directory = find_directory(context)
    if directory is None:
        return message.answer_by
    sender, recipient = ParticipantCode(message.sender), ParticipantCode(message.recipient)
    terms = AnswerTerms(
        entry.answer_working_days if expects else None,
        urgency=message.urgency,
        treated_as_child=message.body.treated_as_child,
        agreed=find_agreed_deadline(
            directory, pair=(sender, recipient), phase=message.phase, at=composed_at
        ),
    )
    try:
        calendar = load_calendar(directory, parse_authority_id(message.to_authority))
    except (MalformedError, RegistryError):
        return message.answer_by
    judged = judge_answer_by(message.answer_by, terms, composed_at=composed_at, calendar=calendar)
    return judged.counts
