"""Messages of the phase return: prior notice and joint plan.

What precedes them (risk assessment, family tracing, travel documents) is in
:mod:`protocol.messages.return_preparation`; reception and arrival in
:mod:`protocol.messages.arrival`; what a return must have in :mod:`protocol.messages.return_gates`.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, Need, Service
from protocol.messages.fields import (
    AuthorityField,
    Day,
    Line,
    MessageIdField,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, CaseManager, CaseMessage
from protocol.messages.journey import Companion, Handover, Journey, Reception
from protocol.messages.person import NationalityCode
from protocol.messages.return_readiness import ReturnBody
from protocol.messages.rules import verify_noted, verify_order


class NoticeStage(StrEnum):
    """How far the return is when the notice leaves."""

    PLANNED = "planned"
    DATE_FIXED = "date_fixed"
    #: Too late to be prior: still better told than not.
    UNDER_WAY = "under_way"


class ReturnNotificationBody(ReturnBody):
    """Prior notice of a return: decision, when, how, who travels, who receives.

    Rules: a planned return says the earliest and the latest day, in order; one with a fixed
    day, or under way, has a journey with the moment of arrival.
    """

    stage: Annotated[NoticeStage, Sensitivity.NONE]
    earliest_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    latest_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    journey: Journey | None = None
    companions: Annotated[tuple[Companion, ...], Field(max_length=6)] = ()
    reception: Reception | None = None
    needs_on_arrival: Annotated[
        tuple[Need, ...], Field(max_length=len(Need)), Sensitivity.NONE
    ] = ()
    needs_note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    travel_documents_ready: Annotated[TriState, Sensitivity.NONE]
    #: Whether a court or prosecutor may still need the person after the return.
    needed_in_proceedings: Annotated[TriState, Sensitivity.JUDICIAL]
    case_manager: CaseManager
    #: The earlier notice that this one replaces, for instance because the day changed.
    replaces: Annotated[MessageIdField | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_when(self) -> Self:
        if self.stage is NoticeStage.PLANNED:
            if self.earliest_on is None or self.latest_on is None:
                raise ValueError("A planned return says between which days it is expected.")
        elif self.journey is None or self.journey.arrival_at is None:
            raise ValueError("A return with a fixed day, or under way, says when the arrival is.")
        verify_order(self.earliest_on, self.latest_on)
        return self


class ReturnNotification(CaseMessage):
    """Prior notice of a return. What acknowledges it is a human decision, not a receipt."""

    type: Literal["return.return_notification"] = "return.return_notification"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    phase: Literal[Phase.RETURN]
    body: ReturnNotificationBody


class StepKind(StrEnum):
    """Steps of an assisted voluntary return."""

    COUNSELLING_BEFORE_DEPARTURE = "counselling_before_departure"
    MEDICAL_CHECK = "medical_check"
    TRAVEL_DOCUMENTS = "travel_documents"
    TICKETS = "tickets"
    ASSISTANCE_AT_DEPARTURE = "assistance_at_departure"
    ASSISTANCE_IN_TRANSIT = "assistance_in_transit"
    ESCORT = "escort"
    ASSISTANCE_AT_ARRIVAL = "assistance_at_arrival"
    HANDOVER = "handover"
    ONWARD_TRANSPORT = "onward_transport"
    START_OF_REINTEGRATION = "start_of_reintegration"
    MONITORING_AFTER_RETURN = "monitoring_after_return"
    OTHER = "other"


class PlanStep(Model):
    """One step of the joint plan, with the one who is responsible.

    Rules: either an authority or a provider is responsible; another step has a note.
    """

    step: Annotated[StepKind, Sensitivity.NONE]
    responsible: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    #: An organisation or post that the registry does not list.
    responsible_provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    due_on: Annotated[Day | None, Sensitivity.PROTECTION] = None
    note: Annotated[Line | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_step(self) -> Self:
        if (self.responsible is None) == (self.responsible_provider is None):
            raise ValueError("Name one that is responsible: an authority, or else a provider.")
        verify_noted([self.step], self.note)
        return self


class CostBearer(StrEnum):
    """Who pays."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    SHARED = "shared"
    PROGRAMME = "programme"
    NOT_YET_AGREED = "not_yet_agreed"


class AssistedReturnBody(ReturnBody):
    """A proposal to carry out an assisted voluntary return together."""

    #: The programme or organisation that carries it out.
    programme: Annotated[Line | None, Sensitivity.NONE] = None
    steps: Annotated[tuple[PlanStep, ...], Field(min_length=1, max_length=30)]
    journey: Journey | None = None
    #: Participants and others that are crossed on the way.
    transit_through: Annotated[
        tuple[NationalityCode, ...], Field(max_length=6), Sensitivity.PROTECTION
    ] = ()
    companions: Annotated[tuple[Companion, ...], Field(max_length=6)] = ()
    handover: Handover | None = None
    services_after_return: Annotated[
        tuple[Service, ...], Field(max_length=len(Service)), Sensitivity.NONE
    ] = ()
    costs: Annotated[CostBearer, Sensitivity.NONE]
    monitoring_months: Annotated[int | None, Field(ge=0, le=36), Sensitivity.NONE] = None
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class AssistedReturnRequest(CaseMessage):
    """A joint plan: steps, responsible, escort, handover."""

    type: Literal["return.assisted_voluntary_return"] = "return.assisted_voluntary_return"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.RETURN]
    body: AssistedReturnBody


class PlanAgreement(StrEnum):
    """What the recipient says to the joint plan."""

    AGREED = "agreed"
    AGREED_WITH_CHANGES = "agreed_with_changes"
    NOT_AGREED = "not_agreed"


class AssistedReturnAnswer(Answer):
    """The plan as the recipient carries it, or why not.

    Rules: who does not agree says why in the note; who agrees names a case manager; agreed changes
    name a step, the journey, the handover, or say in the note what changes.
    """

    answers: Literal["return.assisted_voluntary_return"] = "return.assisted_voluntary_return"
    agreement: Annotated[PlanAgreement, Sensitivity.NONE]
    #: Only the steps that the recipient carries, changes or adds.
    steps: Annotated[tuple[PlanStep, ...], Field(max_length=30)] = ()
    journey: Journey | None = None
    handover: Handover | None = None
    costs: Annotated[CostBearer | None, Sensitivity.NONE] = None
    case_manager: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_agreement(self) -> Self:
        if self.agreement is PlanAgreement.NOT_AGREED:
            if self.note is None:
                raise ValueError("Say in the note what keeps you from agreeing, and what would do.")
        elif self.case_manager is None:
            raise ValueError("Who agrees to the plan names the desk that coordinates it.")
        if self.agreement is PlanAgreement.AGREED_WITH_CHANGES and not (
            self.steps or self.journey or self.handover or self.note
        ):
            raise ValueError("Say what changes: a step, the journey, the handover, or a note.")
        return self
