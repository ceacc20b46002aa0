"""What an authority's entry says of the authority itself: names, kind, licence, appointment, place.

Field names are those of Open Referral HSDS 3 where it has one: ``alternate_names`` (there
``alternate_name``), ``licenses``, and the parts of an address. A member of an address that names
the Participant is left out: the document is the Participant's.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from contact_registry.document import Document, require_distinct, require_span
from contact_registry.fields import Language, Line, OptionalLine, Text


class AuthorityType(StrEnum):
    """What kind of body an authority is."""

    NATIONAL_COORDINATION = "national_coordination"
    MINISTRY = "ministry"
    POLICE = "police"
    BORDER_POLICE = "border_police"
    PROSECUTION = "prosecution"
    COURT = "court"
    WITNESS_PROTECTION = "witness_protection"
    SOCIAL_SERVICES = "social_services"
    CHILD_PROTECTION = "child_protection"
    HEALTH = "health"
    LABOUR_INSPECTION = "labour_inspection"
    MIGRATION = "migration"
    CONSULATE = "consulate"
    LEGAL_AID = "legal_aid"
    SHELTER = "shelter"
    CIVIL_SOCIETY = "civil_society"
    INTERNATIONAL_ORGANISATION = "international_organisation"
    OTHER = "other"


class LocalName(Document):
    """A name in one language, or an earlier or common name of no language in particular."""

    name: Line
    language: Language | None = None


class LocalText(Document):
    """A text in one language."""

    text: Annotated[Text, Field(min_length=1, max_length=1000)]
    language: Language


def check_local_names(
    names: Sequence[LocalName], footnotes: Sequence[LocalText], *, starred: bool
) -> None:
    """Raise ``ValueError`` unless each language has one name, with its asterisk if it needs one."""
    if any(local.name.endswith("*") is not starred for local in names):
        raise ValueError("A name has its asterisk in every language or in none.")
    if any(local.language is None for local in names):
        raise ValueError("Each of a Participant's names says its language.")
    require_distinct((local.language for local in names), "A language has one name.")
    require_distinct((local.language for local in footnotes), "A language has one footnote.")


class License(Document):
    """A licence to provide services, where the law asks for one. ``valid_to`` is its last day."""

    number: Line
    issued_by: OptionalLine = ""
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _check_span(self) -> Self:
        require_span(self.valid_from, self.valid_to, "A licence")
        return self


class AppointmentDecision(Document):
    """The decision by which this desk was made competent: what a stranger may ask to see."""

    reference: Line
    issued_by: OptionalLine = ""
    issued_on: date | None = None


class PostalAddress(Document):
    """Where mail reaches a desk (HSDS ``address``, vCard ADR)."""

    attention: OptionalLine = ""
    address_1: Line
    address_2: OptionalLine = ""
    city: Line
    region: OptionalLine = ""
    postal_code: OptionalLine = ""
