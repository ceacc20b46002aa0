"""From text to the terms of the index, and from what somebody types to the terms to look for.

Words are compared in small Latin letters without marks, whatever script and spelling they were
written in: ``Ђорђевић``, ``Đorđević``, ``Djordjevic`` are one, and so are ``Shaban``, ``Šaban`` and
``Шабан``. A word is found by its beginning, because the languages of the region put their endings
on names: ``Petrović`` finds ``Petrovića``. Of a long word the first eight letters count.

Terms:

=========  ==========================================================================
``petr``   a word begins so; three to eight letters
``=xy``    a whole word: of two letters, or long and with digits in it
``@...``   a date, year first
``#...``   the last seven digits of a number as it is read out over the telephone
``%...``   the reference of a case, from its beginning or from its second group, in part or whole
=========  ==========================================================================
"""
# ruff: noqa: RUF001 - some of these letters are Cyrillic on purpose

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from pydantic import BaseModel

from contact_registry.importing.folding import fold
from node.domain.search import LONGEST_QUESTION, MOST_WORDS
from node.service.context import NodeError
from protocol.messages.head import CaseMessage


class SearchWordsError(NodeError):
    """What was typed cannot be looked for; the message says what can."""


_SHORTEST, _LONGEST = 3, 8
_PHONE_DIGITS: Final = 7
#: Terms of one message, after which no further text of it is read: seven pages in one field have
#: 15,000. A sender who fills messages to their limit could keep the index busy for half a minute.
MOST_TERMS: Final = 20_000
#: Cyrillic that is neither Serbian nor Macedonian: ``fold`` leaves it alone.
_FURTHER: Final = str.maketrans({
    "й": "j", "ё": "e", "ъ": "a", "ы": "y", "ь": "", "э": "e", "ю": "ju", "я": "ja", "щ": "st",
    "є": "je", "і": "i", "ї": "ji", "ґ": "g", "ў": "u",
})  # fmt: skip
#: Two letters that Albanian and English write for one of ours: sh and š, zh and ž, ch and č, xh and
#: dž. In this order none of them comes about by the one before.
_SOUNDS: Final = (("sh", "s"), ("zh", "z"), ("ch", "c"), ("xh", "dz"))
# Each begins where a word begins: trying every letter of a long word would take its length squared.
_REFERENCE: Final = re.compile(r"(?<!\w)\w++(?:[-/.:]\w++)+")
_NUMBER: Final = re.compile(r"(?<!\w)\+?\d(?:[\s()/.-]{0,3}\d){6,19}")
#: The same without blanks, since another number may stand behind it.
_CLOSE_NUMBER: Final = re.compile(r"(?<!\w)\+?\d(?:[()/.-]{0,2}\d){6,19}")
_DATE: Final = re.compile(
    r"(?<![\w/.-])(?:(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})[./-] ?(\d{1,2})[./-] ?(\d{4})\.?)(?!\w)"
)
#: A digit, or a letter of no alphabet of Europe, which may be one or come apart into some.
_DIGIT: Final = re.compile(
    r"[0-9\u00b2\u00b3\u00b9\u00bc-\u00be]|[^\u0000-\u024f\u0370-\u04ff\u2010-\u201f]"
)
#: What machines read, not people: identifiers, digests and keys, names of authorities.
_CODE: Final = re.compile(r"[0-9a-f]{32,}|[A-Z][A-Z0-9]{1,7}-[a-z0-9-]+|[a-z]{2}|[A-Z]{2}")

_ALPHABET: Final = frozenset("0123456789abcdefghjkmnpqrstvwxyz")
_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})
_REFERENCE_LETTERS, _GROUP = 11, 5


def fold_words(text: str) -> list[str]:
    """Return the words of a text in their comparable form."""
    lowered = text.lower()
    if not lowered.isascii():
        lowered = unicodedata.normalize("NFC", text).lower().translate(_FURTHER)
    folded = fold(lowered)
    for written, sound in _SOUNDS:
        folded = folded.replace(written, sound)
    return folded.split()


