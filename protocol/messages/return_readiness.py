"""How ready a return is: the decision, the risk, the reception, the child, the family.

The models let the truth be said: a return that somebody orders against the person's will can be
told as such, so that nobody has to write "voluntary" to be heard. What a return must have is in
:mod:`protocol.messages.return_gates`.
"""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from protocol.messages.codes import GuardianSituation, RiskLevel
from protocol.messages.fields import (
    Day,
    LanguageField,
    Line,
    MessageIdField,
    Model,
    Narrative,
    Sensitivity,
    TriState,
)
from protocol.messages.guarded import GuardedPersonBody
from protocol.messages.head import ConsentGiver


class DecisionState(StrEnum):
    """Where the person stands with the decision to return."""

    DECIDED_TO_RETURN = "decided_to_return"
    STILL_DECIDING = "still_deciding"
    DECIDED_AGAINST = "decided_against"
    NOT_ASKED = "not_asked"


class InformedOf(StrEnum):
    """What the person was told before deciding."""

    RISKS_OF_RETURN = "risks_of_return"
    ALTERNATIVES_TO_RETURN = "alternatives_to_return"
    ASSISTANCE_AFTER_RETURN = "assistance_after_return"
    JOURNEY_AND_RECEPTION = "journey_and_reception"
    WHO_WILL_KNOW_OF_THE_CASE = "who_will_know_of_the_case"
    PENDING_PROCEEDINGS_AND_CLAIMS = "pending_proceedings_and_claims"
    RIGHT_TO_CHANGE_THE_DECISION = "right_to_change_the_decision"


_MADE: Final = frozenset({DecisionState.DECIDED_TO_RETURN, DecisionState.DECIDED_AGAINST})


class ReturnDecision(Model):
    """The person's own decision, and what it rests on.

    Rules: a decision that was made says when, by whom and in which language it was explained;
    no other does; only a decision that was made is on file.
    """

    state: Annotated[DecisionState, Sensitivity.NONE]
    voluntary: Annotated[TriState, Sensitivity.NONE]
    #: In writing, at the sender.
    on_file: Annotated[TriState, Sensitivity.NONE]
    decided_on: Annotated[Day | None, Sensitivity.NONE] = None
    decided_by: Annotated[ConsentGiver | None, Sensitivity.NONE] = None
    explained_in: Annotated[LanguageField | None, Sensitivity.NONE] = None
    informed_of: Annotated[
        tuple[InformedOf, ...], Field(max_length=len(InformedOf)), Sensitivity.NONE
    ] = ()

    @model_validator(mode="after")
    def _verify_decision(self) -> Self:
        said = {part is not None for part in (self.decided_on, self.decided_by, self.explained_in)}
        if said != {self.state in _MADE}:
            raise ValueError(
                "A decision says when it was made, by whom, and in which language it was "
                "explained. Leave all three out while there is no decision."
            )
        if self.on_file is TriState.YES and self.state not in _MADE:
            raise ValueError("Only a decision that was made can be on file: correct one of them.")
        return self


