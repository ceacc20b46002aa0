"""Messages that belong to every phase."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import model_validator

from protocol.messages.fields import AuthorityField, Line, MessageIdField, Narrative, Sensitivity
from protocol.messages.head import Body, CaseManager, CaseMessage


class Outcome(StrEnum):
    """The human answer to a referral, notification, or request."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    FORWARDED = "forwarded"
    MORE_INFORMATION_NEEDED = "more_information_needed"


class DeclineReason(StrEnum):
    """Why something is declined."""

    NOT_COMPETENT = "not_competent"
    NO_TIE_TO_PARTICIPANT = "no_tie_to_participant"
    NO_CAPACITY = "no_capacity"
    NO_LEGAL_BASIS = "no_legal_basis"
    ALREADY_HANDLED = "already_handled"
    OTHER = "other"


class DecisionBody(Body):
    """What was decided, and what follows."""

    outcome: Annotated[Outcome, Sensitivity.NONE]
    decline_reason: Annotated[DeclineReason | None, Sensitivity.NONE] = None
    forwarded_to: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    case_manager: CaseManager | None = None
    #: Questions, or what follows. It may speak of the person, so it needs a legal basis.
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    #: One line that speaks of the procedure only, never of the person.
    procedure_note: Annotated[Line | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_outcome(self) -> Self:
        needed = {
            Outcome.ACCEPTED: ("case_manager", self.case_manager),
            Outcome.DECLINED: ("decline_reason", self.decline_reason),
            Outcome.FORWARDED: ("forwarded_to", self.forwarded_to),
            Outcome.MORE_INFORMATION_NEEDED: ("procedure_note", self.procedure_note or self.note),
        }
        name, value = needed[self.outcome]
        if value is None:
            raise ValueError(f"A decision '{self.outcome}' says its {name.replace('_', ' ')}.")
        if self.decline_reason is not None and self.outcome is not Outcome.DECLINED:
            raise ValueError("Only a decision 'declined' has a decline reason.")
        if self.forwarded_to is not None and self.outcome is not Outcome.FORWARDED:
            raise ValueError("Only a decision 'forwarded' names where to.")
        return self


class Decision(CaseMessage):
    """The human answer: accepted, declined, forwarded, more information needed."""

    type: Literal["general.decision"] = "general.decision"
    version: Literal[1] = 1
    in_reply_to: MessageIdField
    body: DecisionBody


class TextBody(Body):
    """Free text. It may speak of the person, so it needs a legal basis."""

    text: Annotated[Narrative, Sensitivity.PROTECTION]


class TextMessage(CaseMessage):
    """A free-text message in a case."""

    type: Literal["general.message"] = "general.message"
    version: Literal[1] = 1
    body: TextBody
