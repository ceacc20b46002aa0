"""The hub's migrations end in the tables that its code declares, on each database it runs on."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine

from hub.store.migrating import MIGRATIONS
from scripts.check_migrations import find_differences


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database of the kind: SQLite in memory, or a real PostgreSQL."""
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_the_hubs_migrations_and_code_agree(engine: Engine) -> None:
    """An empty database, migrated to the newest version, lacks nothing and has nothing extra."""
    assert find_differences(engine, MIGRATIONS) is None
