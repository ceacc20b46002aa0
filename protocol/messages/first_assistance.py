"""Messages of the phase first assistance that ask or tell: options, needs, security."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, Need, RiskLevel, Service, TraffickingStatus
from protocol.messages.fields import (
    Day,
    LanguageField,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import (
    Answer,
    AskingOrTelling,
    CaseManager,
    CaseMessage,
    CasePersonBody,
)
from protocol.messages.intelligence import Suspect
from protocol.messages.risk import ProtectiveMeasure, ShelterCode, Threat
from protocol.messages.rules import verify_noted, verify_order


class OptionTopic(StrEnum):
    """What a trafficked person can be offered: assistance and legal ways."""

    ACCOMMODATION = "accommodation"
    MEDICAL_CARE = "medical_care"
    PSYCHOLOGICAL_SUPPORT = "psychological_support"
    LEGAL_AID = "legal_aid"
    INTERPRETATION = "interpretation"
    FINANCIAL_HELP = "financial_help"
    EDUCATION_AND_TRAINING = "education_and_training"
    WORK = "work"
    GUARDIANSHIP = "guardianship"
    CARE_FOR_CHILDREN = "care_for_children"
    REFLECTION_PERIOD = "reflection_period"
    RESIDENCE_PERMIT = "residence_permit"
    INTERNATIONAL_PROTECTION = "international_protection"
    DOCUMENTS = "documents"
    FAMILY_REUNIFICATION = "family_reunification"
    WITNESS_PROTECTION = "witness_protection"
    COMPENSATION = "compensation"
    RETURN_AND_REINTEGRATION = "return_and_reintegration"
    OTHER = "other"


class OptionsQuestion(Model):
    """Which options the sender asks about, and for whom, as far as it matters for them.

    Rules: the topic ``other`` has a note.
    """

    topics: Annotated[
        tuple[OptionTopic, ...], Field(min_length=1, max_length=len(OptionTopic)), Sensitivity.NONE
    ]
    status: Annotated[TraffickingStatus, Sensitivity.NONE]
    from_date: Annotated[Day | None, Sensitivity.NONE] = None
    region: Annotated[Line | None, Sensitivity.PROTECTION] = None
    accompanying_children: Annotated[int | None, Field(ge=0, le=20), Sensitivity.FAMILY] = None
    special_needs: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted(self.topics, self.note)
        return self


class Availability(StrEnum):
    """Whether an option is there."""

    AVAILABLE = "available"
    WITH_CONDITIONS = "with_conditions"
    WAITING_LIST = "waiting_list"
    NOT_AVAILABLE = "not_available"


class OptionCondition(StrEnum):
    """On what an option depends."""

    FORMAL_IDENTIFICATION = "formal_identification"
    COOPERATION_WITH_AUTHORITIES = "cooperation_with_authorities"
    LEGAL_RESIDENCE = "legal_residence"
    NATIONALITY = "nationality"
    AGE = "age"
    SEX = "sex"
    CONSENT_OF_GUARDIAN = "consent_of_guardian"
    HEALTH_INSURANCE = "health_insurance"
    LOW_INCOME = "low_income"
    OTHER = "other"


class OptionProvider(StrEnum):
    """Who offers something."""

    STATE = "state"
    MUNICIPALITY = "municipality"
    NON_GOVERNMENTAL = "non_governmental"
    INTERNATIONAL_ORGANISATION = "international_organisation"
    PRIVATE = "private"


class AssistanceOption(Model):
    """One option and its conditions. It speaks of the offer, never of the person.

    Rules: conditions are named if it depends on some; ``other`` as topic or condition is described.
    """

    topic: Annotated[OptionTopic, Sensitivity.NONE]
    availability: Annotated[Availability, Sensitivity.NONE]
    conditions: Annotated[
        tuple[OptionCondition, ...], Field(max_length=len(OptionCondition)), Sensitivity.NONE
    ] = ()
    provider_kind: Annotated[OptionProvider | None, Sensitivity.NONE] = None
    days_at_most: Annotated[int | None, Field(ge=1, le=3650), Sensitivity.NONE] = None
    costs_the_person: Annotated[TriState, Sensitivity.NONE]
    legal_source: Annotated[Line | None, Sensitivity.NONE] = None
    how_to_apply: Annotated[Line | None, Sensitivity.NONE] = None
    description: Annotated[Line | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_conditions(self) -> Self:
        if (self.availability is Availability.WITH_CONDITIONS) and not self.conditions:
            raise ValueError("Name the conditions that the option depends on.")
        if self.description is None and "other" in (self.topic, *self.conditions):
            raise ValueError("Describe what 'other' means, or choose another code.")
        return self


class OptionsAnswer(Answer):
    """Assistance and legal options with their conditions, as of a day."""

    answers: Literal["first_assistance.options_information"] = (
        "first_assistance.options_information"
    )
    as_of: Annotated[Day, Sensitivity.NONE]
    options: Annotated[tuple[AssistanceOption, ...], Field(min_length=1, max_length=40)]
    leaflets_in: Annotated[tuple[LanguageField, ...], Field(max_length=20), Sensitivity.NONE] = ()
    desk: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class OptionsBody(CasePersonBody):
    """Asks for options, or tells them."""

    question: OptionsQuestion | None = None
    information: OptionsAnswer | None = None


class OptionsInformation(AskingOrTelling):
    """Assistance and legal options, and their conditions."""

    type: Literal["first_assistance.options_information"] = "first_assistance.options_information"
    version: Literal[1] = 1
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: OptionsBody


class NeedPriority(StrEnum):
    """How soon a need has to be met."""

    AT_ONCE = "at_once"
    WITHIN_DAYS = "within_days"
    WITHIN_WEEKS = "within_weeks"
    LATER = "later"


class NeedState(StrEnum):
    """What is done about a need."""

    MET = "met"
    BEING_ARRANGED = "being_arranged"
    NOT_MET = "not_met"
    DECLINED_BY_THE_PERSON = "declined_by_the_person"


class AssessedNeed(Model):
    """One need: how soon, what is done, and by whom."""

    need: Annotated[Need, Sensitivity.NONE]
    priority: Annotated[NeedPriority, Sensitivity.NONE]
    state: Annotated[NeedState, Sensitivity.NONE]
    #: A service or organisation. A shelter has a code instead.
    provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    note: Annotated[Narrative | None, Sensitivity.HEALTH] = None


class HealthAtIntake(Model):
    """What those who care for the person now have to know of their health."""

    urgent_care_needed: Annotated[TriState, Sensitivity.HEALTH]
    injuries: Annotated[TriState, Sensitivity.HEALTH]
    pregnancy: Annotated[TriState, Sensitivity.HEALTH]
    disability: Annotated[TriState, Sensitivity.HEALTH]
    dependence: Annotated[TriState, Sensitivity.HEALTH]
    risk_of_self_harm: Annotated[TriState, Sensitivity.HEALTH]
    medication: Annotated[tuple[Line, ...], Field(max_length=20), Sensitivity.HEALTH] = ()
    allergies: Annotated[tuple[Line, ...], Field(max_length=20), Sensitivity.HEALTH] = ()
    note: Annotated[Narrative | None, Sensitivity.HEALTH] = None


class NeedsAssessmentBody(CasePersonBody):
    """Intake and needs: what was found, what is done, and what the recipient could do.

    Rules: each need stands once; the review comes after the assessment.
    """

    assessed_on: Annotated[Day, Sensitivity.NONE]
    assessed_by: Annotated[Line, Sensitivity.NONE]
    person_took_part: Annotated[TriState, Sensitivity.NONE]
    interpreter_present: Annotated[TriState, Sensitivity.NONE]
    needs: Annotated[tuple[AssessedNeed, ...], Field(min_length=1, max_length=len(Need))]
    services_wanted: Annotated[
        tuple[Service, ...], Field(max_length=len(Service)), Sensitivity.NONE
    ] = ()
    health: HealthAtIntake | None = None
    shelter_code: Annotated[ShelterCode | None, Sensitivity.PROTECTION] = None
    accompanying_children: Annotated[int | None, Field(ge=0, le=20), Sensitivity.FAMILY] = None
    family_note: Annotated[Narrative | None, Sensitivity.FAMILY] = None
    wishes_of_the_person: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    review_on: Annotated[Day | None, Sensitivity.NONE] = None
    case_manager: CaseManager

    @model_validator(mode="after")
    def _verify_needs(self) -> Self:
        if len({item.need for item in self.needs}) != len(self.needs):
            raise ValueError("Each need stands once: take the repeated one out.")
        verify_order(self.assessed_on, self.review_on)
        return self


class NeedsAssessment(CaseMessage):
    """Intake, and what the person needs."""

    type: Literal["first_assistance.needs_assessment"] = "first_assistance.needs_assessment"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: NeedsAssessmentBody


class SecurityPurpose(StrEnum):
    """What is to be decided."""

    REFERRAL = "referral"
    RETURN = "return"
    TRANSFER = "transfer"
    VISIT_FOR_PROCEEDINGS = "visit_for_proceedings"


class SecurityTopic(StrEnum):
    """What is to be found out about the security of places."""

    OFFENDERS_AT_LIBERTY = "offenders_at_liberty"
    OFFENDERS_NEARBY = "offenders_nearby"
    EARLIER_REPRISALS = "earlier_reprisals"
    POLICE_PROTECTION = "police_protection"
    FAMILY = "family"
    COMMUNITY = "community"
    TRAVEL = "travel"


class PlaceRole(StrEnum):
    """What a place is for the person."""

    PLANNED_RESIDENCE = "planned_residence"
    FAMILY_HOME = "family_home"
    TRANSIT = "transit"
    COURT = "court"
    SCHOOL_OR_WORK = "school_or_work"
    OTHER = "other"


class PlaceConcerned(Model):
    """A place that the person may go to: a town or region, never the address of a shelter."""

    place: Annotated[Line, Sensitivity.PROTECTION]
    role: Annotated[PlaceRole, Sensitivity.PROTECTION]


class SecurityQuestion(Model):
    """Which places, for what, from when, and what is known already."""

    purpose: Annotated[SecurityPurpose, Sensitivity.NONE]
    topics: Annotated[
        tuple[SecurityTopic, ...],
        Field(min_length=1, max_length=len(SecurityTopic)),
        Sensitivity.NONE,
    ]
    places: Annotated[tuple[PlaceConcerned, ...], Field(min_length=1, max_length=10)]
    planned_from: Annotated[Day | None, Sensitivity.PROTECTION] = None
    known_threats: Annotated[tuple[Threat, ...], Field(max_length=20)] = ()
    suspects: Annotated[tuple[Suspect, ...], Field(max_length=20)] = ()
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class PlaceSecurity(Model):
    """How secure one place is: threats, measures, and the level without and with them.

    Rules: the level with measures is not above the level without; the measure ``other`` has a note.
    """

    place: Annotated[Line, Sensitivity.PROTECTION]
    level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    threats: Annotated[tuple[Threat, ...], Field(max_length=20)] = ()
    measures: Annotated[
        tuple[ProtectiveMeasure, ...],
        Field(max_length=len(ProtectiveMeasure)),
        Sensitivity.PROTECTION,
    ] = ()
    measures_note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    level_with_measures: Annotated[RiskLevel | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_levels(self) -> Self:
        verify_noted(self.measures, self.measures_note)
        if self.level_with_measures is None:
            return self
        ranks = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
        assessed = {self.level, self.level_with_measures} <= set(ranks)
        if not assessed or ranks.index(self.level_with_measures) > ranks.index(self.level):
            raise ValueError("Measures lower a risk that was assessed: correct one of the levels.")
        return self


class SecurityAdvice(StrEnum):
    """What follows from the assessment."""

    GO_AHEAD = "go_ahead"
    GO_AHEAD_WITH_MEASURES = "go_ahead_with_measures"
    POSTPONE = "postpone"
    DO_NOT_GO_AHEAD = "do_not_go_ahead"


class SecurityAnswer(Answer):
    """Risks of a referral or return, place by place, with mitigation and advice.

    Rules: its last day does not come before it was made; plain ``go_ahead`` is no advice where a
    place is of high risk; ``go_ahead_with_measures`` names measures.
    """

    answers: Literal["first_assistance.security_assessment"] = (
        "first_assistance.security_assessment"
    )
    assessed_on: Annotated[Day, Sensitivity.NONE]
    assessed_by: Annotated[Line, Sensitivity.NONE]
    valid_until: Annotated[Day | None, Sensitivity.NONE] = None
    places: Annotated[tuple[PlaceSecurity, ...], Field(min_length=1, max_length=10)]
    offenders_at_liberty: Annotated[TriState, Sensitivity.INTELLIGENCE]
    advice: Annotated[SecurityAdvice, Sensitivity.PROTECTION]
    police_contact: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_advice(self) -> Self:
        verify_order(self.assessed_on, self.valid_until)
        if self.advice is SecurityAdvice.GO_AHEAD and any(
            item.level is RiskLevel.HIGH for item in self.places
        ):
            raise ValueError("A place is of high risk: advise measures, to postpone, or not to go.")
        if self.advice is SecurityAdvice.GO_AHEAD_WITH_MEASURES and not any(
            item.measures for item in self.places
        ):
            raise ValueError("Name the measures, at the places that need them.")
        return self


class SecurityBody(CasePersonBody):
    """Asks how secure places are, or tells it."""

    question: SecurityQuestion | None = None
    information: SecurityAnswer | None = None


class SecurityAssessment(AskingOrTelling):
    """Security conditions and risks for referral or return, per place."""

    type: Literal["first_assistance.security_assessment"] = "first_assistance.security_assessment"
    version: Literal[1] = 1
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: SecurityBody
