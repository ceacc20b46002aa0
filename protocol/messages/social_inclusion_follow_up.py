"""The case follow-up form of the phase social inclusion, part by part as practice knows it.

Every question of the form may stay open: a part that does not apply is left out, and within a part
``unknown`` is an answer.
"""

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, PersonGroup, Service
from protocol.messages.fields import Day, Line, Model, Narrative, Sensitivity, TriState
from protocol.messages.head import CaseManager, CaseMessage, CasePersonBody
from protocol.messages.person import Identity, PersonalContact
from protocol.messages.risk import ShelterCode
from protocol.messages.rules import Period


class MaritalStatus(StrEnum):
    """Marital status."""

    SINGLE = "single"
    MARRIED = "married"
    COHABITING = "cohabiting"
    SEPARATED = "separated"
    DIVORCED = "divorced"
    WIDOWED = "widowed"
    UNKNOWN = "unknown"


class ConfidentialPart(Model):
    """Part I of the form, strictly confidential: who the person is.

    It travels only under the rule for names (agreement and written consent); left out, the case
    reference alone stands for the person. Its parts are never split among other fields.
    """

    # The body of a route of the interface: FastAPI asks for its validator when the route is made.
    model_config = ConfigDict(defer_build=False)

    identity: Identity
    contact: PersonalContact | None = None
    marital_status: Annotated[MaritalStatus | None, Sensitivity.FAMILY] = None
    children_count: Annotated[int | None, Field(ge=0, le=30), Sensitivity.FAMILY] = None
    children_note: Annotated[Line | None, Sensitivity.FAMILY] = None
    #: Only what the person says of himself or herself, and only if the person wishes it recorded.
    ethnicity_self_declared: Annotated[Line | None, Sensitivity.IDENTITY] = None
    #: The sender's own number for the person, a pseudonym.
    local_case_number: Annotated[Line | None, Sensitivity.IDENTITY] = None


class AccommodationKind(StrEnum):
    """Types of accommodation."""

    SHELTER = "shelter"
    CRISIS_CENTRE = "crisis_centre"
    RECEPTION_CENTRE = "reception_centre"
    CHILD_CARE_INSTITUTION = "child_care_institution"
    FOSTER_FAMILY = "foster_family"
    SUPPORTED_HOUSING = "supported_housing"
    OWN_FAMILY = "own_family"
    INDEPENDENT = "independent"
    HEALTH_INSTITUTION = "health_institution"
    OTHER = "other"
    UNKNOWN = "unknown"


class HereOrAbroad(StrEnum):
    """Seen from the sender of the form."""

    HERE = "here"
    ABROAD = "abroad"


class FirstSupport(Model):
    """Support after first identification.

    Rules: accommodation of kind ``other`` is explained in ``comment``.
    """

    period: Period | None = None
    accommodation: Annotated[AccommodationKind, Sensitivity.PROTECTION]
    accommodated: Annotated[HereOrAbroad | None, Sensitivity.PROTECTION] = None
    shelter_code: Annotated[ShelterCode | None, Sensitivity.PROTECTION] = None
    #: Services given for three to six months.
    short_term_services: Annotated[
        tuple[Service, ...], Field(max_length=len(Service)), Sensitivity.NONE
    ] = ()
    #: Services given for more than six months.
    long_term_services: Annotated[
        tuple[Service, ...], Field(max_length=len(Service)), Sensitivity.NONE
    ] = ()
    comment: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_support(self) -> Self:
        if self.accommodation is AccommodationKind.OTHER and self.comment is None:
            raise ValueError("Say in the comment what the other accommodation is.")
        return self


