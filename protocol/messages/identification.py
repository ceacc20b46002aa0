"""Messages of the phase identification: who was found, in what danger, by whose decision."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import (
    ExploitationForm,
    Kind,
    Need,
    ParticipantTie,
    RiskLevel,
    Service,
    TraffickingStatus,
    Whereabouts,
)
from protocol.messages.fields import (
    Day,
    Instant,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, AskingOrTelling, CaseMessage, CasePersonBody
from protocol.messages.person import PersonFacts
from protocol.messages.risk import ProtectiveMeasure, RiskPicture, ShelterCode, Threat
from protocol.messages.rules import Period, verify_noted, verify_order


class PresumedVictimBody(PersonFacts):
    """A person with a tie to the recipient has been found."""

    ties: Annotated[
        tuple[ParticipantTie, ...],
        Field(min_length=1, max_length=len(ParticipantTie)),
        Sensitivity.NONE,
    ]
    found_on: Annotated[Day, Sensitivity.NONE]
    immediate_needs: Annotated[tuple[Need, ...], Field(max_length=len(Need)), Sensitivity.NONE] = ()
    needs_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    circumstances: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None
    reflection_period_until: Annotated[Day | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class PresumedVictimNotification(CaseMessage):
    """A presumed victim who is national of, resident in, or comes from the recipient was found."""

    type: Literal["identification.presumed_victim_notification"] = (
        "identification.presumed_victim_notification"
    )
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    phase: Literal[Phase.IDENTIFICATION]
    body: PresumedVictimBody


class HandoverMode(StrEnum):
    """Who leads the case after a referral."""

    OPENED_WITH_RECIPIENT = "opened_with_recipient"
    TRANSFERRED_TO_RECIPIENT = "transferred_to_recipient"


class ReferralReason(StrEnum):
    """Why a case is referred."""

    RETURN_IS_PLANNED = "return_is_planned"
    CHANGE_OF_LOCATION = "change_of_location"
    SERVICES_NEEDED_THERE = "services_needed_there"
    FAMILY_IS_THERE = "family_is_there"
    PROCEEDINGS_THERE = "proceedings_there"
    OTHER = "other"


class InitialReferralBody(PersonFacts):
    """A case is handed to, or opened with, the recipient's authority."""

    handover: Annotated[HandoverMode, Sensitivity.NONE]
    reason: Annotated[ReferralReason, Sensitivity.NONE]
    reason_note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    services_requested: Annotated[
        tuple[Service, ...], Field(min_length=1, max_length=len(Service)), Sensitivity.NONE
    ]
    services_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    phases_concerned: Annotated[
        tuple[Phase, ...], Field(min_length=1, max_length=len(Phase)), Sensitivity.NONE
    ]
    whereabouts: Annotated[Whereabouts, Sensitivity.NONE]
    shelter_code: Annotated[ShelterCode | None, Sensitivity.PROTECTION] = None
    expected_arrival: Annotated[Day | None, Sensitivity.PROTECTION] = None
    risk: RiskPicture
    summary: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    health_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    family_note: Annotated[Narrative | None, Sensitivity.FAMILY] = None
    legal_note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    documents_held: Annotated[Line | None, Sensitivity.IDENTITY] = None


class InitialReferral(CaseMessage):
    """A case handed to, or opened with, the recipient's authority."""

    type: Literal["identification.initial_referral"] = "identification.initial_referral"
    version: Literal[1] = 1
    kind: Literal[Kind.REFERRAL]
    phase: Literal[Phase.IDENTIFICATION]
    body: InitialReferralBody


class RiskTopic(StrEnum):
    """What is to be found out about a risk."""

    THREATS_TO_THE_PERSON = "threats_to_the_person"
    THREATS_TO_CHILDREN_OR_FAMILY = "threats_to_children_or_family"
    WHEREABOUTS_OF_TRAFFICKERS = "whereabouts_of_traffickers"
    ROLE_OF_FAMILY_OR_PARTNER = "role_of_family_or_partner"
    REPRISALS = "reprisals"
    KNOWN_TO_POLICE = "known_to_police"
    PROTECTION_POSSIBLE = "protection_possible"


class DecisionPending(StrEnum):
    """What has to be decided on the strength of an assessment."""

    ACCOMMODATION = "accommodation"
    CONTACT_WITH_FAMILY = "contact_with_family"
    MOVE_TO_ANOTHER_PLACE = "move_to_another_place"
    STATEMENT = "statement"
    PUBLICITY = "publicity"
    REFERRAL = "referral"
    RETURN = "return"
    OTHER = "other"


