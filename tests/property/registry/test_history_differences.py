"""For any two contents: the difference leads from one to the other, and the order is nothing."""

import random
from types import MappingProxyType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contact_registry.directory import Directory
from contact_registry.history.comparing import (
    apply_changes,
    compare,
    describe_content,
    diff,
)
from contact_registry.history.wording import word_difference
from contact_registry.models import Competence, Telephone
from protocol.identifiers import Phase
from tests.support.registry import AL, MK, make_authority
from tests.support.registry_content import list_contacts, make_view

NAMES = st.text("abc", max_size=2)
WORDS = st.text("xž*1 ", max_size=5)
LEAVES = st.none() | st.booleans() | st.integers() | WORDS | st.lists(WORDS, max_size=3)
CONTENTS = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda inner: st.dictionaries(NAMES, LEAVES | inner, max_size=4),
    max_leaves=12,
)
TELEPHONES = st.lists(
    st.sampled_from([
        Telephone(as_listed="+355 44541821", e164="+35544541821"),
        Telephone(as_listed="+355 44541822", e164="+35544541822", extension="7"),
        Telephone(as_listed="116 006", national_only=True),
    ]),
    max_size=3,
    unique_by=lambda telephone: telephone.as_listed,
)  # fmt: skip


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """Draw a view of AL and perhaps MK, each with some of five desks."""
    codes = draw(st.sampled_from([(AL,), (AL, MK), (MK, AL)]))
    return make_view(
        *(
            list_contacts(
                code,
                *(
                    make_authority(
                        code,
                        slug,
                        note=draw(st.sampled_from(["", "Ring twice."])),
                        telephones=tuple(draw(TELEPHONES)),
                        competences=(Competence(phase=draw(st.sampled_from(Phase))),),
                    )
                    for slug in draw(st.lists(st.sampled_from("abcde"), min_size=1, unique=True))
                ),
            )
            for code in codes
        )
    )


@given(old=CONTENTS, new=CONTENTS)
def test_applied_to_the_old_it_gives_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Nothing is lost and nothing invented, whatever the data; neither side is touched."""
    copies = repr(old), repr(new)
    assert apply_changes(old, compare(old, new)) == new
    assert (repr(old), repr(new)) == copies


@given(content=CONTENTS)
def test_nothing_differs_from_itself(content: dict[str, Any]) -> None:
    """The difference of a content and itself is empty."""
    assert compare(content, content) == ()


@given(old=directories(), new=directories())
def test_versions_differ_by_what_is_told(old: Directory, new: Directory) -> None:
    """For whole versions too; and each change has its sentence, in the singular order of paths."""
    difference = diff(old, new)
    assert apply_changes(describe_content(old), difference.changes) == describe_content(new)
    assert [c.path for c in difference.changes] == sorted(c.path for c in difference.changes)
    words = word_difference(difference)
    assert len(words) == max(len(difference.changes), 1)
    assert bool(difference.changes) is (words != ["Nothing differs."])


@given(view=directories(), seed=st.integers(0, 1000))
def test_the_order_of_desks_and_participants_is_nothing(view: Directory, seed: int) -> None:
    """The same entries in another order are the same version."""
    shuffled = _shuffle(view, random.Random(seed))
    assert diff(view, shuffled).changes == ()
    other = make_view()
    assert diff(view, other).changes == diff(shuffled, other).changes
    assert diff(other, view).changes == diff(other, shuffled).changes


def _shuffle(view: Directory, chance: random.Random) -> Directory:
    contacts = {
        code: document.model_copy(
            update={
                "authorities": tuple(chance.sample(document.authorities, len(document.authorities)))
            }
        )
        for code, document in reversed(list(view.contacts.items()))
    }
    return Directory(
        version=view.version,
        sha256=view.sha256,
        expires_at=view.expires_at,
        verified_at=view.verified_at,
        participants=tuple(chance.sample(view.participants, len(view.participants))),
        contacts=MappingProxyType(contacts),
        keys=view.keys,
    )
