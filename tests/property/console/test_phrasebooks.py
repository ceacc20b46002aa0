"""A phrasebook never changes what is said: it only finds the sentence that it was made of."""

from hypothesis import given
from hypothesis import strategies as st

from console.i18n import msg, nmsg
from console.phrasebook import Phrasebook
from console.refusals import say_english

BOOK = Phrasebook(
    (
        msg("The list is empty."),
        msg("%(peer)s sent %(count)s rows, and %(peer)s may send %(most)s. Split them (50 %%)."),
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
    """Names and numbers keep their places, also one that stands twice."""
    text = f"{peer} sent {count} rows, and {peer} may send {most}. Split them (50 %)."
    said = BOOK.say(text)
    assert said.msgid == BOOK.phrases[1].msgid
    assert say_english(said) == text


def test_a_sentence_that_counts_is_found_by_both_its_forms() -> None:
    """The plural leads to the same sentence, which the reader's language counts in its own way."""
    for text, count in (("relay: failed 1 time: x", 1), ("relay: failed 3 times", 3)):
        said = BOOK.say(text)
        assert (said.msgid, said.count) == (BOOK.phrases[2].msgid, count)
