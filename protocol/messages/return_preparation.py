"""Messages of the phase return that prepare one: risk assessment, family tracing, documents."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import RiskLevel
from protocol.messages.fields import (
    AuthorityField,
    Day,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, AskingOrTelling, CasePersonBody
from protocol.messages.return_readiness import BestInterest, ReturnDestination
from protocol.messages.rules import verify_noted, verify_order


class ReturnRiskAspect(StrEnum):
    """What a risk and social-inclusion assessment looks at."""

    BEING_TRAFFICKED_AGAIN = "being_trafficked_again"
    REPRISAL_BY_TRAFFICKERS = "reprisal_by_traffickers"
    DEBT_TO_TRAFFICKERS = "debt_to_traffickers"
    VIOLENCE_IN_THE_FAMILY = "violence_in_the_family"
    STIGMA_AND_REJECTION = "stigma_and_rejection"
    SAFETY_OF_THE_JOURNEY = "safety_of_the_journey"
    PROTECTION_BY_POLICE = "protection_by_police"
    PROSECUTION_OR_DETENTION = "prosecution_or_detention"
    HOUSING = "housing"
    LIVELIHOOD = "livelihood"
    EDUCATION = "education"
    HEALTH_CARE = "health_care"
    SUPPORT_SERVICES = "support_services"
    BEST_INTEREST_OF_THE_CHILD = "best_interest_of_the_child"
    OTHER = "other"


class ReturnRiskQuestion(Model):
    """What is to be assessed, for which return.

    Rules: another aspect has a note.
    """

    destination: Annotated[ReturnDestination, Sensitivity.PROTECTION]
    #: Towns or districts; never a shelter.
    places: Annotated[tuple[Line, ...], Field(min_length=1, max_length=5), Sensitivity.PROTECTION]
    aspects: Annotated[
        tuple[ReturnRiskAspect, ...],
        Field(min_length=1, max_length=len(ReturnRiskAspect)),
        Sensitivity.NONE,
    ]
    known_risks: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    return_expected_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    management_plan_wanted: Annotated[bool, Sensitivity.NONE]
    #: Whether the assessor may speak with the family or neighbours at all.
    may_approach_family: Annotated[TriState, Sensitivity.PROTECTION]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted(self.aspects, self.note)
        return self


class RiskFinding(Model):
    """What was found on one aspect.

    Rules: a medium or high risk, and another aspect, have a finding.
    """

    aspect: Annotated[ReturnRiskAspect, Sensitivity.NONE]
    level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    finding: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    mitigation: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_finding(self) -> Self:
        telling = self.level in {RiskLevel.MEDIUM, RiskLevel.HIGH}
        if self.finding is None and (telling or self.aspect is ReturnRiskAspect.OTHER):
            raise ValueError("Say what was found: a medium or high risk, or another aspect.")
        return self


class RiskMeasure(Model):
    """One measure of the risk management plan.

    Rules: either an authority or a provider is responsible; the days are in order.
    """

    measure: Annotated[Line, Sensitivity.PROTECTION]
    responsible: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    responsible_provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    from_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    until_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    #: The event on which it is taken, if it is not taken at once.
    taken_if: Annotated[Line | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_measure(self) -> Self:
        if (self.responsible is None) == (self.responsible_provider is None):
            raise ValueError("Name one that is responsible: an authority, or else a provider.")
        verify_order(self.from_on, self.until_on)
        return self


class ReturnRecommendation(StrEnum):
    """What the assessor recommends."""

    RETURN_POSSIBLE = "return_possible"
    POSSIBLE_WITH_MEASURES = "possible_with_measures"
    POSTPONE = "postpone"
    POSSIBLE_TO_ANOTHER_PLACE = "possible_to_another_place"
    RETURN_NOT_ADVISED = "return_not_advised"


_RANK: Final = {RiskLevel.LOW: 0, RiskLevel.MEDIUM: 1, RiskLevel.HIGH: 2}


class ReturnRiskAnswer(Answer):
    """The risk and social-inclusion assessment, and the plan to manage the risks.

    Rules: the level is low, medium or high, and not below the highest finding; at high risk a
    return is not simply possible; possible with measures has a plan; a plan, and nothing else,
    says whether the person agrees to it; the review lies after the assessment.
    """

    answers: Literal["return.risk_assessment"] = "return.risk_assessment"
    assessed_on: Annotated[Day, Sensitivity.NONE]
    #: The office or post, not a person.
    assessed_by: Annotated[Line, Sensitivity.NONE]
    level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    recommendation: Annotated[ReturnRecommendation, Sensitivity.PROTECTION]
    findings: Annotated[tuple[RiskFinding, ...], Field(min_length=1, max_length=20)]
    plan: Annotated[tuple[RiskMeasure, ...], Field(max_length=20)] = ()
    plan_agreed_with_person: Annotated[TriState | None, Sensitivity.NONE] = None
    best_interest: BestInterest | None = None
    review_on: Annotated[Day | None, Sensitivity.NONE] = None
    summary: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @property
    def treated_as_child(self) -> bool:
        """Whether the best interest of a child is spoken of."""
        return self.best_interest is not None

    @model_validator(mode="after")
    def _verify_level(self) -> Self:
        if self.level is RiskLevel.NOT_YET_ASSESSED:
            raise ValueError("An assessment says low, medium or high: answer when it is done.")
        if self.level is RiskLevel.HIGH and (
            self.recommendation is ReturnRecommendation.RETURN_POSSIBLE
        ):
            raise ValueError(
                "At high risk a return is not simply possible: recommend measures, another place, "
                "a later day, or no return."
            )
        if _RANK[self.level] < max(_RANK.get(item.level, 0) for item in self.findings):
            raise ValueError("The level as a whole is not below the highest finding: raise it.")
        if self.review_on is not None and self.review_on <= self.assessed_on:
            raise ValueError("The review follows the assessment: correct one of the days.")
        return self

    @model_validator(mode="after")
    def _verify_plan(self) -> Self:
        if self.recommendation is ReturnRecommendation.POSSIBLE_WITH_MEASURES and not self.plan:
            raise ValueError("A return that is possible with measures names the measures.")
        if bool(self.plan) != (self.plan_agreed_with_person is not None):
            raise ValueError("Of a plan, and only of a plan, say whether the person agrees to it.")
        return self


class ReturnRiskBody(CasePersonBody):
    """A question for, or the unasked result of, a risk and social-inclusion assessment.

    Rules: the best interest is asked for, or told of, for a child, and only then.
    """

    question: ReturnRiskQuestion | None = None
    information: ReturnRiskAnswer | None = None

    @model_validator(mode="after")
    def _verify_child_aspect(self) -> Self:
        asked = self.question is not None and (
            ReturnRiskAspect.BEST_INTEREST_OF_THE_CHILD in self.question.aspects
        )
        if self.question is not None and asked != self.treated_as_child:
            raise ValueError("Ask for the best interest of a child, always; of an adult, never.")
        told = self.information is not None and self.information.best_interest is not None
        if self.information is not None and told != self.treated_as_child:
            raise ValueError(
                "Say how far the best-interest assessment of the child has come, or, for an adult, "
                "leave it out."
            )
        return self


class ReturnRiskAssessment(AskingOrTelling):
    """Risk and social-inclusion assessment before a return; risk management plan."""

    type: Literal["return.risk_assessment"] = "return.risk_assessment"
    version: Literal[1] = 1
    phase: Literal[Phase.RETURN]
    body: ReturnRiskBody
