"""The words of the printed list in each working language: one JSON file per language.

Translators edit ``data/labels/<language>.json`` and nothing else. Every file has every word, and
keeps the places in braces.
"""

from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contact_registry.models import ListedBy, PersonGroup
from protocol.identifiers import Channel, Phase

Word = Annotated[str, Field(min_length=1, max_length=400)]


class PrintLanguage(StrEnum):
    """A language in which the list is printed (BCP 47; Montenegrin is ``cnr``, ISO 639-3)."""

    ENGLISH = "en"
    ALBANIAN = "sq"
    BOSNIAN = "bs"
    CROATIAN = "hr"
    MACEDONIAN = "mk"
    MONTENEGRIN = "cnr"
    SERBIAN_LATIN = "sr-Latn"
    SERBIAN_CYRILLIC = "sr-Cyrl"


class Wording(BaseModel):
    """The words of one language."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    title: Word
    as_of: Word
    version: Word
    hash: Word
    code: Word
    code_note: Word
    contents: Word
    listed_by_operator: Word
    listed_by_participant: Word
    no_document: Word
    phase_identification: Word
    phase_first_assistance: Word
    phase_social_inclusion: Word
    phase_return: Word
    phase_proceedings: Word
    no_desk: Word
    authority: Word
    contact: Word
    competence: Word
    telephone: Word
    fax: Word
    toll_free: Word
    national_only: Word
    not_valid_number: Word
    extension: Word
    mailbox: Word
    address: Word
    around_the_clock: Word
    hours: Word
    days: Annotated[str, Field(pattern=r"^\S+( \S+){6}$")]
    reserve: Word
    out_of_hours: Word
    unreachable: Word
    anyone: Word
    adults: Word
    children: Word
    channel_police: Word
    channel_witness_protection: Word
    channel_trend: Word
    languages: Word
    last_confirmed: Word
    never_confirmed: Word
    note: Word
    page: Word

    def phase(self, phase: Phase) -> str:
        """Return the name of a phase."""
        return {
            Phase.IDENTIFICATION: self.phase_identification,
            Phase.FIRST_ASSISTANCE: self.phase_first_assistance,
            Phase.SOCIAL_INCLUSION: self.phase_social_inclusion,
            Phase.RETURN: self.phase_return,
            Phase.PROCEEDINGS: self.phase_proceedings,
        }[phase]

    def person_group(self, group: PersonGroup) -> str:
        """Return for whom a desk is competent."""
        return {
            PersonGroup.ANY: self.anyone,
            PersonGroup.ADULT: self.adults,
            PersonGroup.CHILD: self.children,
        }[group]

    def channel(self, channel: Channel) -> str | None:
        """Return the name of a need-to-know channel; assistance, which is usual, needs none."""
        return {
            Channel.ASSISTANCE: None,
            Channel.POLICE: self.channel_police,
            Channel.WITNESS_PROTECTION: self.channel_witness_protection,
            Channel.TREND: self.channel_trend,
        }[channel]

    def listed_by(self, who: ListedBy) -> str:
        """Say who answers for the entries."""
        if who is ListedBy.PARTICIPANT:
            return self.listed_by_participant
        return self.listed_by_operator


@cache
def load_wording(language: PrintLanguage) -> Wording:
    """Load the words of a language."""
    folder = resources.files("contact_registry.exporting") / "data" / "labels"
    return Wording.model_validate_json((folder / f"{language}.json").read_bytes())
