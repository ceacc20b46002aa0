"""Requests of the phase social inclusion about services: who provides them, and who is credible."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, Service, Sex
from protocol.messages.fields import (
    AuthorityField,
    Day,
    LanguageField,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, Body, CaseMessage, CasePersonBody
from protocol.messages.risk import ShelterCode


class ProviderKind(StrEnum):
    """What sort of organisation a provider is."""

    NGO = "ngo"
    INTERNATIONAL_ORGANISATION = "international_organisation"
    SOCIAL_SERVICE = "social_service"
    CHILD_WELFARE_SERVICE = "child_welfare_service"
    SHELTER = "shelter"
    HEALTH_SERVICE = "health_service"
    SCHOOL_OR_TRAINING = "school_or_training"
    EMPLOYMENT_SERVICE = "employment_service"
    PRIVATE_AGENCY = "private_agency"
    LAW_ENFORCEMENT = "law_enforcement"
    JUDICIARY = "judiciary"
    LEGAL_AID = "legal_aid"
    OTHER = "other"


class ServiceContactsBody(CasePersonBody):
    """Asks who provides given services in the place where the person is going to live.

    Rules: ``services`` that include ``other`` are explained in ``note``.
    """

    services: Annotated[
        tuple[Service, ...], Field(min_length=1, max_length=len(Service)), Sensitivity.NONE
    ]
    provider_kinds: Annotated[
        tuple[ProviderKind, ...], Field(max_length=len(ProviderKind)), Sensitivity.NONE
    ] = ()
    #: A town or region, never an address. It tells where the person will be.
    place: Annotated[Line | None, Sensitivity.PROTECTION] = None
    needed_from: Annotated[Day | None, Sensitivity.PROTECTION] = None
    sex: Annotated[Sex | None, Sensitivity.NONE] = None
    with_children: Annotated[TriState | None, Sensitivity.FAMILY] = None
    accessible: Annotated[TriState | None, Sensitivity.HEALTH] = None
    languages: Annotated[tuple[LanguageField, ...], Field(max_length=10), Sensitivity.NONE] = ()
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        if Service.OTHER in self.services and self.note is None:
            raise ValueError("Say in the note which other service is needed.")
        return self


class ServiceContacts(CaseMessage):
    """A request for the providers of given services in a place."""

    type: Literal["social_inclusion.service_contacts"] = "social_inclusion.service_contacts"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.SOCIAL_INCLUSION]
    body: ServiceContactsBody


class ProviderCost(StrEnum):
    """What a service costs the person."""

    FREE = "free"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    UNKNOWN = "unknown"


class ProviderCapacity(StrEnum):
    """Whether a provider can take somebody now."""

    AVAILABLE = "available"
    WAITING_LIST = "waiting_list"
    FULL = "full"
    UNKNOWN = "unknown"


class ServiceProvider(Model):
    """An organisation that provides services, with its office data: no private person's.

    Rules: a provider is reachable by telephone, mailbox, or an authority of the registry; a
    shelter, and nothing else, has a ``shelter_code``, and neither a place nor an office address.
    """

    name: Annotated[Line, Sensitivity.NONE]
    kind: Annotated[ProviderKind, Sensitivity.NONE]
    services: Annotated[
        tuple[Service, ...], Field(min_length=1, max_length=len(Service)), Sensitivity.NONE
    ]
    authority: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    place: Annotated[Line | None, Sensitivity.NONE] = None
    #: Where people are received in office hours; never where people are housed.
    office_address: Annotated[Line | None, Sensitivity.NONE] = None
    shelter_code: Annotated[ShelterCode | None, Sensitivity.PROTECTION] = None
    telephone: Annotated[Line | None, Sensitivity.NONE] = None
    mailbox: Annotated[Line | None, Sensitivity.NONE] = None
    reachable: Annotated[Line | None, Sensitivity.NONE] = None
    languages: Annotated[tuple[LanguageField, ...], Field(max_length=10), Sensitivity.NONE] = ()
    cost: Annotated[ProviderCost, Sensitivity.NONE]
    capacity: Annotated[ProviderCapacity, Sensitivity.NONE]
    conditions: Annotated[Line | None, Sensitivity.NONE] = None
    confirmed_on: Annotated[Day | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_reach(self) -> Self:
        if not (self.telephone or self.mailbox or self.authority):
            raise ValueError("Say how the provider is reached: telephone, mailbox or authority.")
        shelter = self.kind is ProviderKind.SHELTER
        if shelter != (self.shelter_code is not None):
            raise ValueError("A shelter, and nothing else, is named by a shelter code.")
        if shelter and (self.place is not None or self.office_address is not None):
            raise ValueError("Where a shelter is never leaves its Participant: remove the place.")
        return self


class ServiceContactsAnswer(Answer):
    """The providers that the answering authority knows for what was asked."""

    answers: Literal["social_inclusion.service_contacts"] = "social_inclusion.service_contacts"
    providers: Annotated[tuple[ServiceProvider, ...], Field(min_length=1, max_length=50)]
    services_not_found: Annotated[
        tuple[Service, ...], Field(max_length=len(Service)), Sensitivity.NONE
    ] = ()
    recommendation: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class CredibilityQuestion(StrEnum):
    """What somebody wants to know of a provider before trusting it with a person."""

    LEGALLY_REGISTERED = "legally_registered"
    LICENSED_FOR_THE_SERVICE = "licensed_for_the_service"
    EXPERIENCED_WITH_TRAFFICKED_PERSONS = "experienced_with_trafficked_persons"
    TRAINED_STAFF = "trained_staff"
    PROTECTS_PERSONAL_DATA = "protects_personal_data"
    SAFEGUARDS_CHILDREN = "safeguards_children"
    PARTNER_OF_THE_REFERRAL_MECHANISM = "partner_of_the_referral_mechanism"
    FREE_OF_SERIOUS_COMPLAINTS = "free_of_serious_complaints"
    FREE_OF_LINKS_TO_TRAFFICKERS = "free_of_links_to_traffickers"
    GENUINE_OFFER = "genuine_offer"


class CredibilityReason(StrEnum):
    """Why a provider has to be vouched for."""

    NOT_KNOWN_HERE = "not_known_here"
    OFFER_TO_THE_PERSON = "offer_to_the_person"
    EARLIER_DOUBTS = "earlier_doubts"
    REQUIRED_BEFORE_REFERRAL = "required_before_referral"


class ProviderCredibilityBody(Body):
    """Asks whether an agency or NGO can be vouched for.

    It is about an organisation: the person does not appear in it.

    Rules: ``earlier_doubts`` are explained in ``doubts``.
    """

    name: Annotated[Line, Sensitivity.NONE]
    other_names: Annotated[tuple[Line, ...], Field(max_length=10), Sensitivity.NONE] = ()
    kind: Annotated[ProviderKind, Sensitivity.NONE]
    place: Annotated[Line | None, Sensitivity.NONE] = None
    registration_number: Annotated[Line | None, Sensitivity.NONE] = None
    website: Annotated[Line | None, Sensitivity.NONE] = None
    intended_services: Annotated[
        tuple[Service, ...], Field(min_length=1, max_length=len(Service)), Sensitivity.NONE
    ]
    reason: Annotated[CredibilityReason, Sensitivity.NONE]
    questions: Annotated[
        tuple[CredibilityQuestion, ...],
        Field(min_length=1, max_length=len(CredibilityQuestion)),
        Sensitivity.NONE,
    ]
    #: The provider may be told that somebody asks.
    provider_may_know: Annotated[bool, Sensitivity.NONE]
    doubts: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_doubts(self) -> Self:
        if self.reason is CredibilityReason.EARLIER_DOUBTS and self.doubts is None:
            raise ValueError("Say which doubts there are, or choose another reason.")
        return self


class ProviderCredibility(CaseMessage):
    """A request to vouch for an agency or NGO."""

    type: Literal["social_inclusion.provider_credibility"] = "social_inclusion.provider_credibility"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.SOCIAL_INCLUSION]
    body: ProviderCredibilityBody


class CredibilityFinding(Model):
    """What is known on one question, and from where."""

    question: Annotated[CredibilityQuestion, Sensitivity.NONE]
    result: Annotated[TriState, Sensitivity.NONE]
    source: Annotated[Line | None, Sensitivity.NONE] = None


class CredibilityVerdict(StrEnum):
    """Whether the answering authority vouches for a provider."""

    VOUCHED_FOR = "vouched_for"
    VOUCHED_FOR_WITH_CONDITIONS = "vouched_for_with_conditions"
    NOT_VOUCHED_FOR = "not_vouched_for"
    NOT_KNOWN = "not_known"


class ProviderCredibilityAnswer(Answer):
    """Whether the provider is vouched for, and what that rests on.

    Rules: each question is answered once; ``vouched_for_with_conditions``, and nothing else, has
    ``conditions``; nobody vouches for a provider of which a finding says ``no``, unless with
    conditions, and never where ``free_of_links_to_traffickers`` is ``no``.
    """

    answers: Literal["social_inclusion.provider_credibility"] = (
        "social_inclusion.provider_credibility"
    )
    verdict: Annotated[CredibilityVerdict, Sensitivity.NONE]
    conditions: Annotated[Line | None, Sensitivity.NONE] = None
    findings: Annotated[
        tuple[CredibilityFinding, ...], Field(max_length=len(CredibilityQuestion))
    ] = ()
    registered_since: Annotated[Day | None, Sensitivity.NONE] = None
    licence_until: Annotated[Day | None, Sensitivity.NONE] = None
    established_on: Annotated[Day, Sensitivity.NONE]
    intelligence_note: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_verdict(self) -> Self:
        with_conditions = self.verdict is CredibilityVerdict.VOUCHED_FOR_WITH_CONDITIONS
        if with_conditions != (self.conditions is not None):
            raise ValueError("Name the conditions if, and only if, there are any.")
        asked = [finding.question for finding in self.findings]
        if len(set(asked)) != len(asked):
            raise ValueError("Answer each question once: two findings are on the same one.")
        against = {item.question for item in self.findings if item.result is TriState.NO}
        if self.verdict is CredibilityVerdict.VOUCHED_FOR and against:
            raise ValueError("A finding speaks against the provider: vouch with conditions or not.")
        if with_conditions and CredibilityQuestion.FREE_OF_LINKS_TO_TRAFFICKERS in against:
            raise ValueError("A provider with links to traffickers is not vouched for.")
        return self
