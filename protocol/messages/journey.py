"""Parts of messages about a return: the journey, who travels, who receives, the handover."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.messages.fields import (
    AuthorityField,
    Instant,
    Line,
    Model,
    Narrative,
    Sensitivity,
)
from protocol.messages.return_readiness import ReturnDestination
from protocol.messages.risk import ShelterCode
from protocol.messages.rules import verify_noted


class TravelMode(StrEnum):
    """How the person travels."""

    AIR = "air"
    OFFICIAL_VEHICLE = "official_vehicle"
    PRIVATE_VEHICLE = "private_vehicle"
    BUS = "bus"
    TRAIN = "train"
    FERRY = "ferry"
    OTHER = "other"
    NOT_YET_KNOWN = "not_yet_known"


class Escort(StrEnum):
    """Who goes with the person for safety or care."""

    NONE = "none"
    GUARDIAN = "guardian"
    SOCIAL_WORKER = "social_worker"
    HEALTH_WORKER = "health_worker"
    SERVICE_PROVIDER = "service_provider"
    INTERNATIONAL_ORGANIZATION = "international_organization"
    POLICE = "police"
    FAMILY_MEMBER = "family_member"
    NOT_YET_KNOWN = "not_yet_known"


class Journey(Model):
    """When, how and between which places the person travels, and who goes with them.

    Rules: the arrival lies after the departure; another mode has a note; ``none`` and
    ``not_yet_known`` stand alone among the escorts.
    """

    mode: Annotated[TravelMode, Sensitivity.PROTECTION]
    departure_at: Annotated[Instant | None, Sensitivity.PROTECTION] = None
    #: A border crossing, an airport, a station; never a shelter.
    departure_place: Annotated[Line | None, Sensitivity.PROTECTION] = None
    arrival_at: Annotated[Instant | None, Sensitivity.PROTECTION] = None
    arrival_place: Annotated[Line | None, Sensitivity.PROTECTION] = None
    #: Flight, line, or number plate.
    carrier_reference: Annotated[Line | None, Sensitivity.PROTECTION] = None
    escorts: Annotated[
        tuple[Escort, ...], Field(min_length=1, max_length=len(Escort)), Sensitivity.PROTECTION
    ]
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_journey(self) -> Self:
        if self.departure_at and self.arrival_at and self.departure_at >= self.arrival_at:
            raise ValueError("The arrival lies after the departure: correct one of the moments.")
        verify_noted([self.mode], self.note)
        if len(self.escorts) > 1 and {Escort.NONE, Escort.NOT_YET_KNOWN} & set(self.escorts):
            raise ValueError("Name the escorts, or say that there is none or that it is not known.")
        return self


class CompanionRelation(StrEnum):
    """Who travels along, seen from the person."""

    OWN_CHILD = "own_child"
    PARENT = "parent"
    SIBLING = "sibling"
    PARTNER = "partner"
    OTHER_RELATIVE = "other_relative"
    OTHER = "other"


class Companion(Model):
    """Those who travel with the person and arrive with them; escorts are part of the journey.

    Rules: no more are under 18 than travel.
    """

    relation: Annotated[CompanionRelation, Sensitivity.FAMILY]
    number: Annotated[int, Field(ge=1, le=20), Sensitivity.FAMILY]
    under_18: Annotated[int, Field(ge=0, le=20), Sensitivity.FAMILY]

    @model_validator(mode="after")
    def _verify_number(self) -> Self:
        if self.under_18 > self.number:
            raise ValueError("No more can be under 18 than travel: correct one of the numbers.")
        return self


class Reception(Model):
    """Who receives the person, and where the person stays first. Never an address of a shelter.

    Rules: an authority or a provider is named; only a stay in a shelter has a shelter's code;
    another accommodation has a note.
    """

    #: An authority of the registry, in the receiving Participant.
    authority: Annotated[AuthorityField | None, Sensitivity.NONE] = None
    #: An organisation that the registry does not list.
    provider: Annotated[Line | None, Sensitivity.PROTECTION] = None
    accommodation: Annotated[ReturnDestination, Sensitivity.PROTECTION]
    shelter_code: Annotated[ShelterCode | None, Sensitivity.PROTECTION] = None
    note: Annotated[Narrative | None, Sensitivity.PROTECTION] = None

    @model_validator(mode="after")
    def _verify_receiver(self) -> Self:
        if self.authority is None and self.provider is None:
            raise ValueError("Name the authority or the organisation that receives the person.")
        if self.shelter_code is not None and self.accommodation is not ReturnDestination.SHELTER:
            raise ValueError("Only a stay in a shelter has a shelter's code: correct one of them.")
        verify_noted([self.accommodation], self.note)
        return self


class Handover(Model):
    """Where and when the person passes from one side's care into the other's."""

    place: Annotated[Line, Sensitivity.PROTECTION]
    at: Annotated[Instant, Sensitivity.PROTECTION]
    #: Offices or posts, not persons.
    from_post: Annotated[Line, Sensitivity.PROTECTION]
    to_post: Annotated[Line, Sensitivity.PROTECTION]
    #: How the two sides know each other, so that nobody else can collect the person.
    recognised_by: Annotated[Line | None, Sensitivity.PROTECTION] = None
