"""What the codes of the directory are called: one place for node and hub.

A code that is not known here, such as a language that nobody thought of, is shown as it came.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from console.i18n import Message, msg, pmsg
from contact_registry.agreed import Shortcoming
from contact_registry.agreements import SensitivityClass
from contact_registry.models import ListedBy, PersonGroup, TelephoneKind
from contact_registry.particulars import AuthorityType
from contact_registry.routing import FallBack, GapReason
from contact_registry.schedules import Weekday
from protocol.identifiers import Channel, Phase
from protocol.notice import NoticeRule

Labels = Mapping[str, Message]
Words = Message | str
"""What a page can show: a sentence that waits for its reader's language, or data."""

DIRECTORY_LABELS: Final[Mapping[type[StrEnum], Labels]] = MappingProxyType({
    Phase: {
        Phase.IDENTIFICATION: msg("Identification"),
        Phase.FIRST_ASSISTANCE: msg("First assistance"),
        Phase.SOCIAL_INCLUSION: msg("Social inclusion"),
        Phase.RETURN: msg("Return"),
        Phase.PROCEEDINGS: msg("Proceedings"),
    },
    PersonGroup: {
        PersonGroup.ANY: pmsg("person group", "Adults and children"),
        PersonGroup.ADULT: pmsg("person group", "Adults"),
        PersonGroup.CHILD: pmsg("person group", "Children"),
    },
    Channel: {
        Channel.ASSISTANCE: pmsg("channel", "Assistance"),
        Channel.POLICE: pmsg("channel", "Police"),
        Channel.WITNESS_PROTECTION: pmsg("channel", "Witness protection"),
        Channel.TREND: pmsg("channel", "Trends"),
    },
    AuthorityType: {
        AuthorityType.NATIONAL_COORDINATION: pmsg("authority", "National coordination"),
        AuthorityType.MINISTRY: pmsg("authority", "Ministry"),
        AuthorityType.POLICE: pmsg("authority", "Police"),
        AuthorityType.BORDER_POLICE: pmsg("authority", "Border police"),
        AuthorityType.PROSECUTION: pmsg("authority", "Prosecution"),
        AuthorityType.COURT: pmsg("authority", "Court"),
        AuthorityType.WITNESS_PROTECTION: pmsg("authority", "Witness protection"),
        AuthorityType.SOCIAL_SERVICES: pmsg("authority", "Social services"),
        AuthorityType.CHILD_PROTECTION: pmsg("authority", "Child protection"),
        AuthorityType.HEALTH: pmsg("authority", "Health"),
        AuthorityType.LABOUR_INSPECTION: pmsg("authority", "Labour inspection"),
        AuthorityType.MIGRATION: pmsg("authority", "Migration"),
        AuthorityType.CONSULATE: pmsg("authority", "Consulate"),
        AuthorityType.LEGAL_AID: pmsg("authority", "Legal aid"),
        AuthorityType.SHELTER: pmsg("authority", "Shelter"),
        AuthorityType.CIVIL_SOCIETY: pmsg("authority", "Civil society organisation"),
        AuthorityType.INTERNATIONAL_ORGANISATION: pmsg("authority", "International organisation"),
        AuthorityType.OTHER: pmsg("authority", "Other"),
    },
    TelephoneKind: {
        TelephoneKind.VOICE: pmsg("telephone", "Telephone"),
        TelephoneKind.FAX: pmsg("telephone", "Fax"),
        TelephoneKind.VOICE_AND_FAX: pmsg("telephone", "Telephone and fax"),
        TelephoneKind.TOLL_FREE: pmsg("telephone", "Free of charge"),
    },
    Weekday: {
        Weekday.MONDAY: msg("Monday"),
        Weekday.TUESDAY: msg("Tuesday"),
        Weekday.WEDNESDAY: msg("Wednesday"),
        Weekday.THURSDAY: msg("Thursday"),
        Weekday.FRIDAY: msg("Friday"),
        Weekday.SATURDAY: msg("Saturday"),
        Weekday.SUNDAY: msg("Sunday"),
    },
    ListedBy: {
        ListedBy.OPERATOR: pmsg("directory", "Listed by the operator"),
        ListedBy.PARTICIPANT: pmsg("directory", "Listed by the Participant"),
    },
    SensitivityClass: {
        SensitivityClass.IDENTITY: pmsg("sensitivity", "Identity"),
        SensitivityClass.CONTACT: pmsg("sensitivity", "Contact"),
        SensitivityClass.HEALTH: pmsg("sensitivity", "Health"),
        SensitivityClass.FAMILY: pmsg("sensitivity", "Family"),
        SensitivityClass.PROTECTION: pmsg("sensitivity", "Protection"),
        SensitivityClass.JUDICIAL: pmsg("sensitivity", "Judicial"),
        SensitivityClass.INTELLIGENCE: pmsg("sensitivity", "Intelligence"),
    },
    NoticeRule: {
        NoticeRule.SIXTY_DAYS_FROM_NEXT_MONTH: msg("60 days from the first of the next month"),
        NoticeRule.SIX_MONTHS: msg("Six months from receipt"),
    },
    Shortcoming: {
        Shortcoming.NO_PARTICIPANT: msg("does not take part in the directory"),
        Shortcoming.NOT_STATED: msg("has not stated it yet"),
        Shortcoming.OTHER_TERMS: msg("states other terms under this name"),
        Shortcoming.LISTED_BY_OPERATOR: msg(
            "has not stated it itself: the operators hold its directory key"
        ),
    },
    FallBack: {
        FallBack.OTHER_CHANNEL: msg("A desk of another channel, because the usual one has nobody"),
        FallBack.IDENTIFICATION_DESK: msg(
            "The focal point, because nobody reachable is listed for this phase"
        ),
        FallBack.RESERVE: msg("It cannot be reached itself, but its reserve can"),
    },
    GapReason: {
        GapReason.UNKNOWN_PARTICIPANT: msg("Does not take part"),
        GapReason.NOTHING_LISTED: msg("No desk is listed"),
        GapReason.NOBODY_COMPETENT: msg("No desk is listed for this"),
        GapReason.NOBODY_REACHABLE: msg("A desk is listed, but no number or mailbox that works"),
    },
})  # fmt: skip

