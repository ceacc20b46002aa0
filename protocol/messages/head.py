"""What every message carries around its body.

Wire evolution (binding for every file of this package): a published ``type`` and ``version`` never
changes its fields or their meaning. A new optional field, a new code, or a stricter rule is a new
version of the type. A tag is never reused, also not after its type was withdrawn.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import AuthorityId, Phase, get_participant_of
from protocol.limits import LIMITS
from protocol.links import LinkPosition
from protocol.messages.codes import AgeGroup, Formality, GuardianSituation, Urgency
from protocol.messages.fields import (
    AuthorityField,
    CaseField,
    DigestField,
    Instant,
    LanguageField,
    Line,
    MessageIdField,
    Model,
    Narrative,
    ParticipantField,
    Sensitivity,
    TriState,
    find_classified,
)


class Kind(StrEnum):
    """What a message does: tells, hands over, asks, or moves something on."""

    NOTIFICATION = "notification"
    REFERRAL = "referral"
    REQUEST = "request"
    UPDATE = "update"
    SYSTEM = "system"


class RegistryPin(Model):
    """Which registry the sender acted on, so that two views of it cannot go unseen."""

    version: Annotated[int, Field(ge=1, le=LIMITS.number)]
    sha256: DigestField


class LinkField(Model):
    """The message's place on the chain from sender to recipient; see :mod:`protocol.links`."""

    generation: Annotated[int, Field(ge=1, le=LIMITS.number)]
    seq: Annotated[int, Field(ge=1, le=LIMITS.number)]
    prev: DigestField

    @property
    def position(self) -> LinkPosition:
        """As the link rules take it."""
        return LinkPosition(generation=self.generation, seq=self.seq, prev=self.prev)


class ConsentGiver(StrEnum):
    """Who consented. Never a parent who is a suspect."""

    PERSON = "person"
    PARENT = "parent"
    GUARDIAN = "guardian"


class ConsentBasis(Model):
    """Free, informed, written consent that is on file at the sender."""

    kind: Literal["consent"] = "consent"
    given_by: ConsentGiver
    given_at: Instant
    explained_in: LanguageField
    classes: Annotated[tuple[Sensitivity, ...], Field(min_length=1, max_length=len(Sensitivity))]
    recipients: Annotated[tuple[ParticipantField, ...], Field(min_length=1, max_length=64)]


class ExceptionGround(StrEnum):
    """Grounds for sending without consent. Each needs a second person's approval."""

    VITAL_INTEREST = "vital_interest"
    BEST_INTEREST_OF_THE_CHILD = "best_interest_of_the_child"
    OVERRIDING_PUBLIC_INTEREST = "overriding_public_interest"
    DUTY_UNDER_LAW = "duty_under_law"


class ExceptionBasis(Model):
    """A written justification, approved by a second person."""

    kind: Literal["exception"] = "exception"
    ground: ExceptionGround
    justification: Narrative
    approved_by_post: Line
    approved_at: Instant
    person_informed: TriState


class NoPersonalData(Model):
    """Nothing in the body is of a sensitive class."""

    kind: Literal["no_personal_data"] = "no_personal_data"


LegalBasis = Annotated[ConsentBasis | ExceptionBasis | NoPersonalData, Field(discriminator="kind")]


class CaseManager(Model):
    """The desk that coordinates the case on the sender's side. A post, not a private person."""

    post: Annotated[Line, Sensitivity.NONE]
    authority: Annotated[AuthorityField, Sensitivity.NONE]
    telephone: Annotated[Line | None, Sensitivity.NONE] = None
    mailbox: Annotated[Line | None, Sensitivity.NONE] = None
    reachable: Annotated[Line | None, Sensitivity.NONE] = None


class ChildSituation(Model):
    """What has to be known as soon as the person may be under 18."""

    guardian: Annotated[GuardianSituation, Sensitivity.NONE]
    child_informed: Annotated[TriState, Sensitivity.NONE]


class Body(Model):
    """The part of a message that its type defines. Each field carries its sensitivity."""


class PersonBody(Body):
    """A body about a person: knows whether the rules for children apply."""

    age_group: Annotated[AgeGroup, Sensitivity.NONE]
    possibly_under_18: Annotated[TriState, Sensitivity.NONE]
    child: ChildSituation | None = None

    @property
    def treated_as_child(self) -> bool:
        """Under 18, or of unknown age and not known to be an adult."""
        return self.age_group is AgeGroup.UNDER_18 or (
            self.age_group is AgeGroup.UNKNOWN and self.possibly_under_18 is not TriState.NO
        )

    @model_validator(mode="after")
    def _verify_child(self) -> Self:
        if self.treated_as_child != (self.child is not None):
            raise ValueError(
                "Say who acts for the child, or, for an adult, leave the child's part out. Unknown "
                "age and possibly under 18 counts as a child."
            )
        return self


class Head(Model):
    """What the machines read."""

    type: str
    version: int
    message_id: MessageIdField
    sender: ParticipantField
    recipient: ParticipantField
    composed_at: Instant
    registry: RegistryPin


class CaseMessage(Head):
    """A message between people about a case. Subclasses fix ``type``, ``version`` and ``body``."""

    case: CaseField
    in_reply_to: MessageIdField | None = None
    from_authority: AuthorityField
    to_authority: AuthorityField
    phase: Phase
    formality: Formality
    instrument: Line | None = None
    urgency: Urgency
    answer_by: Instant | None = None
    language: LanguageField
    legal_basis: LegalBasis
    link: LinkField
    body: Body

    @model_validator(mode="after")
    def _verify_rules(self) -> Self:
        if self.sender == self.recipient:
            raise ValueError("A message goes to another Participant.")
        for authority, participant in (
            (self.from_authority, self.sender),
            (self.to_authority, self.recipient),
        ):
            if get_participant_of(AuthorityId(authority)) != participant:
                raise ValueError(f"{authority} is not an authority of {participant}.")
        if (self.formality is Formality.FORMAL) != (self.instrument is not None):
            raise ValueError("A formal message names its instrument; an informal one names none.")
        self._verify_legal_basis()
        if (
            isinstance(self.body, PersonBody)
            and self.body.treated_as_child
            and self.urgency is Urgency.STANDARD
        ):
            raise ValueError("A message about a child is at least urgent.")
        return self

    def _verify_legal_basis(self) -> None:
        present = {mark for _, mark in find_classified(self.body)} - {Sensitivity.NONE}
        basis = self.legal_basis
        if isinstance(basis, NoPersonalData):
            if present:
                raise ValueError(_uncovered(self.body, present))
        elif isinstance(basis, ConsentBasis):
            missing = present - set(basis.classes)
            if missing:
                raise ValueError(_uncovered(self.body, missing))
            if self.recipient not in basis.recipients:
                raise ValueError(f"The consent does not name {self.recipient} as a recipient.")
            if (
                isinstance(self.body, PersonBody)
                and self.body.treated_as_child
                and basis.given_by is ConsentGiver.PERSON
            ):
                raise ValueError("For a child the guardian or a parent who is no suspect consents.")


def _uncovered(body: Body, classes: set[Sensitivity]) -> str:
    fields = ", ".join(sorted(path for path, mark in find_classified(body) if mark in classes))
    return (
        f"No legal basis covers {fields} ({', '.join(sorted(classes))}): leave them out, or record "
        "consent that covers them."
    )
