"""Messages of the phase proceedings about the person as a witness: support, and condition."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, RiskLevel
from protocol.messages.fields import (
    Day,
    Instant,
    LanguageField,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, CaseManager, CaseMessage
from protocol.messages.judicial import ProceedingsBody
from protocol.messages.rules import verify_noted, verify_order


class WitnessRole(StrEnum):
    """In which role the person stands before the court."""

    WITNESS = "witness"
    INJURED_PARTY = "injured_party"
    PROTECTED_WITNESS = "protected_witness"
    CIVIL_CLAIMANT = "civil_claimant"


class TrialStage(StrEnum):
    """When support is needed."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class WitnessService(StrEnum):
    """Support for a victim-witness."""

    INFORMATION_ON_PROCEEDINGS = "information_on_proceedings"
    PSYCHOLOGICAL_SUPPORT = "psychological_support"
    LEGAL_REPRESENTATION = "legal_representation"
    ACCOMPANIMENT_TO_COURT = "accompaniment_to_court"
    VISIT_OF_THE_COURT_BEFORE = "visit_of_the_court_before"
    INTERPRETATION = "interpretation"
    TRAVEL = "travel"
    ACCOMMODATION = "accommodation"
    CARE_OF_CHILDREN = "care_of_children"
    COSTS_AND_ALLOWANCES = "costs_and_allowances"
    INFORMATION_ON_RELEASE_OF_ACCUSED = "information_on_release_of_accused"
    OTHER = "other"


class CourtProtection(StrEnum):
    """Protection of a witness."""

    VIDEO_LINK = "video_link"
    RECORDED_STATEMENT = "recorded_statement"
    SCREEN_OR_VOICE_DISTORTION = "screen_or_voice_distortion"
    CLOSED_HEARING = "closed_hearing"
    SEPARATE_ENTRANCE_AND_WAITING = "separate_entrance_and_waiting"
    PSEUDONYM_IN_FILES = "pseudonym_in_files"
    QUESTIONS_THROUGH_SPECIALIST = "questions_through_specialist"
    POLICE_ESCORT = "police_escort"
    SAFE_ACCOMMODATION = "safe_accommodation"
    PROTECTION_PROGRAMME = "protection_programme"
    SAFE_CONDUCT = "safe_conduct"


class Participation(StrEnum):
    """How the person takes part in a hearing."""

    IN_PERSON = "in_person"
    VIDEO_LINK = "video_link"
    RECORDED = "recorded"
    IN_WRITING = "in_writing"
    NOT_YET_DECIDED = "not_yet_decided"


class Hearing(Model):
    """One hearing."""

    at: Annotated[Instant, Sensitivity.JUDICIAL]
    #: Town and court.
    place: Annotated[Line, Sensitivity.JUDICIAL]
    participation: Annotated[Participation, Sensitivity.JUDICIAL]
    expected_days: Annotated[int, Field(ge=1, le=60), Sensitivity.JUDICIAL] = 1
    accused_present: Annotated[TriState, Sensitivity.JUDICIAL]


class VideoLink(Model):
    """What a hearing by video link needs, or what is offered for it."""

    #: An official building; never a shelter.
    premises: Annotated[Line | None, Sensitivity.PROTECTION] = None
    test_at: Annotated[Instant | None, Sensitivity.JUDICIAL] = None
    #: The standard or system the two courts share.
    system: Annotated[Line | None, Sensitivity.NONE] = None
    technical_contact: CaseManager | None = None
    official_present: Annotated[TriState, Sensitivity.NONE]


