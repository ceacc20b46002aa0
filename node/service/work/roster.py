"""Who works at which desk of ours, and who is on duty there: kept by people, asked by the node."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlmodel import Session, col, delete, select

from contact_registry.attendance import find_attendance
from contact_registry.models import Authority
from contact_registry.schedules import Duty, Weekday
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.duty import DutyException, Shift, list_on_duty
from node.service.audit import record
from node.service.context import NodeContext, NodeError, NotFoundError, StaleError
from node.service.permitting import require
from node.service.principals import load_people
from node.service.work.routing import find_desk_of_ours, find_directory, list_desks_of_ours
from node.store.work_tables import (
    DeskMemberRow,
    DutyExceptionRow,
    DutyShiftRow,
    RosterVersionRow,
)

MOST_MEMBERS: Final = 200
MOST_SHIFTS: Final = 500
MOST_EXCEPTIONS: Final = 500
_KEPT_FOR: Final = timedelta(days=90)


class WorkRefusedError(NodeError):
    """Something about items or rosters cannot be done as asked; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who works at a desk."""

    account_id: str
    is_reserve: bool = False


@dataclass(frozen=True, slots=True)
class Roster:
    """Who works at a desk, and when. ``version`` is 0 while nobody has kept one."""

    desk: str
    members: tuple[Member, ...] = ()
    shifts: tuple[Shift, ...] = ()
    exceptions: tuple[DutyException, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is there now. ``opens_at``: when a closed desk opens next by its hours, if they say."""

    on_duty: frozenset[str]
    is_open: bool
    opens_at: datetime | None

    @property
    def is_staffed(self) -> bool:
        """Whether somebody is on duty, or the desk is open by its hours."""
        return self.is_open or bool(self.on_duty)


def load_roster(session: Session, desk: str) -> Roster:
    """Return a desk's roster; an empty one if nobody keeps it."""
    members = session.exec(
        select(DeskMemberRow).where(DeskMemberRow.desk == desk).order_by(DeskMemberRow.account_id)
    )
    shifts = session.exec(
        select(DutyShiftRow).where(DutyShiftRow.desk == desk).order_by(DutyShiftRow.shift_id)
    )
    exceptions = session.exec(
        select(DutyExceptionRow)
        .where(DutyExceptionRow.desk == desk)
        .order_by(col(DutyExceptionRow.begins_at), DutyExceptionRow.exception_id)
    )
    version = session.get(RosterVersionRow, desk)
    return Roster(
        desk=desk,
        members=tuple(Member(row.account_id, row.is_reserve) for row in members),
        shifts=tuple(_read_shift(row) for row in shifts),
        exceptions=tuple(_read_exception(row) for row in exceptions),
        version=version.row_version if version else 0,
    )


