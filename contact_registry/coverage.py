"""Where the mechanism has nobody: each Participant, phase, adult or child, in and out of hours.

Every cell is answered by :func:`~contact_registry.routing.resolve`, so that this table and the desk
that a message goes to can never disagree. *In hours* asks whether there is a desk that somebody can
reach; *out of hours* whether anybody is listed who answers while that desk is closed. A desk that
lists no hours is not taken to answer at night: what nobody has said is a finding, not a yes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from contact_registry.directory import Directory
from contact_registry.models import Authority, ContactsDocument, PersonGroup
from contact_registry.routing import Desk, Gap, GapReason, resolve
from contact_registry.standing_in import RouteProblem, find_valid, follow_route
from protocol.identifiers import Channel, ParticipantCode, Phase


class Hours(StrEnum):
    """Whether a cell is about office hours or the rest of the week."""

    IN = "in_hours"
    OUT = "out_of_hours"


class CoverageState(StrEnum):
    """What a cell says."""

    COVERED = "covered"
    STAND_IN = "stand_in"
    """Somebody can be reached, but not the desk that ought to be listed."""
    GAP = "gap"


class CoverageCode(StrEnum):
    """What is wrong, for programs."""

    NOTHING_LISTED = "nothing_listed"
    NOBODY_COMPETENT = "nobody_competent"
    NOBODY_REACHABLE = "nobody_reachable"
    NOBODY_OUT_OF_HOURS = "nobody_out_of_hours"
    ONLY_STAND_IN = "only_stand_in"
    ROUTE_ENDED = "route_ended"
    ROUTE_UNREACHABLE = "route_unreachable"
    HOLIDAYS_NOT_LISTED = "holidays_not_listed"


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """One question and its answer; ``authority`` is who answers, None in a gap."""

    participant: ParticipantCode
    phase: Phase
    person_group: PersonGroup
    hours: Hours
    state: CoverageState
    authority: Authority | None


@dataclass(frozen=True, slots=True)
class CoverageFinding:
    """One thing to put right. What a finding is not about is None."""

    code: CoverageCode
    participant: ParticipantCode
    message: str
    phase: Phase | None = None
    person_group: PersonGroup | None = None
    authority: Authority | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The whole table at one moment, and what is wrong in it."""

    at: datetime
    channel: Channel
    cells: tuple[CoverageCell, ...]
    findings: tuple[CoverageFinding, ...]


_GROUPS: Final = (PersonGroup.ADULT, PersonGroup.CHILD)
#: Whether a route exists does not hang on the day's holiday.
_NO_DAYS: Final = frozenset[date]()
_OF_GAP: Final = {
    GapReason.UNKNOWN_PARTICIPANT: CoverageCode.NOTHING_LISTED,
    GapReason.NOTHING_LISTED: CoverageCode.NOTHING_LISTED,
    GapReason.NOBODY_COMPETENT: CoverageCode.NOBODY_COMPETENT,
    GapReason.NOBODY_REACHABLE: CoverageCode.NOBODY_REACHABLE,
}


