"""The founding Participants, as data: a registry is created with these or with any others."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from contact_registry.models import KOSOVO_FOOTNOTE, ParticipantEntry
from protocol.identifiers import ParticipantCode

FOUNDING_PARTICIPANTS: Final[tuple[ParticipantEntry, ...]] = (
    ParticipantEntry(code=ParticipantCode("AL"), name="Albania", display_name="Albania"),
    ParticipantEntry(
        code=ParticipantCode("BA"),
        name="Bosnia and Herzegovina",
        display_name="Bosnia and Herzegovina",
    ),
    ParticipantEntry(
        code=ParticipantCode("XK"),
        name="Kosovo*",
        display_name="Kosovo*",
        footnote=KOSOVO_FOOTNOTE,
    ),
    ParticipantEntry(code=ParticipantCode("ME"), name="Montenegro", display_name="Montenegro"),
    ParticipantEntry(
        code=ParticipantCode("MK"), name="North Macedonia", display_name="North Macedonia"
    ),
    ParticipantEntry(code=ParticipantCode("RS"), name="Serbia", display_name="Serbia"),
)

#: Where their desks' hours are told (IANA tz database, zone1970.tab).
FOUNDING_TIME_ZONES: Final[Mapping[ParticipantCode, str]] = MappingProxyType(
    {
        ParticipantCode("AL"): "Europe/Tirane",
        ParticipantCode("BA"): "Europe/Sarajevo",
        ParticipantCode("XK"): "Europe/Belgrade",
        ParticipantCode("ME"): "Europe/Podgorica",
        ParticipantCode("MK"): "Europe/Skopje",
        ParticipantCode("RS"): "Europe/Belgrade",
    }
)
