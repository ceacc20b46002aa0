"""What is known of traffickers and of their ways: every field is intelligence."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from protocol.messages.codes import Sex
from protocol.messages.fields import Day, Line, Model, Narrative, Sensitivity
from protocol.messages.person import NationalityCode


class SuspectRole(StrEnum):
    """What somebody is suspected to have done."""

    RECRUITER = "recruiter"
    TRANSPORTER = "transporter"
    HARBOURER = "harbourer"
    EXPLOITER = "exploiter"
    ORGANISER = "organiser"
    ACCOMPLICE = "accomplice"
    DOCUMENT_SUPPLIER = "document_supplier"
    MONEY_HANDLER = "money_handler"
    CORRUPT_OFFICIAL = "corrupt_official"
    UNKNOWN = "unknown"


class SuspectTie(StrEnum):
    """What somebody is to the trafficked person."""

    PARTNER = "partner"
    PARENT = "parent"
    OTHER_RELATIVE = "other_relative"
    FRIEND_OR_ACQUAINTANCE = "friend_or_acquaintance"
    EMPLOYER = "employer"
    STRANGER = "stranger"
    UNKNOWN = "unknown"


_RELATED: Final = frozenset({SuspectTie.PARTNER, SuspectTie.PARENT, SuspectTie.OTHER_RELATIVE})


class Suspect(Model):
    """A suspect or accomplice, as far as known.

    Rules: something is said beside the role and the tie.
    """

    role: Annotated[SuspectRole, Sensitivity.INTELLIGENCE]
    tie: Annotated[SuspectTie | None, Sensitivity.INTELLIGENCE] = None
    family_name: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    given_names: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    other_names: Annotated[tuple[Line, ...], Field(max_length=10), Sensitivity.INTELLIGENCE] = ()
    birth_date: Annotated[Day | None, Sensitivity.INTELLIGENCE] = None
    sex: Annotated[Sex | None, Sensitivity.INTELLIGENCE] = None
    nationalities: Annotated[
        tuple[NationalityCode, ...], Field(max_length=5), Sensitivity.INTELLIGENCE
    ] = ()
    #: Telephone numbers, addresses of mail, names used online.
    reached_by: Annotated[tuple[Line, ...], Field(max_length=20), Sensitivity.INTELLIGENCE] = ()
    description: Annotated[Narrative | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_content(self) -> Self:
        if not any(
            getattr(self, name) for name in type(self).model_fields if name not in {"role", "tie"}
        ):
            raise ValueError(
                "Say something of the suspect beside the role: at least a description."
            )
        return self

    @property
    def points_at_relative(self) -> bool:
        """Whether this tells who a relative or partner is, and so who the person may be."""
        told = (
            self.family_name,
            self.given_names,
            self.other_names,
            self.birth_date,
            self.reached_by,
        )
        return self.tie in _RELATED and any(told)


class TransportMode(StrEnum):
    """How people are moved."""

    CAR = "car"
    VAN_OR_LORRY = "van_or_lorry"
    BUS = "bus"
    TRAIN = "train"
    PLANE = "plane"
    SHIP = "ship"
    ON_FOOT = "on_foot"
    UNKNOWN = "unknown"


class Vehicle(Model):
    """A vehicle that was used.

    Rules: it has a registration or a description.
    """

    mode: Annotated[TransportMode, Sensitivity.INTELLIGENCE]
    registration: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
    registered_in: Annotated[NationalityCode | None, Sensitivity.INTELLIGENCE] = None
    description: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None

    @model_validator(mode="after")
    def _verify_content(self) -> Self:
        if self.registration is None and self.description is None:
            raise ValueError("Give the vehicle's registration or a description.")
        return self


class PlaceUse(StrEnum):
    """What a place was used for."""

    RECRUITMENT = "recruitment"
    TRANSIT = "transit"
    BORDER_CROSSING = "border_crossing"
    HARBOURING = "harbouring"
    EXPLOITATION = "exploitation"
    MEETING = "meeting"
    MONEY = "money"
    UNKNOWN = "unknown"


class PlaceUsed(Model):
    """A place that traffickers use. In a route, places stand in the order of travel."""

    use: Annotated[PlaceUse, Sensitivity.INTELLIGENCE]
    place: Annotated[Line, Sensitivity.INTELLIGENCE]
    lies_in: Annotated[NationalityCode | None, Sensitivity.INTELLIGENCE] = None
    on: Annotated[Day | None, Sensitivity.INTELLIGENCE] = None
    reached_by: Annotated[TransportMode | None, Sensitivity.INTELLIGENCE] = None
    note: Annotated[Line | None, Sensitivity.INTELLIGENCE] = None