def list_coverage(
    directory: Directory, at: datetime, *, channel: Channel = Channel.ASSISTANCE
) -> Coverage:
    """Return the table of all Participants as of ``at``, and its findings in the same order."""
    cells: list[CoverageCell] = []
    findings: list[CoverageFinding] = []
    for entry in directory.participants:
        code = entry.code
        for phase in Phase:
            for group in _GROUPS:
                answer = resolve(
                    directory,
                    participant=code,
                    phase=phase,
                    at=at,
                    child=group is PersonGroup.CHILD,
                    channel=channel,
                )
                place = _Place(code, phase, group)
                by_night = _find_out_of_hours(answer, directory.contacts.get(code), at)
                cells += _fill(place, answer, by_night)
                findings += _judge(place, answer, by_night)
        findings += _judge_participant(code, directory.contacts.get(code), at)
    return Coverage(at, channel, tuple(cells), tuple(_merge(findings)))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the table we are."""

    participant: ParticipantCode
    phase: Phase
    group: PersonGroup

    def cell(self, hours: Hours, state: CoverageState, who: Authority | None) -> CoverageCell:
        return CoverageCell(self.participant, self.phase, self.group, hours, state, who)

    def finding(
        self, code: CoverageCode, message: str, who: Authority | None = None
    ) -> CoverageFinding:
        return CoverageFinding(code, self.participant, message, self.phase, self.group, who)


def _fill(place: _Place, answer: Desk | Gap, by_night: Authority | None) -> Iterator[CoverageCell]:
    if isinstance(answer, Gap):
        yield from (place.cell(hours, CoverageState.GAP, None) for hours in Hours)
        return
    state = CoverageState.STAND_IN if answer.fell_back_on else CoverageState.COVERED
    yield place.cell(Hours.IN, state, answer.authority)
    yield place.cell(Hours.OUT, state if by_night else CoverageState.GAP, by_night)


def _find_out_of_hours(
    answer: Desk | Gap, document: ContactsDocument | None, at: datetime
) -> Authority | None:
    """Return the first competent desk that answers at any hour, itself or by its route."""
    if isinstance(answer, Gap) or document is None:
        return None
    for authority in (answer.authority, *answer.alternatives):
        if authority.available_24_7 and authority.is_reachable:
            return authority
        route = follow_route(authority.out_of_hours, document, days_off=_NO_DAYS, at=at)
        if route is not None and route.answers_at_any_hour:
            return route.authority or authority
    return None


def _judge(
    place: _Place, answer: Desk | Gap, by_night: Authority | None
) -> Iterator[CoverageFinding]:
    if isinstance(answer, Gap):
        yield place.finding(_OF_GAP[answer.reason_code], answer.reason)
        return
    if answer.fell_back_on:
        yield place.finding(
            CoverageCode.ONLY_STAND_IN,
            f"{answer.authority.name} stands in ({', '.join(answer.fell_back_on)}): list a desk "
            f"for {place.phase} that can be reached.",
            answer.authority,
        )
    if by_night is None:
        known = "is not open at all hours" if answer.authority.schedules else "lists no hours"
        yield place.finding(
            CoverageCode.NOBODY_OUT_OF_HOURS,
            f"{answer.authority.name} {known}, and no out-of-hours route that answers at any hour "
            "is listed: name one.",
            answer.authority,
        )


def _judge_participant(
    code: ParticipantCode, document: ContactsDocument | None, at: datetime
) -> Iterator[CoverageFinding]:
    if document is None:
        return
    valid = find_valid(document.authorities, at)
    for authority in valid:
        yield from _judge_routes(code, authority, document, at)
    years = {at.astimezone(ZoneInfo(authority.time_zone)).year for authority in valid}
    calendar = document.calendar
    missing = sorted(y for y in years if calendar is None or not calendar.covers_year(y))
    if missing:
        yield CoverageFinding(
            CoverageCode.HOLIDAYS_NOT_LISTED,
            code,
            f"No holiday of {missing[0]} is listed: deadlines count holidays as working days until "
            "the calendar names them.",
        )


def _judge_routes(
    code: ParticipantCode, authority: Authority, document: ContactsDocument, at: datetime
) -> Iterator[CoverageFinding]:
    for name, route in (
        ("reserve", authority.reserve),
        ("out-of-hours route", authority.out_of_hours),
    ):
        stand_in = follow_route(route, document, days_off=_NO_DAYS, at=at)
        if stand_in is None or stand_in.problem is None:
            continue
        if stand_in.problem is RouteProblem.ENDED:
            what, finding = "names an authority that is not valid", CoverageCode.ROUTE_ENDED
        else:
            what, finding = "reaches nobody from abroad", CoverageCode.ROUTE_UNREACHABLE
        yield CoverageFinding(
            finding, code, f"The {name} of {authority.name} {what}: name another.",
            authority=authority,
        )  # fmt: skip


def _merge(findings: Iterable[CoverageFinding]) -> Iterator[CoverageFinding]:
    """Say once of a Participant that it lists nobody at all, not once for each cell."""
    silent: set[ParticipantCode] = set()
    for finding in findings:
        if finding.code is not CoverageCode.NOTHING_LISTED:
            yield finding
        elif finding.participant not in silent:
            silent.add(finding.participant)
            yield CoverageFinding(finding.code, finding.participant, finding.message)
