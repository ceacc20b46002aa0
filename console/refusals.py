"""What somebody is told when a service refuses: a sentence, in the language of who reads it.

A service does not know who reads its refusal: a person on a page, a program, an administrator at a
command line. So an error carries a :class:`~console.i18n.Message`. ``str(error)`` is its English
text, for programs, logs and command lines; a page shows :func:`say_refusal`, which is translated.
"""

from collections.abc import Sequence
from typing import Final

from babel.support import NullTranslations

from console.i18n import Message, translate

_ENGLISH: Final = NullTranslations()


class RefusalError(Exception):
    """Something was refused. ``said`` tells why, and what to do next.

    Kinds that pages show take a :class:`~console.i18n.Message` and nothing else. Plain text is for
    kinds that only programs are told in these words; a page has words of its own for them.
    """

    def __init__(self, said: Message | str = "") -> None:
        super().__init__(say_english(said))
        self.said = said


def say_english(said: Message | str) -> str:
    """Give the English text of a sentence."""
    return translate(said, _ENGLISH)


def as_it_is(text: str) -> Message:
    """Let words stand that nobody here translates: of a program's interface, or of a library."""
    return Message(msgid="%(reason)s", params={"reason": text})


def join_sentences(sentences: Sequence[Message | str], between: str = " ") -> Message:
    """Put whole sentences one after the other; each is translated by itself. Of none, nothing."""
    if not sentences:
        return as_it_is("")  # an empty msgid is the head of a catalogue
    names = [f"s{index}" for index in range(len(sentences))]
    return Message(
        msgid=between.join(f"%({name})s" for name in names),
        params=dict(zip(names, sentences, strict=True)),
    )


def say_refusal(error: Exception) -> Message:
    """Give what a page shows of an error, in a form that is translated when it is shown."""
    said = error.said if isinstance(error, RefusalError) else str(error)
    return said if isinstance(said, Message) else as_it_is(said)
