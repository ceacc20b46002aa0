"""Sentences that are English where they are made, and are said in the reader's language on a page.

The registry and the protocol know no face, and the checks of a program are read by other programs
first. A page knows their sentences: a phrasebook has each of them with places for what changes, and
finds the one that a text is made of. A test holds each sentence to where it is made.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from console.i18n import Message
from console.refusals import as_it_is

#: No sentence of ours is longer, with all that is filled in.
_LONGEST: Final = 1_000
_PLACE: Final = re.compile(r"%\((\w+)\)s")


class Phrasebook:
    """Finds the sentence that a text was made of; the more exact ones come first."""

    def __init__(self, phrases: Iterable[Message]) -> None:
        self.phrases = tuple(phrases)
        self._whole = {each.msgid: each for each in self.phrases if "%(" not in each.msgid}
        self._with_places = tuple(
            (_compile(words), each)
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
                found = pattern.fullmatch(text)
                if found is not None:
                    return _fill(phrase, found.groupdict())
        return as_it_is(text)


def _fill(phrase: Message, words: dict[str, str]) -> Message:
    count = words.get("count", "")
    return replace(phrase, count=int(count) if count.isdecimal() else 0, params=words)


def _compile(msgid: str) -> re.Pattern[str]:
    """Turn a sentence into what matches it; a name that comes again stands for the same words."""
    parts, seen = [], set[str]()
    for index, part in enumerate(_PLACE.split(msgid.replace("%%", "%"))):
        if index % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.add(part)
            parts.append(f"(?P<{part}>.+?)")
    return re.compile("".join(parts), re.DOTALL)