class EarlyRiskQuestion(Model):
    """What the sender needs to know of risks, and what it knows already.

    Rules: the decision ``other`` has a note.
    """

    topics: Annotated[
        tuple[RiskTopic, ...], Field(min_length=1, max_length=len(RiskTopic)), Sensitivity.NONE
    ]
    decision_pending: Annotated[DecisionPending, Sensitivity.NONE]
    places_concerned: Annotated[tuple[Line, ...], Field(max_length=10), Sensitivity.PROTECTION] = ()
    known_so_far: RiskPicture | None = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.decision_pending], self.note)
        return self


class EarlyRiskAnswer(Answer):
    """An early risk assessment: threats with their sources, the level, what was done.

    Rules: ``assessed_at`` is given if, and only if, the level is an assessed one; ``review_on`` is
    not before the UTC day of ``assessed_at``; the measure ``other`` has a note.
    """

    answers: Literal["identification.early_risk_assessment"] = (
        "identification.early_risk_assessment"
    )
    level: Annotated[RiskLevel, Sensitivity.NONE]
    assessed_at: Annotated[Instant | None, Sensitivity.NONE] = None
    #: A post or a service, not a private person.
    assessed_by: Annotated[Line | None, Sensitivity.NONE] = None
    person_took_part: Annotated[TriState, Sensitivity.NONE]
    threats: Annotated[tuple[Threat, ...], Field(max_length=20)] = ()
    views_of_the_person: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    measures_taken: Annotated[
        tuple[ProtectiveMeasure, ...],
        Field(max_length=len(ProtectiveMeasure)),
        Sensitivity.PROTECTION,
    ] = ()
    measures_note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    shelter_code: Annotated[ShelterCode | None, Sensitivity.PROTECTION] = None
    review_on: Annotated[Day | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_assessment(self) -> Self:
        if (self.assessed_at is None) != (self.level is RiskLevel.NOT_YET_ASSESSED):
            raise ValueError("Say when the risk was assessed, or that it is not yet assessed.")
        if self.assessed_at is not None:
            verify_order(self.assessed_at.date(), self.review_on)
        verify_noted(self.measures_taken, self.measures_note)
        return self


class EarlyRiskBody(CasePersonBody):
    """Asks for an early risk assessment, or tells one."""

    question: EarlyRiskQuestion | None = None
    information: EarlyRiskAnswer | None = None


class EarlyRiskAssessment(AskingOrTelling):
    """Threats, their sources, the level of risk, and the measures taken."""

    type: Literal["identification.early_risk_assessment"] = "identification.early_risk_assessment"
    version: Literal[1] = 1
    phase: Literal[Phase.IDENTIFICATION]
    body: EarlyRiskBody


class PermitState(StrEnum):
    """Whether a foreign person may stay."""

    NOT_NEEDED = "not_needed"
    APPLIED_FOR = "applied_for"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class FormalStatusBody(CasePersonBody):
    """How formal identification ended, or stands, and the recovery and reflection period.

    Rules: a decided status (formally identified, not identified) names the day and the authority,
    an undecided one neither; who is formally identified was exploited in at least one form other
    than ``unknown``; an appeal ends after the day of the decision, never on it.
    """

    status: Annotated[TraffickingStatus, Sensitivity.NONE]
    decided_on: Annotated[Day | None, Sensitivity.NONE] = None
    decided_by: Annotated[Line | None, Sensitivity.NONE] = None
    decision_reference: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    exploitation_forms: Annotated[
        tuple[ExploitationForm, ...], Field(max_length=len(ExploitationForm)), Sensitivity.NONE
    ] = ()
    grounds: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    appeal_possible_until: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    reflection_period: Period | None = None
    permit: Annotated[PermitState | None, Sensitivity.JUDICIAL] = None
    permit_valid_until: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    assistance_goes_on: Annotated[TriState, Sensitivity.NONE]
    person_informed: Annotated[TriState, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_decision(self) -> Self:
        decided = self.status in {
            TraffickingStatus.FORMALLY_IDENTIFIED,
            TraffickingStatus.NOT_IDENTIFIED,
        }
        if decided != (self.decided_on is not None) or decided != (self.decided_by is not None):
            raise ValueError(
                "Say when and by whom it was decided; leave both out while nothing is decided."
            )
        if self.status is TraffickingStatus.FORMALLY_IDENTIFIED and not self.exploitation_forms:
            raise ValueError("Name the forms of exploitation that the decision rests on.")
        verify_order(self.decided_on, self.appeal_possible_until)
        return self


class FormalStatusNotification(CaseMessage):
    """The outcome of formal identification, and the reflection period from and to."""

    type: Literal["identification.formal_status"] = "identification.formal_status"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    phase: Literal[Phase.IDENTIFICATION]
    body: FormalStatusBody
