"""Gaps that are kept message by message are those that looking through everything would find."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, create_engine

from node.domain.states import Handling
from node.service.gap_watching import load_watches, note_arrival, subtract
from node.service.link_judging import find_highest
from node.store.tables import MessageRow
from protocol.links import LinkGap, LinkPosition, collect_ranges, find_gaps

NOW = datetime(2026, 3, 4, 11, tzinfo=UTC)
PLACES = st.tuples(st.integers(1, 2), st.integers(1, 12))
CONTEXT: Any = SimpleNamespace(clock=lambda: NOW)


@pytest.fixture(scope="module")
def store(shared_node_url_of: Callable[[str], str]) -> Iterator[Engine]:
    """Give the tables, empty; making them anew costs more than what is tried."""
    engine = create_engine(shared_node_url_of("AL"))
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


def arrive(session: Session, generation: int, seq: int) -> None:
    """Store a message at a place and bring the gaps to it, as intake does."""
    highest = find_highest(session, peer="AL", generation=generation)
    session.add(
        MessageRow(
            message_id=f"{generation}-{seq}",
            wire_id=f"{generation}-{seq}",
            direction="in",
            peer="AL",
            type="general.message",
            version=1,
            readable=True,
            stored_at=NOW,
            expires_at=NOW,
            payload_sha256="a" * 64,
            signer_key_id="b" * 32,
            link_generation=generation,
            link_seq=seq,
            signed_payload_sealed=b"",
            handling=Handling.NOTHING_EXPECTED,
        )
    )
    session.flush()
    position = LinkPosition(generation=generation, seq=seq, prev="0" * 64)
    note_arrival(CONTEXT, session, peer="AL", position=position, highest=highest)


@settings(max_examples=40, deadline=None)
@given(places=st.lists(PLACES, unique=True, max_size=16))
def test_rows_and_rule_agree(store: Engine, places: list[tuple[int, int]]) -> None:
    """In whatever order messages come, what is watched is what is missing."""
    held: dict[int, list[int]] = {}
    with Session(store) as session:  # nothing is committed: the next one finds it empty
        for generation, seq in places:
            arrive(session, generation, seq)
            held.setdefault(generation, []).append(seq)
            expected = [
                gap
                for each, numbers in sorted(held.items())
                for gap in find_gaps(collect_ranges(numbers), highest=max(numbers), generation=each)
            ]
            watched = [watch.gap for watch in load_watches(session, "AL")]
            assert flatten(watched) == flatten(expected)


GAPS = st.builds(
    lambda generation, first, more: LinkGap(generation, first, first + more),
    st.integers(1, 2),
    st.integers(1, 20),
    st.integers(0, 9),
)


@given(st.lists(GAPS, max_size=5), st.lists(GAPS, max_size=5))
def test_subtracting_leaves_exactly_the_rest(gaps: list[LinkGap], parts: list[LinkGap]) -> None:
    """Number by number."""
    assert flatten(subtract(gaps, parts)) == flatten(gaps) - flatten(parts)


def flatten(gaps: list[LinkGap]) -> set[tuple[int, int]]:
    """Return every number by itself."""
    return {(gap.generation, seq) for gap in gaps for seq in range(gap.first, gap.last + 1)}
