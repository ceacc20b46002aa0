"""Requests of the phase first assistance: earlier social protection, and the family."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import AgeGroup, Kind, RiskLevel
from protocol.messages.fields import (
    Day,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, CaseManager, CaseMessage, CasePersonBody
from protocol.messages.person import Identity, PersonalContact
from protocol.messages.rules import Period, verify_noted


class ProtectionKind(StrEnum):
    """Kinds of social protection and earlier assistance."""

    CASH_BENEFIT = "cash_benefit"
    SOCIAL_WORK = "social_work"
    SHELTER = "shelter"
    CHILD_PROTECTION = "child_protection"
    FOSTER_OR_RESIDENTIAL_CARE = "foster_or_residential_care"
    HEALTH_INSURANCE = "health_insurance"
    DISABILITY_SUPPORT = "disability_support"
    SCHOOL_SUPPORT = "school_support"
    EMPLOYMENT_SUPPORT = "employment_support"
    ASSISTANCE_AS_VICTIM = "assistance_as_victim"
    OTHER = "other"


class HistoryPurpose(StrEnum):
    """What a history of social protection is needed for."""

    NEEDS_ASSESSMENT = "needs_assessment"
    ASSISTANCE_PLAN = "assistance_plan"
    CONTINUITY_OF_BENEFITS = "continuity_of_benefits"
    GUARDIANSHIP = "guardianship"
    RETURN = "return"
    OTHER = "other"


class ProtectionHistoryBody(CasePersonBody):
    """Which earlier assistance is asked about, for what, and whom one may ask.

    Rules: ``other`` has a note.
    """

    purpose: Annotated[HistoryPurpose, Sensitivity.NONE]
    kinds: Annotated[
        tuple[ProtectionKind, ...],
        Field(min_length=1, max_length=len(ProtectionKind)),
        Sensitivity.NONE,
    ]
    period: Period | None = None
    subject: Identity | None = None
    last_lived_at: PersonalContact | None = None
    known_providers: Annotated[tuple[Line, ...], Field(max_length=20), Sensitivity.PROTECTION] = ()
    #: False: registers only, no provider learns that anybody asked.
    providers_may_be_asked: Annotated[bool, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted((self.purpose, *self.kinds), self.note)
        return self


class SocialProtectionHistory(CaseMessage):
    """Asks for the history of social protection of the assisted person."""

    type: Literal["first_assistance.social_protection_history"] = (
        "first_assistance.social_protection_history"
    )
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: ProtectionHistoryBody


class AssistanceEnd(StrEnum):
    """Why assistance ended."""

    GOAL_REACHED = "goal_reached"
    ENTITLEMENT_ENDED = "entitlement_ended"
    PERSON_LEFT = "person_left"
    CONTACT_LOST = "contact_lost"
    MOVED_AWAY = "moved_away"
    GOES_ON = "goes_on"
    UNKNOWN = "unknown"


class EarlierAssistance(Model):
    """One spell of assistance: what, by whom, when, and how it ended.

    Rules: the kind ``other`` has a note.
    """

    kind: Annotated[ProtectionKind, Sensitivity.PROTECTION]
    #: A service or organisation; a shelter by its code.
    provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    period: Period | None = None
    end: Annotated[AssistanceEnd, Sensitivity.PROTECTION]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.kind], self.note)
        return self


class ProtectionHistoryAnswer(Answer):
    """Earlier assistance with providers and periods, and what the person is entitled to now.

    Rules: spells of assistance are listed if, and only if, the person was assisted before;
    ``other`` among what the person is entitled to now has a note.
    """

    answers: Literal["first_assistance.social_protection_history"] = (
        "first_assistance.social_protection_history"
    )
    assisted_before: Annotated[TriState, Sensitivity.PROTECTION]
    identified_before: Annotated[TriState, Sensitivity.PROTECTION]
    spells: Annotated[tuple[EarlierAssistance, ...], Field(max_length=50)] = ()
    entitled_now: Annotated[
        tuple[ProtectionKind, ...], Field(max_length=len(ProtectionKind)), Sensitivity.PROTECTION
    ] = ()
    records_searched: Annotated[Line, Sensitivity.NONE]
    desk: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_spells(self) -> Self:
        if bool(self.spells) != (self.assisted_before is TriState.YES):
            raise ValueError("List spells of assistance if, and only if, there were some.")
        verify_noted(self.entitled_now, self.note)
        return self


class FamilyTopic(StrEnum):
    """What is to be found out about a family."""

    HOUSEHOLD = "household"
    GUARDIANSHIP = "guardianship"
    CHILDREN = "children"
    RELATIONS = "relations"
    KNOWN_RISKS = "known_risks"
    READINESS_TO_RECEIVE = "readiness_to_receive"
    HOUSING_AND_INCOME = "housing_and_income"
    PART_IN_TRAFFICKING = "part_in_trafficking"


class FamilyPurpose(StrEnum):
    """What is to be decided on the strength of a family's situation."""

    CONTACT = "contact"
    GUARDIANSHIP = "guardianship"
    PLACEMENT = "placement"
    RETURN = "return"
    PROTECTION = "protection"


class FamilyApproach(StrEnum):
    """How far the recipient may go towards the family."""

    RECORDS_ONLY = "records_only"
    VISIT_WITHOUT_THE_REASON = "visit_without_the_reason"
    OPEN_CONVERSATION = "open_conversation"


