"""Words are compared whatever script and spelling they were written in."""

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from contact_registry.importing.folding import fold
from node.service.search.terms import (
    MOST_TERMS,
    SearchWordsError,
    find_reference_term,
    fold_words,
    list_message_terms,
    list_reference_terms,
    list_terms,
    parse_question,
)
from protocol.identifiers import make_case_reference
from protocol.messages.head import CaseMessage

ALIKE = [
    ("Ђорђевић", "Đorđević", "Djordjević", "DORDEVIC"),
    ("Џемаил", "Džemail", "Xhemail", "dzemail"),
    ("Шабан", "Šaban", "Shaban"),
    ("Жика", "Žika", "Zhika"),
    ("Ќосевски", "Ḱosevski", "Kjosevski"),
    ("Ѓорѓи", "Ǵorǵi", "Gjorgji"),
    ("Љубица Њежић", "Ljubica Nježić", "\u01c8ubica \u01cbežić"),
    ("Kalinë Çela", "Kaline Cela", "KALINË ÇELA"),
    ("Чехов", "Čehov", "Chehov"),
    ("Юлия Щукина", "Julija Štukina"),
    ("Strasse", "Straße"),
]


@pytest.mark.parametrize("spellings", ALIKE, ids=lambda spellings: spellings[-1])
def test_spellings_of_one_name_are_one(spellings: tuple[str, ...]) -> None:
    """Script, marks, digraphs and case make no difference."""
    assert len({tuple(fold_words(each)) for each in spellings}) == 1


@given(st.text("djgkxhszc _-.,9"))
def test_sounds_are_taken_where_they_stand(text: str) -> None:
    """From the left, none of them comes about by another that was taken."""
    sounds = re.sub("xh|([szc])h", lambda found: found[1] or "dz", fold(text))
    assert fold_words(text) == sounds.split()


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Petrovića", "петровић"),
        ("born on 3.4.1999 in Niš", "1999-04-03"),
        ("born on 1999-04-03", "3. 4. 1999"),
        ("call +355 44 541821 at night", "044/541-821"),
        ("call +355 44 541821, 2026 again", "35544541821"),
        ("file AL-2026/0142-K", "al20260142k"),
        ("file AL-2026/0142-K", "0142"),
        ("file AL-2026/0142-K", "AL-2026/0142"),
        ("transportation", "transportat"),
        ("Mr. Xh", "xh"),
    ],
)
def test_what_was_written_is_found_as_people_say_it(text: str, question: str) -> None:
    """Dates, telephone numbers and references of files are found in the forms people use."""
    assert set(parse_question(question)) <= list_terms(text)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Petrović", "trovic"),
        ("file AL-2026/0142-K", "al20260143k"),
        ("born on 1999-04-03", "1999-04-04"),
        ("Ana", "Anastasija"),
    ],
)
def test_what_was_not_written_is_not_found(text: str, question: str) -> None:
    """A word is found by its beginning, and by nothing else."""
    assert not set(parse_question(question)) <= list_terms(text)


@pytest.mark.parametrize("question", ["", " ", "a b", "?!", "x" * 201, "one two " * 9 + "three"])
def test_a_question_without_an_answer_says_what_to_do(question: str) -> None:
    """What is too short or too long is refused, and is not repeated."""
    if len(question.split()) > 8:
        question = " ".join(f"word{letter}" for letter in "abcdefghij")
    with pytest.raises(SearchWordsError) as refused:
        parse_question(question)
    assert not question.strip() or question not in str(refused.value)


_PAIRS = dict(
    zip(
        ["lj", "nj", "dž", *"abvgdđežzijklmnoprstćufhcčš"],
        ["љ", "њ", "џ", *"абвгдђежзијклмнопрстћуфхцчш"],
        strict=True,
    )
)


@given(st.lists(st.sampled_from(sorted(_PAIRS)), min_size=3, max_size=12))
def test_any_serbian_word_is_one_in_both_scripts(letters: list[str]) -> None:
    """Whatever the letters, Latin and Cyrillic give the same terms."""
    latin, cyrillic = "".join(letters), "".join(_PAIRS[each] for each in letters)
    # Two letters of different words are no digraph in Cyrillic; in Latin nobody can tell.
    again = latin
    for pair in ("lj", "nj", "dž"):
        again = again.replace(pair, _PAIRS[pair])
    again = "".join(_PAIRS.get(each, each) for each in again)
    assert list_terms(latin) == list_terms(again)
    if again == cyrillic:
        assert list_terms(latin) == list_terms(cyrillic)


@given(st.text(max_size=300))
def test_any_text_is_found_by_the_beginnings_of_its_words(text: str) -> None:
    """No text fails, and every word of three letters is found by any beginning of it."""
    terms = list_terms(text)
    for word in fold_words(text):
        if len(word) >= 3 and not any(letter.isdigit() for letter in word):
            assert all(word[:length] in terms for length in range(3, min(len(word), 8) + 1))


@given(st.text(max_size=220))
def test_any_question_is_parsed_or_refused(words: str) -> None:
    """Nothing that is typed fails in another way."""
    with contextlib.suppress(SearchWordsError):
        assert parse_question(words)
    find_reference_term(words)


@given(st.binary(min_size=40, max_size=200))
def test_references_are_found_in_part_and_misread(noise: bytes) -> None:
    """The beginning, the second group, small letters and O for 0 all find a case."""
    rest = bytearray(noise * 40)

    def draw(count: int) -> bytes:
        taken = bytes(rest[:count])
        del rest[:count]
        return taken

    reference = make_case_reference(draw) if len(set(noise)) > 8 else "TRM-4Q7KD-9XW2M-H"
    terms = list_reference_terms(reference)
    compact = reference.removeprefix("TRM-").replace("-", "")
    for said in (
        reference,
        reference.lower(),
        reference.replace("0", "o").replace("1", "l"),
        compact[:4],
        compact[5:10],
        f"trm {compact[:5]}",
    ):
        assert find_reference_term(said) in terms


class _Texts(BaseModel):
    texts: tuple[str, ...]


def test_a_message_filled_to_its_limit_keeps_the_index_busy_for_a_moment_only() -> None:
    """Texts that come first are found, and after more terms than anybody writes no further ones."""
    texts = tuple(
        " ".join(f"{chr(97 + number)}{word:07}x" for word in range(1_500)) for number in range(20)
    )
    fields: dict[str, Any] = {"body": _Texts(texts=texts), "attachments": ()}
    message = CaseMessage.model_construct(**fields)
    terms = list_message_terms(message)
    assert MOST_TERMS <= len(terms) < 2 * MOST_TERMS
    assert list_terms(texts[0]) <= terms
    assert not list_terms(texts[-1]) & terms