class WitnessSupportBody(ProceedingsBody):
    """Support before, during and after the trial; protection; video link.

    Rules: a service or a protective measure is asked for; the video link's part is there if,
    and only if, a video link is asked for; another service has a note.
    """

    role: Annotated[WitnessRole, Sensitivity.JUDICIAL]
    stages: Annotated[
        tuple[TrialStage, ...], Field(min_length=1, max_length=len(TrialStage)), Sensitivity.NONE
    ]
    services: Annotated[
        tuple[WitnessService, ...], Field(max_length=len(WitnessService)), Sensitivity.NONE
    ] = ()
    protection: Annotated[
        tuple[CourtProtection, ...], Field(max_length=len(CourtProtection)), Sensitivity.PROTECTION
    ] = ()
    hearings: Annotated[tuple[Hearing, ...], Field(max_length=10)] = ()
    video_link: VideoLink | None = None
    languages: Annotated[tuple[LanguageField, ...], Field(max_length=5), Sensitivity.NONE] = ()
    #: To testify; nobody is supported into a testimony they do not want.
    person_agrees: Annotated[TriState, Sensitivity.JUDICIAL]
    threats: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_wanted(self) -> Self:
        if not (self.services or self.protection):
            raise ValueError("Ask for at least one service or protective measure.")
        if (CourtProtection.VIDEO_LINK in self.protection) != (self.video_link is not None):
            raise ValueError("Say what the video link needs if, and only if, one is asked for.")
        verify_noted(self.services, self.note)
        return self


class WitnessSupportRequest(CaseMessage):
    """Asks for support and protection of a victim-witness."""

    type: Literal["proceedings.witness_support"] = "proceedings.witness_support"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.PROCEEDINGS]
    body: WitnessSupportBody


class SupportOffer(Model):
    """One service that is given.

    Rules: the days are in order; another service has a note.
    """

    service: Annotated[WitnessService, Sensitivity.NONE]
    stage: Annotated[TrialStage, Sensitivity.NONE]
    provider: Annotated[Line, Sensitivity.PROTECTION]
    from_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    until_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    note: Annotated[Line | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_offer(self) -> Self:
        verify_order(self.from_on, self.until_on)
        verify_noted([self.service], self.note)
        return self


class WitnessSupportAnswer(Answer):
    """What support and protection is given, and what is not.

    Rules: something is given or not possible, and no measure is both; the video link's part is
    there if, and only if, a video link is given.
    """

    answers: Literal["proceedings.witness_support"] = "proceedings.witness_support"
    offers: Annotated[tuple[SupportOffer, ...], Field(max_length=30)] = ()
    protection: Annotated[
        tuple[CourtProtection, ...], Field(max_length=len(CourtProtection)), Sensitivity.PROTECTION
    ] = ()
    not_possible: Annotated[
        tuple[CourtProtection, ...], Field(max_length=len(CourtProtection)), Sensitivity.PROTECTION
    ] = ()
    video_link: VideoLink | None = None
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_protection(self) -> Self:
        if not (self.offers or self.protection or self.not_possible):
            raise ValueError("Say at least one thing that is given or not possible.")
        if set(self.protection) & set(self.not_possible):
            raise ValueError("A measure is given or not possible: take it off one of the lists.")
        if (CourtProtection.VIDEO_LINK in self.protection) != (self.video_link is not None):
            raise ValueError("Describe the video link if, and only if, one is given.")
        return self


class ConditionPurpose(StrEnum):
    """What the opinion on the condition is for."""

    FITNESS_TO_TESTIFY = "fitness_to_testify"
    PROTECTIVE_MEASURES = "protective_measures"
    POSTPONEMENT = "postponement"
    HARM_SUFFERED = "harm_suffered"


class ConditionAspect(StrEnum):
    """What the court needs to know."""

    ABILITY_TO_TESTIFY = "ability_to_testify"
    ABILITY_TO_TRAVEL = "ability_to_travel"
    RISK_OF_RETRAUMATIZATION = "risk_of_retraumatization"
    RISK_OF_SELF_HARM = "risk_of_self_harm"
    NEED_OF_BREAKS_AND_SUPPORT = "need_of_breaks_and_support"
    EFFECT_OF_MEETING_THE_ACCUSED = "effect_of_meeting_the_accused"
    EFFECT_OF_TREATMENT = "effect_of_treatment"


class Assessor(StrEnum):
    """Who assesses."""

    PSYCHIATRIST = "psychiatrist"
    PSYCHOLOGIST = "psychologist"
    CHILD_PSYCHOLOGIST = "child_psychologist"
    PHYSICIAN = "physician"
    SOCIAL_WORKER = "social_worker"


class WitnessConditionBody(ProceedingsBody):
    """What is to be said of the psychological condition and the fitness to testify.

    Rules: an opinion that the person does not agree to is not asked for.
    """

    purpose: Annotated[ConditionPurpose, Sensitivity.JUDICIAL]
    aspects: Annotated[
        tuple[ConditionAspect, ...],
        Field(min_length=1, max_length=len(ConditionAspect)),
        Sensitivity.HEALTH,
    ]
    hearing: Hearing | None = None
    assessor_wanted: Annotated[Assessor | None, Sensitivity.NONE] = None
    #: To be assessed, and to the result being used: without it there is nothing to ask.
    person_agrees: Annotated[TriState, Sensitivity.NONE]
    released_from_secrecy: Annotated[TriState, Sensitivity.HEALTH]
    known_condition: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    #: Offices and functions; the accused reads along where the defence does.
    readers: Annotated[tuple[Line, ...], Field(min_length=1, max_length=10), Sensitivity.JUDICIAL]
    needed_by: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    note: Annotated[Narrative | None, Sensitivity.HEALTH] = None

    @model_validator(mode="after")
    def _verify_agreement(self) -> Self:
        if self.person_agrees is TriState.NO:
            raise ValueError("The person does not agree to be assessed: do not ask for it.")
        return self


class WitnessConditionRequest(CaseMessage):
    """Asks for an opinion on the condition of a victim-witness."""

    type: Literal["proceedings.witness_condition"] = "proceedings.witness_condition"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.PROCEEDINGS]
    body: WitnessConditionBody