def list_terms(text: str) -> set[str]:
    """Return every term by which a text is found."""
    if _DIGIT.search(text) is None:  # neither a date, nor a number, nor a reference
        return _list_word_terms(text)
    terms = {_write_date(found) for found in _DATE.finditer(text)}
    rest = _DATE.sub(" ", text)
    terms.update(_list_word_terms(rest))
    for found in _REFERENCE.findall(rest):
        joined = "".join(fold_words(found))
        if any(letter.isdigit() for letter in joined):
            terms.update(_list_beginnings(joined))
    for pattern in (_NUMBER, _CLOSE_NUMBER):
        terms.update(_write_number(found) for found in pattern.findall(rest))
    return terms


def _list_word_terms(text: str) -> set[str]:
    return {term for word in set(fold_words(text)) for term in _list_beginnings(word)}


def _list_beginnings(word: str) -> Iterator[str]:
    if len(word) == _SHORTEST - 1 or _is_exact(word):
        yield f"={word}"
    for length in range(_SHORTEST, min(len(word), _LONGEST) + 1):
        yield word[:length]


def _is_exact(word: str) -> bool:
    """Whether more than its beginning counts: numbers of files and documents end differently."""
    return len(word) > _LONGEST and any(letter.isdigit() for letter in word)


def _write_number(text: str) -> str:
    """Return the term of a number: its end, because its beginning depends on where one calls."""
    digits = [str(unicodedata.digit(letter)) for letter in text if letter.isdecimal()]
    return "#" + "".join(digits[-_PHONE_DIGITS:])


def _write_date(found: re.Match[str]) -> str:
    year, month, day, last_day, last_month, last_year = found.groups()
    return f"@{int(year or last_year):04}{int(month or last_month):02}{int(day or last_day):02}"


def list_message_terms(message: CaseMessage) -> set[str]:
    """Return the terms of what people wrote in a message: its files' names, and its body.

    Of a message with more than anybody writes, the texts that come first.
    """
    terms = set[str]()
    for attachment in message.attachments:
        terms.update(list_terms(attachment.name))
    for value in _walk(message.body):
        if len(terms) >= MOST_TERMS:
            break
        terms.update(list_terms(value))
    return terms


def _walk(value: object) -> Iterator[str]:
    """Yield every text, however deep; codes of a list are a type of their own and are no text."""
    if type(value) is str:
        if not _CODE.fullmatch(value):
            yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, date) and not isinstance(value, datetime):
        yield value.isoformat()


def list_reference_terms(reference: str) -> set[str]:
    """Return the terms of a case's reference: from its beginning, and from its second group."""
    letters = _compact(reference)
    group = letters[_GROUP:]
    return {
        *(f"%{letters[:length]}" for length in range(_SHORTEST, len(letters) + 1)),
        *(f"%{group[:length]}" for length in range(_SHORTEST, len(group) + 1)),
    }


def find_reference_term(words: str) -> str | None:
    """Return the term if this may be the reference of a case, or a part of it, as people say it."""
    letters = _compact(words)
    fits = _SHORTEST <= len(letters) <= _REFERENCE_LETTERS and set(letters) <= _ALPHABET
    return f"%{letters}" if fits else None


def _compact(text: str) -> str:
    letters = text.strip().lower().translate(_MISREAD)
    return letters.removeprefix("trm")


def parse_question(words: str) -> list[str]:
    """Return the terms that all must meet; raises :class:`SearchWordsError`.

    Nothing that this says repeats what was typed.
    """
    if len(words) > LONGEST_QUESTION:
        raise SearchWordsError(f"Look for at most {LONGEST_QUESTION} characters.")
    text = words.strip()
    date_found = _DATE.fullmatch(text)
    if date_found:
        return [_write_date(date_found)]
    if _NUMBER.fullmatch(text):
        return [_write_number(text)]
    terms = dict.fromkeys(term for chunk in text.split() for term in _parse_chunk(chunk))
    if not terms:
        raise SearchWordsError(
            "Type at least one word of two letters or digits: shorter ones are not looked for."
        )
    if len(terms) > MOST_WORDS:
        raise SearchWordsError(f"Look for at most {MOST_WORDS} words at once: leave some out.")
    return list(terms)


def _parse_chunk(chunk: str) -> Iterator[str]:
    date_found = _DATE.fullmatch(chunk)
    if date_found:
        yield _write_date(date_found)
        return
    for word in fold_words(chunk):
        if len(word) == _SHORTEST - 1 or _is_exact(word):
            yield f"={word}"
        elif len(word) >= _SHORTEST:
            yield word[:_LONGEST]
