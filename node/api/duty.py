"""Desks, rosters, the calendar and addresses for notices, for programs."""

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from contact_registry.schedules import Weekday
from node.api.conditional import RequiredVersion, tag
from node.api.doors import Doors
from node.api.shapes import Asked, Id
from node.domain.access import Permission, Principal
from node.domain.duty import DutyException, Shift
from node.service.context import NodeContext
from node.service.work import addresses, roster
from node.service.work.calendar import list_days_off
from node.service.work.roster import Member, Presence, Roster

_Account = Annotated[str, Field(min_length=1, max_length=32)]
_Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC)),
]
_Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]$")]


class MemberBody(Asked):
    """Somebody who works at a desk. Reserves are told only if the others do not answer."""

    account_id: _Account
    is_reserve: bool = False


class ShiftBody(Asked):
    """Hours of somebody, week by week, by the clock of the desk."""

    account_id: _Account
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    opens_at: _Hour
    closes_at: _Hour = Field(description="Before opens_at: on the next day. 24:00 is midnight.")
    valid_from: date | None = None
    valid_to: date | None = Field(default=None, description="The last day.")


class ExceptionBody(Asked):
    """Somebody is on duty, or is not, whatever the week says."""

    account_id: _Account
    begins_at: _Moment
    ends_at: _Moment = Field(description="Not part of it.")
    is_on: bool


class RosterBody(Asked):
    """Who works at a desk, and when."""

    members: Annotated[tuple[MemberBody, ...], Field(max_length=roster.MOST_MEMBERS)] = ()
    shifts: Annotated[tuple[ShiftBody, ...], Field(max_length=roster.MOST_SHIFTS)] = ()
    exceptions: Annotated[tuple[ExceptionBody, ...], Field(max_length=roster.MOST_EXCEPTIONS)] = ()


class KeptRosterBody(BaseModel):
    """A roster, as it is kept; version 0: nobody keeps one yet."""

    desk: str
    row_version: int
    members: list[MemberBody]
    shifts: list[ShiftBody]
    exceptions: list[ExceptionBody]

    @classmethod
    def of(cls, kept: Roster) -> "KeptRosterBody":
        """Make it from what the service says."""
        return cls.model_validate(
            {
                "desk": kept.desk,
                "row_version": kept.version,
                "members": [
                    MemberBody.model_validate(m, from_attributes=True) for m in kept.members
                ],
                "shifts": [ShiftBody.model_validate(s, from_attributes=True) for s in kept.shifts],
                "exceptions": [
                    ExceptionBody.model_validate(e, from_attributes=True) for e in kept.exceptions
                ],
            }
        )


class DeskBody(BaseModel):
    """A desk of ours, by our contacts in the directory."""

    desk: str
    name: str
    time_zone: str
    members: int


class PresenceBody(BaseModel):
    """Who is there now."""

    on_duty: list[str]
    is_open: bool = Field(description="By its hours in the directory.")
    opens_at: datetime | None = Field(description="When it opens next, where it is closed.")

    @classmethod
    def of(cls, presence: Presence) -> "PresenceBody":
        """Make it from what the service says."""
        return cls(
            on_duty=sorted(presence.on_duty),
            is_open=presence.is_open,
            opens_at=presence.opens_at,
        )


class DayOffBody(BaseModel):
    """A day on which our offices are closed."""

    day: date
    name: str
    in_registry: bool = Field(description="Others count our deadlines with it.")
    in_calendar: bool = Field(description="This node's calendar knows it.")


class AddressBody(Asked):
    """Where somebody gets notices."""

    address: str = Field(min_length=3, max_length=254)
    language: str = Field(default="en", max_length=10)


class KeptAddressBody(BaseModel):
    """Where somebody gets notices, and whether the mail server takes them."""

    account_id: str
    address: str
    language: str
    refused_at: datetime | None
    refused_code: str | None
    mail_is_set_up: bool = Field(description="Whether this node has a mail server at all.")


