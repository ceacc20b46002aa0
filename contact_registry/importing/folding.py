"""Bringing names that people write in two scripts, with and without marks, to one comparable form.

Serbian and Macedonian Cyrillic become Latin letter by letter, marks are taken off, case and
punctuation are evened out. The form is for comparing only and is never shown: ``Šabac``, ``Sabac``
and ``Шабац`` are one, and so are ``Ђаковица``, ``Đakovica`` and ``Djakovica``.
"""
# ruff: noqa: RUF001 - these letters are Cyrillic on purpose

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: ISO 9 would give one letter for one; these are the letters that Gaj's and the Macedonian Latin
#: use, so that they meet what people write. Lower case: text is lowered before.
_CYRILLIC: Final[Mapping[str, str]] = MappingProxyType({
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "ђ": "đ", "ѓ": "ǵ", "е": "e", "ѐ": "e",
    "ж": "ž", "з": "z", "ѕ": "dz", "и": "i", "ѝ": "i", "ј": "j", "к": "k", "л": "l", "љ": "lj",
    "м": "m", "н": "n", "њ": "nj", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "ћ": "ć",
    "ќ": "ḱ", "у": "u", "ф": "f", "х": "h", "ц": "c", "ч": "č", "џ": "dž", "ш": "š",
})  # fmt: skip
#: Letters that Unicode does not decompose into a Latin letter and a mark.
_UNDECOMPOSED: Final[Mapping[str, str]] = MappingProxyType(
    {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "ı": "i"}
)
_TO_LATIN: Final = str.maketrans({
    **_CYRILLIC,
    **{small.upper(): latin.capitalize() for small, latin in _CYRILLIC.items()},
})  # fmt: skip
_TO_PLAIN: Final = str.maketrans({
    **_UNDECOMPOSED,
    **{small.upper(): plain.capitalize() for small, plain in _UNDECOMPOSED.items() if small != "ß"},
})  # fmt: skip
#: Two ways to write one letter without its mark: đ as dj, ǵ as gj, ḱ as kj.
_DIGRAPHS: Final = (("dj", "d"), ("gj", "g"), ("kj", "k"))
_WORD: Final = re.compile(r"\w+")
#: What stands between the words of a text in plain letters, for ``str.translate``.
_BETWEEN: Final = {ord(each): " " for each in map(chr, range(128)) if not each.isalnum()}


#: Letters of the alphabets of Europe lie below; what these become is remembered.
_REMEMBERED: Final = 0x2000


class _Letters(dict[int, str]):
    """What each letter is without script and mark, for ``str.translate``; a mark is nothing."""

    def __missing__(self, letter: int) -> str:
        """Work it out for a letter that was not met yet."""
        latin = chr(letter).translate(_TO_LATIN).translate(_TO_PLAIN)
        parts = unicodedata.normalize("NFKD", latin)
        plain = "".join(part for part in parts if not unicodedata.combining(part))
        if letter < _REMEMBERED:
            self[letter] = plain
        return plain


_LETTERS: Final = _Letters()


def transliterate(text: str) -> str:
    """Return the text in Latin letters without marks; its case and punctuation stay."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text).translate(_LETTERS)


def fold(text: str) -> str:
    """Return the comparable form: words in small Latin letters without marks, one space between.

    Two names with the same form are written alike but for script, marks, case and punctuation.
    """
    plain = transliterate(text).casefold()
    # Texts in plain letters are most of all, and there the table is ten times as quick.
    words = (
        plain.translate(_BETWEEN).split()
        if plain.isascii()
        else _WORD.findall(plain.replace("_", " "))
    )
    folded = " ".join(words)
    for written, letter in _DIGRAPHS:
        folded = folded.replace(written, letter)
    return folded
