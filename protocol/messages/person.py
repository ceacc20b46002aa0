"""What bodies say of the person: facts that do not identify, and, kept apart, who it is."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.messages.codes import (
    ExploitationForm,
    Sex,
    TraffickingStatus,
)
from protocol.messages.fields import (
    Day,
    LanguageField,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import CaseManager, PersonBody
from protocol.messages.rules import verify_noted

NationalityCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2; ``XK`` (user-assigned there) is shown as Kosovo*."""


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


class IdentityDocumentKind(StrEnum):
    """Documents that say who somebody is."""

    PASSPORT = "passport"
    IDENTITY_CARD = "identity_card"
    RESIDENCE_PERMIT = "residence_permit"
    BIRTH_CERTIFICATE = "birth_certificate"
    DRIVING_LICENCE = "driving_licence"
    TRAVEL_CERTIFICATE = "travel_certificate"
    OTHER = "other"


class IdentityDocument(Model):
    """One document as it reads.

    Rules: the kind ``other`` has a note.
    """

    kind: Annotated[IdentityDocumentKind, Sensitivity.IDENTITY]
    number: Annotated[Line | None, Sensitivity.IDENTITY] = None
    issued_by: Annotated[Line | None, Sensitivity.IDENTITY] = None
    valid_until: Annotated[Day | None, Sensitivity.IDENTITY] = None
    note: Annotated[Line | None, Sensitivity.IDENTITY] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.kind], self.note)
        return self


class Identity(Model):
    """Who somebody is. It travels only under an agreement that allows it and written consent.

    Rules: it says at least one thing.
    """

    family_name: Annotated[Line | None, Sensitivity.IDENTITY] = None
    given_names: Annotated[Line | None, Sensitivity.IDENTITY] = None
    other_names: Annotated[tuple[Line, ...], Field(max_length=10), Sensitivity.IDENTITY] = ()
    birth_date: Annotated[Day | None, Sensitivity.IDENTITY] = None
    birth_place: Annotated[Line | None, Sensitivity.IDENTITY] = None
    sex: Annotated[Sex | None, Sensitivity.IDENTITY] = None
    nationalities: Annotated[
        tuple[NationalityCode, ...], Field(max_length=5), Sensitivity.IDENTITY
    ] = ()
    documents: Annotated[tuple[IdentityDocument, ...], Field(max_length=10)] = ()
    parents_names: Annotated[Line | None, Sensitivity.IDENTITY] = None

    @model_validator(mode="after")
    def _verify_content(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("An identity says at least one thing: fill a field, or leave it out.")
        return self


class PersonalContact(Model):
    """Where a private person is reached. Never a shelter: that has a code and no address."""

    address: Annotated[Line | None, Sensitivity.CONTACT] = None
    place: Annotated[Line | None, Sensitivity.CONTACT] = None
    telephone: Annotated[Line | None, Sensitivity.CONTACT] = None
    mailbox: Annotated[Line | None, Sensitivity.CONTACT] = None
    safe_to_use: Annotated[TriState, Sensitivity.NONE]
