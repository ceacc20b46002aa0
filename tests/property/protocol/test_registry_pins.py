"""Registry pins: every split shows, nobody is accused by hearsay, and memory stays bounded."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalProtocolError
from protocol.identifiers import ParticipantCode
from protocol.registry_pins import REMEMBERED, PinBook, PinConflict, PinVerdict, judge_pin
from tests.support.messages import participants

HASHES = ("a" * 64, "b" * 64)
AL, XK, MK = ParticipantCode("AL"), ParticipantCode("XK"), ParticipantCode("MK")


@dataclass(frozen=True)
class Named:
    """A pin as a message has it."""

    version: int
    sha256: str


pins = st.builds(Named, st.integers(1, 12), st.sampled_from(HASHES))


@pytest.mark.parametrize(
    ("pin", "verdict"),
    [
        (Named(5, HASHES[0]), PinVerdict.SAME),
        (Named(5, HASHES[1]), PinVerdict.CONFLICT),
        (Named(9, HASHES[0]), PinVerdict.NEWER),
        (Named(3, HASHES[0]), PinVerdict.OLDER),
        (Named(6, HASHES[0]), PinVerdict.UNKNOWN_VERSION),
    ],
    ids=lambda value: value.value if isinstance(value, PinVerdict) else str(value.version),
)
def test_a_pin_is_judged_against_what_is_known(pin: Named, verdict: PinVerdict) -> None:
    """Same, other, newer, older, or a version that was skipped: each has its own name."""
    assert judge_pin(pin, {5: HASHES[0], 8: HASHES[1]}) is verdict


def test_nothing_known_makes_every_pin_newer() -> None:
    """A node that never saw the registry has to look at it."""
    assert judge_pin(Named(1, HASHES[0]), {}) is PinVerdict.NEWER


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("hear"), participants, pins),
            st.tuples(st.just("verify"), st.none(), st.integers(1, 12)),
        ),
        max_size=40,
    )
)
def test_every_split_is_reported_and_only_our_own_eyes_make_it_certain(
    steps: list[tuple[str, ParticipantCode | None, Named | int]],
) -> None:
    """Two hashes for one version always end in a conflict; hearsay alone never in a certain one."""
    book = PinBook()
    said: dict[int, set[tuple[ParticipantCode, str]]] = {}
    verified: set[int] = set()
    found: list[PinConflict] = []
    for _, peer, what in steps:
        if isinstance(what, Named) and peer is not None:
            book, conflicts = book.hear(peer, what)
            said.setdefault(what.version, set()).add((peer, what.sha256))
        else:
            assert isinstance(what, int)
            book, conflicts = book.verify(what, HASHES[0])
            verified.add(what)
        found += conflicts
        for conflict in conflicts:
            assert conflict.held != conflict.named
            assert conflict.is_certain == (conflict.version in verified)
            assert (conflict.named_by, conflict.named) in said[conflict.version]
    for version, words in said.items():
        hashes = {sha256 for _, sha256 in words}
        split = len(hashes) > 1 or (version in verified and hashes != {HASHES[0]})
        assert split == any(conflict.version == version for conflict in found)


def test_what_was_suspected_becomes_certain_once_it_was_verified() -> None:
    """Two peers disagree; when this node verifies the version, the one who is alone is named."""
    book, none = PinBook().hear(AL, Named(4, HASHES[0]))
    book, suspected = book.hear(XK, Named(4, HASHES[1]))
    book, certain = book.verify(4, HASHES[0])
    assert none == ()
    assert [(each.named_by, each.held_by, each.is_certain) for each in suspected] == [
        (XK, AL, False)
    ]
    assert [(each.named_by, each.held_by, each.is_certain) for each in certain] == [
        (XK, None, True)
    ]


def test_a_peer_that_invents_versions_pushes_out_its_own_words_only() -> None:
    """Memory is bounded for each peer, so nobody can make this node forget what others named."""
    book, _ = PinBook().hear(AL, Named(4, HASHES[0]))
    for version in range(10, 10 + 2 * REMEMBERED):
        book, _ = book.hear(XK, Named(version, HASHES[1]))
    assert set(book.named[XK]) == set(range(10 + REMEMBERED, 10 + 2 * REMEMBERED))  # the newest
    _, conflicts = book.hear(MK, Named(4, HASHES[1]))
    assert [conflict.held_by for conflict in conflicts] == [AL]


def test_the_first_word_of_a_peer_stays() -> None:
    """Who names another hash later contradicts itself, and cannot take back what it said first."""
    book, _ = PinBook().hear(AL, Named(4, HASHES[0]))
    book, conflicts = book.hear(AL, Named(4, HASHES[1]))
    assert [conflict.held_by for conflict in conflicts] == [AL]
    assert book.named[AL] == {4: HASHES[0]}


def test_verifying_two_hashes_for_one_version_is_our_own_fault() -> None:
    """The registry client cannot do that: it is a fault of this node and stops it."""
    book, _ = PinBook().verify(4, HASHES[0])
    with pytest.raises(LocalProtocolError, match="two hashes"):
        book.verify(4, HASHES[1])