def _read_shift(row: DutyShiftRow) -> Shift:
    return Shift(
        account_id=row.account_id,
        weekdays=tuple(Weekday(day) for day in row.weekdays.split()),
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _read_exception(row: DutyExceptionRow) -> DutyException:
    return DutyException(
        account_id=row.account_id, begins_at=row.begins_at, ends_at=row.ends_at, is_on=row.is_on
    )


def judge_presence(
    context: NodeContext, roster: Roster, authority: Authority | None, *, at: datetime
) -> Presence:
    """Say who is on duty at a desk, and whether it is open by its hours in the registry.

    A desk without listed hours counts as open if it keeps no roster either; with one, the roster
    alone says who is there.
    """
    if authority is None:
        return Presence(frozenset(), is_open=False, opens_at=None)
    zone = ZoneInfo(authority.time_zone)
    on_duty = list_on_duty(roster.shifts, roster.exceptions, at=at, zone=zone)
    directory = find_directory(context)
    document = directory.contacts.get(context.participant) if directory else None
    if document is None:
        return Presence(on_duty, is_open=False, opens_at=None)
    state = find_attendance(authority, document, at=at).state
    unknown_counts = state.duty is Duty.UNKNOWN and not roster.shifts
    return Presence(
        on_duty,
        is_open=state.duty is Duty.ON or unknown_counts,
        opens_at=state.next_opening,
    )


def handle_read_roster(
    context: NodeContext, desk: str, *, who: Principal
) -> tuple[Roster, Presence]:
    """Return a desk's roster, and who is there now; raises ``NotFoundError``."""
    _require_reading(who)
    now = context.clock()
    authority = find_desk_of_ours(context, desk, at=now)
    if authority is None:
        raise _no_such_desk()
    with context.database.reading() as session:
        roster = load_roster(session, authority.id)
    return roster, judge_presence(context, roster, authority, at=now)


def handle_list_desks(context: NodeContext, *, who: Principal) -> list[tuple[Authority, Roster]]:
    """Return our desks of today, each with its roster."""
    _require_reading(who)
    desks = list_desks_of_ours(context, at=context.clock())
    with context.database.reading() as session:
        return [(desk, load_roster(session, desk.id)) for desk in desks]


def _require_reading(who: Principal) -> None:
    """Rosters are read by who keeps them and by everybody who works by them."""
    if not who.may(Permission.READ_CASES):
        require(who, Permission.KEEP_ROSTER)


def handle_keep_roster(
    context: NodeContext, roster: Roster, *, who: Principal, seen: int
) -> Roster:
    """Replace a desk's roster. ``seen`` is the version that the keeper saw, 0 for a first one.

    Raises ``NotFoundError`` for a desk that is not ours, ``StaleError``, :class:`WorkRefusedError`.
    """
    require(who, Permission.KEEP_ROSTER)
    if find_desk_of_ours(context, roster.desk, at=context.clock()) is None:
        raise _no_such_desk()
    _verify(roster)

    def keep(session: Session) -> Roster:
        kept = _replace(context, session, roster, seen=seen)
        record(
            context, session, who, Act.ROSTER_CHANGED,
            subject=roster.desk, detail={"version": kept.version},
        )  # fmt: skip
        return kept

    return context.transact(keep)


def _no_such_desk() -> NotFoundError:
    return NotFoundError(
        "There is no such desk of ours today: desks are those of our contacts in the directory."
    )


def _verify(roster: Roster) -> None:
    if (
        len(roster.members) > MOST_MEMBERS
        or len(roster.shifts) > MOST_SHIFTS
        or len(roster.exceptions) > MOST_EXCEPTIONS
    ):
        raise WorkRefusedError(
            f"A desk has up to {MOST_MEMBERS} members, {MOST_SHIFTS} shifts and {MOST_EXCEPTIONS} "
            "exceptions: take out what is over."
        )
    members = {member.account_id for member in roster.members}
    if len(members) != len(roster.members):
        raise WorkRefusedError("Somebody is listed twice among the members: list each once.")
    named = {shift.account_id for shift in roster.shifts}
    named |= {each.account_id for each in roster.exceptions}
    if named - members:
        raise WorkRefusedError(
            "Shifts and exceptions are of members of the desk: add these people to the members."
        )
    for shift in roster.shifts:
        try:
            _ = shift.schedule
        except ValidationError as error:
            raise WorkRefusedError(
                "A shift has days of the week, each once, and hours such as 08:00 to 16:00; a "
                "whole day is 00:00 to 24:00, and its last day is not before its first."
            ) from error
    if any(each.ends_at <= each.begins_at for each in roster.exceptions):
        raise WorkRefusedError("An exception ends after it begins: correct its moments.")


def _replace(context: NodeContext, session: Session, roster: Roster, *, seen: int) -> Roster:
    version = session.exec(
        select(RosterVersionRow).where(RosterVersionRow.desk == roster.desk).with_for_update()
    ).one_or_none()
    if (version.row_version if version else 0) != seen:
        raise StaleError(
            "Somebody changed this roster since you looked: nothing was changed. Look at it again."
        )
    wanted = [member.account_id for member in roster.members]
    if len(load_people(session, wanted)) != len(wanted):
        raise WorkRefusedError(
            "A member is no account of this node that may sign in: list the people again."
        )
    for table in (DeskMemberRow, DutyShiftRow, DutyExceptionRow):
        session.exec(delete(table).where(col(table.desk) == roster.desk))
    session.flush()
    _write(context, session, roster)
    if version is None:
        session.add(RosterVersionRow(desk=roster.desk, row_version=1))
    else:
        version.row_version += 1
    session.flush()
    return load_roster(session, roster.desk)


def _write(context: NodeContext, session: Session, roster: Roster) -> None:
    session.add_all(
        DeskMemberRow(desk=roster.desk, account_id=each.account_id, is_reserve=each.is_reserve)
        for each in roster.members
    )
    session.add_all(
        DutyShiftRow(
            shift_id=context.random(16).hex(),
            desk=roster.desk,
            account_id=each.account_id,
            weekdays=" ".join(each.weekdays),
            opens_at=each.opens_at,
            closes_at=each.closes_at,
            valid_from=each.valid_from,
            valid_to=each.valid_to,
        )
        for each in roster.shifts
    )
    oldest = context.clock() - _KEPT_FOR
    session.add_all(
        DutyExceptionRow(
            exception_id=context.random(16).hex(),
            desk=roster.desk,
            account_id=each.account_id,
            begins_at=each.begins_at,
            ends_at=each.ends_at,
            is_on=each.is_on,
        )
        for each in roster.exceptions
        if each.ends_at > oldest
    )