class ServiceRecord(Model):
    """Whether one service was given, by whom, and what there is to say of it.

    Rules: only a service that was given has a ``provider``.
    """

    given: Annotated[TriState, Sensitivity.NONE]
    #: The organisation. A shelter is never named here.
    provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    comment: Annotated[Line | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_provider(self) -> Self:
        if self.provider is not None and self.given is not TriState.YES:
            raise ValueError("Name a provider only for a service that was given.")
        return self


class HealthServiceRecord(Model):
    """As a service record; that the service was given says something of the person's health.

    Rules: only a service that was given has a ``provider``.
    """

    given: Annotated[TriState, Sensitivity.HEALTH]
    provider: Annotated[Line | None, Sensitivity.HEALTH] = None
    comment: Annotated[Line | None, Sensitivity.HEALTH] = None

    @model_validator(mode="after")
    def _verify_provider(self) -> Self:
        if self.provider is not None and self.given is not TriState.YES:
            raise ValueError("Name a provider only for a service that was given.")
        return self


class ServicesGiven(Model):
    """The services of the form, one by one; what is left out was not asked about."""

    inclusion_plan: ServiceRecord | None = None
    individual_risk_plan: ServiceRecord | None = None
    medical_and_dental_care: HealthServiceRecord | None = None
    psychotherapy: HealthServiceRecord | None = None
    legal_advice: ServiceRecord | None = None
    counselling_of_relatives: ServiceRecord | None = None
    social_counselling_and_advocacy: ServiceRecord | None = None
    social_skills: ServiceRecord | None = None
    labour_market_skills: ServiceRecord | None = None
    insurance_status: ServiceRecord | None = None
    safe_transport: ServiceRecord | None = None


class StayStatus(StrEnum):
    """On which ground a foreign person stays."""

    REFLECTION_PERIOD = "reflection_period"
    TEMPORARY_RESIDENCE = "temporary_residence"
    PERMANENT_RESIDENCE = "permanent_residence"
    ASYLUM_SEEKER = "asylum_seeker"
    PROTECTION_GRANTED = "protection_granted"
    STATELESS = "stateless"
    NOT_REGULAR = "not_regular"
    OTHER = "other"
    UNKNOWN = "unknown"


class ForeignPersonPart(Model):
    """For a foreign person: legal status, and the support that only foreigners need."""

    status: Annotated[StayStatus, Sensitivity.PROTECTION]
    status_until: Annotated[Day | None, Sensitivity.PROTECTION] = None
    temporary_residence: ServiceRecord | None = None
    work_permit: ServiceRecord | None = None
    financial_means: ServiceRecord | None = None
    integration_measures: ServiceRecord | None = None
    other_support: ServiceRecord | None = None


class Preference(StrEnum):
    """What the person wants after the shelter."""

    STAY = "stay"
    RETURN = "return"
    MOVE_ELSEWHERE = "move_elsewhere"
    OTHER = "other"
    NOT_YET_DECIDED = "not_yet_decided"


class Destination(StrEnum):
    """Where the person went after the shelter, as coarse as it can be said."""

    STAYED = "stayed"
    RETURNED = "returned"
    RESETTLED_ELSEWHERE = "resettled_elsewhere"
    OTHER = "other"
    UNKNOWN = "unknown"


class ReturnedPart(Model):
    """For a person who returned or was resettled."""

    health_insurance: Annotated[TriState, Sensitivity.NONE]
    social_insurance: Annotated[TriState, Sensitivity.NONE]
    residence_there: Annotated[TriState, Sensitivity.PROTECTION]
    resettlement_scheme: Annotated[TriState, Sensitivity.NONE]
    authorities_stay_in_contact: Annotated[TriState, Sensitivity.NONE]
    comment: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class IndependentLifePart(Model):
    """Steps to a life of one's own."""

    documents_issued: Annotated[TriState, Sensitivity.NONE]
    financial_help: Annotated[TriState, Sensitivity.NONE]
    three_month_financial_plan: Annotated[TriState, Sensitivity.NONE]
    education: Annotated[TriState, Sensitivity.NONE]
    vocational_training: Annotated[TriState, Sensitivity.NONE]
    labour_market_support: Annotated[TriState, Sensitivity.NONE]
    job_applications: Annotated[TriState, Sensitivity.NONE]
    job: Annotated[TriState, Sensitivity.NONE]
    comment: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class ProceedingsPart(Model):
    """Where proceedings stand, as far as the case manager knows.

    Rules: criminal proceedings that have not started have not ended.
    """

    criminal_started: Annotated[TriState, Sensitivity.JUDICIAL]
    criminal_ended: Annotated[TriState, Sensitivity.JUDICIAL]
    compensation_received: Annotated[TriState, Sensitivity.JUDICIAL]
    comment: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_course(self) -> Self:
        if self.criminal_ended is TriState.YES and self.criminal_started is TriState.NO:
            raise ValueError("Proceedings that ended had started: correct one of the two.")
        return self


class AfterShelterPart(Model):
    """How life went on after the shelter.

    Rules: the part on return and resettlement stands only where the person ``returned`` or was
    ``resettled_elsewhere``; ``destination`` = ``other`` is explained in ``destination_note``.
    """

    left_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    destination: Annotated[Destination, Sensitivity.PROTECTION]
    destination_note: Annotated[Line | None, Sensitivity.PROTECTION] = None
    health_assessed: Annotated[TriState | None, Sensitivity.HEALTH] = None
    inclusion_information_given: Annotated[TriState, Sensitivity.NONE]
    prepared_for_independent_life: Annotated[TriState, Sensitivity.NONE]
    insurance_renewed: Annotated[TriState, Sensitivity.NONE]
    returned: ReturnedPart | None = None
    independent_life: IndependentLifePart | None = None
    in_contact_with_providers: Annotated[TriState, Sensitivity.NONE]
    plans: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    proceedings: ProceedingsPart | None = None

    @model_validator(mode="after")
    def _verify_destination(self) -> Self:
        away = self.destination in {Destination.RETURNED, Destination.RESETTLED_ELSEWHERE}
        if self.returned is not None and not away:
            raise ValueError("Fill the part on return only for a person who left.")
        if self.destination is Destination.OTHER and self.destination_note is None:
            raise ValueError("Say in the destination note where the person went.")
        return self


class ChildPlacement(StrEnum):
    """Where a child was placed after the crisis centre."""

    OWN_FAMILY = "own_family"
    INSTITUTION = "institution"
    OTHER = "other"


class ChildrenPart(Model):
    """For a child, or for the children who are with the person.

    Rules: at least one field is filled; ``placed`` = ``other`` is explained in ``narrative``.
    """

    narrative: Annotated[Narrative | None, Sensitivity.FAMILY] = None
    placed: Annotated[ChildPlacement | None, Sensitivity.FAMILY] = None
    recommendations: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_placement(self) -> Self:
        if self.narrative is None and self.placed is None and self.recommendations is None:
            raise ValueError("Fill at least one field on the children, or leave the part out.")
        if self.placed is ChildPlacement.OTHER and self.narrative is None:
            raise ValueError("Say in the narrative where the child was placed.")
        return self


class ReviewPoint(StrEnum):
    """When a follow-up review is due, from the day the person left the shelter."""

    SIX_MONTHS = "six_months"
    ONE_YEAR = "one_year"
    TWO_YEARS = "two_years"


class Occupation(StrEnum):
    """What the person does: work or school."""

    EMPLOYED = "employed"
    SELF_EMPLOYED = "self_employed"
    IN_SCHOOL = "in_school"
    IN_TRAINING = "in_training"
    CARES_FOR_FAMILY = "cares_for_family"
    SEEKS_WORK = "seeks_work"
    UNABLE_TO_WORK = "unable_to_work"
    OTHER = "other"
    UNKNOWN = "unknown"


class ProposedAction(Model):
    """What should be done next, and who answers for it."""

    action: Annotated[Line, Sensitivity.PROTECTION]
    #: A post, never a private person.
    responsible: Annotated[Line, Sensitivity.PROTECTION]
    due_on: Annotated[Day | None, Sensitivity.NONE] = None


class FollowUpReview(Model):
    """One follow-up review."""

    at: Annotated[ReviewPoint, Sensitivity.NONE]
    held_on: Annotated[Day, Sensitivity.NONE]
    occupation: Annotated[Occupation, Sensitivity.NONE]
    occupation_note: Annotated[Line | None, Sensitivity.PROTECTION] = None
    health: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    actions: Annotated[tuple[ProposedAction, ...], Field(max_length=10)] = ()


class CaseFollowUpBody(CasePersonBody):
    """The follow-up form: what was done, how the person lives now, what comes next.

    Rules: ``no_provider_reason`` stands only where no service names a provider; ``preference`` =
    ``other`` is explained in ``preference_note``; the reviews come in their order, each once, the
    later one on a later day; for a child the part on children is there.
    """

    confidential: ConfidentialPart | None = None
    reported_on: Annotated[Day, Sensitivity.NONE]
    case_manager: CaseManager
    #: Number of the case or programme at the sender, a pseudonym of the person.
    programme_number: Annotated[Line | None, Sensitivity.IDENTITY] = None
    first_support: FirstSupport | None = None
    foreign_person: ForeignPersonPart | None = None
    took_part_in_decisions: Annotated[TriState, Sensitivity.NONE]
    services: ServicesGiven
    compensation_claim_started: Annotated[TriState | None, Sensitivity.JUDICIAL] = None
    no_provider_reason: Annotated[Line | None, Sensitivity.PROTECTION] = None
    preference: Annotated[Preference | None, Sensitivity.PROTECTION] = None
    preference_note: Annotated[Line | None, Sensitivity.PROTECTION] = None
    after_shelter: AfterShelterPart | None = None
    children: ChildrenPart | None = None
    reviews: Annotated[tuple[FollowUpReview, ...], Field(max_length=len(ReviewPoint))] = ()

    @model_validator(mode="after")
    def _verify_form(self) -> Self:
        if self.no_provider_reason is not None and self._names_provider():
            raise ValueError("A provider is named: remove the reason why there is none.")
        if self.preference is Preference.OTHER and self.preference_note is None:
            raise ValueError("Say in the preference note what the person prefers.")
        if self.person_group is PersonGroup.CHILD and self.children is None:
            raise ValueError("For a child fill the part on children.")
        order = tuple(ReviewPoint)
        told = [(order.index(review.at), review.held_on) for review in self.reviews]
        if any(
            later[0] <= earlier[0] or later[1] <= earlier[1] for earlier, later in pairwise(told)
        ):
            raise ValueError("Give the reviews in their order, each once, on later and later days.")
        return self

    def _names_provider(self) -> bool:
        parts = (self.services, self.foreign_person)
        return any(
            getattr(getattr(part, name), "provider", None) is not None
            for part in parts
            if part is not None
            for name in type(part).model_fields
        )


class CaseFollowUp(CaseMessage):
    """The case follow-up form, when it is first sent and at each review."""

    type: Literal["social_inclusion.case_follow_up"] = "social_inclusion.case_follow_up"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION, Kind.UPDATE]
    phase: Literal[Phase.SOCIAL_INCLUSION]
    body: CaseFollowUpBody
