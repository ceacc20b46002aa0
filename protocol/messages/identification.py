"""Messages of the phase identification."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from protocol.identifiers import Phase
from protocol.messages.codes import (
    ExploitationForm,
    Need,
    ParticipantTie,
    RiskLevel,
    Service,
    Sex,
    TraffickingStatus,
    Whereabouts,
)
from protocol.messages.fields import (
    Instant,
    LanguageField,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import CaseManager, CaseMessage, PersonBody


class PersonFacts(PersonBody):
    """What may be said of a person without saying who it is."""

    status: Annotated[TraffickingStatus, Sensitivity.NONE]
    sex: Annotated[Sex, Sensitivity.NONE]
    exploitation_forms: Annotated[
        tuple[ExploitationForm, ...],
        Field(min_length=1, max_length=len(ExploitationForm)),
        Sensitivity.NONE,
    ]
    languages_spoken: Annotated[
        tuple[LanguageField, ...], Field(max_length=10), Sensitivity.NONE
    ] = ()
    interpreter_needed: Annotated[TriState, Sensitivity.NONE]
    danger_now: Annotated[TriState, Sensitivity.NONE]
    #: Only about the danger and its sources; never an address.
    danger_note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    case_manager: CaseManager


class PresumedVictimBody(PersonFacts):
    """A person with a tie to the recipient has been found."""

    ties: Annotated[
        tuple[ParticipantTie, ...],
        Field(min_length=1, max_length=len(ParticipantTie)),
        Sensitivity.NONE,
    ]
    found_on: Annotated[date, Sensitivity.NONE]
    immediate_needs: Annotated[tuple[Need, ...], Field(max_length=len(Need)), Sensitivity.NONE] = ()
    needs_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    circumstances: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None
    reflection_period_until: Annotated[date | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class PresumedVictimNotification(CaseMessage):
    """A presumed victim who is national of, resident in, or comes from the recipient was found."""

    type: Literal["identification.presumed_victim_notification"] = (
        "identification.presumed_victim_notification"
    )
    version: Literal[1] = 1
    phase: Literal[Phase.IDENTIFICATION] = Phase.IDENTIFICATION
    body: PresumedVictimBody


class Handover(StrEnum):
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


class RiskPicture(Model):
    """The early risk assessment, as far as there is one."""

    level: Annotated[RiskLevel, Sensitivity.NONE]
    assessed_at: Annotated[Instant | None, Sensitivity.NONE] = None
    threats: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    measures_taken: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


ShelterCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}(-[A-Z0-9]{1,12})?$")]
"""A shelter is named by an opaque code; its address never leaves a Participant."""


class InitialReferralBody(PersonFacts):
    """A case is handed to, or opened with, the recipient's authority."""

    handover: Annotated[Handover, Sensitivity.NONE]
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
    expected_arrival: Annotated[date | None, Sensitivity.PROTECTION] = None
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
    phase: Literal[Phase.IDENTIFICATION] = Phase.IDENTIFICATION
    body: InitialReferralBody
