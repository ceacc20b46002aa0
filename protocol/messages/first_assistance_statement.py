"""The request for a statement of the phase first assistance, and the statement."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import Phase
from protocol.messages.codes import Kind, PersonGroup
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
from protocol.messages.head import Answer, CaseMessage, CasePersonBody
from protocol.messages.person import Identity


class StatementOf(StrEnum):
    """Whose statement is wanted."""

    THE_PERSON = "the_person"
    RELATIVE = "relative"
    PROFESSIONAL = "professional"
    OTHER_WITNESS = "other_witness"


class StatementPurpose(StrEnum):
    """What a statement is for."""

    IDENTIFICATION = "identification"
    INVESTIGATION = "investigation"
    TRIAL = "trial"
    RESIDENCE = "residence"
    COMPENSATION = "compensation"


class StatementForm(StrEnum):
    """How a statement is taken."""

    WRITTEN = "written"
    RECORD_OF_INTERVIEW = "record_of_interview"
    AUDIO = "audio"
    VIDEO = "video"
    BEFORE_A_JUDGE = "before_a_judge"
    VIDEO_LINK = "video_link"


class Presence(StrEnum):
    """Whether somebody has to be there."""

    REQUIRED = "required"
    IF_THE_PERSON_WISHES = "if_the_person_wishes"
    NOT_NEEDED = "not_needed"


class InterviewerSex(StrEnum):
    """Who is to ask the questions."""

    FEMALE = "female"
    MALE = "male"
    AS_THE_PERSON_WISHES = "as_the_person_wishes"


class StatementConditions(Model):
    """Under which conditions the statement is taken."""

    interpreter_for: Annotated[LanguageField | None, Sensitivity.NONE] = None
    lawyer: Annotated[Presence, Sensitivity.NONE]
    psychologist: Annotated[Presence, Sensitivity.NONE]
    guardian: Annotated[Presence, Sensitivity.NONE]
    requesting_officer: Annotated[Presence, Sensitivity.NONE]
    interviewer_sex: Annotated[InterviewerSex, Sensitivity.NONE]
    identity_kept_secret: Annotated[bool, Sensitivity.NONE]
    #: Whoever makes the statement may refuse it without losing any assistance.
    may_be_refused: Annotated[bool, Sensitivity.NONE]


_MOST_QUESTIONS: Final = 50


class StatementRequestBody(CasePersonBody):
    """Whose statement, on which questions, under which conditions.

    Rules: a child's statement needs the guardian and a psychologist there; a statement of somebody
    else names ``witness_role``, one of the person neither ``witness`` nor ``witness_role``.
    """

    statement_of: Annotated[StatementOf, Sensitivity.NONE]
    witness: Identity | None = None
    #: A post or a role, where no name is needed.
    witness_role: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    purpose: Annotated[StatementPurpose, Sensitivity.NONE]
    file_reference: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    subject_matter: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    #: Answers name a question by its place in the list, from 1.
    questions: Annotated[
        tuple[Line, ...], Field(min_length=1, max_length=_MOST_QUESTIONS), Sensitivity.JUDICIAL
    ]
    form: Annotated[StatementForm, Sensitivity.NONE]
    conditions: StatementConditions
    #: Whoever has spoken once should not have to say it all again.
    earlier_statement: Annotated[TriState, Sensitivity.JUDICIAL]
    needed_by: Annotated[Day | None, Sensitivity.NONE] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_conditions(self) -> Self:
        named = self.witness is not None or self.witness_role is not None
        if named == (self.statement_of is StatementOf.THE_PERSON):
            raise ValueError("Say who the witness is if, and only if, it is not the person.")
        present = {self.conditions.guardian, self.conditions.psychologist}
        if (
            self.statement_of is StatementOf.THE_PERSON
            and self.person_group is PersonGroup.CHILD
            and present != {Presence.REQUIRED}
        ):
            raise ValueError("For a child require the guardian and a psychologist.")
        return self


class StatementRequest(CaseMessage):
    """Asks for a statement."""

    type: Literal["first_assistance.statement_request"] = "first_assistance.statement_request"
    version: Literal[1] = 1
    kind: Literal[Kind.REQUEST]
    phase: Literal[Phase.FIRST_ASSISTANCE]
    body: StatementRequestBody


class StatementOutcome(StrEnum):
    """What became of the wish for a statement."""

    TAKEN = "taken"
    ARRANGED = "arranged"
    REFUSED = "refused"
    NOT_POSSIBLE_NOW = "not_possible_now"


class StatementAttendee(StrEnum):
    """Who was there."""

    INTERPRETER = "interpreter"
    LAWYER = "lawyer"
    PSYCHOLOGIST = "psychologist"
    GUARDIAN = "guardian"
    REQUESTING_OFFICER = "requesting_officer"
    PERSON_OF_TRUST = "person_of_trust"


class QuestionAnswered(Model):
    """What was said to one question."""

    question: Annotated[int, Field(ge=1, le=_MOST_QUESTIONS), Sensitivity.NONE]
    text: Annotated[Narrative, Sensitivity.JUDICIAL]


class StatementAnswer(Answer):
    """What became of the request, and the statement if it travels as text.

    Rules: what was taken has a day and says by whom, what is arranged a moment, nothing else has
    either; answers to questions belong to a statement that was taken; each question stands once.
    """

    answers: Literal["first_assistance.statement_request"] = "first_assistance.statement_request"
    outcome: Annotated[StatementOutcome, Sensitivity.JUDICIAL]
    taken_on: Annotated[Day | None, Sensitivity.JUDICIAL] = None
    taken_by: Annotated[Line | None, Sensitivity.NONE] = None
    arranged_for: Annotated[Instant | None, Sensitivity.JUDICIAL] = None
    form: Annotated[StatementForm | None, Sensitivity.NONE] = None
    given_in: Annotated[LanguageField | None, Sensitivity.NONE] = None
    attended_by: Annotated[
        tuple[StatementAttendee, ...], Field(max_length=len(StatementAttendee)), Sensitivity.NONE
    ] = ()
    said: Annotated[tuple[QuestionAnswered, ...], Field(max_length=_MOST_QUESTIONS)] = ()
    condition_of_the_witness: Annotated[Narrative | None, Sensitivity.HEALTH] = None
    use_limits: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_outcome(self) -> Self:
        taken = self.outcome is StatementOutcome.TAKEN
        if taken != (self.taken_on is not None) or taken != (self.taken_by is not None):
            raise ValueError("Say when and by whom it was taken if, and only if, it was taken.")
        if (self.outcome is StatementOutcome.ARRANGED) != (self.arranged_for is not None):
            raise ValueError("Say for when it is arranged if, and only if, it is arranged.")
        if self.said and not taken:
            raise ValueError("Only a statement that was taken has answers to questions.")
        if len({entry.question for entry in self.said}) != len(self.said):
            raise ValueError("Each question stands once: take the repeated one out.")
        return self