LANGUAGES: Final[Labels] = {
    "sq": msg("Albanian"),
    "bs": msg("Bosnian"),
    "hr": msg("Croatian"),
    "en": msg("English"),
    "mk": msg("Macedonian"),
    "cnr": msg("Montenegrin"),
    "sr": msg("Serbian"),
    "rom": msg("Romani"),
    "tr": msg("Turkish"),
    "ar": msg("Arabic"),
    "fa": msg("Persian"),
    "uk": msg("Ukrainian"),
    "ru": msg("Russian"),
    "fr": msg("French"),
    "de": msg("German"),
    "it": msg("Italian"),
    "es": msg("Spanish"),
}
"""Languages that forms offer."""


def say(code: StrEnum) -> Words:
    """Say a code of the directory in words; one without words here as it came."""
    return DIRECTORY_LABELS.get(type(code), {}).get(code) or code.value.replace("_", " ")


def say_stored(codes: type[StrEnum], value: str) -> Words:
    """Say a code that stands in a document as text; one that is not known as it came."""
    return DIRECTORY_LABELS[codes].get(value, value.replace("_", " "))


def say_language(tag: str) -> Words:
    """Say a language; one that is not in the table by its tag."""
    return LANGUAGES.get(tag, tag)


def offer(codes: type[StrEnum]) -> Sequence[tuple[str, Message]]:
    """List a code list for a form, in its own order."""
    return [(value, label) for value, label in DIRECTORY_LABELS[codes].items()]


def join_words(words: Iterable[Words]) -> Words:
    """Put words in one row with commas; each is still translated by itself."""
    listed = list(words)
    if not listed:
        return ""
    if len(listed) == 1:
        return listed[0]
    return pmsg("list", "%(first)s, %(rest)s", first=listed[0], rest=join_words(listed[1:]))
