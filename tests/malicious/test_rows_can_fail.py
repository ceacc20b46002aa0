"""A row that cannot fail shows nothing: with a check of the node taken out, its row fails."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.malicious.arenas import Arenas, open_arenas
from tests.malicious.checks import CHECKS, Check
from tests.malicious.rows import ROWS
from tests.malicious.table import Attack

#: Seconds for what waits for ever without its check, and for all others.
_WAITS, _PATIENCE = 1.5, 60.0


@pytest.fixture(scope="module")
def arenas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arenas]:
    """Share what is costly to start."""
    with open_arenas(tmp_path_factory.mktemp("arenas")) as arenas:
        yield arenas


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
async def test_without_its_check_a_row_fails(
    check: Check,
    arenas: Arenas,
    tmp_path: Path,
    node_url_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row fails as soon as the node does not check any more."""
    (row,) = (row for row in ROWS if row.name == check.row)
    async with arenas.open(row.arena, tmp_path, node_url_of) as arena:
        monkeypatch.setattr(check.owner, check.name, check.instead)
        with pytest.raises(Exception) as failed:  # noqa: PT011 - whatever it stumbles over
            async with asyncio.timeout(_WAITS if check.waits else _PATIENCE):
                await _run(row, arena)
        monkeypatch.undo()
    assert isinstance(failed.value, TimeoutError) == check.waits
    assert not isinstance(failed.value, TypeError | AttributeError | NameError), failed.value


async def _run(row: Attack, arena: object) -> None:
    done = row.run(arena)
    if inspect.isawaitable(done):
        await done
