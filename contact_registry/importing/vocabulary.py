"""The words of contact lists in the working languages, as data, and the mapping a person adds.

A heading is recognised by its comparable form (:func:`~contact_registry.importing.folding.fold`):
with or without marks, in Latin or Cyrillic letters. What is not in these tables or in the mapping
file is reported, never guessed. In brackets: the languages a line comes from.
"""
# ruff: noqa: RUF001 - these letters are Cyrillic on purpose

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contact_registry.errors import ContactListError
from contact_registry.importing.folding import fold
from protocol.identifiers import ParticipantCode, Phase

REQUIRED: Final = ("participant", "trm_measure", "authority")
OPTIONAL: Final = (
    "unit", "city", "post", "phone", "fax", "email", "available_24_7", "languages",
    "person_group", "channel", "note", "id",
)  # fmt: skip
KNOWN: Final = (*REQUIRED, *OPTIONAL)
#: In our own tables and never imported: the registry keeps these itself.
EXPORTED_ONLY: Final = ("time_zone", "valid_from", "valid_to", "last_confirmed")

#: Largest mapping file, in bytes.
MAX_MAPPING_BYTES: Final = 100_000

_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "participant": (
        "country", "participant code",  # en
        "shteti", "vendi", "pjesëmarrësi",  # sq
        "država", "zemlja", "učesnik", "sudionik", "učesnica",  # bs hr cnr sr
        "држава", "земја", "учесник",  # mk
    ),
    "trm_measure": (
        "measure", "phase", "trm phase", "trm measures",
        "masa", "faza", "masa e mtr", "faza e mtr",
        "mjera", "mera", "tmu mjera", "tmu mera", "faza tmu",
        "мерка", "фаза",
    ),
    "authority": (
        "institution", "organisation", "organization", "agency", "body", "name of institution",
        "autoriteti", "institucioni", "organizata", "emri i institucionit",
        "organ", "nadležni organ", "nadležno tijelo", "nadležno telo", "tijelo", "institucija",
        "ustanova", "organizacija", "naziv institucije", "naziv ustanove", "naziv organa",
        "орган", "надлежен орган", "институција", "организација", "назив на институција",
    ),
    "unit": (
        "department", "sector", "section", "office", "division",
        "njësia", "sektori", "drejtoria", "departamenti", "zyra",
        "jedinica", "odjel", "odsjek", "odeljenje", "odjeljenje", "odsek", "sektor", "služba",
        "единица", "одделение", "сектор", "служба",
    ),
    "city": (
        "town", "place", "location",
        "qyteti", "vendndodhja", "bashkia",
        "grad", "mjesto", "mesto", "sjedište", "sedište",
        "град", "место", "седиште",
    ),
    "post": (
        "position", "function", "job title", "title",
        "pozicioni", "posti", "funksioni", "detyra",
        "funkcija", "pozicija", "radno mjesto", "radno mesto", "dužnost",
        "функција", "позиција", "работно место",
    ),
    "phone": (
        "telephone", "telephones", "phones", "phone number", "tel", "telephone number",
        "telefoni", "telefonat", "numri i telefonit", "nr tel",
        "telefon", "telefoni", "broj telefona", "br tel",
        "телефон", "телефонски број", "тел",
    ),
    "fax": ("fax number", "telefax", "faksi", "faks", "telefaks", "факс", "телефакс"),
    "email": (
        "e mail", "mail", "mailbox", "email address", "e mail address",
        "posta elektronike", "adresa elektronike", "emaili",
        "e pošta", "elektronska pošta", "elektronička pošta", "e adresa", "mejl", "imejl",
        "е пошта", "електронска пошта", "е маил", "маил", "мејл", "имејл",
    ),
    "available_24_7": (
        "24 7", "available 24 7", "around the clock", "24h", "0 24",
        "në dispozicion 24 7", "24 orë",
        "dostupno 24 7", "dostupan 24 7", "dežurstvo 24 7", "24 sata",
        "достапно 24 7", "24 часа",
    ),
    "languages": ("language", "gjuhët", "gjuha", "jezici", "jezik", "јазици", "јазик", "језици"),
    "person_group": ("adults or children", "target group", "adult child"),
    "channel": ("need to know channel",),
    "note": (
        "notes", "remark", "remarks", "comment", "comments",
        "shënim", "shënime", "komente", "vërejtje",
        "napomena", "napomene", "bilješka", "beleška", "primjedba", "komentar",
        "забелешка", "забелешки", "напомена", "коментар",
    ),
    "id": ("authority id", "identifier"),
})  # fmt: skip

_PARTICIPANTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "AL": ("Albania", "Shqipëria", "Shqipëri", "Albanija", "Албанија"),
    "BA": (
        "Bosnia and Herzegovina", "Bosnja dhe Hercegovina", "Bosnja e Hercegovina",
        "Bosna i Hercegovina", "Босна и Херцеговина", "BiH",
    ),
    "XK": ("Kosovo", "Kosova", "Kosovë", "Косово"),
    "ME": ("Montenegro", "Mali i Zi", "Crna Gora", "Црна Гора"),
    "MK": (
        "North Macedonia", "Maqedonia e Veriut", "Sjeverna Makedonija", "Severna Makedonija",
        "Северна Македонија",
    ),
    "RS": ("Serbia", "Srbija", "Србија"),
})  # fmt: skip

_YES: Final = frozenset({"yes", "y", "true", "1", "24 7", "po", "da"})
_NO: Final = frozenset({"no", "n", "false", "0", "jo", "ne"})


def _invert(table: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    return MappingProxyType({fold(word): key for key, words in table.items() for word in words})


_HEADING_OF: Final = _invert({key: (key, *words) for key, words in _HEADINGS.items()})
_PARTICIPANT_OF: Final = _invert(_PARTICIPANTS)


@dataclass(frozen=True, slots=True)
class ListMapping:
    """What a person says about a list that the tables do not know; keys are comparable forms.

    A heading mapped to None is left out on purpose. Everything here goes before the tables.
    """

    headings: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    measures: Mapping[str, Phase] = field(default_factory=lambda: MappingProxyType({}))
    participants: Mapping[str, ParticipantCode] = field(
        default_factory=lambda: MappingProxyType({})
    )


class _MappingFile(BaseModel):
    """The JSON of a mapping file."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    headings: Annotated[dict[str, str | None], Field(max_length=200)] = {}
    measures: Annotated[dict[str, Phase], Field(max_length=1000)] = {}
    participants: Annotated[dict[str, str], Field(max_length=1000)] = {}


def parse_mapping(data: bytes) -> ListMapping:
    """Read a mapping file: JSON with ``headings``, ``measures`` and ``participants``.

    Raises :class:`~contact_registry.errors.ContactListError`.
    """
    if len(data) > MAX_MAPPING_BYTES:
        raise ContactListError(f"The mapping has more than {MAX_MAPPING_BYTES} bytes: shorten it.")
    try:
        read = _MappingFile.model_validate_json(data)
    except ValidationError as error:
        raise ContactListError(
            "The mapping is not JSON of the form "
            '{"headings": {"Theirs": "phone"}, "measures": {"Theirs": "return"}, '
            '"participants": {"Theirs": "AL"}}: correct it. A heading is one of '
            f"{', '.join(KNOWN)}, or null to leave it out; a measure is one of {', '.join(Phase)}."
        ) from error
    if not set(read.headings.values()) <= {*KNOWN, None}:
        raise ContactListError(
            "The mapping names columns that a contact list does not have: choose among "
            f"{', '.join(KNOWN)}, or null to leave a column out."
        )
    return ListMapping(
        headings=MappingProxyType({fold(theirs): ours for theirs, ours in read.headings.items()}),
        measures=MappingProxyType({fold(theirs): ours for theirs, ours in read.measures.items()}),
        participants=MappingProxyType(
            {fold(theirs): ParticipantCode(ours) for theirs, ours in read.participants.items()}
        ),
    )


def find_heading(heading: str) -> str | None:
    """Return our name of a heading in one of the working languages, or None."""
    return _HEADING_OF.get(fold(heading))


def find_participant(text: str) -> ParticipantCode | None:
    """Return the code of a founding Participant by its name in a working language, or None.

    A code in small letters is no name: it is refused like any other wrong code.
    """
    found = _PARTICIPANT_OF.get(fold(text))
    return ParticipantCode(found) if found else None


def read_yes_no(text: str) -> bool | None:
    """Read yes or no in one of the working languages; None if it is neither."""
    word = fold(text)
    if word in _YES:
        return True
    return False if word in _NO else None
