"""Requests of the phase identification that help to know the person and to speak with them."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind
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
from protocol.messages.head import Answer, CaseManager, CaseMessage, CasePersonBody
from protocol.messages.person import Identity
from protocol.messages.rules import verify_noted


class IdentityElement(StrEnum):
    """What can be verified of an identity."""

    NAME = "name"
    BIRTH_DATE = "birth_date"
    BIRTH_PLACE = "birth_place"
    SEX = "sex"
    NATIONALITY = "nationality"
    DOCUMENT = "document"
    PARENTS = "parents"
    UNDER_18 = "under_18"


_STATED: Final[Mapping[IdentityElement, Callable[[Identity], object]]] = MappingProxyType(
    {
        IdentityElement.NAME: lambda it: it.family_name or it.given_names or it.other_names,
        IdentityElement.BIRTH_DATE: lambda it: it.birth_date,
        IdentityElement.BIRTH_PLACE: lambda it: it.birth_place,
        IdentityElement.SEX: lambda it: it.sex,
        IdentityElement.NATIONALITY: lambda it: it.nationalities,
        IdentityElement.DOCUMENT: lambda it: it.documents,
        IdentityElement.PARENTS: lambda it: it.parents_names,
        # Whether somebody is a child can be asked with whatever is known.
        IdentityElement.UNDER_18: lambda it: it,
    }
)
"""What has to be stated for an element to be verified."""


class IdentityPurpose(StrEnum):
    """Why an identity is checked."""

    IDENTIFICATION = "identification"
    AGE = "age"
    PROTECTION = "protection"
    NEW_DOCUMENTS = "new_documents"
    GUARDIANSHIP = "guardianship"
    RETURN = "return"
    OTHER = "other"


class ClaimSource(StrEnum):
    """Where the sender has the stated identity from."""

    DOCUMENT_SEEN = "document_seen"
    THE_PERSON = "the_person"
    ANOTHER_PERSON = "another_person"
    A_RECORD = "a_record"


class Discretion(StrEnum):
    """How far the recipient may go, so that neither family nor traffickers are warned."""

    REGISTERS_ONLY = "registers_only"
    AUTHORITIES_MAY_BE_ASKED = "authorities_may_be_asked"
    FAMILY_MAY_BE_ASKED = "family_may_be_asked"


class IdentityCheckBody(CasePersonBody):
    """What to verify, of which stated identity, and how discreetly.

    Rules: what is to be verified is stated in ``subject``; the purpose ``other`` has a note.
    """

    purpose: Annotated[IdentityPurpose, Sensitivity.NONE]
    to_verify: Annotated[
        tuple[IdentityElement, ...],
        Field(min_length=1, max_length=len(IdentityElement)),
        Sensitivity.NONE,
    ]
    subject: Identity
    claimed_by: Annotated[ClaimSource, Sensitivity.NONE]
    document_doubted: Annotated[TriState | None, Sensitivity.IDENTITY] = None
    discretion: Annotated[Discretion, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.IDENTITY] = None

    @model_validator(mode="after")
    def _verify_subject(self) -> Self:
        verify_noted([self.purpose], self.note)
        missing = [element for element in self.to_verify if not _STATED[element](self.subject)]
        if missing:
            raise ValueError(f"State in the subject what is to be verified: {', '.join(missing)}.")
        return self


class IdentityCheck(CaseMessage):
    """Asks to verify a trafficked person's identity."""

    type: Literal["identification.identity_check"] = "identification.identity_check"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.IDENTIFICATION]
    body: IdentityCheckBody


class IdentityCheckResult(StrEnum):
    """How a check of an identity ended."""

    CONFIRMED = "confirmed"
    PARTLY_CONFIRMED = "partly_confirmed"
    NOT_CONFIRMED = "not_confirmed"


class ElementOutcome(StrEnum):
    """What the records say of one element."""

    CONFIRMED = "confirmed"
    DIFFERS = "differs"
    NOT_ON_RECORD = "not_on_record"


class CheckedElement(Model):
    """One element that was asked about, and what the records say of it."""

    element: Annotated[IdentityElement, Sensitivity.NONE]
    outcome: Annotated[ElementOutcome, Sensitivity.NONE]


class IdentityRecord(StrEnum):
    """Where an identity was looked up."""

    CIVIL_REGISTER = "civil_register"
    DOCUMENT_REGISTER = "document_register"
    BORDER_RECORDS = "border_records"
    POLICE_RECORDS = "police_records"
    CONSULAR_RECORDS = "consular_records"
    SOCIAL_OR_SCHOOL_RECORDS = "social_or_school_records"
    LOCAL_AUTHORITY = "local_authority"
    FAMILY = "family"
    OTHER = "other"


class DocumentStanding(StrEnum):
    """What the issuer says of a document."""

    VALID = "valid"
    EXPIRED = "expired"
    LOST_OR_STOLEN = "lost_or_stolen"
    FORGED_OR_ALTERED = "forged_or_altered"
    NEVER_ISSUED = "never_issued"
    ISSUED_TO_ANOTHER = "issued_to_another"


