"""What police and judiciary ask each other in the phase identification."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import ExploitationForm, Formality, Kind
from protocol.messages.fields import (
    AuthorityField,
    Day,
    Instant,
    Line,
    Model,
    Narrative,
    ParticipantField,
    Sensitivity,
)
from protocol.messages.head import (
    Answer,
    AskingOrTelling,
    CaseManager,
    CaseMessage,
    CasePersonBody,
)
from protocol.messages.intelligence import PlaceUsed, Suspect, Vehicle
from protocol.messages.rules import Period, verify_noted, verify_order


class IntelligenceTopic(StrEnum):
    """What is to be found out about a trafficking case."""

    RECRUITMENT = "recruitment"
    ROUTE = "route"
    EXPLOITATION = "exploitation"
    SUSPECTS = "suspects"
    ACCOMPLICES = "accomplices"
    VEHICLES = "vehicles"
    PLACES = "places"
    ONLINE_ACCOUNTS = "online_accounts"
    DOCUMENTS_USED = "documents_used"
    MONEY = "money"
    RELATED_CASES = "related_cases"


class TraffickingQuestion(Model):
    """What the sender wants to know, and what it knows that helps to find it."""

    topics: Annotated[
        tuple[IntelligenceTopic, ...],
        Field(min_length=1, max_length=len(IntelligenceTopic)),
        Sensitivity.NONE,
    ]
    period: Period | None = None
    suspects: Annotated[tuple[Suspect, ...], Field(max_length=20)] = ()
    vehicles: Annotated[tuple[Vehicle, ...], Field(max_length=20)] = ()
    places: Annotated[tuple[PlaceUsed, ...], Field(max_length=20)] = ()
    note: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None


class SourceReliability(StrEnum):
    """How far the source can be relied upon."""

    ALWAYS_RELIABLE = "always_reliable"
    MOSTLY_RELIABLE = "mostly_reliable"
    MOSTLY_UNRELIABLE = "mostly_unreliable"
    CANNOT_BE_ASSESSED = "cannot_be_assessed"


class InformationAccuracy(StrEnum):
    """How the source came to know it."""

    CERTAIN = "certain"
    KNOWN_TO_THE_SOURCE = "known_to_the_source"
    HEARSAY_CONFIRMED = "hearsay_confirmed"
    HEARSAY = "hearsay"


class RecruitmentMethod(StrEnum):
    """How a person was drawn in."""

    OFFER_OF_WORK = "offer_of_work"
    PROMISE_OF_MARRIAGE_OR_LOVE = "promise_of_marriage_or_love"
    OFFER_OF_TRAVEL_OR_STUDY = "offer_of_travel_or_study"
    THROUGH_FAMILY = "through_family"
    ONLINE = "online"
    SALE = "sale"
    ABDUCTION = "abduction"
    BORN_INTO_IT = "born_into_it"
    OTHER = "other"
    UNKNOWN = "unknown"


class ControlMeans(StrEnum):
    """By which means a person was kept under control."""

    DEBT_BONDAGE = "debt_bondage"
    TAKES_EARNINGS = "takes_earnings"
    RESTRICTS_FINANCIAL_ACCESS = "restricts_financial_access"
    THREATS = "threats"
    THREATS_TO_FAMILY = "threats_to_family"
    THREAT_OF_LAW_ENFORCEMENT = "threat_of_law_enforcement"
    PSYCHOLOGICAL_ABUSE = "psychological_abuse"
    PHYSICAL_ABUSE = "physical_abuse"
    SEXUAL_ABUSE = "sexual_abuse"
    FALSE_PROMISES = "false_promises"
    PSYCHOACTIVE_SUBSTANCES = "psychoactive_substances"
    RESTRICTS_MOVEMENT = "restricts_movement"
    RESTRICTS_MEDICAL_CARE = "restricts_medical_care"
    EXCESSIVE_WORKING_HOURS = "excessive_working_hours"
    USES_CHILDREN = "uses_children"
    WITHHOLDS_NECESSITIES = "withholds_necessities"
    WITHHOLDS_DOCUMENTS = "withholds_documents"
    OTHER = "other"


class TraffickingInformationAnswer(Answer):
    """What is known of a trafficking case, and how far it can be trusted.

    Rules: something is said beside the grading; ``other`` among the forms of exploitation, the
    recruitment or the means of control has a note.
    """

    answers: Literal["identification.trafficking_information"] = (
        "identification.trafficking_information"
    )
    source: Annotated[SourceReliability, Sensitivity.INTELLIGENCE]
    accuracy: Annotated[InformationAccuracy, Sensitivity.INTELLIGENCE]
    period: Period | None = None
    exploitation_forms: Annotated[
        tuple[ExploitationForm, ...],
        Field(max_length=len(ExploitationForm)),
        Sensitivity.INTELLIGENCE,
    ] = ()
    recruitment: Annotated[
        tuple[RecruitmentMethod, ...],
        Field(max_length=len(RecruitmentMethod)),
        Sensitivity.INTELLIGENCE,
    ] = ()
    control: Annotated[
        tuple[ControlMeans, ...], Field(max_length=len(ControlMeans)), Sensitivity.INTELLIGENCE
    ] = ()
    #: In the order of travel.
    route: Annotated[tuple[PlaceUsed, ...], Field(max_length=20)] = ()
    suspects: Annotated[tuple[Suspect, ...], Field(max_length=20)] = ()
    vehicles: Annotated[tuple[Vehicle, ...], Field(max_length=20)] = ()
    places: Annotated[tuple[PlaceUsed, ...], Field(max_length=20)] = ()
    related_files: Annotated[tuple[Line, ...], Field(max_length=20), Sensitivity.INTELLIGENCE] = ()
    note: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_content(self) -> Self:
        verify_noted((*self.recruitment, *self.control, *self.exploitation_forms), self.note)
        graded = {"answers", "source", "accuracy", "period"}
        if not any(getattr(self, name) for name in type(self).model_fields if name not in graded):
            raise ValueError(
                "Say what is known beside the grading: at least one field or the note."
            )
        return self


class TraffickingInformationBody(CasePersonBody):
    """Asks for information on a trafficking case, or tells it."""

    question: TraffickingQuestion | None = None
    information: TraffickingInformationAnswer | None = None


class TraffickingInformation(AskingOrTelling):
    """Case, route, modus operandi, suspects, accomplices, vehicles, places."""

    type: Literal["identification.trafficking_information"] = (
        "identification.trafficking_information"
    )
    version: Literal[1] = 1
    phase: Literal[Phase.IDENTIFICATION]
    body: TraffickingInformationBody


class JointForm(StrEnum):
    """How two or more Participants investigate together."""

    JOINT_INVESTIGATION_TEAM = "joint_investigation_team"
    PARALLEL_INVESTIGATIONS = "parallel_investigations"
    COORDINATED_OPERATION = "coordinated_operation"
    OTHER = "other"


class InvestigativeMeasure(StrEnum):
    """What investigators do."""

    INTERVIEWS = "interviews"
    SURVEILLANCE = "surveillance"
    TELECOMMUNICATIONS = "telecommunications"
    DIGITAL_FORENSICS = "digital_forensics"
    FINANCIAL_INVESTIGATION = "financial_investigation"
    SEARCHES = "searches"
    ARRESTS = "arrests"
    UNDERCOVER = "undercover"
    OTHER = "other"


class SupportingBody(StrEnum):
    """International bodies that support joint work."""

    INTERPOL = "interpol"
    EUROPOL = "europol"
    EUROJUST = "eurojust"
    SELEC = "selec"


class JointInvestigationBody(CasePersonBody):
    """A proposal to investigate together: form, scope, liaison, and the person's protection.

    Rules: the days are in order. What ``other`` means is said in ``scope``.
    """

    form: Annotated[JointForm, Sensitivity.NONE]
    #: Facts, offences, and limits of the joint work.
    scope: Annotated[Narrative, Sensitivity.JUDICIAL]
    exploitation_forms: Annotated[
        tuple[ExploitationForm, ...],
        Field(min_length=1, max_length=len(ExploitationForm)),
        Sensitivity.NONE,
    ]
    liaison: CaseManager
    lead_authority: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    other_participants: Annotated[
        tuple[ParticipantField, ...], Field(max_length=20), Sensitivity.NONE
    ] = ()
    supported_by: Annotated[
        tuple[SupportingBody, ...], Field(max_length=len(SupportingBody)), Sensitivity.NONE
    ] = ()
    file_reference: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    measures: Annotated[
        tuple[InvestigativeMeasure, ...],
        Field(max_length=len(InvestigativeMeasure)),
        Sensitivity.JUDICIAL,
    ] = ()
    starts_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    ends_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    first_meeting_at: Annotated[Instant | None, Sensitivity.JUDICIAL] = None
    suspects: Annotated[tuple[Suspect, ...], Field(max_length=20)] = ()
    #: How the trafficked person is kept safe while it goes on.
    protection_of_the_person: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_span(self) -> Self:
        verify_order(self.starts_on, self.ends_on)
        return self


class JointInvestigation(CaseMessage):
    """A proposal, under an instrument, to investigate together."""

    type: Literal["identification.joint_investigation"] = "identification.joint_investigation"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.IDENTIFICATION]
    formality: Literal[Formality.FORMAL]
    body: JointInvestigationBody


class JointPosition(StrEnum):
    """How a proposal is met. A refusal is a decision ``declined``."""

    AGREED = "agreed"
    AGREED_WITH_CONDITIONS = "agreed_with_conditions"
    COUNTER_PROPOSAL = "counter_proposal"
    AWAITING_APPROVAL = "awaiting_approval"


class JointInvestigationAnswer(Answer):
    """Whether and how the recipient takes part.

    Rules: conditions are stated if, and only if, the position is one with conditions or a counter
    proposal; what awaits approval says whose.
    """

    answers: Literal["identification.joint_investigation"] = "identification.joint_investigation"
    position: Annotated[JointPosition, Sensitivity.NONE]
    liaison: CaseManager
    conditions: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    approval_by: Annotated[Line | None, Sensitivity.NONE] = None
    approval_expected_on: Annotated[Day | None, Sensitivity.NONE] = None
    file_reference: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    starts_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    first_meeting_at: Annotated[Instant | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_position(self) -> Self:
        conditional = self.position in {
            JointPosition.AGREED_WITH_CONDITIONS,
            JointPosition.COUNTER_PROPOSAL,
        }
        if conditional != (self.conditions is not None):
            raise ValueError("State conditions if, and only if, the position has some.")
        if (self.position is JointPosition.AWAITING_APPROVAL) != (self.approval_by is not None):
            raise ValueError("Say whose approval is awaited if, and only if, one is awaited.")
        return self
