"""The individual assistance plan of the phase social inclusion."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, PersonGroup, Service, Whereabouts
from protocol.messages.fields import (
    AuthorityField,
    Day,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import CaseManager, CaseMessage, CasePersonBody, ConsentGiver
from protocol.messages.rules import verify_order


class PlanChange(StrEnum):
    """What became of a plan since it was last told."""

    DRAWN_UP = "drawn_up"
    REVISED = "revised"
    COMPLETED = "completed"
    ENDED_EARLY = "ended_early"


class PlanDecision(StrEnum):
    """What the person, or who decides for a child, says to the plan."""

    AGREED = "agreed"
    AGREED_IN_PART = "agreed_in_part"
    NOT_YET_DECIDED = "not_yet_decided"
    REFUSED = "refused"


class PlanConsent(Model):
    """Consent to carry the plan out; consent to sending data is the message's legal basis.

    Rules: whoever has decided is named in ``decided_by``, with ``decided_on``; where nothing is
    decided yet, both are absent. ``agreed_in_part`` says in ``part_note`` what is not agreed to.
    """

    decision: Annotated[PlanDecision, Sensitivity.NONE]
    decided_by: Annotated[ConsentGiver | None, Sensitivity.NONE] = None
    decided_on: Annotated[Day | None, Sensitivity.NONE] = None
    written: Annotated[TriState, Sensitivity.NONE]
    part_note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_decision(self) -> Self:
        decided = self.decision is not PlanDecision.NOT_YET_DECIDED
        if decided != (self.decided_by is not None) or decided != (self.decided_on is not None):
            raise ValueError(
                "Say who decided on the plan and when; leave both out while nothing is decided."
            )
        if self.decision is PlanDecision.AGREED_IN_PART and self.part_note is None:
            raise ValueError("Say in the part note which part of the plan is not agreed to.")
        return self


class PlanArea(StrEnum):
    """Areas of life that a goal belongs to."""

    HOUSING = "housing"
    HEALTH = "health"
    PSYCHOLOGICAL_WELLBEING = "psychological_wellbeing"
    SAFETY = "safety"
    FAMILY_AND_RELATIONS = "family_and_relations"
    EDUCATION = "education"
    WORK = "work"
    INCOME = "income"
    LEGAL_POSITION = "legal_position"
    DOCUMENTS = "documents"
    SOCIAL_LIFE = "social_life"
    OTHER = "other"


class PlanTerm(StrEnum):
    """How far ahead a goal lies: short is three to six months, long is more."""

    SHORT = "short"
    LONG = "long"


class PlanProgress(StrEnum):
    """How far a goal or an activity has come."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    REACHED = "reached"
    GIVEN_UP = "given_up"


class PlanActivity(Model):
    """One activity: which service, by whom, who answers for it, and when.

    Rules: ``service`` = ``other`` says in ``description`` what it is; ``ends_on`` is not before
    ``starts_on``.
    """

    service: Annotated[Service, Sensitivity.NONE]
    description: Annotated[Line | None, Sensitivity.PROTECTION] = None
    #: The organisation, where the registry does not list it. A shelter is never named here.
    provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    provider_authority: Annotated[AuthorityField | None, Sensitivity.PROTECTION] = None
    #: A post, never a private person.
    responsible: Annotated[Line | None, Sensitivity.PROTECTION] = None
    starts_on: Annotated[Day | None, Sensitivity.NONE] = None
    ends_on: Annotated[Day | None, Sensitivity.NONE] = None
    progress: Annotated[PlanProgress, Sensitivity.NONE]

    @model_validator(mode="after")
    def _verify_content(self) -> Self:
        if self.service is Service.OTHER and self.description is None:
            raise ValueError("Describe the activity: its service is 'other'.")
        verify_order(self.starts_on, self.ends_on)
        return self


class PlanGoal(Model):
    """What the person wants to reach, and the steps to it.

    Rules: ``area`` = ``other`` says in ``goal`` what it is.
    """

    area: Annotated[PlanArea, Sensitivity.NONE]
    #: In the person's own words where possible; what concerns health stands in the health note.
    goal: Annotated[Line | None, Sensitivity.PROTECTION] = None
    term: Annotated[PlanTerm, Sensitivity.NONE]
    reach_by: Annotated[Day | None, Sensitivity.NONE] = None
    progress: Annotated[PlanProgress, Sensitivity.NONE]
    activities: Annotated[tuple[PlanActivity, ...], Field(max_length=12)] = ()

    @model_validator(mode="after")
    def _verify_area(self) -> Self:
        if self.area is PlanArea.OTHER and self.goal is None:
            raise ValueError("Say what the goal is: its area is 'other'.")
        return self


class AssistancePlanBody(CasePersonBody):
    """The individual assistance plan: goals, activities, services, providers, dates, consent.

    Rules: ``ends_on`` is not before ``starts_on``; for a child a guardian or a parent decides;
    ``ended_early`` says why in ``note``; a refused plan has no activity under way or reached.
    """

    change: Annotated[PlanChange, Sensitivity.NONE]
    drawn_up_on: Annotated[Day, Sensitivity.NONE]
    review_on: Annotated[Day | None, Sensitivity.NONE] = None
    starts_on: Annotated[Day | None, Sensitivity.NONE] = None
    ends_on: Annotated[Day | None, Sensitivity.NONE] = None
    carried_out: Annotated[Whereabouts, Sensitivity.NONE]
    took_part: Annotated[TriState, Sensitivity.NONE]
    consent: PlanConsent
    case_manager: CaseManager
    goals: Annotated[tuple[PlanGoal, ...], Field(min_length=1, max_length=12)]
    health_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    family_note: Annotated[Narrative | None, Sensitivity.FAMILY] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_plan(self) -> Self:
        verify_order(self.starts_on, self.ends_on)
        if (
            self.person_group is PersonGroup.CHILD
            and self.consent.decided_by is ConsentGiver.PERSON
        ):
            raise ValueError("For a child the guardian or a parent who is no suspect decides.")
        if self.change is PlanChange.ENDED_EARLY and self.note is None:
            raise ValueError("Say in the note why the plan ended early.")
        if self.consent.decision is PlanDecision.REFUSED and any(
            activity.progress in {PlanProgress.UNDER_WAY, PlanProgress.REACHED}
            for goal in self.goals
            for activity in goal.activities
        ):
            raise ValueError("A plan that was refused is not carried out: correct the activities.")
        return self


class AssistancePlan(CaseMessage):
    """The individual assistance plan, when it is drawn up and whenever it changes.

    Rules: a plan that was ``drawn_up`` is a notification, and every other change an update.
    """

    type: Literal["social_inclusion.assistance_plan"] = "social_inclusion.assistance_plan"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION, Kind.UPDATE]
    phase: Literal[Phase.SOCIAL_INCLUSION]
    body: AssistancePlanBody

    @model_validator(mode="after")
    def _verify_change(self) -> Self:
        if (self.body.change is PlanChange.DRAWN_UP) != (self.kind is Kind.NOTIFICATION):
            raise ValueError("A new plan is a notification; a changed or ended one is an update.")
        return self
