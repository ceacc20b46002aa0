"""The request for evidence of the phase identification, and what was obtained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Formality, Kind
from protocol.messages.fields import Day, Line, Narrative, Sensitivity
from protocol.messages.head import Answer, CaseMessage
from protocol.messages.judicial import PaperForms, ProceedingsBody, Provision, verify_each_once
from protocol.messages.proceedings import EvidenceItem, EvidenceReply


class EvidenceRequestBody(ProceedingsBody):
    """Which evidence, for what, by when, and how it has to be taken."""

    #: What the evidence is to prove, or to refute.
    purpose: Annotated[Narrative, Sensitivity.JUDICIAL]
    items: Annotated[tuple[EvidenceItem, ...], Field(min_length=1, max_length=30)]
    forms: PaperForms = ()
    needed_by: Annotated[Day, Sensitivity.JUDICIAL]
    needed_because: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    #: Oath, presence of the requesting authority, admonitions: what the sender's law asks for.
    procedure_wanted: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    #: Keep it from being lost now; another request will ask to send it.
    preserve_only: Annotated[bool, Sensitivity.NONE]
    #: The suspects must not learn of it.
    keep_secret: Annotated[bool, Sensitivity.NONE]
    protection_of_the_person: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class EvidenceRequest(CaseMessage):
    """Asks, under an instrument, to take, to hand over, or to preserve evidence."""

    type: Literal["identification.evidence_request"] = "identification.evidence_request"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.IDENTIFICATION]
    formality: Literal[Formality.FORMAL]
    body: EvidenceRequestBody


class EvidenceObtained(EvidenceReply):
    """What was obtained of one piece, and in whose hands it was.

    Rules: what follows, and nothing else, says when it is expected.
    """

    expected_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    preserved_until: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    #: In whose hands it was since it was taken.
    custody: Annotated[Line | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_expectation(self) -> Self:
        if (self.provision is Provision.FOLLOWS) != (self.expected_on is not None):
            raise ValueError("Say when it is expected if, and only if, it follows later.")
        return self


class EvidenceRequestAnswer(Answer):
    """What was obtained, piece by piece, and how it may be used.

    Rules: each number stands once.
    """

    answers: Literal["identification.evidence_request"] = "identification.evidence_request"
    executed_by: Annotated[Line, Sensitivity.NONE]
    file_number: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    items: Annotated[tuple[EvidenceObtained, ...], Field(min_length=1, max_length=30)]
    #: What binds its use: this file only, sealing, no disclosure to the defence without asking.
    conditions: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    originals_back_by: Annotated[Day | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_items(self) -> Self:
        verify_each_once(self.items)
        return self
