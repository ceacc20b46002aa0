"""Parts of messages on proceedings: the case at court, the form of papers, what they may serve."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.limits import LIMITS
from protocol.messages.fields import Line, Model, Narrative, Sensitivity
from protocol.messages.guarded import GuardedPersonBody
from protocol.messages.rules import verify_noted


class ProceedingsKind(StrEnum):
    """Where something is decided."""

    CRIMINAL = "criminal"
    CIVIL = "civil"
    LABOUR = "labour"
    ADMINISTRATIVE = "administrative"
    COMPENSATION_PROGRAMME = "compensation_programme"


class ProceedingsStage(StrEnum):
    """How far proceedings are."""

    NOT_YET_OPENED = "not_yet_opened"
    INVESTIGATION = "investigation"
    INDICTMENT = "indictment"
    TRIAL = "trial"
    APPEAL = "appeal"
    ENFORCEMENT = "enforcement"
    CLOSED = "closed"


class Proceedings(Model):
    """The proceedings that a message serves."""

    kind: Annotated[ProceedingsKind, Sensitivity.JUDICIAL]
    stage: Annotated[ProceedingsStage, Sensitivity.JUDICIAL]
    #: The court, prosecutor or office that conducts them.
    conducted_by: Annotated[Line, Sensitivity.JUDICIAL]
    file_number: Annotated[Line | None, Sensitivity.JUDICIAL] = None
    #: The offences or claims, as the law there names them.
    offences: Annotated[tuple[Line, ...], Field(max_length=10), Sensitivity.JUDICIAL] = ()


class IntendedUse(StrEnum):
    """What for the information may serve; it serves nothing else without being asked."""

    INTELLIGENCE_ONLY = "intelligence_only"
    INVESTIGATION = "investigation"
    EVIDENCE_IN_COURT = "evidence_in_court"
    PROTECTION_OF_THE_PERSON = "protection_of_the_person"
    COMPENSATION_CLAIM = "compensation_claim"


class PaperForm(StrEnum):
    """In which form papers are wanted or given."""

    PLAIN_COPY = "plain_copy"
    CERTIFIED_COPY = "certified_copy"
    APOSTILLE = "apostille"
    ORIGINAL = "original"
    TRANSLATION = "translation"
    CERTIFIED_TRANSLATION = "certified_translation"
    RECORD_OF_CUSTODY = "record_of_custody"


PaperForms = Annotated[tuple[PaperForm, ...], Field(max_length=len(PaperForm)), Sensitivity.NONE]


class Provision(StrEnum):
    """What the recipient gives of one thing that was asked for."""

    PROVIDED = "provided"
    PROVIDED_IN_PART = "provided_in_part"
    FOLLOWS = "follows"
    DOES_NOT_EXIST = "does_not_exist"
    FORMAL_REQUEST_NEEDED = "formal_request_needed"
    REFUSED = "refused"


class RefusalGround(StrEnum):
    """Why something asked for in proceedings is refused, or needs a formal request."""

    SECRET_INVESTIGATION = "secret_investigation"  # noqa: S105 - a code, no secret
    PROTECTION_OF_A_PERSON = "protection_of_a_person"
    CONSENT_MISSING = "consent_missing"
    PROFESSIONAL_SECRECY = "professional_secrecy"
    COURT_ORDER_NEEDED = "court_order_needed"
    LAW_DOES_NOT_ALLOW = "law_does_not_allow"
    OTHER = "other"


class ItemReply(Model):
    """What is given of one thing in the request's list; concrete answers add to it.

    Rules: what is refused, or needs a formal request, has a ground; nothing else has; another
    ground has a note.
    """

    #: The place in the request's list, counted from 1.
    number: Annotated[int, Field(ge=1, le=30), Sensitivity.NONE]
    provision: Annotated[Provision, Sensitivity.NONE]
    ground: Annotated[RefusalGround | None, Sensitivity.NONE] = None
    forms: PaperForms = ()
    note: Annotated[Narrative | None, Sensitivity.JUDICIAL] = None

    @model_validator(mode="after")
    def _verify_ground(self) -> Self:
        held_back = self.provision in {Provision.REFUSED, Provision.FORMAL_REQUEST_NEEDED}
        if held_back != (self.ground is not None):
            raise ValueError("Say on which ground something is held back, and only then.")
        verify_noted([self.ground], self.note)
        return self


def verify_each_once(replies: tuple[ItemReply, ...]) -> None:
    """Raise ``ValueError`` if two replies answer the same place of the request's list."""
    numbers = [reply.number for reply in replies]
    if len(set(numbers)) != len(numbers):
        raise ValueError("Each thing asked for has one reply: join those of one number.")


class Amount(Model):
    """A sum of money, in whole units of its currency."""

    value: Annotated[int, Field(ge=0, le=LIMITS.number), Sensitivity.JUDICIAL]
    #: ISO 4217.
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$"), Sensitivity.JUDICIAL]


class ProceedingsBody(GuardedPersonBody):
    """A body for proceedings: it names them."""

    proceedings: Proceedings
