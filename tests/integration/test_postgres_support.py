"""The PostgreSQL server of the tests is real, private, and a new database for each test."""

import os

import psycopg
import pytest
import sqlalchemy

from tests.support.postgres import PostgresCluster


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_has_an_empty_database_of_its_own(postgres_url: str, attempt: int) -> None:
    """The same table can be created twice, because the second test sees nothing of the first."""
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE visit (attempt integer)"))
        connection.execute(sqlalchemy.text("INSERT INTO visit VALUES (:n)"), {"n": attempt})
        found = connection.execute(sqlalchemy.text("SELECT attempt FROM visit")).scalars().all()
    engine.dispose()
    assert found == [attempt]


def test_the_server_listens_on_no_network_port(postgres_cluster: PostgresCluster) -> None:
    """Nobody else on the machine's network can reach the server: it has only its socket."""
    with psycopg.connect(postgres_cluster.conninfo("postgres")) as connection:
        addresses = connection.execute("SHOW listen_addresses").fetchone()
    assert addresses == ("",)


def test_the_server_does_not_run_as_root(postgres_cluster: PostgresCluster) -> None:
    """As root, the server runs under an account without rights; otherwise under the tester's."""
    owner = (postgres_cluster.socket_folder / "data" / "postmaster.pid").stat().st_uid
    assert owner != 0
    assert os.geteuid() in {0, owner}