class ReturnRisk(Model):
    """How far the risk assessment for this return has come, and what it found.

    Rules: the day of the assessment is given if, and only if, there is one.
    """

    level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    assessed_on: Annotated[Day | None, Sensitivity.NONE] = None
    management_plan: Annotated[TriState, Sensitivity.NONE]
    #: The message that carried the assessment, if one crossed the border.
    assessment_message: Annotated[MessageIdField | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_assessment(self) -> Self:
        if (self.level is RiskLevel.NOT_YET_ASSESSED) != (self.assessed_on is None):
            raise ValueError(
                "Say on which day the risk was assessed, or that it is not yet assessed."
            )
        return self


class ReceptionState(StrEnum):
    """What the recipient said about receiving the person."""

    CONFIRMED = "confirmed"
    REQUESTED = "requested"
    NOT_YET_REQUESTED = "not_yet_requested"
    DECLINED = "declined"


class ReceptionGate(Model):
    """Whether the recipient confirmed the reception, and in which message.

    Rules: a confirmed reception names the recipient's message; no other does.
    """

    state: Annotated[ReceptionState, Sensitivity.NONE]
    #: The recipient's answer that confirms it.
    confirmation_message: Annotated[MessageIdField | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_confirmation(self) -> Self:
        if (self.state is ReceptionState.CONFIRMED) != (self.confirmation_message is not None):
            raise ValueError(
                "Name the recipient's message that confirms the reception if, and only if, it is "
                "confirmed."
            )
        return self


class ReturnDestination(StrEnum):
    """With whom the person will live first."""

    FAMILY = "family"
    OTHER_RELATIVES = "other_relatives"
    OWN_HOME = "own_home"
    SHELTER = "shelter"
    CHILD_CARE_FACILITY = "child_care_facility"
    FOSTER_FAMILY = "foster_family"
    OTHER = "other"
    NOT_YET_KNOWN = "not_yet_known"


class BestInterestOutcome(StrEnum):
    """What the best-interest assessment says of the return."""

    IN_BEST_INTEREST = "in_best_interest"
    NOT_IN_BEST_INTEREST = "not_in_best_interest"
    NOT_YET_DETERMINED = "not_yet_determined"


class BestInterest(Model):
    """The best-interest assessment of a child's return.

    Rules: what was determined says when and by which office; what was not says neither.
    """

    outcome: Annotated[BestInterestOutcome, Sensitivity.FAMILY]
    determined_on: Annotated[Day | None, Sensitivity.NONE] = None
    #: The office or post, not a person.
    determined_by: Annotated[Line | None, Sensitivity.NONE] = None
    child_heard: Annotated[TriState, Sensitivity.NONE]
    guardian_agrees: Annotated[TriState, Sensitivity.FAMILY]
    guardian_after_return: Annotated[GuardianSituation, Sensitivity.FAMILY]
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_outcome(self) -> Self:
        said = {part is not None for part in (self.determined_on, self.determined_by)}
        if said != {self.outcome is not BestInterestOutcome.NOT_YET_DETERMINED}:
            raise ValueError(
                "Say on which day and by which office the best interest was determined, or that it "
                "is not yet determined."
            )
        return self


class FamilyAssessment(StrEnum):
    """What the assessment of the family says."""

    SUITABLE = "suitable"
    SUITABLE_WITH_SUPPORT = "suitable_with_support"
    NOT_SUITABLE = "not_suitable"
    NOT_YET_ASSESSED = "not_yet_assessed"


class FamilyReturn(Model):
    """A return to the family or other relatives: assessed, and agreed by both.

    Rules: the day of the assessment is given if, and only if, there is one.
    """

    assessment: Annotated[FamilyAssessment, Sensitivity.FAMILY]
    assessed_on: Annotated[Day | None, Sensitivity.FAMILY] = None
    person_agrees: Annotated[TriState, Sensitivity.FAMILY]
    family_agrees: Annotated[TriState, Sensitivity.FAMILY]
    #: So that nobody tells the family by mistake.
    family_knows_of_trafficking: Annotated[TriState, Sensitivity.PROTECTION]
    note: Annotated[Narrative | None, Sensitivity.FAMILY] = None

    @model_validator(mode="after")
    def _verify_assessment(self) -> Self:
        if (self.assessment is FamilyAssessment.NOT_YET_ASSESSED) != (self.assessed_on is None):
            raise ValueError(
                "Say on which day the family was assessed, or that it is not yet assessed."
            )
        return self


_TO_FAMILY: Final = frozenset({ReturnDestination.FAMILY, ReturnDestination.OTHER_RELATIVES})


class ReturnGates(Model):
    """Everything that the rule on returns asks for, as far as it is true now.

    Rules: the family's part is there if, and only if, the return leads to the family or to
    relatives.
    """

    decision: ReturnDecision
    risk: ReturnRisk
    reception: ReceptionGate
    destination: Annotated[ReturnDestination, Sensitivity.PROTECTION]
    best_interest: BestInterest | None = None
    family: FamilyReturn | None = None

    @model_validator(mode="after")
    def _verify_family_part(self) -> Self:
        if (self.destination in _TO_FAMILY) != (self.family is not None):
            raise ValueError(
                "A return to the family or to relatives says what their assessment found and who "
                "agreed; any other return leaves the family's part out."
            )
        return self


class ReturnBody(GuardedPersonBody):
    """A body about a return: it carries the gates.

    Rules: the best-interest part is there for a child, and only then; a child's return is not
    decided by the child alone, and an adult's not by a parent.
    """

    gates: ReturnGates

    @model_validator(mode="after")
    def _verify_child_gates(self) -> Self:
        if self.treated_as_child != (self.gates.best_interest is not None):
            raise ValueError(
                "Say how far the best-interest assessment of the child has come, or, for an adult, "
                "leave it out."
            )
        if self.treated_as_child and self.gates.decision.decided_by is ConsentGiver.PERSON:
            raise ValueError(
                "For a child the guardian or a parent who is no suspect decides, and the child is "
                "heard: correct who decided."
            )
        if not self.treated_as_child and self.gates.decision.decided_by is ConsentGiver.PARENT:
            raise ValueError(
                "An adult decides in person, or by an appointed guardian: correct who decided."
            )
        return self


class PriorNoticeState(StrEnum):
    """Whether the recipient of the person knew beforehand."""

    ACKNOWLEDGED = "acknowledged"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    NO_NOTICE = "no_notice"


class PriorNotice(Model):
    """The prior notice of this return, and the human decision that acknowledged it.

    A machine receipt is no acknowledgement: somebody has to have decided.

    Rules: the notice's message is named unless there was none; the acknowledging message if,
    and only if, the notice is acknowledged.
    """

    state: Annotated[PriorNoticeState, Sensitivity.NONE]
    notice_message: Annotated[MessageIdField | None, Sensitivity.NONE] = None
    acknowledgement_message: Annotated[MessageIdField | None, Sensitivity.NONE] = None

    @model_validator(mode="after")
    def _verify_messages(self) -> Self:
        if (self.state is PriorNoticeState.NO_NOTICE) != (self.notice_message is None):
            raise ValueError("Name the message that gave prior notice, or say there was no notice.")
        acknowledged = self.state is PriorNoticeState.ACKNOWLEDGED
        if acknowledged != (self.acknowledgement_message is not None):
            raise ValueError(
                "Name the decision that acknowledged the notice if, and only if, there is one."
            )
        return self
