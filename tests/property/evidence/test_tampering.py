"""Any change of any byte of a bundle, of any member, in any way, is found."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_registry.evidence.container import pack_members, unpack_members
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from protocol.evidence.bundle import order_members
from tests.support.evidence import EvidenceWorld
from tests.support.evidence_verdicts import sign_again


class Sample:
    """A bundle that proves everything, its members, and the root."""

    def __init__(self, folder: Path) -> None:
        self.world = EvidenceWorld(folder / "registry")
        self.data = self.world.make_proved()
        self.members = unpack_members(self.data)
        self.paths = order_members(self.members)
        self.root = self.world.trusted_root

    def judge(self, data: bytes) -> Outcome:
        """Verify."""
        return verify_bundle(data, trusted_root=self.root).outcome


@pytest.fixture(scope="module")
def sample() -> Iterator[Sample]:
    """Give one bundle to all tests; none of them changes it."""
    with tempfile.TemporaryDirectory() as folder:
        made = Sample(Path(folder))
        assert made.judge(made.data) is Outcome.PROVED
        yield made


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_flipped_bits_of_any_byte_are_found(sample: Sample, data: st.DataObject) -> None:
    """Also in headers, dates and gaps of the zip, where no reader looks."""
    altered = bytearray(sample.data)
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    assert sample.judge(bytes(altered)) is Outcome.ALTERED


@given(st.data())
@settings(max_examples=75, deadline=None)
def test_any_cut_or_addition_is_found(sample: Sample, data: st.DataObject) -> None:
    """Bytes taken out or put in anywhere."""
    start = data.draw(st.integers(0, len(sample.data)))
    end = data.draw(st.integers(start, min(start + 50, len(sample.data))))
    added = data.draw(st.binary(max_size=20))
    altered = sample.data[:start] + added + sample.data[end:]
    if altered != sample.data:
        assert sample.judge(altered) is Outcome.ALTERED


def test_every_member_is_needed_as_it_is(sample: Sample) -> None:
    """A member that is changed, emptied, left out or added in a well-formed zip is found."""
    for path in sample.paths:
        original = sample.members[path]
        flipped = original[:-1] + bytes([original[-1] ^ 1])
        for changed in (flipped, b"", original + b"\n"):
            altered = pack_members(sample.members | {path: changed})
            assert sample.judge(altered) is Outcome.ALTERED, path
        rest = {name: data for name, data in sample.members.items() if name != path}
        assert sample.judge(pack_members(rest)) is Outcome.ALTERED, path
    extra = sample.members | {"registry/objects/" + "ab" * 32 + ".json": b"{}"}
    assert sample.judge(pack_members(extra)) is Outcome.ALTERED


def test_members_that_change_places_are_found(sample: Sample) -> None:
    """Each stands under its own name: no two can be exchanged."""
    for one in sample.paths:
        for other in sample.paths:
            if sample.members[one] == sample.members[other]:
                continue
            swapped = sample.members | {one: sample.members[other], other: sample.members[one]}
            assert sample.judge(pack_members(swapped)) is Outcome.ALTERED


@given(st.data())
@settings(max_examples=75, deadline=None)
def test_a_forger_with_a_key_of_its_own_proves_nothing(sample: Sample, data: st.DataObject) -> None:
    """Whoever alters signed files and signs a new manifest gets caught by what those files are."""
    path = data.draw(
        st.sampled_from([it for it in sample.paths if it.startswith(("messages/", "receipts/"))])
    )
    altered = bytearray(sample.members[path])
    altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
    forged = sign_again(sample.members | {path: bytes(altered)}, sample.world.make_key())
    assert sample.judge(forged) in {Outcome.ALTERED, Outcome.UNTRUSTED}
    listed = next(iter(sample.world.keys.values()))
    signed_well = sign_again(sample.members | {path: bytes(altered)}, listed)
    assert sample.judge(signed_well) is not Outcome.PROVED
