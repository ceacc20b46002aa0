"""What waits for people, as lines of their list: items, with what they are about."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from node.domain.access import Permission, Principal
from node.domain.work import UNDONE
from node.service.attention import MOST_COUNTED, list_waiting
from node.service.context import NodeContext
from node.service.people import list_accounts
from node.service.principals import load_people
from node.service.reading import PAGE, Item
from node.service.records import load_references, load_rows
from node.service.work.acts import owner_of
from node.service.work.items import ItemFilter, are_seen, list_items, may_have
from node.service.work.message_items import OF_MESSAGES
from node.store.bulk import in_parts
from node.store.work_tables import WorkItemRow

_COPIED: Final = tuple(f.name for f in fields(Item) if f.name != "case_reference")
_URGENT_FIRST: Final = (True, False)


@dataclass(frozen=True, slots=True)
class ItemLine:
    """Something that waits for somebody.

    ``item`` is None for a message from which no item was made yet: it is shown all the same.
    ``message`` is None where the item is about something else.
    """

    item: WorkItemRow | None
    message: Item | None
    case_reference: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the list ended: in the immediate part or after it, and at which item."""

    is_immediate: bool
    due_at: datetime
    item_id: str


@dataclass(frozen=True, slots=True)
class LinePage:
    """A part of the list; ``next`` is where it goes on."""

    lines: tuple[ItemLine, ...]
    next: Place | None


def list_lines(
    context: NodeContext,
    *,
    who: Principal,
    is_mine: bool = False,
    after: Place | None = None,
    limit: int = PAGE,
) -> LinePage:
    """List what waits for somebody: what is immediate first, then by deadline.

    ``is_mine``: only what they look after. Raises ``ForbiddenError`` for those who have no items.
    """
    chosen = ItemFilter(owner=owner_of(who) if is_mine else None)
    rows = _list_rows(context, chosen, who=who, after=after, limit=limit)
    lines = _describe(context, rows, who=who)
    if after is None and not is_mine and who.may(Permission.WORK_CASES):
        lines = [*_list_without_item(context, who=who), *lines]
    last = rows[-1] if len(rows) == limit else None
    return LinePage(lines=tuple(lines), next=None if last is None else _place_of(last))


def _list_rows(
    context: NodeContext, chosen: ItemFilter, *, who: Principal, after: Place | None, limit: int
) -> list[WorkItemRow]:
    rows: list[WorkItemRow] = []
    for is_immediate in _URGENT_FIRST:
        if after is not None and is_immediate and not after.is_immediate:
            continue
        is_here = after is not None and after.is_immediate == is_immediate
        rows += list_items(
            context,
            replace(chosen, immediate=is_immediate),
            who=who,
            after=(after.due_at, after.item_id) if after is not None and is_here else None,
            limit=limit - len(rows),
        )
        if len(rows) == limit:
            break
    return rows


def _place_of(row: WorkItemRow) -> Place:
    return Place(row.urgency == "immediate", row.due_at, row.item_id)


def _list_without_item(context: NodeContext, *, who: Principal) -> list[ItemLine]:
    """Return messages that wait for somebody and from which no item was made yet."""
    waiting = list_waiting(context, who=who)
    there = set[str]()
    with context.database.reading() as session:
        for part in in_parts([each.message_id for each in waiting]):
            known = select(WorkItemRow.message_id).where(
                col(WorkItemRow.message_id).in_(part),
                col(WorkItemRow.kind).in_(sorted(OF_MESSAGES)),
            )
            there.update(found for found in session.exec(known) if found)
    return [
        ItemLine(None, each, each.case_reference)
        for each in waiting
        if each.message_id not in there
    ]


def describe_item(context: NodeContext, row: WorkItemRow, *, who: Principal) -> ItemLine:
    """Return one item with what it is about."""
    return _describe(context, [row], who=who)[0]


def _describe(
    context: NodeContext, rows: Sequence[WorkItemRow], *, who: Principal
) -> list[ItemLine]:
    is_shown = who.may(Permission.READ_CASES)
    with context.database.reading() as session:
        references = load_references(session, {row.case_id for row in rows if row.case_id})
        messages = _load_messages(session, rows, references) if is_shown else {}
    return [
        ItemLine(
            row,
            messages.get(row.message_id or ""),
            references.get(row.case_id or "") if is_shown else None,
        )
        for row in rows
    ]


def _load_messages(
    session: Session, rows: Sequence[WorkItemRow], references: dict[str, str]
) -> dict[str, Item]:
    found = load_rows(session, [row.message_id for row in rows if row.message_id])
    return {
        message.message_id: Item(
            **{name: getattr(message, name) for name in _COPIED},
            case_reference=references.get(message.case_id or ""),
        )
        for message in found
    }


def count_beside_messages(context: NodeContext, *, who: Principal) -> int:
    """Count undone items that are about no received message, up to ``MOST_COUNTED``."""
    statement = (
        select(WorkItemRow.item_id)
        .where(
            are_seen(who),
            col(WorkItemRow.state).in_(sorted(UNDONE)),
            col(WorkItemRow.kind).not_in(sorted(OF_MESSAGES)),
        )
        .limit(MOST_COUNTED)
    )
    with context.database.reading() as session:
        return len(session.exec(statement).all())


def find_items_of(context: NodeContext, message_id: str, *, who: Principal) -> list[WorkItemRow]:
    """Return the undone items about a message that are there for somebody."""
    with context.database.reading() as session:
        rows = session.exec(
            select(WorkItemRow)
            .where(
                WorkItemRow.message_id == message_id,
                col(WorkItemRow.state).in_(sorted(UNDONE)),
            )
            .order_by(col(WorkItemRow.due_at), col(WorkItemRow.item_id))
        ).all()
    return [row for row in rows if may_have(who, row)]


def list_colleagues(context: NodeContext, row: WorkItemRow) -> list[tuple[str, str]]:
    """Return who else may have an item: account and name, by name."""
    names = {str(each.id): each.display_name for each in list_accounts(context)}
    with context.database.reading() as session:
        people = load_people(session, names)
    return sorted(
        (
            (account_id, names[account_id])
            for account_id, person in people.items()
            if account_id != row.claimed_by and may_have(person, row)
        ),
        key=lambda each: each[1].casefold(),
    )
