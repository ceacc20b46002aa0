"""Message of the phase return: travel documents."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind
from protocol.messages.fields import (
    Day,
    Line,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.guarded import GuardedPersonBody
from protocol.messages.head import Answer, CaseManager, CaseMessage
from protocol.messages.person import Identity, IdentityDocument
from protocol.messages.rules import verify_noted


class TravelDocumentKind(StrEnum):
    """Documents that let a person cross the border."""

    PASSPORT = "passport"
    EMERGENCY_TRAVEL_DOCUMENT = "emergency_travel_document"
    IDENTITY_CARD = "identity_card"
    ENTRY_OR_TRANSIT_VISA = "entry_or_transit_visa"
    PERMIT_FOR_A_CHILD_TO_TRAVEL = "permit_for_a_child_to_travel"


class DocumentReason(StrEnum):
    """Why there is no usable document."""

    NEVER_HAD_ONE = "never_had_one"
    LOST = "lost"
    TAKEN_BY_TRAFFICKERS = "taken_by_traffickers"
    HELD_AS_EVIDENCE = "held_as_evidence"
    EXPIRED = "expired"
    DESTROYED = "destroyed"
    BORN_ABROAD_NOT_REGISTERED = "born_abroad_not_registered"
    UNKNOWN = "unknown"


class PaperKind(StrEnum):
    """What a consulate asks for."""

    PHOTOGRAPH = "photograph"
    APPLICATION_FORM = "application_form"
    FINGERPRINTS = "fingerprints"
    BIRTH_CERTIFICATE = "birth_certificate"
    PROOF_OF_NATIONALITY = "proof_of_nationality"
    OLD_DOCUMENT = "old_document"
    PERSONAL_APPEARANCE = "personal_appearance"
    CONSENT_OF_GUARDIAN = "consent_of_guardian"
    POLICE_REPORT_OF_LOSS = "police_report_of_loss"
    FEE = "fee"
    OTHER = "other"


class ConsulateMayKnow(StrEnum):
    """What the consulate may learn. Being a victim is not on a document and need not be said."""

    DOCUMENT_DATA_ONLY = "document_data_only"
    THAT_RETURN_IS_ASSISTED = "that_return_is_assisted"
    THAT_PERSON_WAS_TRAFFICKED = "that_person_was_trafficked"


class TravelDocumentsBody(GuardedPersonBody):
    """Document, consulate, photographs and data needed.

    Rules: another paper has a note; no consulate is named if the person wants no contact; a
    child's travel permit is for a child.
    """

    document: Annotated[TravelDocumentKind, Sensitivity.NONE]
    reason: Annotated[DocumentReason, Sensitivity.PROTECTION]
    needed_by: Annotated[Day, Sensitivity.NONE]
    #: The mission and its town.
    consulate: Annotated[Line | None, Sensitivity.NONE] = None
    consulate_may_know: Annotated[ConsulateMayKnow, Sensitivity.PROTECTION]
    person_agrees_to_contact: Annotated[TriState, Sensitivity.NONE]
    nationality_confirmed: Annotated[TriState, Sensitivity.NONE]
    identity: Identity | None = None
    #: What is sent along as an attachment or was handed to the consulate.
    papers_ready: Annotated[
        tuple[PaperKind, ...], Field(max_length=len(PaperKind)), Sensitivity.NONE
    ] = ()
    can_appear_in_person: Annotated[TriState, Sensitivity.NONE]
    own_children_included: Annotated[int | None, Field(ge=0, le=20), Sensitivity.FAMILY] = None
    fee_waiver_asked: Annotated[bool, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_papers(self) -> Self:
        verify_noted(self.papers_ready, self.note)
        if self.person_agrees_to_contact is TriState.NO and self.consulate is not None:
            raise ValueError("The person wants no contact with the consulate: leave it out.")
        if self.document is TravelDocumentKind.PERMIT_FOR_A_CHILD_TO_TRAVEL and not (
            self.treated_as_child or self.own_children_included
        ):
            raise ValueError("A child's travel permit is for a child: say which one travels.")
        return self


class TravelDocumentsRequest(CaseMessage):
    """Asks for help with a travel document, with the consulate where there is one."""

    type: Literal["return.travel_documents"] = "return.travel_documents"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.RETURN]
    body: TravelDocumentsBody


class DocumentState(StrEnum):
    """How far a document is."""

    ISSUED = "issued"
    IN_PREPARATION = "in_preparation"
    MORE_NEEDED = "more_needed"
    REFUSED = "refused"


class TravelDocumentsAnswer(Answer):
    """How far the document is, and what is missing.

    Rules: an issued document has a place to collect it; one in preparation has a day; papers
    are missing if, and only if, more is needed; a refusal, and nothing else, has a reason;
    another missing paper has a note.
    """

    answers: Literal["return.travel_documents"] = "return.travel_documents"
    state: Annotated[DocumentState, Sensitivity.NONE]
    document: IdentityDocument | None = None
    available_on: Annotated[Day | None, Sensitivity.NONE] = None
    #: The mission or office that hands it out.
    collect_at: Annotated[Line | None, Sensitivity.NONE] = None
    missing: Annotated[
        tuple[PaperKind, ...], Field(max_length=len(PaperKind)), Sensitivity.NONE
    ] = ()
    consulate: Annotated[Line | None, Sensitivity.NONE] = None
    contact: CaseManager | None = None
    refused_because: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_state(self) -> Self:
        if self.state is DocumentState.ISSUED and self.collect_at is None:
            raise ValueError("Say where the document is handed out.")
        if self.state is DocumentState.IN_PREPARATION and self.available_on is None:
            raise ValueError("Say on which day the document is expected.")
        if (self.state is DocumentState.MORE_NEEDED) != bool(self.missing):
            raise ValueError("Say what is missing if, and only if, more is needed.")
        if (self.state is DocumentState.REFUSED) != (self.refused_because is not None):
            raise ValueError("Say why the document was refused if, and only if, it was.")
        verify_noted(self.missing, self.note)
        return self
