"""The return journey and its gates, for programs."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from node.api.conditional import SeenVersion, tag
from node.api.doors import Doors
from node.api.shapes import ChannelQuery, Id
from node.domain.access import Permission, Principal
from node.domain.returns import ReturnJourney
from node.service.context import NodeContext
from node.service.returns import (
    ArrivalView,
    ReturnView,
    get_return,
    handle_record_return,
    handle_settle_arrival,
    list_unannounced,
)


class MissingBody(BaseModel):
    """Something that a return still lacks, and who can do it."""

    step: str
    who: str
    details: list[str]


class ReturnStateBody(BaseModel):
    """How far a return is prepared."""

    journey: ReturnJourney
    reception_confirmed: bool = Field(description="By an answer of the other side.")
    notice_acknowledged: bool = Field(description="By a decision of the other side.")
    missing: list[MissingBody]
    row_version: int = Field(description="0: nothing was recorded yet.")

    @classmethod
    def of(cls, view: ReturnView) -> "ReturnStateBody":
        """Make it from what the service says."""
        return cls(
            journey=view.journey,
            reception_confirmed=view.answers.reception_confirmed,
            notice_acknowledged=view.answers.notice_acknowledged,
            missing=[
                MissingBody(step=each.step, who=each.who, details=list(each.details))
                for each in view.missing
            ],
            row_version=view.row_version,
        )


class ArrivalBody(BaseModel):
    """An arrival that no acknowledged notice came before."""

    message_id: str
    direction: str
    case_id: str
    peer: str
    at: datetime
    settled_at: datetime | None
    settled_by: str | None
    row_version: int

    @classmethod
    def of(cls, view: ArrivalView) -> "ArrivalBody":
        """Make it from what the service says."""
        return cls(
            message_id=view.message_id,
            direction=view.direction,
            case_id=view.case_id,
            peer=view.peer,
            at=view.at,
            settled_at=view.settled_at,
            settled_by=view.settled_by,
            row_version=view.row_version,
        )


def create_returns(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes."""
    router = APIRouter()
    Writer = Annotated[Principal, Depends(doors.who(Permission.WORK_CASES))]
    Reader = Annotated[Principal, Depends(doors.who(Permission.READ_CASES))]

    @router.get("/cases/{case_id}/return")
    def get(
        case_id: Id, who: Reader, response: Response, channel: ChannelQuery = None
    ) -> ReturnStateBody:
        """Return how far a return is prepared, what is missing, and who can do it.

        The note is that of the channel, or of the first of yours that has one.
        """
        view = get_return(context, case_id, who=who, channel=channel)
        tag(response, view.row_version)
        return ReturnStateBody.of(view)

    @router.put("/cases/{case_id}/return")
    def put(  # noqa: PLR0913, PLR0917 - parameters of a route, in FastAPI's idiom
        case_id: Id,
        journey: ReturnJourney,
        who: Writer,
        seen: SeenVersion,
        response: Response,
        channel: ChannelQuery = None,
    ) -> ReturnStateBody:
        """Record how far a return is prepared, as a whole; the note is for the channel's people."""
        view = handle_record_return(
            context, case_id, journey, who=who, channel=channel, row_version=seen
        )
        tag(response, view.row_version)
        return ReturnStateBody.of(view)

    @router.get("/returns/unannounced")
    def list_arrivals(
        who: Reader, *, open_only: Annotated[bool, Query(description="Only unsettled ones.")] = True
    ) -> list[ArrivalBody]:
        """List arrivals without an acknowledged prior notice, the newest first."""
        views = list_unannounced(context, who=who, open_only=open_only)
        return [ArrivalBody.of(view) for view in views]

    @router.post("/returns/unannounced/{message_id}/settle")
    def settle(message_id: Id, who: Writer, seen: SeenVersion, response: Response) -> ArrivalBody:
        """Say that somebody looked after it."""
        view = handle_settle_arrival(context, message_id, who=who, row_version=seen)
        tag(response, view.row_version)
        return ArrivalBody.of(view)

    return router
