"""The founding Participants, as data: a registry is created with these or with any others."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from contact_registry.errors import RegistryError
from contact_registry.models import KOSOVO_FOOTNOTE, ParticipantEntry
from contact_registry.particulars import LocalName
from protocol.identifiers import ParticipantCode

#: Bosnian, Croatian, Montenegrin and Serbian in Latin letters write these six names alike.
_ALIKE: Final = ("bs", "hr", "cnr", "sr-Latn")


def _names(
    *, english: str, albanian: str, alike: str, macedonian: str, serbian: str
) -> tuple[LocalName, ...]:
    """Return a name in the working languages of the mechanism."""
    by_language = {
        "en": english,
        "sq": albanian,
        **dict.fromkeys(_ALIKE, alike),
        "mk": macedonian,
        "sr-Cyrl": serbian,
    }
    return tuple(LocalName(name=name, language=code) for code, name in by_language.items())


def _entry(code: str, name: str, names: tuple[LocalName, ...]) -> ParticipantEntry:
    return ParticipantEntry(
        code=ParticipantCode(code),
        name=name,
        display_name=name,
        footnote=KOSOVO_FOOTNOTE if name.endswith("*") else None,
        names=names,
    )


FOUNDING_PARTICIPANTS: Final[tuple[ParticipantEntry, ...]] = (
    _entry("AL", "Albania", _names(
        english="Albania", albanian="Shqipëria", alike="Albanija",
        macedonian="Албанија", serbian="Албанија",
    )),
    _entry("BA", "Bosnia and Herzegovina", _names(
        english="Bosnia and Herzegovina", albanian="Bosnja dhe Hercegovina",
        alike="Bosna i Hercegovina", macedonian="Босна и Херцеговина",
        serbian="Босна и Херцеговина",
    )),
    _entry("XK", "Kosovo*", _names(
        english="Kosovo*", albanian="Kosovo*", alike="Kosovo*",
        macedonian="Косово*", serbian="Косово*",
    )),
    _entry("ME", "Montenegro", _names(
        english="Montenegro", albanian="Mali i Zi", alike="Crna Gora",
        macedonian="Црна Гора", serbian="Црна Гора",
    )),
    _entry("MK", "North Macedonia", _names(
        english="North Macedonia", albanian="Maqedonia e Veriut", alike="Sjeverna Makedonija",
        macedonian="Северна Македонија", serbian="Северна Македонија",
    )),
    _entry("RS", "Serbia", _names(
        english="Serbia", albanian="Serbia", alike="Srbija",
        macedonian="Србија", serbian="Србија",
    )),
)  # fmt: skip

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


def make_entry(code: ParticipantCode, name: str | None, footnote: str | None) -> ParticipantEntry:
    """Return the entry of a founding Participant, or of another one under the name given.

    Raises :class:`~contact_registry.errors.RegistryError`.
    """
    known = next((entry for entry in FOUNDING_PARTICIPANTS if entry.code == code), None)
    if name is None:
        if known is None:
            raise RegistryError(f"{code} is not one of the founding Participants: add --name.")
        return known
    try:
        return ParticipantEntry(code=code, name=name, display_name=name, footnote=footnote)
    except ValueError as error:
        raise RegistryError(
            "The name does not stand: one line of text; XK is Kosovo*; a name with * needs "
            "--footnote."
        ) from error
