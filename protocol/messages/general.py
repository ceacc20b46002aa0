"""Messages that belong to every phase: how a conversation goes on, ends, or is taken back."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.limits import LIMITS
from protocol.messages.codes import Kind
from protocol.messages.fields import (
    AuthorityField,
    Day,
    FieldPath,
    Instant,
    Line,
    MessageIdField,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.head import Answer, Body, CaseManager, CaseMessage, ConsentGiver


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
    """What was decided, and what follows.

    Rules: ``accepted`` names the case manager; ``declined``, and nothing else, has a
    ``decline_reason``; ``forwarded``, and nothing else, says ``forwarded_to``;
    ``more_information_needed`` has a ``procedure_note`` or a ``note``.
    """

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
    kind: Literal[Kind.UPDATE]
    in_reply_to: MessageIdField
    body: DecisionBody


class TextBody(Body):
    """Free text. It may speak of the person, so it needs a legal basis."""

    text: Annotated[Narrative, Sensitivity.PROTECTION]


class TextMessage(CaseMessage):
    """A free-text message in a case."""

    type: Literal["general.message"] = "general.message"
    version: Literal[1] = 1
    kind: Literal[Kind.UPDATE]
    body: TextBody


class CorrectionEffect(StrEnum):
    """What becomes of the earlier message."""

    CORRECTS = "corrects"
    RETRACTS = "retracts"


class CorrectionReason(StrEnum):
    """Why an earlier message is corrected or retracted."""

    WRONG_FACTS = "wrong_facts"
    WRONG_PERSON = "wrong_person"
    WRONG_RECIPIENT = "wrong_recipient"
    NO_LONGER_NEEDED = "no_longer_needed"
    PERSON_DECIDED_OTHERWISE = "person_decided_otherwise"
    SENT_BY_MISTAKE = "sent_by_mistake"


class CorrectionBody(Body):
    """What is wrong in the earlier message that ``in_reply_to`` names, and what is right.

    Rules: a correction says what is right, in ``right_text`` or in a new message of the same type
    that ``replaced_by`` names; a retraction does neither.
    """

    effect: Annotated[CorrectionEffect, Sensitivity.NONE]
    reason: Annotated[CorrectionReason, Sensitivity.NONE]
    #: Paths of the fields that are wrong, as the type names them: ``body.found_on``.
    wrong_fields: Annotated[tuple[FieldPath, ...], Field(max_length=50), Sensitivity.NONE] = ()
    right_text: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    replaced_by: Annotated[MessageIdField | None, Sensitivity.NONE] = None
    delete_earlier: Annotated[bool, Sensitivity.NONE]
    procedure_note: Annotated[Line | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_effect(self) -> Self:
        says_right = self.right_text is not None or self.replaced_by is not None
        if says_right != (self.effect is CorrectionEffect.CORRECTS):
            raise ValueError(
                "A correction says what is right, or names the message that replaces the earlier "
                "one; a retraction does neither."
            )
        return self


class Correction(CaseMessage):
    """Corrects or retracts an earlier message of the same sender."""

    type: Literal["general.correction"] = "general.correction"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    in_reply_to: MessageIdField
    body: CorrectionBody


class WithdrawalScope(StrEnum):
    """How much of the consent is withdrawn."""

    ALL = "all"
    PART = "part"


class ConsentWithdrawnBody(Body):
    """What may no longer be used, and what must be deleted.

    Rules: a withdrawal in part names classes, phases, or messages; a full one names none.
    """

    scope: Annotated[WithdrawalScope, Sensitivity.NONE]
    withdrawn_by: Annotated[ConsentGiver, Sensitivity.NONE]
    withdrawn_at: Annotated[Instant, Sensitivity.NONE]
    classes: Annotated[
        tuple[Sensitivity, ...], Field(max_length=len(Sensitivity)), Sensitivity.NONE
    ] = ()
    phases: Annotated[tuple[Phase, ...], Field(max_length=len(Phase)), Sensitivity.NONE] = ()
    messages: Annotated[
        tuple[MessageIdField, ...], Field(max_length=LIMITS.listed_messages), Sensitivity.NONE
    ] = ()
    delete_received: Annotated[bool, Sensitivity.NONE]
    #: The recipient passed data on: those it passed them to have to be told, too.
    tell_onward_recipients: Annotated[bool, Sensitivity.NONE]
    procedure_note: Annotated[Line | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_scope(self) -> Self:
        names_some = bool(self.classes or self.phases or self.messages)
        if names_some != (self.scope is WithdrawalScope.PART):
            raise ValueError(
                "A withdrawal in part names classes, phases or messages; a full one names none."
            )
        return self


class ConsentWithdrawn(CaseMessage):
    """The person withdrew consent: further use stops at once."""

    type: Literal["general.consent_withdrawn"] = "general.consent_withdrawn"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    body: ConsentWithdrawnBody


class ErasureGround(StrEnum):
    """Why what was sent has to be deleted."""

    CONSENT_WITHDRAWN = "consent_withdrawn"
    RETENTION_OVER = "retention_over"
    DEMAND_OF_THE_PERSON = "demand_of_the_person"
    SENT_BY_MISTAKE = "sent_by_mistake"
    DECISION_OF_AN_AUTHORITY = "decision_of_an_authority"


class ErasureScope(StrEnum):
    """How much has to be deleted."""

    WHOLE_CASE = "whole_case"
    LISTED_MESSAGES = "listed_messages"


class ErasureBody(Body):
    """What has to be deleted at the recipient, copies and backups included.

    Rules: the messages are listed if, and only if, the scope is ``listed_messages``.
    """

    scope: Annotated[ErasureScope, Sensitivity.NONE]
    ground: Annotated[ErasureGround, Sensitivity.NONE]
    messages: Annotated[
        tuple[MessageIdField, ...], Field(max_length=LIMITS.listed_messages), Sensitivity.NONE
    ] = ()
    tell_onward_recipients: Annotated[bool, Sensitivity.NONE]
    procedure_note: Annotated[Line | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_scope(self) -> Self:
        if bool(self.messages) != (self.scope is ErasureScope.LISTED_MESSAGES):
            raise ValueError("List the messages if, and only if, not the whole case is meant.")
        return self


class Erasure(CaseMessage):
    """Asks the recipient to delete what was sent."""

    type: Literal["general.erasure"] = "general.erasure"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    body: ErasureBody


class ErasureOutcome(StrEnum):
    """What became of a request to delete."""

    ERASED = "erased"
    ERASED_IN_PART = "erased_in_part"
    NOT_ERASED = "not_erased"


class KeptMessage(Model):
    """A message that is kept, and the duty under law that says so."""

    message_id: Annotated[MessageIdField, Sensitivity.NONE]
    duty: Annotated[Line, Sensitivity.NONE]
    until: Annotated[Day | None, Sensitivity.NONE] = None


class DeletionReport(Answer):
    """What was deleted, what was not and why, and when the last backup is gone.

    Rules: ``erased`` keeps nothing; anything else says what is kept and under which duty;
    ``erased_at`` is there unless nothing was erased.
    """

    outcome: Annotated[ErasureOutcome, Sensitivity.NONE]
    erased_at: Annotated[Instant | None, Sensitivity.NONE] = None
    gone_from_backups_by: Annotated[Day | None, Sensitivity.NONE] = None
    kept: Annotated[tuple[KeptMessage, ...], Field(max_length=LIMITS.listed_messages)] = ()
    onward_recipients_told: Annotated[TriState, Sensitivity.NONE]

    @model_validator(mode="after")
    def _verify_outcome(self) -> Self:
        if bool(self.kept) != (self.outcome is not ErasureOutcome.ERASED):
            raise ValueError("Say what is kept and why if, and only if, not all was erased.")
        if (self.erased_at is None) != (self.outcome is ErasureOutcome.NOT_ERASED):
            raise ValueError("Say when it was erased, unless nothing was.")
        return self


class ErasureAnswer(DeletionReport):
    """What became of a request to delete."""

    answers: Literal["general.erasure"] = "general.erasure"


class ConsentWithdrawnAnswer(DeletionReport):
    """When the use of the data stopped, and what was deleted."""

    answers: Literal["general.consent_withdrawn"] = "general.consent_withdrawn"
    use_stopped_at: Annotated[Instant, Sensitivity.NONE]


class CaseOutcome(StrEnum):
    """How a case ended for the side that closes it."""

    OBJECTIVES_REACHED = "objectives_reached"
    RETURNED_SAFELY = "returned_safely"
    SETTLED_ELSEWHERE = "settled_elsewhere"
    TRANSFERRED = "transferred"
    ENDED_BY_THE_PERSON = "ended_by_the_person"
    CONTACT_LOST = "contact_lost"
    NOT_A_TRAFFICKING_CASE = "not_a_trafficking_case"
    PERSON_DIED = "person_died"
    OTHER = "other"


class CaseClosedBody(Body):
    """How the case ended, and whether the other side goes on.

    Rules: ``other`` says in ``procedure_note`` or ``note`` what happened.
    """

    outcome: Annotated[CaseOutcome, Sensitivity.NONE]
    closed_on: Annotated[Day, Sensitivity.NONE]
    recipient_may_go_on: Annotated[bool, Sensitivity.NONE]
    retention_until: Annotated[Day | None, Sensitivity.NONE] = None
    procedure_note: Annotated[Line | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        if self.outcome is CaseOutcome.OTHER and not (self.procedure_note or self.note):
            raise ValueError("Say in a note how the case ended.")
        return self


class CaseClosed(CaseMessage):
    """Outcome of a case, and why it ends here."""

    type: Literal["general.case_closed"] = "general.case_closed"
    version: Literal[1] = 1
    kind: Literal[Kind.NOTIFICATION]
    body: CaseClosedBody
