"""Case references, and the other names that travel."""

import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedError
from protocol.identifiers import (
    CaseReference,
    make_case_reference,
    parse_authority_id,
    parse_case_reference,
    parse_language,
    parse_message_id,
    parse_participant_code,
)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@st.composite
def references(draw: st.DrawFn) -> CaseReference:
    """Draw a case reference the way software makes one."""
    return make_case_reference(lambda count: draw(st.binary(min_size=count, max_size=count)))


def characters(reference: str) -> str:
    """Return what a person reads out: no prefix, no hyphens."""
    return reference.removeprefix("TRM-").replace("-", "")


@given(references())
def test_a_reference_reads_back(reference: CaseReference) -> None:
    """What software made is read as itself, however a person writes it."""
    bare = characters(reference)
    misread = bare.replace("0", "O").replace("1", "l").lower()
    for written in (reference, reference.lower(), bare, f"TRM{bare}", misread, f" {reference} "):
        assert parse_case_reference(written) == reference


@given(references(), st.integers(0, 10), st.sampled_from(ALPHABET))
def test_a_wrong_character_is_caught(reference: CaseReference, place: int, wrong: str) -> None:
    """A slip of one character over the telephone never names another case."""
    bare = characters(reference)
    if bare[place] == wrong:
        return
    slipped = bare[:place] + wrong + bare[place + 1 :]
    with pytest.raises(MalformedError, match="misread"):
        parse_case_reference(slipped)


def test_nearly_every_swap_is_caught() -> None:
    """Of all swaps of two neighbours fewer than 2 in 1000 go unnoticed (ISO/IEC 7064)."""
    random = Random(1).randbytes
    swaps = missed = 0
    for _ in range(2000):
        reference = make_case_reference(random)
        bare = characters(reference)
        for place in range(10):
            if bare[place] == bare[place + 1]:
                continue
            swaps += 1
            swapped = bare[:place] + bare[place + 1] + bare[place] + bare[place + 2 :]
            try:
                parse_case_reference(swapped)
            except MalformedError:
                continue
            missed += 1
    assert swaps > 2000
    assert missed / swaps < 0.002


@given(st.text(max_size=200))
def test_any_text_parses_or_is_malformed(text: str) -> None:
    """Text from outside gives a canonical name or the protocol's own error, nothing else."""
    for parse in (
        parse_participant_code,
        parse_authority_id,
        parse_message_id,
        parse_case_reference,
        parse_language,
    ):
        try:
            parsed = parse(text)
        except MalformedError:
            continue
        assert parse(parsed) == parsed
        assert set(parsed) <= set(string.ascii_letters + string.digits + "-")


def test_no_ambiguous_characters() -> None:
    """A reference never holds I, L, O or U outside its prefix, also not as check character."""
    random = Random(2).randbytes
    seen = {character for _ in range(500) for character in characters(make_case_reference(random))}
    assert seen <= set(ALPHABET)
    assert len(seen) == len(ALPHABET)
