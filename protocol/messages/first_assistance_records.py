"""The request for medical records of the phase first assistance, and what was found."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind
from protocol.messages.fields import (
    Day,
    LanguageField,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, CaseManager, CaseMessage, CasePersonBody
from protocol.messages.person import Identity
from protocol.messages.rules import Period, verify_noted


class RecordsPurpose(StrEnum):
    """What medical records are needed for."""

    EMERGENCY = "emergency"
    CONTINUED_TREATMENT = "continued_treatment"
    FITNESS_TO_TRAVEL = "fitness_to_travel"
    AGE_ASSESSMENT = "age_assessment"
    INSURANCE = "insurance"
    PROCEEDINGS = "proceedings"
    COMPENSATION = "compensation"
    OTHER = "other"


class RecordKind(StrEnum):
    """Kinds of medical records."""

    DISCHARGE_LETTER = "discharge_letter"
    DIAGNOSIS = "diagnosis"
    MEDICATION_LIST = "medication_list"
    VACCINATION = "vaccination"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    SURGERY = "surgery"
    PREGNANCY = "pregnancy"
    DENTAL = "dental"
    PSYCHIATRIC = "psychiatric"
    PSYCHOLOGICAL = "psychological"
    FORENSIC = "forensic"
    OTHER = "other"


class RecordWanted(Model):
    """One kind of record that is asked for.

    Rules: the kind ``other`` has a note.
    """

    kind: Annotated[RecordKind, Sensitivity.HEALTH]
    provider: Annotated[Line | None, Sensitivity.HEALTH] = None
    period: Period | None = None
    note: Annotated[Line | None, Sensitivity.HEALTH] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.kind], self.note)
        return self


class MedicalRecordsBody(CasePersonBody):
    """Which records, why, and who will read them.

    Rules: the purpose ``other`` has a note.
    """

    purpose: Annotated[RecordsPurpose, Sensitivity.NONE]
    records: Annotated[tuple[RecordWanted, ...], Field(min_length=1, max_length=20)]
    #: Whether the person released those who treated them from medical secrecy, in writing.
    secrecy_released: Annotated[TriState, Sensitivity.NONE]
    clinicians_only: Annotated[bool, Sensitivity.NONE]
    clinic_desk: CaseManager | None = None
    translation_into: Annotated[LanguageField | None, Sensitivity.NONE] = None
    subject: Identity | None = None
    note: Annotated[Narrative | None, Sensitivity.HEALTH] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.purpose], self.note)
        return self


class MedicalRecords(CaseMessage):
    """Asks for copies of medical records."""

    type: Literal["first_assistance.medical_records"] = "first_assistance.medical_records"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: MedicalRecordsBody


class RecordOutcome(StrEnum):
    """What became of one record."""

    ATTACHED = "attached"
    FOLLOWS = "follows"
    GIVEN_TO_CLINICIAN = "given_to_clinician"
    NOT_FOUND = "not_found"
    WITHHELD = "withheld"


class RecordFound(Model):
    """What became of one record that was asked for.

    Rules: what follows, and nothing else, says when it is expected; what is withheld says why in
    the note, and so does the kind ``other``.
    """

    kind: Annotated[RecordKind, Sensitivity.HEALTH]
    outcome: Annotated[RecordOutcome, Sensitivity.NONE]
    provider: Annotated[Line | None, Sensitivity.HEALTH] = None
    period: Period | None = None
    language: Annotated[LanguageField | None, Sensitivity.NONE] = None
    expected_on: Annotated[Day | None, Sensitivity.NONE] = None
    note: Annotated[Line | None, Sensitivity.HEALTH] = None

    @model_validator(mode="after")
    def _verify_outcome(self) -> Self:
        if (self.outcome is RecordOutcome.FOLLOWS) != (self.expected_on is not None):
            raise ValueError("Say when it is expected if, and only if, it follows later.")
        if self.outcome is RecordOutcome.WITHHELD and self.note is None:
            raise ValueError("Say in the note why it is withheld.")
        verify_noted([self.kind], self.note)
        return self


class MedicalRecordsAnswer(Answer):
    """What became of each record, and what a clinician must know at once."""

    answers: Literal["first_assistance.medical_records"] = "first_assistance.medical_records"
    records: Annotated[tuple[RecordFound, ...], Field(min_length=1, max_length=20)]
    medication: Annotated[tuple[Line, ...], Field(max_length=30), Sensitivity.HEALTH] = ()
    allergies: Annotated[tuple[Line, ...], Field(max_length=30), Sensitivity.HEALTH] = ()
    warnings: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    clinic_desk: CaseManager | None = None
    note: Annotated[Narrative | None, Sensitivity.HEALTH] = None
