"""The typed answer to a request, of whatever type.

A new type that asks something is a new version of ``general.response``, too: a version says which
answers a reader must know.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.messages.arrival import ArrivalReceptionAnswer
from protocol.messages.codes import Kind
from protocol.messages.family_tracing import FamilyTracingAnswer
from protocol.messages.fields import Day, Line, MessageIdField, Narrative, Sensitivity
from protocol.messages.first_assistance import OptionsAnswer, SecurityAnswer
from protocol.messages.first_assistance_records import MedicalRecordsAnswer
from protocol.messages.first_assistance_requests import (
    FamilySituationAnswer,
    ProtectionHistoryAnswer,
)
from protocol.messages.first_assistance_statement import StatementAnswer
from protocol.messages.general import ConsentWithdrawnAnswer, ErasureAnswer
from protocol.messages.head import Body, CaseMessage
from protocol.messages.identification import EarlyRiskAnswer
from protocol.messages.identification_checks import IdentityCheckAnswer, InterpretationAnswer
from protocol.messages.identification_evidence import EvidenceRequestAnswer
from protocol.messages.identification_requests import (
    JointInvestigationAnswer,
    TraffickingInformationAnswer,
)
from protocol.messages.proceedings import CaseFileCopiesAnswer, EvidenceExchangeAnswer
from protocol.messages.redress import AssetTracingAnswer, CompensationSupportAnswer
from protocol.messages.return_preparation import ReturnRiskAnswer
from protocol.messages.returning import AssistedReturnAnswer
from protocol.messages.social_inclusion_checks import (
    CivilDocumentsAnswer,
    SecurityFamilyCheckAnswer,
)
from protocol.messages.social_inclusion_providers import (
    ProviderCredibilityAnswer,
    ServiceContactsAnswer,
)
from protocol.messages.travel_documents import TravelDocumentsAnswer
from protocol.messages.witnesses import WitnessConditionAnswer, WitnessSupportAnswer

AnyAnswer = Annotated[
    IdentityCheckAnswer
    | TraffickingInformationAnswer
    | EarlyRiskAnswer
    | InterpretationAnswer
    | JointInvestigationAnswer
    | EvidenceRequestAnswer
    | OptionsAnswer
    | ProtectionHistoryAnswer
    | FamilySituationAnswer
    | StatementAnswer
    | SecurityAnswer
    | MedicalRecordsAnswer
    | SecurityFamilyCheckAnswer
    | ServiceContactsAnswer
    | ProviderCredibilityAnswer
    | CivilDocumentsAnswer
    | ReturnRiskAnswer
    | FamilyTracingAnswer
    | TravelDocumentsAnswer
    | AssistedReturnAnswer
    | ArrivalReceptionAnswer
    | EvidenceExchangeAnswer
    | WitnessSupportAnswer
    | WitnessConditionAnswer
    | CaseFileCopiesAnswer
    | AssetTracingAnswer
    | CompensationSupportAnswer
    | ConsentWithdrawnAnswer
    | ErasureAnswer,
    Field(discriminator="answers"),
]
"""One typed answer for each type that expects a response."""


class Completeness(StrEnum):
    """How much of what was asked is answered."""

    FULL = "full"
    PARTIAL = "partial"
    NONE_AVAILABLE = "none_available"


class NoAnswerReason(StrEnum):
    """Why there is no answer."""

    NOT_KNOWN_HERE = "not_known_here"
    NOT_COMPETENT = "not_competent"
    NO_LEGAL_BASIS = "no_legal_basis"
    PERSON_DOES_NOT_CONSENT = "person_does_not_consent"
    WOULD_ENDANGER = "would_endanger"
    WOULD_HARM_PROCEEDINGS = "would_harm_proceedings"
    OTHER = "other"


class ResponseBody(Body):
    """The answer, or why there is none.

    Rules: there is an answer unless, and only unless, nothing is available; then, and only then, a
    reason is given, and the reason ``other`` has a ``procedure_note`` or a ``note``; only a partial
    answer says ``rest_expected_on``.
    """

    completeness: Annotated[Completeness, Sensitivity.NONE]
    answer: AnyAnswer | None = None
    none_reason: Annotated[NoAnswerReason | None, Sensitivity.NONE] = None
    rest_expected_on: Annotated[Day | None, Sensitivity.NONE] = None
    #: One line that speaks of the procedure only, never of the person.
    procedure_note: Annotated[Line | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @property
    def treated_as_child(self) -> bool:
        """Whether the answer says that its person is a child."""
        return self.answer is not None and self.answer.treated_as_child

    @model_validator(mode="after")
    def _verify_answer(self) -> Self:
        none = self.completeness is Completeness.NONE_AVAILABLE
        if none != (self.answer is None) or none != (self.none_reason is not None):
            raise ValueError(
                "Give an answer, or say that nothing is available and why; never both."
            )
        if self.none_reason is NoAnswerReason.OTHER and not (self.procedure_note or self.note):
            raise ValueError("Say in a note why there is no answer.")
        if self.rest_expected_on and self.completeness is not Completeness.PARTIAL:
            raise ValueError("Only a partial answer says when the rest is expected.")
        return self


class Response(CaseMessage):
    """The typed answer to a request: full, in part, or none available."""

    type: Literal["general.response"] = "general.response"
    version: Literal[1] = 1
    kind: Literal[Kind.UPDATE]
    in_reply_to: MessageIdField
    body: ResponseBody
