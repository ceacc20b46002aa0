"""Messages of the phase proceedings: evidence, and copies of case files.

Support of witnesses is in :mod:`protocol.messages.witnesses`; tracing of assets and compensation in
:mod:`protocol.messages.redress`.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Formality, Kind
from protocol.messages.fields import (
    Day,
    Instant,
    Line,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, CaseMessage
from protocol.messages.intelligence import Suspect
from protocol.messages.judicial import (
    IntendedUse,
    ItemReply,
    PaperForms,
    ProceedingsBody,
    Provision,
    verify_each_once,
)
from protocol.messages.rules import Period, verify_noted


class EvidenceKind(StrEnum):
    """What can prove something."""

    STATEMENT = "statement"
    DOCUMENT = "document"
    DIGITAL_DATA = "digital_data"
    TELECOMMUNICATION_DATA = "telecommunication_data"
    BORDER_CROSSING_RECORD = "border_crossing_record"
    FINANCIAL_RECORD = "financial_record"
    FORENSIC_REPORT = "forensic_report"
    MEDICAL_REPORT = "medical_report"
    CRIMINAL_RECORD = "criminal_record"
    COMPANY_RECORD = "company_record"
    PHYSICAL_OBJECT = "physical_object"
    IMAGE_OR_RECORDING = "image_or_recording"
    OTHER = "other"


class EvidenceItem(Model):
    """One piece of information or evidence that is asked for."""

    kind: Annotated[EvidenceKind, Sensitivity.JUDICIAL]
    #: What exactly, and what it is to show.
    description: Annotated[Narrative, Sensitivity.JUDICIAL]
    period: Period | None = None
    held_by: Annotated[Line | None, Sensitivity.JUDICIAL] = None


class EvidenceExchangeBody(ProceedingsBody):
    """Information or evidence for proceedings: what, about whom, for what use."""

    items: Annotated[tuple[EvidenceItem, ...], Field(min_length=1, max_length=30)]
    use: Annotated[IntendedUse, Sensitivity.JUDICIAL]
    suspects: Annotated[tuple[Suspect, ...], Field(max_length=20)] = ()
    forms: PaperForms = ()
    needed_by: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    #: The suspects must not learn of it.
    keep_secret: Annotated[bool, Sensitivity.NONE]
    #: Whether the person may be asked anything for it; else only records are searched.
    person_may_be_asked: Annotated[TriState, Sensitivity.NONE]
    legal_provisions: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None


class EvidenceExchangeRequest(CaseMessage):
    """Asks for information or evidence that is relevant to proceedings.

    Rules: evidence for a court is asked for formally.
    """

    type: Literal["proceedings.evidence_exchange"] = "proceedings.evidence_exchange"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.PROCEEDINGS]
    body: EvidenceExchangeBody

    @model_validator(mode="after")
    def _verify_formality(self) -> Self:
        if self.body.use is IntendedUse.EVIDENCE_IN_COURT and (
            self.formality is Formality.INFORMAL
        ):
            raise ValueError(
                "Evidence for a court is asked for formally: name the instrument, or ask for "
                "information for the investigation first."
            )
        return self


class EvidenceReply(ItemReply):
    """What is given of one piece.

    Rules: what is given names the office that collected it.
    """

    collected_at: Annotated[Instant | None, Sensitivity.JUDICIAL] = None
    collected_by: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    content: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_source(self) -> Self:
        given = self.provision in {Provision.PROVIDED, Provision.PROVIDED_IN_PART}
        if given and self.collected_by is None:
            raise ValueError("Say which office collected what is given.")
        return self


class EvidenceExchangeAnswer(Answer):
    """What is given, and what it may serve.

    Rules: each number stands once.
    """

    answers: Literal["proceedings.evidence_exchange"] = "proceedings.evidence_exchange"
    items: Annotated[tuple[EvidenceReply, ...], Field(min_length=1, max_length=30)]
    may_serve: Annotated[
        tuple[IntendedUse, ...],
        Field(min_length=1, max_length=len(IntendedUse)),
        Sensitivity.JUDICIAL,
    ]
    #: What else binds its use: sealing, destruction, no disclosure to the defence without asking.
    conditions: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_items(self) -> Self:
        verify_each_once(self.items)
        return self


class CaseFileKind(StrEnum):
    """What lies in files."""

    CRIMINAL_COMPLAINT = "criminal_complaint"
    INVESTIGATION_FILE = "investigation_file"
    STATEMENT_OF_THE_PERSON = "statement_of_the_person"
    EXPERT_OPINION = "expert_opinion"
    INDICTMENT = "indictment"
    RECORD_OF_HEARING = "record_of_hearing"
    JUDGMENT = "judgment"
    PROTECTION_ORDER = "protection_order"
    SEIZURE_ORDER = "seizure_order"
    DECISION_ON_STATUS = "decision_on_status"
    DECISION_ON_COMPENSATION = "decision_on_compensation"
    OTHER = "other"


class FileWanted(Model):
    """One file, or a part of one.

    Rules: another kind has a note.
    """

    kind: Annotated[CaseFileKind, Sensitivity.JUDICIAL]
    held_by: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    file_number: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    period: Period | None = None
    note: Annotated[Line | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.kind], self.note)
        return self


class CaseFileCopiesBody(ProceedingsBody):
    """Which files, why, and who will read them."""

    files: Annotated[tuple[FileWanted, ...], Field(min_length=1, max_length=20)]
    use: Annotated[IntendedUse, Sensitivity.JUDICIAL]
    purpose: Annotated[Narrative, Sensitivity.JUDICIAL]
    #: Offices and functions, for instance the lawyer of the person.
    readers: Annotated[tuple[Line, ...], Field(min_length=1, max_length=10), Sensitivity.JUDICIAL]
    person_agrees: Annotated[TriState, Sensitivity.NONE]
    forms: PaperForms = ()
    needed_by: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    redacted_copies_suffice: Annotated[bool, Sensitivity.NONE]
    note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None


class CaseFileCopiesRequest(CaseMessage):
    """Asks for copies of files; the copies travel as attachments of the answer."""

    type: Literal["proceedings.case_file_copies"] = "proceedings.case_file_copies"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.PROCEEDINGS]
    body: CaseFileCopiesBody


class Redaction(StrEnum):
    """What was blacked out."""

    NOTHING = "nothing"
    DATA_OF_OTHER_PERSONS = "data_of_other_persons"
    ADDRESSES_AND_SHELTERS = "addresses_and_shelters"
    PROTECTED_WITNESSES = "protected_witnesses"
    SECRET_METHODS = "secret_methods"  # noqa: S105 - a code, no secret
    HEALTH_DATA = "health_data"


class FileReply(ItemReply):
    """What is given of one file.

    Rules: what was blacked out is said of a file that is given, and of no other; ``nothing``
    stands alone.
    """

    pages: Annotated[int | None, Field(ge=1, le=100_000), Sensitivity.NONE] = None
    redactions: Annotated[
        tuple[Redaction, ...], Field(max_length=len(Redaction)), Sensitivity.NONE
    ] = ()

    @model_validator(mode="after")
    def _verify_copy(self) -> Self:
        given = self.provision in {Provision.PROVIDED, Provision.PROVIDED_IN_PART}
        if given != bool(self.redactions):
            raise ValueError("Of a file that is given, and of no other, say what was blacked out.")
        if Redaction.NOTHING in self.redactions and len(self.redactions) > 1:
            raise ValueError("Either nothing was blacked out, or something was: correct the list.")
        return self


class CaseFileCopiesAnswer(Answer):
    """Which copies are given, and what they may serve.

    Rules: each number stands once.
    """

    answers: Literal["proceedings.case_file_copies"] = "proceedings.case_file_copies"
    files: Annotated[tuple[FileReply, ...], Field(min_length=1, max_length=20)]
    may_serve: Annotated[
        tuple[IntendedUse, ...],
        Field(min_length=1, max_length=len(IntendedUse)),
        Sensitivity.JUDICIAL,
    ]
    return_or_destroy_by: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    conditions: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_files(self) -> Self:
        verify_each_once(self.files)
        return self
