"""Drills and marks in words: one place for node and hub."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from console.i18n import Message, msg, nmsg, pmsg
from contact_registry.directory import Directory
from contact_registry.drills.answering import is_confirmed_by_node
from contact_registry.drills.models import Drill
from contact_registry.drills.states import DrillState
from contact_registry.freshness import (
    Loss,
    LossReason,
    Mark,
    ParticipantScore,
    Review,
    ReviewState,
    Score,
)
from directory_pages.codes import Words, say
from directory_pages.looks import Look
from protocol.drill_answer import AnsweredBy, DrillOutcome

#: From here on a mark is called good; below, it asks for somebody.
_GOOD: Final = 90
#: Below this more is wrong with a list than right: it is named on the operators' overview.
POOR: Final = 50

STATE_LOOKS: Final[Mapping[DrillState, Look]] = MappingProxyType(
    {
        DrillState.ASKED: Look(pmsg("drill", "Asked, no answer yet"), "info", "hourglass"),
        DrillState.OVERDUE: Look(pmsg("drill", "Overdue"), "danger", "alarm-clock"),
        DrillState.ANSWERED: Look(pmsg("drill", "Reached in time"), "ok", "circle-check"),
        DrillState.ANSWERED_LATE: Look(pmsg("drill", "Reached, late"), "warn", "clock"),
        DrillState.UNREACHED: Look(pmsg("drill", "Nobody was reached"), "danger", "circle-alert"),
        DrillState.UNANSWERED: Look(pmsg("drill", "Never answered"), "danger", "circle-alert"),
        DrillState.WITHDRAWN: Look(pmsg("drill", "Withdrawn"), "neutral", "ban"),
    }
)

OUTCOMES: Final[Mapping[str, Message]] = MappingProxyType(
    {
        DrillOutcome.REACHED: msg("Reached, and the entry is right"),
        DrillOutcome.ENTRY_WRONG: msg("Reached, but the entry has to be corrected"),
        DrillOutcome.NOT_REACHED: msg("Nobody was reached"),
    }
)

ANSWERED_BY: Final[Mapping[str, Message]] = MappingProxyType(
    {
        AnsweredBy.DESK: pmsg("drill", "The desk itself"),
        AnsweredBy.RESERVE: pmsg("drill", "Its reserve"),
        AnsweredBy.OUT_OF_HOURS: pmsg("drill", "Its out-of-hours route"),
        AnsweredBy.NOBODY: pmsg("drill", "Nobody"),
    }
)

SIGNED: Final = Look(msg("Signed by its node, checked here"), "ok", "shield-check")
UNCHECKED: Final = Look(
    msg("The hub says so; the signature cannot be checked with today's keys"),
    "neutral",
    "circle-dashed",
)
BY_TELEPHONE: Final = Look(
    msg("The hub says so: its operators were told on the telephone"), "neutral", "phone"
)
NOT_ANSWERED: Final = Look(msg("The hub says so"), "neutral", "building-2")

MARK_NAMES: Final[Mapping[Mark, Message]] = MappingProxyType(
    {
        Mark.FRESHNESS: pmsg("mark", "Freshness"),
        Mark.COVERAGE: pmsg("mark", "Coverage"),
        Mark.DRILLS: pmsg("mark", "Reachability"),
    }
)

REVIEW_LOOKS: Final[Mapping[ReviewState, Look]] = MappingProxyType(
    {
        ReviewState.IN_TIME: Look(pmsg("review", "Looked at in time"), "ok", "circle-check"),
        ReviewState.DUE_SOON: Look(pmsg("review", "Review due soon"), "warn", "hourglass"),
        ReviewState.OVERDUE: Look(pmsg("review", "Review overdue"), "danger", "alarm-clock"),
        ReviewState.NEVER_CONFIRMED: Look(
            pmsg("review", "Never confirmed"), "warn", "circle-dashed"
        ),
        ReviewState.LISTED_BY_OPERATOR: Look(
            pmsg("directory", "Listed by the operator"), "neutral", "building-2"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """A drill ready to be shown. ``proof`` says on whose word it rests."""

    drill: Drill
    phase: Words
    look: Look
    proof: Look
    answered_by: Message | None
    #: When somebody answered, else when it was asked.
    at: datetime
    is_entry_wrong: bool


def describe_drill(drill: Drill, directory: Directory | None) -> DrillFacts:
    """Describe a drill; without a directory no signature can be checked."""
    result = drill.result
    confirmed = directory is not None and is_confirmed_by_node(drill, directory)
    if result is None:
        proof = NOT_ANSWERED
    elif confirmed:
        proof = SIGNED
    else:
        proof = UNCHECKED if result.signed else BY_TELEPHONE
    return DrillFacts(
        drill=drill,
        phase=say(drill.question.phase),
        look=STATE_LOOKS[drill.state],
        proof=proof,
        answered_by=ANSWERED_BY[result.answered_by] if result else None,
        at=result.answered_at if result else drill.question.asked_at,
        is_entry_wrong=drill.found_entry_wrong,
    )


@dataclass(frozen=True, slots=True)
class MarkFacts:
    """One mark ready to be shown: a tag, and what lost points to what."""

    mark: Mark
    name: Message
    look: Look
    score: Score
    losses: tuple[Words, ...]


def describe_score(score: ParticipantScore) -> list[MarkFacts]:
    """Describe the marks of a Participant, in their order."""
    return [
        MarkFacts(
            mark=mark,
            name=MARK_NAMES[mark],
            look=_look_of(score.scores[mark]),
            score=score.scores[mark],
            losses=tuple(_say_losses(score.scores[mark].losses)),
        )
        for mark in Mark
    ]


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """A desk's review ready to be shown."""

    review: Review
    look: Look


