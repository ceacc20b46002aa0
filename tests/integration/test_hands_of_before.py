"""Who gave access last, in a store of before: they had a hand in it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from alembic import command
from sqlalchemy import MetaData, insert, inspect, select

from console.storage.database import Database
from console.storage.migration_steps import make_config
from node.store.migrating import MIGRATIONS

_MOMENT: Final = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
_GIVEN: Final = {"asked": ("chief", "chief"), "machine": ("local:chief", None), "old": (None, None)}


def test_who_gave_it_last_had_a_hand_in_it(node_url_of: Callable[[str], str]) -> None:
    """Both ways and again; of whom nobody is known to have given it, nobody had a hand in it."""
    database = Database(node_url_of("AL"))
    with database.engine.begin() as connection:
        configuration = make_config(MIGRATIONS.scripts, connection)
        command.upgrade(configuration, "0023")
        before = MetaData()
        before.reflect(connection, only=["account", "clearance"])
        account, clearance = before.tables["account"], before.tables["clearance"]
        for name, (actor, person) in _GIVEN.items():
            named = {"account_id": name, "sign_in_name": name, "display_name": name}
            state = {"roles": "focal_point", "is_active": True, "totp_last_step": -1}
            connection.execute(insert(account).values(**named, **state, created_at=_MOMENT))
            given = {"given_by": actor, "giver": person, "access": "waiting"}
            shown = {"channels": "police", "confidential": False, "row_version": 1}
            connection.execute(insert(clearance).values(account_id=name, **shown, **given))
        for _ in range(2):
            command.upgrade(configuration, "0024")
            after = MetaData()
            after.reflect(connection, only=["access_hand"])
            hand = after.tables["access_hand"].c
            rows = connection.execute(select(hand.account_id, hand.actor, hand.person)).all()
            assert sorted(map(tuple, rows)) == [
                ("asked", "chief", "chief"),
                ("machine", "local:chief", None),
            ]
            command.downgrade(configuration, "0023")
            assert "access_hand" not in inspect(connection).get_table_names()
        kept = connection.execute(select(clearance.c.account_id, clearance.c.given_by)).all()
    database.close()
    assert dict(map(tuple, kept)) == {name: actor for name, (actor, _) in _GIVEN.items()}
