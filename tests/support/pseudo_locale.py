"""Invented languages: one puts every sentence in brackets, one makes it twice as long."""

import re
from html import unescape

from babel.support import NullTranslations
from typing_extensions import override

#: What is not read out as words: a ``<code>`` is for a program.
_SILENT = re.compile(
    r"<(script|style|time|title|code)\b.*?</\1>|<!--.*?-->|<svg\b.*?</svg>", re.DOTALL
)
_SPOKEN = re.compile(r'\b(?:alt|title|placeholder|aria-label|data-label)="([^"]*)"')
_TAG = re.compile(r"<[^>]*>")
_BRACKETED = re.compile(r"\[\[[^\[\]]*\]\]")
_WORD = re.compile(r"[A-Za-z]{2,}")


def bracket(sentence: str) -> str:
    """Mark a sentence as translated."""
    return f"[[{sentence}]]"


class Bracketed(NullTranslations):
    """Says everything in brackets."""

    @override
    def gettext(self, message: str) -> str:
        return bracket(message)

    @override
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return bracket(msgid1 if n == 1 else msgid2)

    @override
    def pgettext(self, context: str, message: str) -> str:
        return bracket(message)

    @override
    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return bracket(msgid1 if n == 1 else msgid2)

    @override
    def unpgettext(self, context: str, singular: str, plural: str, num: int) -> str:
        return bracket(singular if num == 1 else plural)

    ugettext = gettext
    ungettext = ngettext
    upgettext = pgettext


def find_plain_words(html: str, *, data: re.Pattern[str]) -> list[str]:
    """Find words of a page that stand in no bracket and are not ``data``."""
    html = _SILENT.sub(" ", html)
    texts = [*_SPOKEN.findall(html), _TAG.sub(" ", html)]
    found = []
    for text in texts:
        rest = unescape(text)
        while _BRACKETED.search(rest):
            rest = _BRACKETED.sub(" ", rest)
        found += _WORD.findall(data.sub(" ", rest))
    return found


_ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "àбçđéƒǧĥíĵķļɱńóþǫřšťúṽŵχýžÀБÇĐÉƑǦĤÍĴĶĻṀŃÓÞǪŘŠŤÚṼŴΧÝŽ",
)
_LONGEST_GROWTH = 10
_PLACE = re.compile(r"(%\(\w+\)[sd])")


def accent(sentence: str) -> str:
    """Write a sentence in letters that no source has, twice as long, its places kept.

    A short word grows by itself, as words of other languages do; a sentence grows by more words.
    """
    parts = _PLACE.split(sentence)
    accented = [part if _PLACE.fullmatch(part) else part.translate(_ACCENTS) for part in parts]
    more = " ".join("·" * min(len(word), _LONGEST_GROWTH) for word in sentence.split())
    is_word = " " not in sentence.strip() and len(sentence) <= _LONGEST_GROWTH
    return "".join(accented) + ("" if is_word else " ") + more


class Stretched(NullTranslations):
    """A language that says everything in accented letters, at double length."""

    @override
    def gettext(self, message: str) -> str:
        return accent(message)

    @override
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return accent(msgid1 if n == 1 else msgid2)

    @override
    def pgettext(self, context: str, message: str) -> str:
        return accent(message)

    @override
    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return accent(msgid1 if n == 1 else msgid2)

    @override
    def unpgettext(self, context: str, singular: str, plural: str, num: int) -> str:
        return accent(singular if num == 1 else plural)

    ugettext = gettext
    ungettext = ngettext
    upgettext = pgettext
