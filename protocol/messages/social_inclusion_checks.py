"""Requests of the phase social inclusion about the person's place, family and civil documents."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, RiskLevel
from protocol.messages.fields import (
    AuthorityField,
    Day,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.first_assistance_requests import FamilyTie
from protocol.messages.head import Answer, CaseMessage, CasePersonBody
from protocol.messages.person import Identity, PersonalContact


class CheckAspect(StrEnum):
    """What is looked at before somebody is placed in a family or a place."""

    SAFETY_OF_THE_PLACE = "safety_of_the_place"
    TRAFFICKERS_NEARBY = "traffickers_nearby"
    FAMILY_INVOLVED_IN_TRAFFICKING = "family_involved_in_trafficking"
    VIOLENCE_OR_ADDICTION = "violence_or_addiction"
    FAMILY_RELATIONS = "family_relations"
    WILLINGNESS_OF_THE_FAMILY = "willingness_of_the_family"
    CUSTODY_AND_GUARDIANSHIP = "custody_and_guardianship"
    HOUSING = "housing"
    INCOME = "income"
    ATTITUDE_OF_THE_COMMUNITY = "attitude_of_the_community"
    SERVICES_WITHIN_REACH = "services_within_reach"


class Placement(StrEnum):
    """With whom, or in what, somebody is going to live."""

    OWN_HOUSEHOLD = "own_household"
    PARENTS = "parents"
    OTHER_RELATIVES = "other_relatives"
    PARTNER = "partner"
    FOSTER_FAMILY = "foster_family"
    SUPPORTED_HOUSING = "supported_housing"
    INSTITUTION = "institution"
    OTHER = "other"


class CheckManner(StrEnum):
    """How a check is made: whether the family is spoken to, and what it learns."""

    WITHOUT_CONTACT = "without_contact"
    CONTACT_WITHOUT_THE_REASON = "contact_without_the_reason"
    OPEN_CONTACT = "open_contact"


class HouseholdMember(Model):
    """Somebody the person would live with, as far as it has to be known for the check."""

    tie: Annotated[FamilyTie, Sensitivity.FAMILY]
    identity: Identity | None = None
    contact: PersonalContact | None = None
    suspected: Annotated[TriState, Sensitivity.INTELLIGENCE]


class SecurityFamilyCheckBody(CasePersonBody):
    """Asks to check a place and a family before the person is placed there.

    Rules: whoever does not agree to the check, or whose agreement is unknown, is checked
    ``without_contact`` only, and so is a household with somebody who is ``suspected``; contact with
    the family, and nothing else, says in ``may_be_told`` what it may learn; ``placement`` =
    ``other`` is explained in ``note``.
    """

    aspects: Annotated[
        tuple[CheckAspect, ...], Field(min_length=1, max_length=len(CheckAspect)), Sensitivity.NONE
    ]
    placement: Annotated[Placement, Sensitivity.FAMILY]
    #: A town or region.
    place: Annotated[Line, Sensitivity.PROTECTION]
    #: Of the household, never of a shelter.
    address: Annotated[Line | None, Sensitivity.CONTACT] = None
    planned_from: Annotated[Day | None, Sensitivity.PROTECTION] = None
    household: Annotated[tuple[HouseholdMember, ...], Field(max_length=12)] = ()
    person_agrees: Annotated[TriState, Sensitivity.NONE]
    manner: Annotated[CheckManner, Sensitivity.NONE]
    may_be_told: Annotated[Line | None, Sensitivity.PROTECTION] = None
    known_risks: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_manner(self) -> Self:
        contact = self.manner is not CheckManner.WITHOUT_CONTACT
        if contact and self.person_agrees is not TriState.YES:
            raise ValueError(
                "The family is contacted only if the person agrees: ask the person, or check "
                "without contact."
            )
        if contact and any(member.suspected is TriState.YES for member in self.household):
            raise ValueError("Somebody in the household is suspected: check without contact.")
        if contact != (self.may_be_told is not None):
            raise ValueError("Say what the family may be told if, and only if, it is contacted.")
        if self.placement is Placement.OTHER and self.note is None:
            raise ValueError("Say in the note what the other placement is.")
        return self


class SecurityFamilyCheck(CaseMessage):
    """A request to check place and family before a placement."""

    type: Literal["social_inclusion.security_family_check"] = (
        "social_inclusion.security_family_check"
    )
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.SOCIAL_INCLUSION]
    body: SecurityFamilyCheckBody


class CheckResult(StrEnum):
    """What a check found on one aspect."""

    NO_CONCERN = "no_concern"
    SOME_CONCERN = "some_concern"
    SERIOUS_CONCERN = "serious_concern"
    NOT_ESTABLISHED = "not_established"


class CheckFinding(Model):
    """One aspect, what was found, and from where.

    Rules: a concern is explained in ``note``.
    """

    aspect: Annotated[CheckAspect, Sensitivity.NONE]
    result: Annotated[CheckResult, Sensitivity.PROTECTION]
    source: Annotated[Line | None, Sensitivity.PROTECTION] = None
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_note(self) -> Self:
        concerns = {CheckResult.SOME_CONCERN, CheckResult.SERIOUS_CONCERN}
        if self.result in concerns and self.note is None:
            raise ValueError("Say in the note what the concern is.")
        return self


class PlacementAdvice(StrEnum):
    """What the checking authority advises."""

    SUITABLE = "suitable"
    SUITABLE_WITH_CONDITIONS = "suitable_with_conditions"
    NOT_SUITABLE = "not_suitable"
    NOT_ESTABLISHED = "not_established"


class SecurityFamilyCheckAnswer(Answer):
    """What the check found, and what is advised.

    Rules: each aspect is found on once; ``suitable_with_conditions``, and nothing else, has
    ``conditions``; with a serious concern a placement is not ``suitable`` without conditions.
    """

    answers: Literal["social_inclusion.security_family_check"] = (
        "social_inclusion.security_family_check"
    )
    checked_on: Annotated[Day, Sensitivity.NONE]
    #: The institution and post that made the check.
    checked_by: Annotated[Line, Sensitivity.NONE]
    manner: Annotated[CheckManner, Sensitivity.NONE]
    findings: Annotated[tuple[CheckFinding, ...], Field(min_length=1, max_length=len(CheckAspect))]
    risk_level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    family_receives: Annotated[TriState, Sensitivity.FAMILY]
    household_size: Annotated[int | None, Field(ge=1, le=50), Sensitivity.FAMILY] = None
    advice: Annotated[PlacementAdvice, Sensitivity.PROTECTION]
    conditions: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    check_again_on: Annotated[Day | None, Sensitivity.NONE] = None
    intelligence_note: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_advice(self) -> Self:
        aspects = [finding.aspect for finding in self.findings]
        if len(set(aspects)) != len(aspects):
            raise ValueError("Report on each aspect once: two findings are on the same one.")
        with_conditions = self.advice is PlacementAdvice.SUITABLE_WITH_CONDITIONS
        if with_conditions != (self.conditions is not None):
            raise ValueError("Name the conditions if, and only if, there are any.")
        if self.advice is PlacementAdvice.SUITABLE and any(
            finding.result is CheckResult.SERIOUS_CONCERN for finding in self.findings
        ):
            raise ValueError("With a serious concern a placement needs conditions, or is refused.")
        return self


class CivilDocumentKind(StrEnum):
    """Documents of civil status and education."""

    BIRTH_CERTIFICATE = "birth_certificate"
    MARRIAGE_CERTIFICATE = "marriage_certificate"
    DIVORCE_DECREE = "divorce_decree"
    DEATH_CERTIFICATE = "death_certificate"
    CITIZENSHIP_CERTIFICATE = "citizenship_certificate"
    RESIDENCE_CERTIFICATE = "residence_certificate"
    GUARDIANSHIP_DECISION = "guardianship_decision"
    SCHOOL_CERTIFICATE = "school_certificate"
    VOCATIONAL_CERTIFICATE = "vocational_certificate"
    UNIVERSITY_DIPLOMA = "university_diploma"
    OTHER = "other"


class DocumentHolder(StrEnum):
    """Whose document it is."""

    PERSON = "person"
    CHILD_OF_THE_PERSON = "child_of_the_person"
    SPOUSE = "spouse"
    PARENT = "parent"


class DocumentForm(StrEnum):
    """In which form a document is needed."""

    COPY = "copy"
    CERTIFIED_COPY = "certified_copy"
    ORIGINAL = "original"
    INTERNATIONAL_EXTRACT = "international_extract"


class DocumentPurpose(StrEnum):
    """What a document is needed for."""

    RESIDENCE_OR_ASYLUM = "residence_or_asylum"
    TRAVEL_DOCUMENT = "travel_document"
    ENROLMENT_IN_EDUCATION = "enrolment_in_education"
    WORK = "work"
    HEALTH_OR_SOCIAL_INSURANCE = "health_or_social_insurance"
    MARRIAGE_OR_CUSTODY = "marriage_or_custody"
    COURT = "court"
    OTHER = "other"


class WantedDocument(Model):
    """One document that is asked for.

    Rules: ``other`` is named in ``description``.
    """

    kind: Annotated[CivilDocumentKind, Sensitivity.NONE]
    description: Annotated[Line | None, Sensitivity.IDENTITY] = None
    holder: Annotated[DocumentHolder, Sensitivity.FAMILY]
    form: Annotated[DocumentForm, Sensitivity.NONE]
    apostille: Annotated[TriState, Sensitivity.NONE]
    #: Registry office, school or court that keeps the record.
    kept_by: Annotated[Line | None, Sensitivity.IDENTITY] = None
    event_on: Annotated[Day | None, Sensitivity.IDENTITY] = None
    event_place: Annotated[Line | None, Sensitivity.IDENTITY] = None
    #: As recorded there, where it differs from the person's or is another's.
    recorded_as: Identity | None = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        if self.kind is CivilDocumentKind.OTHER and self.description is None:
            raise ValueError("Say which other document is wanted.")
        return self


class CivilDocumentsBody(CasePersonBody):
    """Asks for birth, marriage, education and similar certificates.

    Rules: ``purpose`` = ``other`` is explained in ``note``.
    """

    identity: Identity
    documents: Annotated[tuple[WantedDocument, ...], Field(min_length=1, max_length=12)]
    purpose: Annotated[DocumentPurpose, Sensitivity.NONE]
    #: The person's written authority to apply in the person's name is on file at the sender.
    authority_on_file: Annotated[TriState, Sensitivity.NONE]
    deliver_to: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    sender_bears_fees: Annotated[TriState, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_purpose(self) -> Self:
        if self.purpose is DocumentPurpose.OTHER and self.note is None:
            raise ValueError("Say in the note what the documents are for.")
        return self


class CivilDocuments(CaseMessage):
    """A request for certificates of civil status or education."""

    type: Literal["social_inclusion.civil_documents"] = "social_inclusion.civil_documents"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.SOCIAL_INCLUSION]
    body: CivilDocumentsBody


class DocumentResult(StrEnum):
    """What became of the request for one document."""

    ISSUED = "issued"
    IN_PREPARATION = "in_preparation"
    NO_RECORD = "no_record"
    PERSONAL_APPLICATION_NEEDED = "personal_application_needed"
    REFUSED = "refused"


class DocumentDelivery(StrEnum):
    """How an issued document comes."""

    ATTACHED = "attached"
    BY_POST = "by_post"
    THROUGH_CONSULATE = "through_consulate"
    TO_BE_COLLECTED = "to_be_collected"


class DocumentOutcome(Model):
    """What became of one document.

    Rules: ``issued``, and nothing else, has ``issued_on`` and ``delivery``; ``in_preparation``
    says ``expected_on``; ``personal_application_needed`` and ``refused`` say in ``requirement``
    what is missing or why.
    """

    kind: Annotated[CivilDocumentKind, Sensitivity.NONE]
    holder: Annotated[DocumentHolder, Sensitivity.FAMILY]
    result: Annotated[DocumentResult, Sensitivity.NONE]
    number: Annotated[Line | None, Sensitivity.IDENTITY] = None
    issued_by: Annotated[Line | None, Sensitivity.IDENTITY] = None
    #: Of a birth certificate it is often the day of birth, or near it.
    issued_on: Annotated[Day | None, Sensitivity.IDENTITY] = None
    delivery: Annotated[DocumentDelivery | None, Sensitivity.NONE] = None
    expected_on: Annotated[Day | None, Sensitivity.NONE] = None
    requirement: Annotated[Line | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_result(self) -> Self:
        issued = self.result is DocumentResult.ISSUED
        if issued != (self.issued_on is not None) or issued != (self.delivery is not None):
            raise ValueError("Say when it was issued and how it comes if, and only if, it was.")
        if self.result is DocumentResult.IN_PREPARATION and self.expected_on is None:
            raise ValueError("Say when the document is expected.")
        if (
            self.result in {DocumentResult.PERSONAL_APPLICATION_NEEDED, DocumentResult.REFUSED}
            and self.requirement is None
        ):
            raise ValueError("Say what is missing, or why the document is refused.")
        return self


class CivilDocumentsAnswer(Answer):
    """What became of each document that was asked for."""

    answers: Literal["social_inclusion.civil_documents"] = "social_inclusion.civil_documents"
    documents: Annotated[tuple[DocumentOutcome, ...], Field(min_length=1, max_length=12)]
    fees: Annotated[Line | None, Sensitivity.NONE] = None
    #: Where the records differ from what the request said of the person.
    differences: Annotated[Narrative | None, Sensitivity.IDENTITY] = None
