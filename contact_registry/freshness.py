"""How far a Participant's part of the registry can be relied on today, and why not further.

Three marks of a hundred, each with what it lost and to what, so that whoever reads it knows what to
put right first:

- *freshness*: of the desks listed, how many the Participant has confirmed and looked at in time;
- *coverage*: of phase, adult or child, in and out of hours, how many have somebody who answers
  (the same table as :mod:`contact_registry.coverage`);
- *drills*: of the desks and phases, how many answered when they were last asked.

They are not added up: a list that is fresh and has nobody for children at night is not "fine on
average". What counts is the weakest.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from contact_registry.coverage import Coverage, CoverageCell, CoverageState, Hours, list_coverage
from contact_registry.directory import Directory
from contact_registry.drills.models import DeskPhase, Drill, find_last_results
from contact_registry.drills.schedule import RULES, DrillRules, list_desk_phases
from contact_registry.drills.states import DrillState
from contact_registry.models import Authority, ListedBy
from contact_registry.standing_in import find_valid
from protocol.identifiers import ParticipantCode, get_participant_of

#: A confirmation without a review date of its own is good for half a year.
CONFIRMED_FOR: Final = timedelta(days=180)
#: A review is announced so long before it is due.
SOON: Final = timedelta(days=30)


class ReviewState(StrEnum):
    """Whether somebody has looked at an entry in time."""

    IN_TIME = "in_time"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    #: The Participant answers for the entry, and has never said when it looked at it.
    NEVER_CONFIRMED = "never_confirmed"
    #: The operators typed it in; nobody of the Participant has confirmed it.
    LISTED_BY_OPERATOR = "listed_by_operator"


@dataclass(frozen=True, slots=True)
class Review:
    """Where the review of one desk stands. ``due`` is None if nobody ever confirmed the entry."""

    authority: Authority
    state: ReviewState
    due: date | None


def judge_review(authority: Authority, *, listed_by: ListedBy, today: date) -> Review:
    """Say when a desk has to be looked at again; ``today`` is the day where it is.

    The day that the entry names counts; without one, half a year after it was confirmed. What is
    due today is not overdue yet.
    """
    due = authority.review_due
    if due is None and authority.last_confirmed is not None:
        due = min(authority.last_confirmed, date.max - CONFIRMED_FOR) + CONFIRMED_FOR
    if due is not None and due < today:
        return Review(authority, ReviewState.OVERDUE, due)
    if listed_by is ListedBy.OPERATOR:
        return Review(authority, ReviewState.LISTED_BY_OPERATOR, due)
    if authority.last_confirmed is None:
        return Review(authority, ReviewState.NEVER_CONFIRMED, due)
    soon = due is not None and due - today <= SOON
    return Review(authority, ReviewState.DUE_SOON if soon else ReviewState.IN_TIME, due)


def list_reviews(
    directory: Directory, at: datetime, *, participant: ParticipantCode
) -> tuple[Review, ...]:
    """Return the review of each desk that is listed at a moment, the most urgent first."""
    document = directory.contacts.get(participant)
    if document is None:
        return ()
    reviews = [
        judge_review(
            authority,
            listed_by=document.listed_by,
            today=at.astimezone(ZoneInfo(authority.time_zone)).date(),
        )
        for authority in find_valid(document.authorities, at)
    ]
    return tuple(sorted(reviews, key=lambda each: (each.due or date.min, each.authority.id)))


class Mark(StrEnum):
    """What is marked."""

    FRESHNESS = "freshness"
    COVERAGE = "coverage"
    DRILLS = "drills"


class LossReason(StrEnum):
    """Why points were lost."""

    NOTHING_LISTED = "nothing_listed"
    REVIEW_OVERDUE = "review_overdue"
    NEVER_CONFIRMED = "never_confirmed"
    LISTED_BY_OPERATOR = "listed_by_operator"
    NOBODY_IN_HOURS = "nobody_in_hours"
    NOBODY_OUT_OF_HOURS = "nobody_out_of_hours"
    ONLY_STAND_IN = "only_stand_in"
    NEVER_DRILLED = "never_drilled"
    DRILL_TOO_OLD = "drill_too_old"
    DRILL_OVERDUE = "drill_overdue"
    DRILL_FAILED = "drill_failed"
    ENTRY_WRONG = "entry_wrong"


@dataclass(frozen=True, slots=True)
class Loss:
    """``count`` desks, cells or pairs of desk and phase that lost points for one reason."""

    reason: LossReason
    count: int


@dataclass(frozen=True, slots=True)
class Score:
    """A mark: 0 to 100, of how many things, and where points were lost, the most first."""

    points: int
    of: int
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class ParticipantScore:
    """The three marks of a Participant."""

    participant: ParticipantCode
    scores: Mapping[Mark, Score]

    @property
    def weakest(self) -> Mark:
        """The mark to begin with; of equals the first in the order of :class:`Mark`."""
        return min(Mark, key=lambda mark: self.scores[mark].points)


#: What one desk, cell or pair counts, of 1, and why it does not count whole. Half: somebody can be
#: reached, but not as the list promises. What is due soon is still in time.
_REVIEWS: Final[Mapping[ReviewState, tuple[float, LossReason | None]]] = MappingProxyType(
    {
        ReviewState.IN_TIME: (1.0, None),
        ReviewState.DUE_SOON: (1.0, None),
        ReviewState.LISTED_BY_OPERATOR: (0.5, LossReason.LISTED_BY_OPERATOR),
        ReviewState.NEVER_CONFIRMED: (0.0, LossReason.NEVER_CONFIRMED),
        ReviewState.OVERDUE: (0.0, LossReason.REVIEW_OVERDUE),
    }
)
_DRILLS: Final[Mapping[DrillState, tuple[float, LossReason | None]]] = MappingProxyType(
    {
        DrillState.ANSWERED: (1.0, None),
        DrillState.ANSWERED_LATE: (0.5, LossReason.DRILL_OVERDUE),
        DrillState.OVERDUE: (0.0, LossReason.DRILL_OVERDUE),
        DrillState.UNANSWERED: (0.0, LossReason.DRILL_FAILED),
        DrillState.UNREACHED: (0.0, LossReason.DRILL_FAILED),
    }
)


def score_participants(
    directory: Directory,
    drills: Iterable[Drill],
    *,
    at: datetime,
    coverage: Coverage | None = None,
    rules: DrillRules = RULES,
) -> tuple[ParticipantScore, ...]:
    """Mark every Participant, in the order of the registry.

    ``drills`` stand as of ``at``; ``coverage`` is that of the same directory and moment, if the
    caller has it already. A drill says nothing about today any more after twice the pause between
    two drills that the ``rules`` set.
    """
    count_from = at - 2 * rules.interval
    cells: dict[ParticipantCode, list[CoverageCell]] = {}
    for cell in (coverage or list_coverage(directory, at)).cells:
        cells.setdefault(cell.participant, []).append(cell)
    last = find_last_results(drills)
    pairs: dict[ParticipantCode, list[DeskPhase]] = {}
    for authority, phase in list_desk_phases(directory, at):
        code = get_participant_of(authority.id)
        pairs.setdefault(code, []).append((authority.id, phase))
    return tuple(
        ParticipantScore(
            entry.code,
            MappingProxyType(
                {
                    Mark.FRESHNESS: _sum_up(
                        _REVIEWS[review.state]
                        for review in list_reviews(directory, at, participant=entry.code)
                    ),
                    Mark.COVERAGE: _sum_up(map(_weigh_cell, cells.get(entry.code, ()))),
                    Mark.DRILLS: _sum_up(
                        _weigh_drill(last.get(pair), count_from)
                        for pair in pairs.get(entry.code, ())
                    ),
                }
            ),
        )
        for entry in directory.participants
    )


def list_wrong_entries(directory: Directory, drills: Iterable[Drill]) -> tuple[Drill, ...]:
    """Return the drills that found an entry wrong which nobody has confirmed since, oldest first.

    An entry that was confirmed on the day of the answer is listed until the day after: days do not
    tell which of the two came first.
    """
    found = []
    for drill in find_last_results(drills).values():
        authority = directory.authority(drill.question.authority)
        if drill.result is None or not drill.found_entry_wrong or authority is None:
            continue
        confirmed = authority.last_confirmed
        if confirmed is None or confirmed <= drill.result.answered_at.date():
            found.append((drill.result.answered_at, drill.drill_id, drill))
    return tuple(drill for _, _, drill in sorted(found, key=lambda each: each[:2]))


def _weigh_cell(cell: CoverageCell) -> tuple[float, LossReason | None]:
    if cell.state is CoverageState.COVERED:
        return 1.0, None
    if cell.state is CoverageState.STAND_IN:
        return 0.5, LossReason.ONLY_STAND_IN
    by_night = cell.hours is Hours.OUT
    return 0.0, LossReason.NOBODY_OUT_OF_HOURS if by_night else LossReason.NOBODY_IN_HOURS


def _weigh_drill(drill: Drill | None, count_from: datetime) -> tuple[float, LossReason | None]:
    if drill is None:
        return 0.0, LossReason.NEVER_DRILLED
    if drill.question.asked_at < count_from:
        return 0.0, LossReason.DRILL_TOO_OLD
    if drill.found_entry_wrong:
        return 0.5, LossReason.ENTRY_WRONG
    return _DRILLS[drill.state]


def _sum_up(weighed: Iterable[tuple[float, LossReason | None]]) -> Score:
    """Round down: a hundred means that nothing is missing."""
    parts = list(weighed)
    if not parts:
        return Score(0, 0, (Loss(LossReason.NOTHING_LISTED, 1),))
    points = int(100 * sum(weight for weight, _ in parts) / len(parts))
    counted = Counter(reason for _, reason in parts if reason is not None)
    return Score(points, len(parts), tuple(_order(counted)))


def _order(counted: Counter[LossReason]) -> Iterator[Loss]:
    for reason, count in sorted(counted.items(), key=lambda each: (-each[1], each[0])):
        yield Loss(reason, count)
