"""Every row of the table of a malicious hub, against real nodes: it ends as the row says."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.malicious.arenas import Arenas, open_arenas
from tests.malicious.rows import ROWS
from tests.malicious.table import Attack, Family, Outcome, Promise


@pytest.fixture(scope="module")
def arenas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arenas]:
    """Share what is costly to start."""
    with open_arenas(tmp_path_factory.mktemp("arenas")) as arenas:
        yield arenas


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_row(
    row: Attack, arenas: Arenas, tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """The hub or the broker does what the row says, and it ends as the row says."""
    async with arenas.open(row.arena, tmp_path, node_url_of) as arena:
        done = row.run(arena)
        if inspect.isawaitable(done):
            await done


def test_the_table_is_whole() -> None:
    """Each family, outcome and promise has rows; each row says what is done, expected and seen."""
    assert len(ROWS) >= 40
    assert {row.family for row in ROWS} == set(Family)
    assert {row.outcome for row in ROWS} == set(Outcome)
    assert {row.promise for row in ROWS} == set(Promise)
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []
    for row in ROWS:
        for text in (row.done, row.expected):
            assert text.endswith((".", ".)")), row.name
        assert row.seen, row.name