class Fitness(StrEnum):
    """Whether the person can testify."""

    FIT = "fit"
    FIT_UNDER_CONDITIONS = "fit_under_conditions"
    NOT_NOW = "not_now"
    UNFIT = "unfit"
    COULD_NOT_BE_ASSESSED = "could_not_be_assessed"


class HearingCondition(StrEnum):
    """What makes a testimony bearable."""

    NO_SIGHT_OF_THE_ACCUSED = "no_sight_of_the_accused"
    BREAKS = "breaks"
    PERSON_OF_TRUST = "person_of_trust"
    PSYCHOLOGIST_PRESENT = "psychologist_present"
    VIDEO_LINK_ONLY = "video_link_only"
    ONE_HEARING_ONLY = "one_hearing_only"
    QUESTIONS_THROUGH_SPECIALIST = "questions_through_specialist"
    SHORT_HEARINGS = "short_hearings"
    INTERPRETER_OF_SAME_SEX = "interpreter_of_same_sex"


_LATER: Final = frozenset({Fitness.NOT_NOW, Fitness.COULD_NOT_BE_ASSESSED})


class WitnessConditionAnswer(Answer):
    """The opinion: no more of the person's health than the question needs.

    Rules: fitness under conditions names them; the day to assess again is given if, and only
    if, the person is not fit now or could not be assessed, and is not before the assessment.
    """

    answers: Literal["proceedings.witness_condition"] = "proceedings.witness_condition"
    assessed_on: Annotated[Day, Sensitivity.HEALTH]
    assessor: Annotated[Assessor, Sensitivity.NONE]
    institution: Annotated[Line, Sensitivity.HEALTH]
    fitness: Annotated[Fitness, Sensitivity.HEALTH]
    conditions: Annotated[
        tuple[HearingCondition, ...],
        Field(max_length=len(HearingCondition)),
        Sensitivity.HEALTH,
    ] = ()
    assess_again_on: Annotated[Day | None, Sensitivity.HEALTH] = None
    able_to_travel: Annotated[TriState | None, Sensitivity.HEALTH] = None
    retraumatization_risk: Annotated[RiskLevel | None, Sensitivity.HEALTH] = None
    participation_advised: Annotated[
        tuple[Participation, ...], Field(max_length=len(Participation)), Sensitivity.HEALTH
    ] = ()
    opinion: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    person_knows_opinion: Annotated[TriState, Sensitivity.NONE]

    @model_validator(mode="after")
    def _verify_fitness(self) -> Self:
        if self.fitness is Fitness.FIT_UNDER_CONDITIONS and not self.conditions:
            raise ValueError("Name the conditions under which the person can testify.")
        if (self.fitness in _LATER) != (self.assess_again_on is not None):
            raise ValueError(
                "Say when to assess again if, and only if, the person may be fit then."
            )
        verify_order(self.assessed_on, self.assess_again_on)
        return self
