"""Sentences that are English where they are made, and are said in the reader's language on a page.

The registry and the protocol know no face, and the checks of a program are read by other programs
first. A page knows their sentences: a phrasebook has each of them with places for what changes, and
finds the one that a text is made of. A test holds each sentence to where it is made.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from console.i18n import Message
from console.refusals import as_it_is

#: No sentence of ours is longer, with all that is filled in.
_LONGEST: Final = 1_000
_PLACE: Final = re.compile(r"%\((\w+)\)s")


class Phrasebook:
    """Finds the sentence that a text was made of; the more exact ones come first."""

    def __init__(self, phrases: Iterable[Message]) -> None:
        """Take the sentences. Raises ``ValueError`` for one that has the same place twice."""
        self.phrases = tuple(phrases)
        self._whole = {each.msgid: each for each in self.phrases if "%(" not in each.msgid}
        self._with_places = tuple(
            (_Pattern.of(words), each)
            for each in self.phrases
            for words in (each.msgid, each.plural)
            if words is not None and "%(" in words
        )

    def say(self, text: str) -> Message:
        """Give the sentence with what it was filled with; what is not in the book as it is."""
        whole = self._whole.get(text)
        if whole is not None:
            return whole
        if len(text) <= _LONGEST:
            for pattern, phrase in self._with_places:
                words = pattern.match(text)
                if words is not None:
                    return _fill(phrase, words)
        return as_it_is(text)


def _fill(phrase: Message, words: dict[str, str]) -> Message:
    count = words.get("count", "")
    return replace(phrase, count=int(count) if count.isdecimal() else 0, params=words)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A sentence as the names of its places, and the words before, between and after them."""

    names: tuple[str, ...]
    between: tuple[str, ...]

    @classmethod
    def of(cls, msgid: str) -> Self:
        parts = _PLACE.split(msgid.replace("%%", "%"))
        names = tuple(parts[1::2])
        if len(set(names)) < len(names):
            raise ValueError(f"name the places of this sentence apart: {msgid!r}")
        return cls(names, tuple(parts[::2]))

    def match(self, text: str) -> dict[str, str] | None:
        """Return what stands in each place, at least one character; None for another sentence.

        Each place ends where the next words of the sentence begin for the first time. A later
        occurrence can never fit where the first does not, so one look from left to right is enough.
        """
        first, *middle, last = self.between
        if not text.startswith(first):
            return None
        words, start = dict[str, str](), len(first)
        for name, following in zip(self.names, middle, strict=False):
            end = text.find(following, start + 1)
            if end < 0:
                return None
            words[name], start = text[start:end], end + len(following)
        end = len(text) - len(last)
        if end <= start or not text.endswith(last):
            return None
        return {**words, self.names[-1]: text[start:end]}
