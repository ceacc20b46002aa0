"""A phrasebook never changes what is said: it only finds the sentence that it was made of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.i18n import msg, nmsg
from console.phrasebook import Phrasebook
from console.refusals import say_english

BOOK = Phrasebook(
    (
        msg("The list is empty."),
        msg("%(peer)s sent %(count)s rows, and may send %(most)s. Split them (50 %%)."),
        nmsg("%(task)s: failed %(count)s time: %(error)s", "%(task)s: failed %(count)s times", 1),
        msg("It answered %(word)s."),
    )
)
WORDS = st.text(max_size=40)


@given(text=st.one_of(WORDS, st.builds("It answered {}.".format, WORDS)))
def test_any_text_reads_in_english_as_it_was(text: str) -> None:
    """Whatever a program says comes back unchanged, with percent signs and line ends."""
    assert say_english(BOOK.say(text)) == text


@given(peer=st.text(min_size=1, max_size=20), count=st.integers(0, 10**9), most=st.integers(0, 9))
def test_what_a_sentence_was_filled_with_is_found_again(peer: str, count: int, most: int) -> None:
    """Names and numbers keep their places, whatever the names hold."""
    text = f"{peer} sent {count} rows, and may send {most}. Split them (50 %)."
    said = BOOK.say(text)
    assert said.msgid == BOOK.phrases[1].msgid
    assert say_english(said) == text


def test_a_sentence_that_counts_is_found_by_both_its_forms() -> None:
    """The plural leads to the same sentence, which the reader's language counts in its own way."""
    for text, count in (("relay: failed 1 time: x", 1), ("relay: failed 3 times", 3)):
        said = BOOK.say(text)
        assert (said.msgid, said.count) == (BOOK.phrases[2].msgid, count)


def test_a_place_stands_once_in_a_sentence() -> None:
    """Of two places with one name nobody could say in one look where the first one ends."""
    with pytest.raises(ValueError, match="apart"):
        Phrasebook((msg("%(peer)s wrote to %(peer)s."),))


def test_a_text_that_nearly_fits_costs_one_look_at_it() -> None:
    """Many beginnings of a sentence, and never its end: each place is looked for once, not anew."""

    class Counting(str):
        """A text that counts how often it is searched."""

        __slots__ = ()
        searches = 0

        def find(self, *wanted: Any) -> int:
            """Count, and search."""
            Counting.searches += 1
            return super().find(*wanted)

    text = Counting(" sent 1 rows, and may send " * 37)
    assert say_english(BOOK.say(text)) == text
    assert 0 < Counting.searches < 10