class FamilyTie(StrEnum):
    """What somebody is to the person."""

    MOTHER = "mother"
    FATHER = "father"
    STEPPARENT = "stepparent"
    GRANDPARENT = "grandparent"
    SIBLING = "sibling"
    PARTNER = "partner"
    CHILD = "child"
    OTHER_RELATIVE = "other_relative"
    NOT_RELATED = "not_related"


class FamilySituationBody(CasePersonBody):
    """What to find out about the family, and how discreetly.

    Rules: if the family, or part of it, is suspected of having taken part in trafficking
    (``family_suspected`` is ``yes``), or the person does not agree to contact (``no``), the
    approach is ``records_only``.
    """

    purpose: Annotated[FamilyPurpose, Sensitivity.NONE]
    topics: Annotated[
        tuple[FamilyTopic, ...], Field(min_length=1, max_length=len(FamilyTopic)), Sensitivity.NONE
    ]
    approach: Annotated[FamilyApproach, Sensitivity.NONE]
    person_agrees_to_contact: Annotated[TriState, Sensitivity.NONE]
    family_knows: Annotated[TriState, Sensitivity.FAMILY]
    family_suspected: Annotated[TriState, Sensitivity.PROTECTION]
    subject: Identity | None = None
    family_contact: PersonalContact | None = None
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_approach(self) -> Self:
        if self.approach is FamilyApproach.RECORDS_ONLY:
            return self
        if self.family_suspected is TriState.YES:
            raise ValueError("The family is suspected: ask for records only.")
        if self.person_agrees_to_contact is TriState.NO:
            raise ValueError("The person does not agree to contact: ask for records only.")
        return self


class FamilySituation(CaseMessage):
    """Asks for the situation of the family."""

    type: Literal["first_assistance.family_situation"] = "first_assistance.family_situation"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: FamilySituationBody


class HouseholdPerson(Model):
    """Somebody who lives in the household; never by name."""

    tie: Annotated[FamilyTie, Sensitivity.FAMILY]
    age_group: Annotated[AgeGroup, Sensitivity.FAMILY]
    is_guardian: Annotated[TriState, Sensitivity.FAMILY]
    supportive: Annotated[TriState, Sensitivity.FAMILY]
    note: Annotated[Line | None, Sensitivity.FAMILY] = None


class Guardianship(StrEnum):
    """Who has legal responsibility."""

    BOTH_PARENTS = "both_parents"
    ONE_PARENT = "one_parent"
    APPOINTED_GUARDIAN = "appointed_guardian"
    INSTITUTION = "institution"
    NOBODY = "nobody"
    DISPUTED = "disputed"
    NOT_NEEDED = "not_needed"
    UNKNOWN = "unknown"


class FamilyRisk(StrEnum):
    """Known risks in a family."""

    VIOLENCE = "violence"
    SEXUAL_ABUSE = "sexual_abuse"
    NEGLECT = "neglect"
    PART_IN_TRAFFICKING = "part_in_trafficking"
    DEBTS_TO_TRAFFICKERS = "debts_to_traffickers"
    FORCED_MARRIAGE = "forced_marriage"
    SUBSTANCE_ABUSE = "substance_abuse"
    CRIME = "crime"
    EXTREME_POVERTY = "extreme_poverty"
    REJECTION = "rejection"
    OTHER = "other"


class Sufficiency(StrEnum):
    """Whether housing or income suffice."""

    SUFFICIENT = "sufficient"
    INSUFFICIENT = "insufficient"
    NONE = "none"
    UNKNOWN = "unknown"


class FamilyInquiry(StrEnum):
    """How something of a family was learned."""

    RECORDS = "records"
    SOCIAL_SERVICES = "social_services"
    SCHOOL = "school"
    POLICE = "police"
    HOME_VISIT = "home_visit"
    CONVERSATION = "conversation"


class FamilySituationAnswer(Answer):
    """Household, guardianship, and known risks in the family.

    Rules: ``visited_on`` is given if, and only if, there was a home visit or a conversation; the
    risk ``other`` has a note.
    """

    answers: Literal["first_assistance.family_situation"] = "first_assistance.family_situation"
    learned_by: Annotated[
        tuple[FamilyInquiry, ...],
        Field(min_length=1, max_length=len(FamilyInquiry)),
        Sensitivity.NONE,
    ]
    visited_on: Annotated[Day | None, Sensitivity.NONE] = None
    assessed_by: Annotated[Line, Sensitivity.NONE]
    household: Annotated[tuple[HouseholdPerson, ...], Field(max_length=30)] = ()
    guardianship: Annotated[Guardianship, Sensitivity.FAMILY]
    parental_rights_limited: Annotated[TriState, Sensitivity.FAMILY]
    known_risks: Annotated[
        tuple[FamilyRisk, ...], Field(max_length=len(FamilyRisk)), Sensitivity.PROTECTION
    ] = ()
    risk_level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    ready_to_receive: Annotated[TriState, Sensitivity.FAMILY]
    housing: Annotated[Sufficiency, Sensitivity.FAMILY]
    income: Annotated[Sufficiency, Sensitivity.FAMILY]
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_inquiry(self) -> Self:
        met = {FamilyInquiry.HOME_VISIT, FamilyInquiry.CONVERSATION} & set(self.learned_by)
        if bool(met) != (self.visited_on is not None):
            raise ValueError("Say when the family was met if, and only if, it was met.")
        verify_noted(self.known_risks, self.note)
        return self