class IdentityCheckAnswer(Answer):
    """What was confirmed, from which source, and what the records say instead.

    Rules: each element stands once; the result is the sum of the elements: all confirmed, none, or
    some; the source ``other`` has a note.
    """

    answers: Literal["identification.identity_check"] = "identification.identity_check"
    result: Annotated[IdentityCheckResult, Sensitivity.NONE]
    elements: Annotated[
        tuple[CheckedElement, ...], Field(min_length=1, max_length=len(IdentityElement))
    ]
    sources: Annotated[
        tuple[IdentityRecord, ...],
        Field(min_length=1, max_length=len(IdentityRecord)),
        Sensitivity.NONE,
    ]
    checked_on: Annotated[Day, Sensitivity.NONE]
    under_18: Annotated[TriState, Sensitivity.NONE]
    document_state: Annotated[DocumentStanding | None, Sensitivity.IDENTITY] = None
    reported_missing: Annotated[TriState | None, Sensitivity.PROTECTION] = None
    recorded: Identity | None = None
    note: Annotated[Narrative | None, Sensitivity.IDENTITY] = None

    @property
    def treated_as_child(self) -> bool:
        """Whether the records say that the person is under 18."""
        return self.under_18 is TriState.YES

    @model_validator(mode="after")
    def _verify_result(self) -> Self:
        verify_noted(self.sources, self.note)
        if len({item.element for item in self.elements}) != len(self.elements):
            raise ValueError("Each element stands once: take the repeated one out.")
        confirmed = {item.outcome is ElementOutcome.CONFIRMED for item in self.elements}
        if self.result is not _RESULT_OF[frozenset(confirmed)]:
            raise ValueError("The result does not fit the elements: correct one of the two.")
        return self


_RESULT_OF: Final[Mapping[frozenset[bool], IdentityCheckResult]] = MappingProxyType(
    {
        frozenset({True}): IdentityCheckResult.CONFIRMED,
        frozenset({False}): IdentityCheckResult.NOT_CONFIRMED,
        frozenset({True, False}): IdentityCheckResult.PARTLY_CONFIRMED,
    }
)


class LanguageService(StrEnum):
    """What helps two people to understand each other."""

    INTERPRETATION = "interpretation"
    CULTURAL_MEDIATION = "cultural_mediation"
    SIGN_LANGUAGE = "sign_language"
    WRITTEN_TRANSLATION = "written_translation"


class PresenceMode(StrEnum):
    """How an interpreter is present."""

    REMOTE = "remote"
    IN_PERSON = "in_person"
    EITHER = "either"


class SpokenOccasion(StrEnum):
    """What an interpreter is needed for."""

    FIRST_CONVERSATION = "first_conversation"
    RISK_ASSESSMENT = "risk_assessment"
    FORMAL_STATEMENT = "formal_statement"
    MEDICAL_EXAMINATION = "medical_examination"
    PSYCHOLOGICAL_SUPPORT = "psychological_support"
    LEGAL_ADVICE = "legal_advice"
    OTHER = "other"


class InterpreterSex(StrEnum):
    """Whom the person wants as interpreter."""

    FEMALE = "female"
    MALE = "male"
    NO_PREFERENCE = "no_preference"


_DAY_OF_MINUTES: Final = 1440


class InterpretationBody(CasePersonBody):
    """Which languages, which service, when, how, and whom to avoid.

    Rules: presence in person says in which town; the occasion ``other`` has a note.
    """

    languages: Annotated[
        tuple[LanguageField, ...], Field(min_length=1, max_length=5), Sensitivity.NONE
    ]
    services: Annotated[
        tuple[LanguageService, ...],
        Field(min_length=1, max_length=len(LanguageService)),
        Sensitivity.NONE,
    ]
    occasion: Annotated[SpokenOccasion, Sensitivity.NONE]
    mode: Annotated[PresenceMode, Sensitivity.NONE]
    #: A town, never the address of a shelter.
    town: Annotated[Line | None, Sensitivity.PROTECTION] = None
    starts_at: Annotated[Instant | None, Sensitivity.NONE] = None
    minutes: Annotated[int | None, Field(ge=1, le=_DAY_OF_MINUTES), Sensitivity.NONE] = None
    interpreter_sex: Annotated[InterpreterSex, Sensitivity.NONE]
    #: Who must not interpret: people of the same community, acquaintances of a suspect.
    avoid: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_mode(self) -> Self:
        if self.mode is PresenceMode.IN_PERSON and self.town is None:
            raise ValueError("Say in which town the interpreter has to be, or ask for remote help.")
        verify_noted([self.occasion], self.note)
        return self


class InterpretationSupport(CaseMessage):
    """Asks for interpretation or cultural mediation."""

    type: Literal["identification.interpretation_support"] = "identification.interpretation_support"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.IDENTIFICATION]
    body: InterpretationBody


class InterpretationCosts(StrEnum):
    """Who pays."""

    RECIPIENT = "recipient"
    SENDER = "sender"
    SHARED = "shared"
    TO_BE_AGREED = "to_be_agreed"


class InterpretationAnswer(Answer):
    """Who can help, when, and how to reach them. The desk is named, never an interpreter."""

    answers: Literal["identification.interpretation_support"] = (
        "identification.interpretation_support"
    )
    languages: Annotated[
        tuple[LanguageField, ...], Field(min_length=1, max_length=5), Sensitivity.NONE
    ]
    services: Annotated[
        tuple[LanguageService, ...],
        Field(min_length=1, max_length=len(LanguageService)),
        Sensitivity.NONE,
    ]
    mode: Annotated[PresenceMode, Sensitivity.NONE]
    starts_at: Annotated[Instant, Sensitivity.NONE]
    minutes: Annotated[int | None, Field(ge=1, le=_DAY_OF_MINUTES), Sensitivity.NONE] = None
    desk: CaseManager
    #: How to join: what a stranger must not learn.
    joining: Annotated[Line | None, Sensitivity.PROTECTION] = None
    bound_to_secrecy: Annotated[TriState, Sensitivity.NONE]
    conflict_excluded: Annotated[TriState, Sensitivity.NONE]
    costs: Annotated[InterpretationCosts, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
