"""Items for programs: what has to be looked after, whose it is, who was told of it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from console.refusals import as_it_is
from node.api.conditional import SeenVersion, tag
from node.api.doors import Doors
from node.api.shapes import (
    DEFAULT_PAGE,
    Asked,
    Cursor,
    Id,
    Limit,
    Page,
    PlainText,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.domain.work import UNDONE, ItemKind, ItemState
from node.service.context import NodeContext, RefusedDraftError
from node.service.work import acts
from node.service.work.acts import ToldNotice, list_told, owner_of
from node.service.work.items import ItemFilter, list_items, load_item
from node.service.work.listing import list_colleagues
from node.store.work_tables import WorkEventRow, WorkItemRow
from protocol.errors import MalformedError
from protocol.identifiers import CaseReference, Channel, Phase, parse_case_reference
from protocol.messages.codes import Urgency


class ItemBody(BaseModel):
    """Something that a person has to look after."""

    item_id: str
    kind: ItemKind
    state: ItemState
    message_id: str | None
    case_id: str | None
    peer: str | None
    channel: Channel | None
    phase: Phase | None
    urgency: Urgency
    desk: str | None = Field(description="Our desk that it was routed to; null: nobody competent.")
    opened_at: datetime
    due_at: datetime
    claimed_by: str | None = Field(description="An account, or a program (api:label).")
    claimed_at: datetime | None
    told_at: datetime | None = Field(description="When somebody was last told of it.")
    done_at: datetime | None
    row_version: int

    @classmethod
    def of(cls, row: WorkItemRow) -> "ItemBody":
        """Make it from what the service says."""
        return cls.model_validate(row, from_attributes=True)


class ItemEventBody(BaseModel):
    """What somebody did with an item, or who was told of it."""

    at: datetime
    kind: str
    actor: str
    target: str | None = Field(description="Who has it now, or who was told.")
    code: str | None = Field(description="To which audience they belong, or a desk.")

    @classmethod
    def of(cls, row: WorkEventRow) -> "ItemEventBody":
        """Make it from what the service says."""
        return cls.model_validate(row, from_attributes=True)


class ItemWithHistoryBody(ItemBody):
    """An item, with what was done with it and who was told, oldest first."""

    history: list[ItemEventBody]


class ColleagueBody(BaseModel):
    """Somebody who may have an item."""

    account_id: str
    name: str


class HandOverBody(Asked):
    """To whom it goes."""

    account_id: str = Field(min_length=1, max_length=32)


class MoveBody(Asked):
    """To which of our desks it goes."""

    desk: str = Field(min_length=1, max_length=120)


class ToldBody(BaseModel):
    """Something that you were told. Without ``item`` you may not know what it is about."""

    notice_id: int
    at: datetime
    audience: str
    item_id: str
    desk: str | None
    urgency: Urgency
    is_done: bool
    item: ItemBody | None

    @classmethod
    def of(cls, told: ToldNotice) -> "ToldBody":
        """Make it from what the service says."""
        return cls(
            notice_id=told.notice_id,
            at=told.at,
            audience=told.audience,
            item_id=told.item_id,
            desk=told.desk,
            urgency=Urgency(told.urgency),
            is_done=told.is_done,
            item=ItemBody.of(told.item) if told.item else None,
        )


#: Whoever looks after items of any kind; which kinds are there for them the use case decides.
_WORKING = (Permission.WORK_CASES, Permission.APPROVE, Permission.WATCH_DELIVERY)


def create_work(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes of items."""
    router = APIRouter()
    Worker = Annotated[Principal, Depends(doors.who(*_WORKING))]
    Anybody = Annotated[Principal, Depends(doors.who())]

    @router.get("/items")
    def list_all(  # noqa: PLR0913 - the filters of a list
        who: Worker,
        *,
        state: Annotated[list[ItemState] | None, Query(max_length=3)] = None,
        kind: ItemKind | None = None,
        desk: Annotated[PlainText | None, Query(max_length=120)] = None,
        case: Annotated[PlainText | None, Query(max_length=40)] = None,
        mine: Annotated[bool, Query(description="Only those that you have.")] = False,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_PAGE,
    ) -> Page[ItemBody]:
        """List items that are there for you, the nearest deadline first; unasked, the undone."""
        chosen = ItemFilter(
            states=frozenset(state) if state else UNDONE,
            owner=owner_of(who) if mine else None,
            desk=desk,
            case=_read_reference(case),
            kind=kind,
        )
        after = read_cursor("items", cursor, (datetime, str))
        place = None if after is None else (after[0], after[1])
        rows = list_items(context, chosen, who=who, after=place, limit=limit)
        last = rows[-1] if len(rows) == limit else None
        following = last and write_cursor("items", [last.due_at.isoformat(), last.item_id])
        return Page(items=[ItemBody.of(row) for row in rows], next=following or None)

    @router.get("/notices")
    def list_notices(
        who: Anybody, *, cursor: Cursor = None, limit: Limit = DEFAULT_PAGE
    ) -> Page[ToldBody]:
        """List what you were told, the newest first."""
        place = read_cursor("told", cursor, (int,))
        told = list_told(context, who=who, before=place[0] if place else None, limit=limit)
        last = told[-1] if len(told) == limit else None
        return Page(
            items=[ToldBody.of(each) for each in told],
            next=write_cursor("told", [last.notice_id]) if last else None,
        )

    @router.get("/items/{item_id}")
    def get(item_id: Id, who: Worker, response: Response) -> ItemWithHistoryBody:
        """Return an item, with its history."""
        row, history = load_item(context, item_id, who=who)
        tag(response, row.row_version)
        return ItemWithHistoryBody(
            **ItemBody.of(row).model_dump(), history=[ItemEventBody.of(each) for each in history]
        )

    @router.get("/items/{item_id}/colleagues")
    def list_others(item_id: Id, who: Worker) -> list[ColleagueBody]:
        """List to whom an item can be handed over."""
        row, _ = load_item(context, item_id, who=who)
        return [
            ColleagueBody(account_id=account_id, name=name)
            for account_id, name in list_colleagues(context, row)
        ]

    _add_acts(router, context, doors)
    return router


