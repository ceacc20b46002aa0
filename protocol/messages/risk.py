"""Risks of a person's situation, and what is done about them."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.messages.codes import RiskLevel
from protocol.messages.fields import Instant, Model, Narrative, Sensitivity
from protocol.messages.rules import verify_noted

ShelterCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}(-[A-Z0-9]{1,12})?$")]
"""A shelter is named by an opaque code; its address never leaves a Participant."""


class RiskPicture(Model):
    """The early risk assessment, as far as there is one."""

    level: Annotated[RiskLevel, Sensitivity.NONE]
    assessed_at: Annotated[Instant | None, Sensitivity.NONE] = None
    threats: Annotated[Narrative | None, Sensitivity.PROTECTION] = None
    measures_taken: Annotated[Narrative | None, Sensitivity.PROTECTION] = None


class ThreatKind(StrEnum):
    """What may happen."""

    VIOLENCE = "violence"
    RETRAFFICKING = "retrafficking"
    ABDUCTION = "abduction"
    REPRISAL_FOR_TESTIMONY = "reprisal_for_testimony"
    DEBT_COLLECTION = "debt_collection"
    PRESSURE_TO_RETURN = "pressure_to_return"
    FORCED_MARRIAGE = "forced_marriage"
    REJECTION_OR_STIGMA = "rejection_or_stigma"
    EXPOSURE_OF_IDENTITY = "exposure_of_identity"
    SELF_HARM = "self_harm"
    OTHER = "other"


class ThreatSource(StrEnum):
    """Where a threat comes from."""

    TRAFFICKER = "trafficker"
    ASSOCIATES_OF_TRAFFICKER = "associates_of_trafficker"
    PARTNER = "partner"
    FAMILY = "family"
    COMMUNITY = "community"
    OFFICIAL = "official"
    THE_PERSON = "the_person"
    UNKNOWN = "unknown"


class ThreatTarget(StrEnum):
    """Whom a threat is against."""

    THE_PERSON = "the_person"
    CHILDREN_OF_THE_PERSON = "children_of_the_person"
    FAMILY = "family"
    WITNESSES = "witnesses"
    STAFF = "staff"


class Threat(Model):
    """One threat: what, from whom, against whom, how serious.

    Rules: the kind ``other`` has a note.
    """

    kind: Annotated[ThreatKind, Sensitivity.PROTECTION]
    source: Annotated[ThreatSource, Sensitivity.PROTECTION]
    targets: Annotated[
        tuple[ThreatTarget, ...],
        Field(min_length=1, max_length=len(ThreatTarget)),
        Sensitivity.PROTECTION,
    ]
    level: Annotated[RiskLevel, Sensitivity.PROTECTION]
    #: What it rests on. Never the address of a shelter.
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_other(self) -> Self:
        verify_noted([self.kind], self.note)
        return self


class ProtectiveMeasure(StrEnum):
    """What lowers a risk."""

    SAFE_ACCOMMODATION = "safe_accommodation"
    MOVE_TO_ANOTHER_PLACE = "move_to_another_place"
    POLICE_PROTECTION = "police_protection"
    WITNESS_PROTECTION = "witness_protection"
    RESTRAINING_ORDER = "restraining_order"
    ESCORT = "escort"
    EMERGENCY_CONTACT = "emergency_contact"
    SAFE_TELEPHONE = "safe_telephone"
    IDENTITY_KEPT_SECRET = "identity_kept_secret"  # noqa: S105 - a code, no secret
    NO_CONTACT_WITH_FAMILY = "no_contact_with_family"
    PROTECTION_OF_RELATIVES = "protection_of_relatives"
    PSYCHOLOGICAL_SUPPORT = "psychological_support"
    REGULAR_REVIEW = "regular_review"
    OTHER = "other"
