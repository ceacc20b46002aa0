"""A node's migrations end in the tables that the code declares, on each database it runs on."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from scripts.check_migrations import find_differences


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give an empty database of the kind: SQLite in memory, or a real PostgreSQL."""
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_migrations_and_code_agree(engine: Engine) -> None:
    """An empty database, migrated to the newest version, lacks nothing and has nothing extra."""
    assert find_differences(engine) is None


def test_a_forgotten_migration_is_found(engine: Engine) -> None:
    """A table that the code does not know is named: the comparison is not blind."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_over (id integer PRIMARY KEY)"))
    difference = find_differences(engine)
    assert difference is not None
    assert "left_over" in difference
