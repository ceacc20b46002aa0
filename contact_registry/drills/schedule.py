"""Which desks to ask next, and until when they may answer."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from contact_registry.directory import Directory
from contact_registry.drills.models import DeskPhase, Drill
from contact_registry.drills.states import FAILED, DrillState
from contact_registry.models import Authority
from contact_registry.schedules import WorkCalendar
from contact_registry.standing_in import find_valid
from protocol.drill_answer import DrillQuestion
from protocol.identifiers import ParticipantCode, Phase, RandomBytes, get_participant_of

_DAY: Final = timedelta(days=1)
_NO_CALENDAR: Final = WorkCalendar()
#: Longer than any row of days off that a calendar can hold in a year.
_LOOK_AHEAD_DAYS: Final = 400


@dataclass(frozen=True, slots=True)
class DrillRules:
    """When desks are asked. A list that was true a quarter ago is not known to be true today."""

    #: From one drill of a desk and phase to the next.
    interval: timedelta = timedelta(days=90)
    #: After a drill that reached nobody, or found the entry wrong: soon, so that it is known
    #: whether it was a bad day, and whether the entry was corrected.
    after_failure: timedelta = timedelta(days=7)
    #: Working days of the desk to answer.
    working_days: int = 2
    #: Questions that one Participant has to answer at a time: more would be answered without
    #: looking. Overdue ones take no room, or a few dead desks would keep all others from being
    #: asked.
    open_at_once: int = 3
    #: The schedule asks on working days between these hours of the desk, never at night.
    asks_from: time = time(9)
    asks_until: time = time(15)


RULES: Final = DrillRules()


@dataclass(frozen=True, slots=True)
class DrillDue:
    """A desk and phase to be asked; ``last_asked_at`` is None if it never was."""

    authority: Authority
    phase: Phase
    last_asked_at: datetime | None

    @property
    def desk_phase(self) -> DeskPhase:
        """What is to be asked."""
        return self.authority.id, self.phase


def list_desk_phases(directory: Directory, at: datetime) -> Iterator[tuple[Authority, Phase]]:
    """Yield every desk that is listed at this moment with each phase it is competent for."""
    for entry in directory.participants:
        document = directory.contacts.get(entry.code)
        for authority in find_valid(document.authorities, at) if document else ():
            named = {competence.phase for competence in authority.competences}
            yield from ((authority, phase) for phase in Phase if phase in named)


def list_due(
    directory: Directory, drills: Iterable[Drill], *, now: datetime, rules: DrillRules = RULES
) -> tuple[DrillDue, ...]:
    """Return what to ask now, most overdue first, within what each Participant has room for.

    An overdue drill does not keep a desk from being asked again: it is given up then. A drill that
    was withdrawn counts as if it had not been asked. ``drills`` stand as of ``now``.
    """
    last, asked_now = _read_past(drills)
    due = [
        DrillDue(authority, phase, last_asked_at=_asked_at(last.get((authority.id, phase))))
        for authority, phase in list_desk_phases(directory, now)
        if _is_due(last.get((authority.id, phase)), now=now, rules=rules)
        and _may_be_asked(authority, directory, now=now, rules=rules)
    ]
    due.sort(
        key=lambda each: (each.last_asked_at or datetime.min.replace(tzinfo=UTC), each.desk_phase)
    )
    chosen = []
    for each in due:
        participant = get_participant_of(each.authority.id)
        if asked_now[participant] < rules.open_at_once:
            chosen.append(each)
            asked_now[participant] += 1
    return tuple(chosen)


def make_question(
    authority: Authority, phase: Phase, *, answer_by: datetime, now: datetime, random: RandomBytes
) -> DrillQuestion:
    """Make a question with a fresh random identifier."""
    return DrillQuestion(
        drill_id=random(16).hex(),
        participant=get_participant_of(authority.id),
        authority=authority.id,
        phase=phase,
        asked_at=now.astimezone(UTC).replace(microsecond=0),
        answer_by=answer_by.replace(microsecond=0),
    )


def find_answer_by(
    authority: Authority, directory: Directory, *, now: datetime, rules: DrillRules = RULES
) -> datetime:
    """Return until when a desk may answer what it is asked now: in its own working days, UTC."""
    calendar = _calendar_of(directory, get_participant_of(authority.id))
    zone = ZoneInfo(authority.time_zone)
    return _add_working_days(now, rules.working_days, zone=zone, calendar=calendar)


def next_drill_at(last: Drill | None, *, rules: DrillRules = RULES) -> datetime | None:
    """Return when a desk and phase is due to be asked again; None: it never was asked."""
    if last is None:
        return None
    failed = last.state in FAILED or last.state is DrillState.OVERDUE or last.found_entry_wrong
    return last.question.asked_at + (rules.after_failure if failed else rules.interval)


def _read_past(
    drills: Iterable[Drill],
) -> tuple[dict[DeskPhase, Drill], Counter[ParticipantCode]]:
    last: dict[DeskPhase, Drill] = {}
    asked_now: Counter[ParticipantCode] = Counter()
    for drill in drills:
        if drill.state is DrillState.ASKED:
            asked_now[drill.question.participant] += 1
        known = last.get(drill.desk_phase)
        newer = known is None or known.question.asked_at < drill.question.asked_at
        if newer and drill.state is not DrillState.WITHDRAWN:
            last[drill.desk_phase] = drill
    return last, asked_now


def _asked_at(drill: Drill | None) -> datetime | None:
    return None if drill is None else drill.question.asked_at


def _is_due(last: Drill | None, *, now: datetime, rules: DrillRules) -> bool:
    if last is not None and last.state is DrillState.ASKED:
        return False
    due_at = next_drill_at(last, rules=rules)
    return due_at is None or due_at <= now


def _may_be_asked(
    authority: Authority, directory: Directory, *, now: datetime, rules: DrillRules
) -> bool:
    local = now.astimezone(ZoneInfo(authority.time_zone))
    calendar = _calendar_of(directory, get_participant_of(authority.id))
    return rules.asks_from <= local.time() < rules.asks_until and _is_working_day(
        local.date(), calendar
    )


def _calendar_of(directory: Directory, participant: ParticipantCode) -> WorkCalendar:
    document = directory.contacts.get(participant)
    return (document.calendar if document else None) or _NO_CALENDAR


def _is_working_day(day: date, calendar: WorkCalendar) -> bool:
    return day.weekday() not in calendar.weekend_numbers and day not in calendar.days_off


def _add_working_days(
    start: datetime, count: int, *, zone: ZoneInfo, calendar: WorkCalendar
) -> datetime:
    """Return the same hour of the desk's clock ``count`` working days later, in UTC."""
    local = start.astimezone(zone)
    day, left = local.date(), count
    for _ in range(_LOOK_AHEAD_DAYS):
        day += _DAY
        left -= _is_working_day(day, calendar)
        if not left:
            break
    moment = datetime.combine(day, local.time(), zone).astimezone(UTC)
    return max(moment, start + _DAY)
