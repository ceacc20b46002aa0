"""What waits, what was carried, what was refused, and how much room is left: never content."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from contact_registry.trust.staleness import Grade, ViewAge
from node.api.doors import Doors
from node.api.shapes import (
    DEFAULT_PAGE,
    Cursor,
    Limit,
    Page,
    PlainText,
    read_cursor,
    write_cursor,
)
from node.domain.access import Permission, Principal
from node.domain.states import Dispatch
from node.service.attention import Waiting, list_outbox
from node.service.carriage import CarriageFilter, Carried, list_carried
from node.service.context import NodeContext
from node.service.holding import count_held_back, judge_view
from node.service.quarantine import LISTED, list_quarantine
from node.service.room import measure_room


class ViewBody(BaseModel):
    """How old the registry is that this node acts on."""

    grade: Grade
    verified_at: datetime
    too_old_at: datetime = Field(description="From when messages about persons wait here.")
    is_clock_behind: bool

    @classmethod
    def of(cls, age: ViewAge) -> "ViewBody":
        """Make it from what the service says."""
        return cls.model_validate(age, from_attributes=True)


class DeliveryBody(BaseModel):
    """What has not reached others yet, and what may hold it up."""

    waiting: list[Waiting]
    held_back: int = Field(description="Messages that wait because the registry is too old.")
    registry: ViewBody | None = Field(description="Null: this node has never seen the registry.")


class CarriedBody(BaseModel):
    """One message without what it says: neither its type nor its case nor a desk."""

    message_id: str
    direction: Literal["in", "out"]
    peer: str
    stored_at: datetime
    expires_at: datetime
    dispatch: Dispatch | None = Field(description="Of one that we sent.")
    link_generation: int | None
    link_seq: int | None
    attempts: int = Field(description="Of one that still waits for its receipt.")
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, carried: Carried) -> "CarriedBody":
        """Make it from what the service says."""
        return cls.model_validate(asdict(carried))


class QuarantinedBody(BaseModel):
    """An envelope that was refused, and why."""

    at: datetime
    peer: str | None = Field(description="Null: nobody can tell whose it is.")
    message_id: str | None
    reason: str
    detail: str


class RoomBody(BaseModel):
    """How much room the node's store takes. Sizes in bytes."""

    is_sqlite: bool
    database_bytes: int
    messages: int
    files: int
    files_bytes: int
    is_more: bool = Field(description="There are more files than were measured.")
    quarantined: int
    quarantined_bytes: int
    free_bytes: int | None = Field(description="Null where this process handles no files.")


def create_watching(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/delivery")
    Watcher = Annotated[Principal, Depends(doors.who(Permission.WATCH_DELIVERY))]

    @router.get("")
    def get(_who: Watcher) -> DeliveryBody:
        """Say what waits for each Participant, and whether the registry holds messages up."""
        age = judge_view(context)
        return DeliveryBody(
            waiting=list_outbox(context),
            held_back=count_held_back(context),
            registry=None if age is None else ViewBody.of(age),
        )

    @router.get("/messages")
    def list_messages(  # noqa: PLR0913, PLR0917 - what a list can be narrowed by
        who: Watcher,
        peer: Annotated[PlainText, Query(max_length=8)] = "",
        direction: Literal["in", "out"] | None = None,
        dispatch: Dispatch | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_PAGE,
    ) -> Page[CarriedBody]:
        """List messages without what they say: from where to where, when, in which state."""
        place = read_cursor("carried", cursor, (datetime, str))
        found = list_carried(
            context,
            CarriageFilter(peer=peer, direction=direction or "", dispatch=dispatch),
            who=who,
            after=(place[0], place[1]) if place else None,
            limit=limit,
        )
        last = found[-1] if len(found) == limit else None
        return Page(
            items=[CarriedBody.of(each) for each in found],
            next=write_cursor("carried", [last.stored_at.isoformat(), last.message_id])
            if last
            else None,
        )

    @router.get("/quarantine")
    def list_refused(
        _who: Watcher, limit: Annotated[int, Query(ge=1, le=LISTED)] = LISTED
    ) -> list[QuarantinedBody]:
        """List envelopes that were refused, the newest first, with the reason."""
        refused = list_quarantine(context, limit=limit)
        return [QuarantinedBody.model_validate(asdict(each)) for each in refused]

    @router.get("/room")
    def get_room(who: Watcher) -> RoomBody:
        """Measure database, files and quarantine."""
        return RoomBody.model_validate(asdict(measure_room(context, who=who)))

    return router
