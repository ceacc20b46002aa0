"""The gates of a return as data: what is recorded, what follows from messages, what is missing.

The policy asks for them before a message leaves (``protocol.policy.gates``). Which six checks come
before the return of a foreign person is this product's own list: what regional guidance asks to
be looked into before anybody is sent to a place that is not their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from protocol.messages.fields import Day, LanguageField, Narrative, TriState
from protocol.messages.return_readiness import InformedOf
from protocol.policy.facts import ReturnFacts


class ForeignCheck(StrEnum):
    """One of the six checks before the return of a foreign person."""

    IDENTITY_AND_DOCUMENTS = "identity_and_documents"
    RIGHT_TO_STAY_AND_PROCEEDINGS = "right_to_stay_and_proceedings"
    THREATS_AT_THE_PLACE = "threats_at_the_place"
    FAMILY_AND_HOME = "family_and_home"
    ASSISTANCE_THERE = "assistance_there"
    FITNESS_TO_TRAVEL = "fitness_to_travel"


class WhoCan(StrEnum):
    """Who can do what is missing."""

    OUR_FOCAL_POINT = "our_focal_point"
    PERSON = "person"
    GUARDIAN = "guardian"
    THEIR_DESK = "their_desk"
    CHILD_PROTECTION = "child_protection"


class ReturnJourney(BaseModel):
    """What this side recorded of a return. Whatever nobody recorded is missing.

    That the reception was confirmed and the notice acknowledged follows from the other side's
    answers; ``reception_confirmed`` is for a confirmation that came another way, on paper.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_foreign_person: bool = True
    decision_recorded: bool = False
    is_voluntary: bool = False
    decided_on: Day | None = None
    explained_in: LanguageField | None = None
    informed_of: Annotated[tuple[InformedOf, ...], Field(max_length=len(InformedOf))] = ()
    risk_assessed: bool = False
    reception_confirmed: bool = False
    checks: Annotated[tuple[ForeignCheck, ...], Field(max_length=len(ForeignCheck))] = ()
    is_under_way: bool = False
    best_interest_assessed: bool = False
    is_to_family: bool = False
    family_assessed: bool = False
    person_agrees_to_family: TriState = TriState.UNKNOWN
    family_agrees: TriState = TriState.UNKNOWN
    note: Narrative | None = None


NOTHING_PREPARED: Final = ReturnJourney()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the other side said, as the messages of the case show it."""

    reception_confirmed: bool = False
    notice_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """A return in its case."""

    journey: ReturnJourney
    answers: Answers
    treated_as_child: bool = False
    guardian_appointed: bool = False


class ReturnStep(StrEnum):
    """What a return needs, in the order in which it is usually done."""

    INFORMED_DECISION = "informed_decision"
    VOLUNTARY = "voluntary"
    RISK_ASSESSMENT = "risk_assessment"
    SIX_CHECKS = "six_checks"
    GUARDIAN = "guardian"
    BEST_INTEREST = "best_interest"
    FAMILY_ASSESSMENT = "family_assessment"
    PERSON_AGREES_TO_FAMILY = "person_agrees_to_family"
    FAMILY_AGREES = "family_agrees"
    RECEPTION_CONFIRMED = "reception_confirmed"
    NOTICE_ACKNOWLEDGED = "notice_acknowledged"


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that a return still lacks. ``details`` are codes."""

    step: ReturnStep
    who: WhoCan
    details: tuple[str, ...] = ()


def make_facts(situation: Situation) -> ReturnFacts:
    """Return a return as the policy takes it."""
    journey, answers = situation.journey, situation.answers
    return ReturnFacts(
        decision_recorded=journey.decision_recorded and bool(journey.informed_of),
        is_voluntary=journey.is_voluntary,
        risk_assessed=journey.risk_assessed,
        foreign_checks_done=not journey.is_foreign_person or not _list_unchecked(journey),
        reception_confirmed=journey.reception_confirmed or answers.reception_confirmed,
        is_under_way=journey.is_under_way,
        notice_acknowledged=answers.notice_acknowledged,
        best_interest_assessed=journey.best_interest_assessed,
        is_to_family=journey.is_to_family,
        family_assessed=journey.family_assessed,
        person_agrees_to_family=journey.person_agrees_to_family is TriState.YES,
        family_agrees=journey.family_agrees is TriState.YES,
    )


def _list_unchecked(journey: ReturnJourney) -> tuple[str, ...]:
    return tuple(str(each) for each in ForeignCheck if each not in journey.checks)


def list_missing(situation: Situation) -> tuple[Missing, ...]:
    """Say what a return still lacks, and who can do it."""
    return tuple(_find_missing(situation))


_WHO: Final[Mapping[ReturnStep, WhoCan]] = MappingProxyType(
    {
        ReturnStep.INFORMED_DECISION: WhoCan.PERSON,
        ReturnStep.VOLUNTARY: WhoCan.PERSON,
        ReturnStep.RISK_ASSESSMENT: WhoCan.OUR_FOCAL_POINT,
        ReturnStep.SIX_CHECKS: WhoCan.OUR_FOCAL_POINT,
        ReturnStep.GUARDIAN: WhoCan.CHILD_PROTECTION,
        ReturnStep.BEST_INTEREST: WhoCan.GUARDIAN,
        ReturnStep.FAMILY_ASSESSMENT: WhoCan.THEIR_DESK,
        ReturnStep.PERSON_AGREES_TO_FAMILY: WhoCan.PERSON,
        ReturnStep.FAMILY_AGREES: WhoCan.THEIR_DESK,
        ReturnStep.RECEPTION_CONFIRMED: WhoCan.THEIR_DESK,
        ReturnStep.NOTICE_ACKNOWLEDGED: WhoCan.THEIR_DESK,
    }
)


def _find_missing(situation: Situation) -> Iterator[Missing]:
    facts, journey = make_facts(situation), situation.journey
    is_child = situation.treated_as_child
    met = {
        ReturnStep.INFORMED_DECISION: facts.decision_recorded,
        ReturnStep.VOLUNTARY: facts.is_voluntary,
        ReturnStep.RISK_ASSESSMENT: facts.risk_assessed,
        ReturnStep.SIX_CHECKS: facts.foreign_checks_done,
        ReturnStep.GUARDIAN: not is_child or situation.guardian_appointed,
        ReturnStep.BEST_INTEREST: not is_child or facts.best_interest_assessed,
        ReturnStep.FAMILY_ASSESSMENT: not facts.is_to_family or facts.family_assessed,
        ReturnStep.PERSON_AGREES_TO_FAMILY: (
            not facts.is_to_family or facts.person_agrees_to_family
        ),
        ReturnStep.FAMILY_AGREES: not facts.is_to_family or facts.family_agrees,
        ReturnStep.RECEPTION_CONFIRMED: facts.reception_confirmed,
        ReturnStep.NOTICE_ACKNOWLEDGED: facts.notice_acknowledged,
    }
    for step in ReturnStep:
        if not met[step]:
            details = _list_unchecked(journey) if step is ReturnStep.SIX_CHECKS else ()
            yield Missing(step, _WHO[step], details)
