"""Every row of the attack table, against our client, over real HTTP: it does what the row says.

After each that is refused, the view that was verified before is still what the client holds; and
what the row names as the remedy, and not less, brings the client to the honest newest view.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.registry_attack_rows import ROWS
from tests.support.registry_attack_runner import Theatre
from tests.support.registry_attack_table import Attack, Family, Outcome
from tests.support.registry_stage import open_stage


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """Make one registry and one server for all rows."""
    with open_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield Theatre.build(stage, tmp_path_factory.mktemp("scratch"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_attack(row: Attack, theatre: Theatre, tmp_path: Path) -> None:
    """The client does what the row says, keeps what it had, and heals as the row says."""
    theatre.run(row, tmp_path)


def test_the_table_is_whole() -> None:
    """Each attack of the specification's list has rows; what goes through says what bounds it."""
    assert {row.family for row in ROWS} == set(Family)
    assert [name for name, count in Counter(row.id for row in ROWS).items() if count > 1] == []
    assert len(ROWS) > 100
    for row in ROWS:
        assert row.done.endswith("."), row.id
        assert bool(row.limit) == (row.outcome in {Outcome.GOES_THROUGH, Outcome.NOTHING_NEW}), (
            row.id
        )
