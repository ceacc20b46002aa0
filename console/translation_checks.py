"""What a translation must keep of its sentence, and what a translated catalogue must hold.

Used by ``scripts/translate.py`` for each piece that a translator brings, and by the tests for each
file of the tree. Every finding names the sentence and says what to do.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from babel.messages.catalog import Catalog

from console.formats import KOSOVO_FOOTNOTE
from console.i18n import PLURAL_FORMS, Language

Forms = Sequence[str]
"""A translation: one text, or one for each plural form of its language."""

_PLACE: Final = re.compile(r"%\((\w+)\)[sd]")
_STRAY_PERCENT: Final = re.compile(r"%(?!\(\w+\)[sd])")
_TAG: Final = re.compile(r"</?[a-z][^<>]*>")
_BARE_KOSOVO: Final = re.compile(r"(?:Kosov|Косов)\w*(?![\w*])")
_CYRILLIC: Final = re.compile(r"[Ѐ-ӿ]")
_LATIN_WORD: Final = re.compile(r"[A-Za-zĀ-ž]{3,}")
_NAMES: Final = re.compile(r"%\(\w+\)[sd]|<[^<>]*>")
_IN_CYRILLIC: Final = frozenset({Language.MACEDONIAN, Language.SERBIAN_CYRILLIC})
_ENDS: Final = (".", "?", "!", ":")
_WORDS_OF_A_SENTENCE: Final = 5


def count_forms(language: Language) -> int:
    """Say how many plural forms a language has."""
    found = re.match(r"nplurals=(\d)", PLURAL_FORMS[language])
    return int(found[1]) if found else 1


def find_flaws(source: Forms, translated: Forms, language: Language) -> list[str]:
    """Compare a translation with its sentence (English: one form, or singular and plural).

    Returns what is wrong, in words for the translator; nothing if all is well.
    """
    wanted = 1 if len(source) == 1 else count_forms(language)
    if len(translated) != wanted:
        return [f"give {wanted} forms, not {len(translated)}"]
    return [flaw for form in translated for flaw in _find_flaws_of_form(source[-1], form, language)]


def _find_flaws_of_form(source: str, form: str, language: Language) -> list[str]:
    if not form.strip():
        return ["it is empty"]
    flaws = []
    places, tags = Counter(_PLACE.findall(source)), Counter(_TAG.findall(source))
    if set(Counter(_PLACE.findall(form))) != set(places):
        flaws.append(f"keep exactly these places: {', '.join(sorted(places)) or 'none'}")
    if places and _STRAY_PERCENT.search(form.replace("%%", "")):
        flaws.append("write a percent sign as %%")
    if Counter(_TAG.findall(form)) != tags:
        flaws.append(f"keep exactly these tags: {' '.join(tags.elements()) or 'none'}")
    if (form[:1].isspace(), form[-1:].isspace()) != (source[:1].isspace(), source[-1:].isspace()):
        flaws.append("begin and end it with blanks only where the sentence does")
    if source.endswith(_ENDS) != form.endswith(_ENDS):
        flaws.append("end it with a full stop, question mark or colon as the sentence does")
    if source != KOSOVO_FOOTNOTE.msgid and _BARE_KOSOVO.search(form):
        flaws.append("Kosovo* carries its star in every case form: Kosova*, Kosovu*, Косово*")
    return flaws + _find_foreign_words(source, form, language)


def _find_foreign_words(source: str, form: str, language: Language) -> list[str]:
    said = _NAMES.sub(" ", form)
    if language not in _IN_CYRILLIC:
        flaws = ["it has Cyrillic letters"] if _CYRILLIC.search(said) else []
    else:
        own = {word.casefold() for word in _LATIN_WORD.findall(source)}
        foreign = [word for word in _LATIN_WORD.findall(said) if word.casefold() not in own]
        flaws = [f"these words are in Latin letters: {', '.join(foreign)}"] if foreign else []
    if form == source and len(source.split()) >= _WORDS_OF_A_SENTENCE:
        flaws.append("it is still English")
    return flaws


def find_catalogue_findings(language: Language, catalogue: Catalog, template: Catalog) -> list[str]:
    """Compare a translated catalogue with the template: a line a finding, none if it is whole."""
    findings = []
    wanted = {key_of(message.id, message.context): message for message in template if message.id}
    found = {key_of(message.id, message.context): message for message in catalogue if message.id}
    for key, message in wanted.items():
        have = found.get(key)
        source = list_forms(message.id)
        if have is None or not any(list_forms(have.string)):
            findings.append(f"missing: {source[0]!r}")
        elif have.fuzzy:
            findings.append(f"fuzzy: {source[0]!r}")
        else:
            flaws = find_flaws(source, list_forms(have.string), language)
            findings += [f"{source[0]!r}: {flaw}" for flaw in flaws]
    findings += [f"not used any more: {key[1][0]!r}" for key in found.keys() - wanted.keys()]
    if found and catalogue.num_plurals != count_forms(language):
        findings.append(f"the header needs Plural-Forms: {PLURAL_FORMS[language]}")
    return findings


def key_of(identifier: str | Sequence[str], context: str | None) -> tuple[str, tuple[str, ...]]:
    """Give what a sentence is known by: its context, and its one or two English forms."""
    return context or "", tuple(list_forms(identifier))


def list_forms(text: str | Sequence[str] | None) -> list[str]:
    """Give the one or more forms of a sentence as a list; none of one that is not there."""
    if text is None:
        return []
    return [text] if isinstance(text, str) else list(text)