def describe_review(review: Review) -> ReviewFacts:
    """Describe where a desk's review stands."""
    return ReviewFacts(review, REVIEW_LOOKS[review.state])


def _look_of(score: Score) -> Look:
    word = msg("%(points)s of 100", points=score.points)
    if score.points >= _GOOD:
        return Look(word, "ok", "circle-check")
    if score.points >= POOR:
        return Look(word, "warn", "triangle-alert")
    return Look(word, "danger", "circle-alert")


def _say_losses(losses: Iterable[Loss]) -> Iterator[Words]:
    for loss in losses:
        yield _LOSSES[loss.reason](loss.count)


_LOSSES: Final[Mapping[LossReason, Callable[[int], Message]]] = MappingProxyType(
    {
        LossReason.NOTHING_LISTED: lambda _count: msg("Lists no desk at all"),
        LossReason.REVIEW_OVERDUE: lambda count: nmsg(
            "%(count)s desk not looked at in time", "%(count)s desks not looked at in time", count
        ),
        LossReason.NEVER_CONFIRMED: lambda count: nmsg(
            "%(count)s desk never confirmed", "%(count)s desks never confirmed", count
        ),
        LossReason.LISTED_BY_OPERATOR: lambda count: nmsg(
            "%(count)s desk listed by the operator", "%(count)s desks listed by the operator", count
        ),
        LossReason.NOBODY_IN_HOURS: lambda count: nmsg(
            "nobody in hours in %(count)s case", "nobody in hours in %(count)s cases", count
        ),
        LossReason.NOBODY_OUT_OF_HOURS: lambda count: nmsg(
            "nobody out of hours in %(count)s case", "nobody out of hours in %(count)s cases", count
        ),
        LossReason.ONLY_STAND_IN: lambda count: nmsg(
            "only a stand-in in %(count)s case", "only a stand-in in %(count)s cases", count
        ),
        LossReason.NEVER_DRILLED: lambda count: nmsg(
            "%(count)s desk and phase never asked", "%(count)s desks and phases never asked", count
        ),
        LossReason.DRILL_TOO_OLD: lambda count: nmsg(
            "%(count)s drill too old to count", "%(count)s drills too old to count", count
        ),
        LossReason.DRILL_OVERDUE: lambda count: nmsg(
            "%(count)s drill late or overdue", "%(count)s drills late or overdue", count
        ),
        LossReason.DRILL_FAILED: lambda count: nmsg(
            "%(count)s drill that reached nobody", "%(count)s drills that reached nobody", count
        ),
        LossReason.ENTRY_WRONG: lambda count: nmsg(
            "%(count)s drill that found the entry wrong",
            "%(count)s drills that found the entry wrong",
            count,
        ),
    }
)
