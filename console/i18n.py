"""The languages of the consoles, and the sentences in them.

Every visible sentence is a gettext message from the first page on. English is the source. A locale
is offered only when its catalogue is complete: half a translation in front of a police officer at
night is worse than a good sentence in English.

In templates ``_()``, ``pgettext()`` and ``{% trans %}`` translate. In Python code, where the
reader's language is not known yet, :func:`msg` and its sisters make a :class:`Message` that a page
translates when it shows it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

DOMAIN: Final = "trm"
LOCALES_FOLDER: Final = Path(__file__).parent / "locales"
TEMPLATE: Final = LOCALES_FOLDER / f"{DOMAIN}.pot"
#: Which catalogues are complete, by their digests.
WHOLE: Final = LOCALES_FOLDER / "whole.json"


class Language(StrEnum):
    """The locales of the consoles, as BCP 47 tags (RFC 5646), in the order of the picker."""

    ENGLISH = "en"
    ALBANIAN = "sq"
    BOSNIAN = "bs"
    CROATIAN = "hr"
    MACEDONIAN = "mk"
    MONTENEGRIN = "cnr"
    SERBIAN_LATIN = "sr-Latn"
    SERBIAN_CYRILLIC = "sr-Cyrl"


# Written here and not taken from the Unicode tables: those know no Montenegrin and call it Serbian.
LANGUAGE_NAMES: Final[Mapping[Language, str]] = MappingProxyType(
    {
        Language.ENGLISH: "English",
        Language.ALBANIAN: "shqip",
        Language.BOSNIAN: "bosanski",
        Language.CROATIAN: "hrvatski",
        Language.MACEDONIAN: "македонски",
        Language.MONTENEGRIN: "crnogorski",
        Language.SERBIAN_LATIN: "srpski (latinica)",
        Language.SERBIAN_CYRILLIC: "српски (ћирилица)",
    }
)

# Which of Babel's data gives a language its month names and plural forms.
_DATA: Final[Mapping[Language, str]] = MappingProxyType(
    {
        Language.ENGLISH: "en_GB",
        Language.ALBANIAN: "sq",
        Language.BOSNIAN: "bs_Latn",
        Language.CROATIAN: "hr",
        Language.MACEDONIAN: "mk",
        Language.MONTENEGRIN: "sr_Latn_ME",
        Language.SERBIAN_LATIN: "sr_Latn",
        Language.SERBIAN_CYRILLIC: "sr_Cyrl",
    }
)

_SLAVIC_PLURALS: Final = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
    "n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
)
_MACEDONIAN_PLURALS: Final = "nplurals=2; plural=(n%10==1 && n%100!=11 ? 0 : 1);"
_TWO_PLURALS: Final = "nplurals=2; plural=(n != 1);"

PLURAL_FORMS: Final[Mapping[Language, str]] = MappingProxyType(
    {
        Language.ENGLISH: _TWO_PLURALS,
        Language.ALBANIAN: _TWO_PLURALS,
        Language.BOSNIAN: _SLAVIC_PLURALS,
        Language.CROATIAN: _SLAVIC_PLURALS,
        Language.MACEDONIAN: _MACEDONIAN_PLURALS,
        Language.MONTENEGRIN: _SLAVIC_PLURALS,
        Language.SERBIAN_LATIN: _SLAVIC_PLURALS,
        Language.SERBIAN_CYRILLIC: _SLAVIC_PLURALS,
    }
)
"""The ``Plural-Forms`` header that a translator's file carries, by language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence that waits for its reader's language.

    ``params`` fill ``%(name)s`` places; they are data and are never translated, unless they are
    messages themselves.
    """

    msgid: str
    context: str | None = None
    plural: str | None = None
    count: int = 0
    params: Mapping[str, "str | int | Message"] = field(default_factory=dict)


def msg(msgid: str, /, **params: "str | int | Message") -> Message:
    """Mark a sentence for translation: ``msg("Wait %(minutes)s minutes.", minutes=5)``."""
    return Message(msgid=msgid, params=params)


def pmsg(context: str, msgid: str, /, **params: "str | int | Message") -> Message:
    """Mark a word whose translation depends on its place: ``pmsg("message state", "New")``."""
    return Message(msgid=msgid, context=context, params=params)


def nmsg(singular: str, plural: str, count: int, /, **params: "str | int | Message") -> Message:
    """Mark a sentence that counts; ``%(count)s`` is filled with ``count``."""
    return Message(msgid=singular, plural=plural, count=count, params={"count": count, **params})


def translate(message: Message | str, translations: NullTranslations) -> str:
    """Say a message in the language of ``translations``; plain text is data and stays as it is."""
    if isinstance(message, str):
        return message
    match message:
        case Message(context=str(context), plural=str(plural)):
            sentence = translations.unpgettext(context, message.msgid, plural, message.count)
        case Message(context=str(context)):
            sentence = translations.upgettext(context, message.msgid)
        case Message(plural=str(plural)):
            sentence = translations.ungettext(message.msgid, plural, message.count)
        case _:
            sentence = translations.ugettext(message.msgid)
    if not message.params:
        return str(sentence)
    return str(sentence) % {
        name: translate(value, translations) if isinstance(value, Message) else value
        for name, value in message.params.items()
    }


def load_data_locale(language: Language) -> Locale:
    """Give the Unicode data (month names, plural rules) that this language is written with."""
    return Locale.parse(_DATA[language])


def is_complete(catalogue: Catalog, template: Catalog) -> bool:
    """Tell whether every message of the template has a finished translation in the catalogue."""
    for wanted in template:
        if not wanted.id:
            continue
        found = catalogue.get(_msgid(wanted.id), wanted.context)
        if found is None or found.fuzzy:
            return False
        forms = found.string if isinstance(found.string, list | tuple) else (found.string,)
        if not all(forms):
            return False
    return True


def _msgid(identifier: str | Sequence[str]) -> str:
    return identifier if isinstance(identifier, str) else identifier[0]


class Catalogues:
    """The translations that are complete; one that is given as a function is read at first use."""

    def __init__(
        self, known: Mapping[Language, NullTranslations | Callable[[], NullTranslations]]
    ) -> None:
        self._known = {Language.ENGLISH: NullTranslations(), **known}

    @property
    def offered(self) -> tuple[Language, ...]:
        """The languages that a reader may choose, in the order of the picker."""
        return tuple(language for language in Language if language in self._known)

    def translations(self, language: Language) -> NullTranslations:
        """Give the translations of an offered language. Raises KeyError for another."""
        found = self._known[language]
        if not isinstance(found, NullTranslations):
            found = self._known[language] = found()
        return found

    def choose(self, *, wish: str | None, accept_language: str) -> Language:
        """Pick the language of a page: the reader's own choice, then the browser's, then English.

        ``accept_language`` is the header's raw text (RFC 9110 section 12.5.4) and comes from
        outside: whatever it holds, the answer is an offered language.
        """
        if wish is not None:
            for language in self.offered:
                if language.value == wish:
                    return language
        for tag in _preferred_tags(accept_language):
            found = _match_language(tag, self.offered)
            if found is not None:
                return found
        return Language.ENGLISH


def load_catalogues(folder: Path = LOCALES_FOLDER) -> Catalogues:
    """Find ``<folder>/<locale>.po`` of each language that is complete against ``trm.pot``.

    What ``whole.json`` names, byte for byte, was found complete when that was written, and is read
    when somebody first reads it: eight languages would cost each process a second and 10 MB. Any
    other catalogue is read and compared now.
    """
    template = folder / f"{DOMAIN}.pot"
    marks = _read_marks(folder / WHOLE.name)
    known: dict[Language, Callable[[], NullTranslations]] = {}
    for language in Language:
        path = folder / f"{language.value}.po"
        if language is Language.ENGLISH or not path.is_file():
            continue
        is_marked = all(
            marks.get(each.name) == mark_of(each.read_bytes()) for each in (template, path)
        )
        if is_marked or is_complete(load_catalogue(path), load_catalogue(template)):
            known[language] = partial(_read_translations, path)
    return Catalogues(known)


def mark_of(content: bytes) -> str:
    """Return what ``whole.json`` says of a file: its SHA-256."""
    return hashlib.sha256(content).hexdigest()


def _read_marks(path: Path) -> Mapping[str, str]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # every catalogue is read and compared, as if there were no marks
    return found if isinstance(found, dict) else {}


@cache
def _read_translations(path: Path) -> NullTranslations:
    return compile_catalogue(load_catalogue(path))


def load_catalogue(path: Path) -> Catalog:
    """Read a ``.po`` or ``.pot`` file. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return read_po(file)


def compile_catalogue(catalogue: Catalog) -> Translations:
    """Make a catalogue usable for translation, in memory: no compiled files lie in the tree."""
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(fp=compiled, domain=DOMAIN)


_MAX_TAGS: Final = 20  # a browser sends a handful; more is noise


def _preferred_tags(header: str) -> Iterable[str]:
    weighted: list[tuple[float, int, str]] = []
    for position, item in enumerate(header[:1000].split(",")[:_MAX_TAGS]):
        tag, _, parameters = item.partition(";")
        quality = parameters.strip().removeprefix("q=").strip() or "1"
        if not quality.replace(".", "", 1).isdecimal() or not quality.isascii():
            continue
        if float(quality) > 0:
            weighted.append((-float(quality), position, tag.strip().lower()))
    return [tag for _, _, tag in sorted(weighted)]


def _match_language(tag: str, offered: Sequence[Language]) -> Language | None:
    primary, _, rest = tag.partition("-")
    if primary in {"sr", "sh"}:
        script = Language.SERBIAN_LATIN if "latn" in rest else Language.SERBIAN_CYRILLIC
        return script if script in offered else None
    for language in offered:
        if language.value.partition("-")[0] == primary:
            return language
    return None
