"""Messages of the phase proceedings about money: tracing of assets, and compensation."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Formality, Kind
from protocol.messages.fields import (
    Day,
    Line,
    Model,
    Narrative,
    ParticipantField,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, CaseManager, CaseMessage
from protocol.messages.intelligence import Suspect
from protocol.messages.judicial import Amount, ProceedingsBody
from protocol.messages.person import NationalityCode
from protocol.messages.rules import Period, verify_noted, verify_order


class AssetPurpose(StrEnum):
    """What the tracing is for."""

    INVESTIGATION = "investigation"
    FREEZING = "freezing"
    CONFISCATION = "confiscation"
    COMPENSATION_OF_THE_PERSON = "compensation_of_the_person"


class AssetKind(StrEnum):
    """What can hold value."""

    REAL_ESTATE = "real_estate"
    BANK_ACCOUNT = "bank_account"
    CASH = "cash"
    VEHICLE = "vehicle"
    COMPANY_SHARE = "company_share"
    MONEY_TRANSFER = "money_transfer"
    CRYPTO_ASSET = "crypto_asset"
    VALUABLES = "valuables"
    CLAIM_OR_INSURANCE = "claim_or_insurance"
    OTHER = "other"


class Company(Model):
    """A company that is suspected to hold proceeds."""

    name: Annotated[Line, Sensitivity.INTELLIGENCE]
    registration_number: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    seat: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    registered_in: Annotated[NationalityCode | None, Sensitivity.INTELLIGENCE] = None


class Asset(Model):
    """One asset, known or found.

    Rules: a number or a description is given.
    """

    kind: Annotated[AssetKind, Sensitivity.INTELLIGENCE]
    description: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    #: Account, land-register or vehicle number.
    identifier: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    place: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    value: Amount | None = None

    @model_validator(mode="after")
    def _verify_asset(self) -> Self:
        if self.description is None and self.identifier is None:
            raise ValueError("Give the asset's number or a description.")
        return self


class AssetTracingBody(ProceedingsBody):
    """Proceeds, property and accounts that are sought, and whose.

    Rules: a suspect or a company is named; another kind of asset has a note.
    """

    purpose: Annotated[AssetPurpose, Sensitivity.JUDICIAL]
    suspects: Annotated[tuple[Suspect, ...], Field(max_length=20)] = ()
    companies: Annotated[tuple[Company, ...], Field(max_length=20)] = ()
    asset_kinds: Annotated[
        tuple[AssetKind, ...], Field(min_length=1, max_length=len(AssetKind)), Sensitivity.JUDICIAL
    ]
    known_assets: Annotated[tuple[Asset, ...], Field(max_length=30)] = ()
    period: Period | None = None
    amount_sought: Amount | None = None
    court_order: Annotated[TriState, Sensitivity.JUDICIAL]
    #: The holders must not learn of it, or the money is gone.
    keep_secret: Annotated[bool, Sensitivity.NONE]
    needed_by: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    note: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_holders(self) -> Self:
        if not (self.suspects or self.companies):
            raise ValueError("Say whose assets are sought: a suspect or a company.")
        verify_noted(self.asset_kinds, self.note)
        return self


class AssetTracingRequest(CaseMessage):
    """Asks to trace proceeds, property and accounts.

    Rules: freezing and confiscation are asked for formally.
    """

    type: Literal["proceedings.asset_tracing"] = "proceedings.asset_tracing"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.PROCEEDINGS]
    body: AssetTracingBody

    @model_validator(mode="after")
    def _verify_formality(self) -> Self:
        coercive = self.body.purpose in {AssetPurpose.FREEZING, AssetPurpose.CONFISCATION}
        if coercive and self.formality is Formality.INFORMAL:
            raise ValueError(
                "Freezing and confiscation are asked for formally: name the instrument, or ask for "
                "tracing for the investigation first."
            )
        return self


class AssetSource(StrEnum):
    """Where was searched."""

    LAND_REGISTER = "land_register"
    COMPANY_REGISTER = "company_register"
    VEHICLE_REGISTER = "vehicle_register"
    BANK_ACCOUNT_REGISTER = "bank_account_register"
    TAX_AUTHORITY = "tax_authority"
    FINANCIAL_INTELLIGENCE_UNIT = "financial_intelligence_unit"
    MONEY_TRANSFER_SERVICES = "money_transfer_services"
    POLICE_RECORDS = "police_records"
    OTHER = "other"


class AssetHold(StrEnum):
    """Whether an asset is held fast."""

    FREE = "free"
    FROZEN = "frozen"
    CONFISCATED = "confiscated"
    PLEDGED_TO_OTHERS = "pledged_to_others"
    UNKNOWN = "unknown"


class AssetFound(Model):
    """One asset that was found, and how it is held.

    Rules: it is one suspect's, or else one company's.
    """

    asset: Asset
    #: Whose it is: the place in the request's list of suspects, or of companies, counted from 1.
    suspect_number: Annotated[int | None, Field(ge=1, le=20), Sensitivity.NONE] = None
    company_number: Annotated[int | None, Field(ge=1, le=20), Sensitivity.NONE] = None
    hold: Annotated[AssetHold, Sensitivity.JUDICIAL]

    @model_validator(mode="after")
    def _verify_holder(self) -> Self:
        if (self.suspect_number is None) == (self.company_number is None):
            raise ValueError("Say whose it is: one of the suspects, or else one of the companies.")
        return self


class AssetTracingAnswer(Answer):
    """What was found, where was searched, and what a court would need.

    Rules: another source has a note.
    """

    answers: Literal["proceedings.asset_tracing"] = "proceedings.asset_tracing"
    searched: Annotated[
        tuple[AssetSource, ...],
        Field(min_length=1, max_length=len(AssetSource)),
        Sensitivity.JUDICIAL,
    ]
    searched_on: Annotated[Day, Sensitivity.JUDICIAL]
    #: Empty: nothing was found where was searched.
    found: Annotated[tuple[AssetFound, ...], Field(max_length=50)] = ()
    formal_request_needed: Annotated[TriState, Sensitivity.NONE]
    may_reach_the_person: Annotated[TriState | None, Sensitivity.JUDICIAL] = None
    note: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted(self.searched, self.note)
        return self


class ClaimRoute(StrEnum):
    """How compensation is claimed."""

    IN_CRIMINAL_PROCEEDINGS = "in_criminal_proceedings"
    CIVIL_CLAIM = "civil_claim"
    LABOUR_CLAIM = "labour_claim"
    PROGRAMME_OR_FUND = "programme_or_fund"
    COMMISSION = "commission"
    SETTLEMENT = "settlement"
    NOT_YET_CHOSEN = "not_yet_chosen"


class ClaimStage(StrEnum):
    """How far a claim is."""

    NOT_YET_MADE = "not_yet_made"
    PENDING = "pending"
    GRANTED_NOT_PAID = "granted_not_paid"
    PAID_IN_PART = "paid_in_part"
    PAID = "paid"
    REJECTED = "rejected"


class LossHead(StrEnum):
    """What the claim is for."""

    UNPAID_WAGES = "unpaid_wages"
    EARNINGS_OF_EXPLOITATION = "earnings_of_exploitation"
    MEDICAL_COSTS = "medical_costs"
    LOST_INCOME = "lost_income"
    PHYSICAL_HARM = "physical_harm"
    PSYCHOLOGICAL_HARM = "psychological_harm"
    LOST_PROPERTY = "lost_property"
    LEGAL_COSTS = "legal_costs"


class ClaimSupport(StrEnum):
    """Support for a claim across the border."""

    INFORMATION_ON_ROUTES = "information_on_routes"
    LEGAL_AID = "legal_aid"
    LODGING_WITH_PROGRAMME = "lodging_with_programme"
    EVIDENCE_OF_LOSS = "evidence_of_loss"
    COMMUNICATION_WITH_LAWYER = "communication_with_lawyer"
    ENFORCEMENT_OF_JUDGMENT = "enforcement_of_judgment"
    SAFE_PAYMENT = "safe_payment"
    TRANSLATION = "translation"
    OTHER = "other"


class CrossBorderSituation(Model):
    """Which Participants a claim touches."""

    person_lives_in: Annotated[ParticipantField, Sensitivity.PROTECTION]
    exploited_in: Annotated[
        tuple[NationalityCode, ...], Field(min_length=1, max_length=6), Sensitivity.JUDICIAL
    ]
    claim_lies_in: Annotated[ParticipantField, Sensitivity.JUDICIAL]
    will_travel_to_hearings: Annotated[TriState, Sensitivity.PROTECTION]


class CompensationSupportBody(ProceedingsBody):
    """A claim, the cross-border situation, and the support it needs.

    Rules: a claim that was made says its route (``not_yet_chosen`` is none); other support has a
    note.
    """

    route: Annotated[ClaimRoute, Sensitivity.JUDICIAL]
    stage: Annotated[ClaimStage, Sensitivity.JUDICIAL]
    support: Annotated[
        tuple[ClaimSupport, ...],
        Field(min_length=1, max_length=len(ClaimSupport)),
        Sensitivity.NONE,
    ]
    situation: CrossBorderSituation
    loss: Annotated[
        tuple[LossHead, ...], Field(max_length=len(LossHead)), Sensitivity.JUDICIAL
    ] = ()
    amount_claimed: Amount | None = None
    #: The last day on which the claim can be made or the step taken.
    time_limit: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    against_persons: Annotated[tuple[Suspect, ...], Field(max_length=10)] = ()
    against_companies: Annotated[tuple[Company, ...], Field(max_length=10)] = ()
    person_wants_claim: Annotated[TriState, Sensitivity.JUDICIAL]
    legal_aid_granted: Annotated[TriState, Sensitivity.JUDICIAL]
    power_of_attorney: Annotated[TriState, Sensitivity.JUDICIAL]
    case_manager: CaseManager
    note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_claim(self) -> Self:
        if self.stage is not ClaimStage.NOT_YET_MADE and self.route is ClaimRoute.NOT_YET_CHOSEN:
            raise ValueError("A claim that was made took a route: say which.")
        verify_noted(self.support, self.note)
        return self


class CompensationSupportRequest(CaseMessage):
    """Asks for support of a claim for compensation."""

    type: Literal["proceedings.compensation_support"] = "proceedings.compensation_support"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.PROCEEDINGS]
    body: CompensationSupportBody


class Eligibility(StrEnum):
    """Whether a route is open to the person."""

    OPEN = "open"
    OPEN_UNDER_CONDITIONS = "open_under_conditions"
    CLOSED = "closed"
    UNCLEAR = "unclear"


class RouteOffer(Model):
    """One route, whether it is open, and what it takes.

    Rules: the route is named (``not_yet_chosen`` is none); one that is closed, or open under
    conditions, says the conditions or why.
    """

    route: Annotated[ClaimRoute, Sensitivity.JUDICIAL]
    eligibility: Annotated[Eligibility, Sensitivity.JUDICIAL]
    #: The programme, commission or court.
    office: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    time_limit: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    papers_needed: Annotated[tuple[Line, ...], Field(max_length=20), Sensitivity.JUDICIAL] = ()
    conditions: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_route(self) -> Self:
        if self.route is ClaimRoute.NOT_YET_CHOSEN:
            raise ValueError("An offer names its route.")
        if self.conditions is None and self.eligibility in {
            Eligibility.OPEN_UNDER_CONDITIONS,
            Eligibility.CLOSED,
        }:
            raise ValueError("Say under which conditions the route is open, or why it is closed.")
        return self


class CompensationSupportAnswer(Answer):
    """Which routes there are, which support is given, and how far the claim is.

    Rules: a route, support, or an amount is given; the amount granted is given if, and only if,
    one was; it is not paid before it is decided; other support has a note.
    """

    answers: Literal["proceedings.compensation_support"] = "proceedings.compensation_support"
    routes: Annotated[tuple[RouteOffer, ...], Field(max_length=8)] = ()
    support_given: Annotated[
        tuple[ClaimSupport, ...], Field(max_length=len(ClaimSupport)), Sensitivity.NONE
    ] = ()
    stage: Annotated[ClaimStage, Sensitivity.JUDICIAL]
    amount_granted: Amount | None = None
    decided_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    paid_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    contact: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_answer(self) -> Self:
        if not (self.routes or self.support_given or self.amount_granted):
            raise ValueError("Name a route, the support given, or the amount granted.")
        granted = self.stage in {
            ClaimStage.GRANTED_NOT_PAID,
            ClaimStage.PAID_IN_PART,
            ClaimStage.PAID,
        }
        if granted != (self.amount_granted is not None):
            raise ValueError("Say which amount was granted if, and only if, one was.")
        verify_order(self.decided_on, self.paid_on)
        verify_noted(self.support_given, self.note)
        return self
