"""The JSON interface to the registry: who is competent, whom to ring, looking for a newer one."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, Field

from contact_registry.directory import Directory
from contact_registry.errors import RegistryRefusedError
from contact_registry.models import Telephone
from contact_registry.routing import Desk, Gap, resolve
from contact_registry.standing_in import DutyState, StandIn
from node.api.doors import Doors
from node.domain.access import Principal
from node.service.context import NodeContext, NotFoundError
from node.service.registry_as_of import NotKeptError, find_directory
from protocol.errors import MalformedError
from protocol.identifiers import Channel, Phase, parse_participant_code

_NUMBERS: Final = "Numbers that work from abroad, E.164; with ';ext=' where there is an extension."
_DAMAGED: Final = "What is kept of that moment does not verify. Tell your administrator."


class NoDeskError(NotFoundError):
    """Nobody is competent, or nobody who is can be reached; ``members`` tell a program which."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.reason)
        self.members = {
            "reason_code": gap.reason_code.value,
            "candidates": [authority.id for authority in gap.candidates],
        }


def _list_numbers(telephones: Iterable[Telephone]) -> list[str]:
    """Write numbers that work from abroad as in the addresses of RFC 3966."""
    return [
        f"{each.e164};ext={each.extension}" if each.extension else each.e164
        for each in telephones
        if each.e164 and each.is_dialable_from_abroad
    ]


class DutyBody(BaseModel):
    """Whether a desk is staffed, why that is thought, and when its hours begin next."""

    state: Literal["on", "off", "unknown"]
    reason: str
    opens_at: datetime | None

    @classmethod
    def of(cls, state: DutyState) -> "DutyBody":
        """Make it from what the registry says."""
        return cls(state=state.duty.value, reason=state.reason, opens_at=state.next_opening)


class RouteBody(BaseModel):
    """Who stands in for a desk; without ``authority``, channels of the desk's own."""

    authority: str | None
    name: str | None
    telephones: list[str] = Field(description=_NUMBERS)
    mailboxes: list[str]
    note: str
    problem: str | None = Field(description="Why it leads to nobody: ended or unreachable.")
    duty: DutyBody | None

    @classmethod
    def of(cls, route: StandIn | None) -> "RouteBody | None":
        """Make it from what the registry says."""
        if route is None:
            return None
        return cls(
            authority=route.authority.id if route.authority else None,
            name=route.authority.name if route.authority else None,
            telephones=_list_numbers(route.telephones),
            mailboxes=list(route.mailboxes),
            note=route.note,
            problem=route.problem,
            duty=DutyBody.of(route.state) if route.state else None,
        )


class DeskBody(BaseModel):
    """Who is competent, and why."""

    authority: str
    name: str
    post: str
    telephones: list[str] = Field(description=_NUMBERS)
    mailboxes: list[str]
    reason: str
    fell_back_on: list[str]
    reachable: bool
    at: datetime = Field(description="The moment that this is the answer for.")
    registry_version: int
    duty: DutyBody
    turn_to: str = Field(description="desk, out_of_hours, reserve, or nobody_now.")
    out_of_hours: RouteBody | None
    reserve: RouteBody | None

    @classmethod
    def of(cls, desk: Desk, directory: Directory, *, at: datetime) -> "DeskBody":
        """Make it from what the registry says."""
        return cls(
            authority=desk.authority.id,
            name=desk.authority.name,
            post=desk.authority.post,
            telephones=_list_numbers(desk.authority.telephones),
            mailboxes=list(desk.authority.mailboxes),
            reason=desk.reason,
            fell_back_on=[str(step) for step in desk.fell_back_on],
            reachable=desk.is_reachable,
            at=at,
            registry_version=directory.version,
            duty=DutyBody.of(desk.state),
            turn_to=desk.turn_to,
            out_of_hours=RouteBody.of(desk.out_of_hours),
            reserve=RouteBody.of(desk.reserve),
        )


def create_directory(
    context: NodeContext,
    doors: Doors,
    refresh_registry: Callable[[], Awaitable[None]],
) -> APIRouter:
    """Build the routes about the registry."""
    router = APIRouter()
    Anybody = Annotated[Principal, Depends(doors.who())]

    @router.get("/directory/desk")
    def find_desk(  # noqa: PLR0913 - the parts of one question, all by name
        _who: Anybody,
        participant: Annotated[str, Query(max_length=8)],
        phase: Phase,
        *,
        child: bool = False,
        channel: Channel = Channel.ASSISTANCE,
        place: Annotated[str, Query(max_length=120, description="Where in it; optional.")] = "",
        at: Annotated[
            datetime | None, Query(description="A moment with its zone; default: now.")
        ] = None,
    ) -> DeskBody:
        """Say who is competent in a Participant for a phase, and whom to ring.

        For a past moment: by the registry that this node had verified then.
        """
        try:
            code = parse_participant_code(participant)
            directory, moment = find_directory(context, at)
        except (MalformedError, NotKeptError) as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        except RegistryRefusedError as error:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, _DAMAGED) from error
        answer = resolve(
            directory,
            participant=code,
            phase=phase,
            at=moment,
            child=child,
            channel=channel,
            place=place,
        )
        if isinstance(answer, Gap):
            raise NoDeskError(answer)
        return DeskBody.of(answer, directory, at=moment)

    @router.post("/registry/refresh", status_code=HTTPStatus.NO_CONTENT)
    async def refresh(_who: Anybody) -> None:
        """Look for a newer registry now."""
        await refresh_registry()

    return router
