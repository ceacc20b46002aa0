"""What items are called, what helps with each, and where it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from console.i18n import Message, msg, pmsg
from node.domain.work import ItemAct, ItemKind, ItemState, Telling
from node.service.answerable import ASKS_TO_DELETE
from node.service.reading import Item
from node.service.work.listing import ItemLine
from node.service.work.message_items import OF_MESSAGES
from node.store.work_tables import WorkEventRow, WorkItemRow
from node.web.labels import say_type
from node.web.site import Names
from node.web.states import Look, look_of, look_of_urgency

#: From this rung on others than the desk were told.
_RESERVE_RUNG: Final = 3


@dataclass(frozen=True, slots=True)
class ItemWords:
    """One kind of item: its name, what to press, what helps."""

    #: None: what it is about says it.
    title: Message | None
    action: Message
    advice: Message
    address: Callable[[WorkItemRow], str]


def _to_message(item: WorkItemRow) -> str:
    return f"/message/{item.message_id}"


def _to_item(item: WorkItemRow) -> str:
    return f"/item/{item.item_id}"


def _to_case(item: WorkItemRow) -> str:
    return f"/case/{item.case_id}"


def _to_approval(item: WorkItemRow) -> str:
    return f"/approval/{item.subject}"


ITEM_WORDS: Final[Mapping[ItemKind, ItemWords]] = {
    ItemKind.DECIDE: ItemWords(
        None,
        pmsg("item", "Read and decide"),
        msg("Read it, then say whether you accept it."),
        _to_message,
    ),
    ItemKind.ANSWER: ItemWords(
        None,
        pmsg("item", "Read and answer"),
        msg("Read the question, then answer it."),
        _to_message,
    ),
    ItemKind.READ: ItemWords(
        None, pmsg("item", "Read"), msg("Nothing but reading is expected."), _to_message
    ),
    ItemKind.UNREADABLE: ItemWords(
        msg("A message that this version cannot read"),
        pmsg("item", "Look at it"),
        msg("Telephone the desk that sent it, and tell your administrator."),
        _to_message,
    ),
    ItemKind.CHASE: ItemWords(
        msg("No answer in time"),
        pmsg("item", "Telephone the desk"),
        msg("Say the case reference, nothing about the person. Then say here that it is done."),
        _to_item,
    ),
    ItemKind.UNDELIVERED: ItemWords(
        msg("It did not arrive"),
        pmsg("item", "Telephone the desk"),
        msg("Telephone the desk now. Then send the message again from its case."),
        _to_item,
    ),
    ItemKind.REFUSED_ENVELOPE: ItemWords(
        msg("This system refused something that came"),
        pmsg("item", "Look at it"),
        msg("The list of what was refused says why, and what to do."),
        lambda _item: "/delivery/letters",
    ),
    ItemKind.LINK_GAP: ItemWords(
        msg("Earlier messages are missing"),
        pmsg("item", "Look at it"),
        msg("They were asked for in vain. Telephone the administrator of the other side."),
        _to_item,
    ),
    ItemKind.APPROVAL: ItemWords(
        msg("A colleague asks for your approval"),
        pmsg("item", "Approve or refuse"),
        msg("Look at what would leave, then approve or refuse."),
        _to_approval,
    ),
    ItemKind.NOT_APPROVED: ItemWords(
        msg("It was not approved"),
        pmsg("item", "See why"),
        msg("Read the reason. Then change the message, or leave it."),
        _to_approval,
    ),
    ItemKind.DELETION_ASKED: ItemWords(
        msg("Data is to be deleted here"),
        pmsg("item", "Delete and confirm"),
        msg("See what is meant, delete it, and confirm that it is done."),
        lambda item: f"/owed/{item.message_id or item.subject}",
    ),
    ItemKind.DELETION_UNCONFIRMED: ItemWords(
        msg("A deletion is not confirmed"),
        pmsg("item", "See who has it"),
        msg("Telephone the desk that has not confirmed."),
        lambda _item: "/owed",
    ),
    ItemKind.ARRIVAL_UNANNOUNCED: ItemWords(
        msg("Somebody arrived without notice"),
        pmsg("item", "Look after it"),
        msg("See that the person is received, then say who looks after it."),
        lambda item: f"/arrived/{item.message_id or item.subject}",
    ),
    ItemKind.TAKE_OVER: ItemWords(
        msg("A case was handed over"),
        pmsg("item", "Open the case"),
        msg("Read the case, then say here that you have taken it over."),
        _to_case,
    ),
}


_ANSWERED: Final = frozenset({ItemKind.DECIDE, ItemKind.ANSWER})
"""Items whose time is the one that the other side gave to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """A line of the inbox, ready to be shown."""

    what: Message | str
    about: Message | str
    address: str
    action: Message
    state: Look
    owner: Look | None
    told: datetime | None
    urgency: Look | None
    due: datetime
    given: datetime
    peer: str | None
    reference: str
    case_id: str | None
    #: "answer" or "act": what is due then.
    due_for: str
    #: Of the page on which it is taken and handed over; empty: the page of its message says it.
    item_address: str