def create_duty(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes of desks, rosters, calendar and addresses."""
    router = APIRouter(prefix="/duty")
    Reader = Annotated[Principal, Depends(doors.who(Permission.KEEP_ROSTER, Permission.READ_CASES))]
    Keeper = Annotated[Principal, Depends(doors.who(Permission.KEEP_ROSTER))]

    @router.get("/desks")
    def list_desks(who: Reader) -> list[DeskBody]:
        """List our desks of today."""
        return [
            DeskBody(
                desk=desk.id, name=desk.name, time_zone=desk.time_zone, members=len(kept.members)
            )
            for desk, kept in roster.handle_list_desks(context, who=who)
        ]

    @router.get("/desks/{desk}")
    def get_roster(desk: Id, who: Reader, response: Response) -> KeptRosterBody:
        """Return a desk's roster."""
        kept, _ = roster.handle_read_roster(context, desk, who=who)
        tag(response, kept.version)
        return KeptRosterBody.of(kept)

    @router.get("/desks/{desk}/now")
    def get_presence(desk: Id, who: Reader) -> PresenceBody:
        """Say who is on duty at a desk now."""
        _, presence = roster.handle_read_roster(context, desk, who=who)
        return PresenceBody.of(presence)

    @router.put("/desks/{desk}")
    def put_roster(
        desk: Id, body: RosterBody, who: Keeper, response: Response, seen: RequiredVersion
    ) -> KeptRosterBody:
        """Replace a desk's roster, as a whole."""
        wanted = Roster(
            desk=desk,
            members=tuple(Member(**each.model_dump()) for each in body.members),
            shifts=tuple(Shift(**each.model_dump()) for each in body.shifts),
            exceptions=tuple(DutyException(**each.model_dump()) for each in body.exceptions),
        )
        kept = roster.handle_keep_roster(context, wanted, who=who, seen=seen)
        tag(response, kept.version)
        return KeptRosterBody.of(kept)

    @router.get("/calendar")
    def get_calendar(
        _who: Reader, year: Annotated[int, Query(ge=2000, le=2100)]
    ) -> list[DayOffBody]:
        """List our days off of a year, and who knows of each."""
        days = list_days_off(context, year)
        return [DayOffBody.model_validate(day, from_attributes=True) for day in days]

    _add_addresses(router, context, doors)
    return router


def _add_addresses(router: APIRouter, context: NodeContext, doors: Doors) -> None:
    """Add where people get notices."""
    Anybody = Annotated[Principal, Depends(doors.who())]
    Administrator = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_PEOPLE))]

    def answer(kept: addresses.NoticeAddress) -> KeptAddressBody:
        return KeptAddressBody(
            account_id=kept.account_id,
            address=kept.address,
            language=kept.language,
            refused_at=kept.refused_at,
            refused_code=kept.refused_code,
            mail_is_set_up=context.postman is not None,
        )

    @router.get("/addresses")
    def list_addresses(who: Administrator) -> list[KeptAddressBody]:
        """List where everybody gets notices, and which addresses the mail server refuses."""
        return [answer(each) for each in addresses.handle_list_addresses(context, who=who)]

    @router.get("/addresses/{account_id}")
    def get_address(account_id: Id, who: Anybody) -> KeptAddressBody:
        """Return where somebody gets notices: your own, or as an administrator anybody's."""
        return answer(addresses.handle_read_address(context, account_id, who=who))

    @router.put("/addresses/{account_id}")
    def put_address(account_id: Id, body: AddressBody, who: Anybody) -> KeptAddressBody:
        """Let somebody get notices at an address; one that was refused is tried again."""
        kept = addresses.handle_set_address(
            context, account_id, body.address, language=body.language, who=who
        )
        return answer(kept)

    @router.delete("/addresses/{account_id}", status_code=204)
    def delete_address(account_id: Id, who: Anybody) -> None:
        """Send somebody no more notices by mail."""
        addresses.handle_forget_address(context, account_id, who=who)