def _add_acts(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    """Add what is done with items."""
    Worker = Annotated[Principal, Depends(doors.who(*_WORKING))]

    def answer(row: WorkItemRow, response: Response) -> ItemBody:
        tag(response, row.row_version)
        return ItemBody.of(row)

    @router.post("/items/{item_id}/claim")
    def claim(item_id: Id, who: Worker, response: Response, seen: SeenVersion) -> ItemBody:
        """Take it. Of two who take it at once one wins; the other gets 409."""
        return answer(acts.handle_claim(context, item_id, who=who, seen=seen), response)

    @router.post("/items/{item_id}/release")
    def release(item_id: Id, who: Worker, response: Response, seen: SeenVersion) -> ItemBody:
        """Give it back: nobody has it then, and people are told anew."""
        return answer(acts.handle_release(context, item_id, who=who, seen=seen), response)

    @router.post("/items/{item_id}/hand-over")
    def hand_over(
        item_id: Id,
        body: HandOverBody,
        who: Worker,
        response: Response,
        seen: SeenVersion,
    ) -> ItemBody:
        """Hand it to a colleague who may have it."""
        row = acts.handle_hand_over(context, item_id, body.account_id, who=who, seen=seen)
        return answer(row, response)

    @router.post("/items/{item_id}/move")
    def move(
        item_id: Id,
        body: MoveBody,
        who: Worker,
        response: Response,
        seen: SeenVersion,
    ) -> ItemBody:
        """Move it to another of our desks: nobody has it then, and that desk is told."""
        return answer(acts.handle_move(context, item_id, body.desk, who=who, seen=seen), response)

    @router.post("/items/{item_id}/settle")
    def settle(item_id: Id, who: Worker, response: Response, seen: SeenVersion) -> ItemBody:
        """Say that it is done, where only a person can know it."""
        return answer(acts.handle_settle(context, item_id, who=who, seen=seen), response)


def _read_reference(text: str | None) -> CaseReference | None:
    try:
        return None if text is None else parse_case_reference(text)
    except MalformedError as error:
        raise RefusedDraftError(as_it_is(str(error))) from error