def describe_line(line: ItemLine, *, names: Names, own: str) -> ListRow:
    """Describe a line for whoever looks; ``own`` is their account."""
    item, message = line.item, line.message
    if item is None:
        return _describe_message(line)
    words = words_of(item, message)
    kind = say_type(message.type) if message else ""
    is_named = words.title is None and message is not None
    return ListRow(
        what=kind if is_named else words.title or pmsg("item", "Message"),
        about="" if is_named else kind,
        address=words.address(item),
        action=words.action,
        state=_look_of_state(line),
        owner=look_of_owner(item, names=names, own=own),
        told=item.told_at if is_escalated(item) else None,
        urgency=look_of_urgency(item.urgency),
        due=item.due_at,
        given=item.opened_at,
        peer=item.peer,
        reference=line.case_reference or "",
        case_id=item.case_id,
        due_for="answer" if item.kind in _ANSWERED else "act",
        item_address="" if kind_is_message(item) else _to_item(item),
    )


def words_of(item: WorkItemRow, message: Item | None) -> ItemWords:
    """Return how an item is called; the answer to a withdrawal is the deletion itself."""
    kind = ItemKind(item.kind)
    if kind is ItemKind.ANSWER and message is not None and message.type in ASKS_TO_DELETE:
        asked = ITEM_WORDS[ItemKind.DELETION_ASKED]
        return replace(asked, title=None)
    return ITEM_WORDS[kind]


def kind_is_message(item: WorkItemRow) -> bool:
    """Say whether an item is about one received message, whose page says who has it."""
    return ItemKind(item.kind) in OF_MESSAGES


def _describe_message(line: ItemLine) -> ListRow:
    message = line.message
    if message is None:
        raise ValueError("a line is about an item or about a message")
    words = ITEM_WORDS[ItemKind.DECIDE if message.answer_by else ItemKind.READ]
    return ListRow(
        what=say_type(message.type),
        about="",
        address=f"/message/{message.message_id}",
        action=words.action,
        state=look_of(message),
        owner=None,
        told=None,
        urgency=look_of_urgency(message.urgency),
        due=message.answer_by or message.expires_at,
        given=message.stored_at,
        peer=message.peer,
        reference=line.case_reference or "",
        case_id=message.case_id,
        due_for="answer" if message.answer_by else "act",
        item_address="",
    )


def _look_of_state(line: ItemLine) -> Look:
    if line.message is not None and line.item is not None and line.item.kind != ItemKind.TAKE_OVER:
        return look_of(line.message)
    return Look(pmsg("item state", "Waiting"), "info", "inbox")


def look_of_owner(item: WorkItemRow, *, names: Names, own: str) -> Look | None:
    """Say who looks after an item; None while nobody does."""
    if item.state != ItemState.CLAIMED or item.claimed_by is None:
        return None
    if item.claimed_by == own:
        return Look(pmsg("item state", "You look after it"), "ok", "user")
    name = names.actor(item.claimed_by)
    return Look(pmsg("item state", "Being handled by %(name)s", name=name), "neutral", "users")


def is_escalated(item: WorkItemRow) -> bool:
    """Say whether others than the desk were told, because it waits."""
    return item.state == ItemState.OPEN and item.rung >= _RESERVE_RUNG


_EVENTS: Final[Mapping[str, Message]] = {
    ItemAct.CLAIM: msg("%(actor)s looks after it"),
    ItemAct.RELEASE: msg("%(actor)s gave it back"),
    ItemAct.HAND_OVER: msg("%(actor)s handed it to %(target)s"),
    ItemAct.MOVE: msg("%(actor)s moved it to %(desk)s"),
    ItemAct.OWNER_GONE: msg("%(target)s may not have it any more: nobody looks after it"),
    ItemAct.SETTLE: msg("%(actor)s: done"),
    ItemAct.REOPEN: msg("%(actor)s: open again"),
    Telling.TOLD: msg("%(target)s was told"),
    Telling.ROUTE_TOLD: msg("The mailboxes for hours in which the desk is closed were told"),
    Telling.NOBODY_TOLD: msg("Nobody was found who could be told"),
}


def say_event(event: WorkEventRow, names: Names) -> Message | str:
    """Say what was done with an item, or who was told."""
    found = _EVENTS.get(event.kind)
    if found is None:
        return event.kind
    return replace(
        found,
        params={
            "actor": names.actor(event.actor),
            "target": names.actor(event.target) if event.target else "",
            "desk": names.desk(event.code),
        },
    )
