"""What every message carries around its body.

Wire evolution (binding for every file of this package): a published ``type`` and ``version`` never
changes its fields or their meaning. A new optional field, a new code, or a stricter rule is a new
version of the type. A tag is never reused, also not after its type was withdrawn.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from protocol.identifiers import AuthorityId, Channel, Phase, get_participant_of
from protocol.limits import LIMITS
from protocol.links import LinkPosition
from protocol.messages.attachments import AttachmentManifest
from protocol.messages.codes import (
    AgeGroup,
    Formality,
    GuardianSituation,
    Kind,
    PersonGroup,
    Urgency,
)
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


class SeenPlace(Model):
    """A place on the other direction of the link."""

    generation: Annotated[int, Field(ge=1, le=LIMITS.number)]
    seq: Annotated[int, Field(ge=1, le=LIMITS.number)]


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
    phases: Annotated[tuple[Phase, ...], Field(min_length=1, max_length=len(Phase))]
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
    justification: Annotated[Narrative, Sensitivity.PROTECTION]
    approved_by_post: Line
    approved_at: Instant
    person_informed: TriState


class NoPersonalData(Model):
    """Nothing in the body is of a sensitive class."""

    kind: Literal["no_personal_data"] = "no_personal_data"


LegalBasis = Annotated[ConsentBasis | ExceptionBasis | NoPersonalData, Field(discriminator="kind")]


class OnwardScope(StrEnum):
    """To whom the recipient may pass on what a message says of the person."""

    ASK_FIRST = "ask_first"
    COMPETENT_AUTHORITIES = "competent_authorities"
    LISTED_AUTHORITIES = "listed_authorities"


class OnwardRule(Model):
    """What the sender allows: nothing without being asked, unless it says more.

    Rules: the authorities are named if, and only if, the scope is those listed.

    ``competent_authorities`` are those that the registry lists for the message's phase and channel
    in the recipient's part; passing on is recorded there and reported back.
    """

    scope: OnwardScope = OnwardScope.ASK_FIRST
    authorities: Annotated[tuple[AuthorityField, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _verify_list(self) -> Self:
        if (self.scope is OnwardScope.LISTED_AUTHORITIES) != bool(self.authorities):
            raise ValueError("Name the authorities if, and only if, the scope is those listed.")
        return self


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

    @property
    def treated_as_child(self) -> bool:
        """Whether the rules for children apply to what is said here."""
        return False


class CasePersonBody(Body):
    """A body about the person of a case whose facts were told before: says how to treat them."""

    person_group: Annotated[PersonGroup, Sensitivity.NONE]

    @property
    def treated_as_child(self) -> bool:
        """Under 18, or possibly so."""
        return self.person_group is PersonGroup.CHILD


class PersonBody(Body):
    """A body about a person: knows whether the rules for children apply.

    Rules: the child's part is there if, and only if, the person is treated as a child.
    """

    age_group: Annotated[AgeGroup, Sensitivity.NONE]
    possibly_under_18: Annotated[TriState, Sensitivity.NONE]
    child: ChildSituation | None = None

    @property
    def treated_as_child(self) -> bool:
        """Under 18, possibly so whatever age was noted, or of unknown age and not said adult."""
        return (
            self.age_group is AgeGroup.UNDER_18
            or self.possibly_under_18 is TriState.YES
            or (self.age_group is AgeGroup.UNKNOWN and self.possibly_under_18 is not TriState.NO)
        )

    @model_validator(mode="after")
    def _verify_child(self) -> Self:
        if self.treated_as_child != (self.child is not None):
            raise ValueError(
                "Say who acts for the child, or, for an adult, leave the child's part out. Whoever "
                "is possibly under 18 counts as a child."
            )
        return self


_TREND_TAG: Final = "general.trend_alert"


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
    """A message between people about a case. Subclasses fix ``type``, ``version`` and ``body``.

    Rules: sender and recipient differ, and each has its own authority; a formal message, and only
    a formal one, names its instrument; the channel is ``trend`` for trend alerts, and only for
    them; the legal basis covers every class in the body, and a consent the phase and the recipient,
    too; about a child a message is at least urgent, and the child does not consent alone.
    """

    kind: Kind
    channel: Channel
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
    onward: OnwardRule = OnwardRule()
    link: LinkField
    #: The newest message of this case that the sender held from the recipient; None: it held none.
    #: Both sides put messages that crossed into one order by it; see ``protocol.conversation``.
    seen: SeenPlace | None = None
    attachments: Annotated[
        tuple[AttachmentManifest, ...], Field(max_length=LIMITS.attachments)
    ] = ()
    body: Body

    def list_classified(self) -> Iterator[tuple[str, Sensitivity]]:
        """Yield each field of the body that holds something, and each attachment, with class."""
        yield from find_classified(self.body)
        for index, attachment in enumerate(self.attachments):
            yield f"attachments.{index}", attachment.sensitivity

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
        if (self.channel is Channel.TREND) != (self.type == _TREND_TAG):
            raise ValueError("The trend channel carries trend alerts, and nothing else does.")
        self._verify_legal_basis()
        if self.body.treated_as_child and self.urgency is Urgency.STANDARD:
            raise ValueError("A message about a child is at least urgent.")
        names = [attachment.attachment_id for attachment in self.attachments]
        if len(set(names)) != len(names):
            raise ValueError("Two attachments have one identifier: give each its own.")
        return self

    def _verify_legal_basis(self) -> None:
        present = {mark for _, mark in self.list_classified()} - {Sensitivity.NONE}
        basis = self.legal_basis
        if isinstance(basis, NoPersonalData):
            if present:
                raise ValueError(_uncovered(self, present))
        elif isinstance(basis, ConsentBasis):
            missing = present - set(basis.classes)
            if missing:
                raise ValueError(_uncovered(self, missing))
            if self.recipient not in basis.recipients:
                raise ValueError(f"The consent does not name {self.recipient} as a recipient.")
            if self.phase not in basis.phases:
                raise ValueError(f"The consent does not name the phase {self.phase}.")
            if self.body.treated_as_child and basis.given_by is ConsentGiver.PERSON:
                raise ValueError("For a child the guardian or a parent who is no suspect consents.")


def _uncovered(message: CaseMessage, classes: set[Sensitivity]) -> str:
    found = message.list_classified()
    fields = ", ".join(sorted(path for path, mark in found if mark in classes))
    return (
        f"No legal basis covers {fields} ({', '.join(sorted(classes))}): leave them out, or record "
        "consent that covers them."
    )


class AskingOrTelling(CaseMessage):
    """A type that can ask (``body.question``) or tell unasked (``body.information``).

    What is told unasked has the shape of the typed answer to the question.

    Rules: a request has a question and no information, a notification the other way round.
    """

    kind: Literal[Kind.REQUEST, Kind.NOTIFICATION]

    @model_validator(mode="after")
    def _verify_direction(self) -> Self:
        asks = getattr(self.body, "question", None) is not None
        tells = getattr(self.body, "information", None) is not None
        if asks == tells or asks != (self.kind is Kind.REQUEST):
            raise ValueError(
                "A request has a question and no information; a notification the other way round."
            )
        return self


class Answer(Model):
    """The typed answer to one request type: what ``general.response`` carries.

    A subclass fixes ``answers`` to the tag of that type.
    """

    answers: str

    @property
    def treated_as_child(self) -> bool:
        """Whether the answer itself says that its person is a child."""
        return False
