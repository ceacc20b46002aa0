"""Consents and exceptions of a store from before their channels were noted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alembic import command
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text
from sqlalchemy.types import Boolean, DateTime, Integer, LargeBinary

from console.storage.database import Database
from console.storage.migration_steps import make_config
from node.store.migrating import MIGRATIONS

_MOMENT: Final = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)


def _add(connection: Connection, table: Table, **said: Any) -> None:
    """Insert a row; what nobody says is something of its type, or nothing where it may be."""
    plain = {Boolean: False, Integer: 1, DateTime: _MOMENT, LargeBinary: b"sealed"}
    row = {
        column.name: next((v for kind, v in plain.items() if isinstance(column.type, kind)), "x")
        for column in table.columns
        if not column.nullable and not (column.primary_key and isinstance(column.type, Integer))
    }
    connection.execute(insert(table).values(row | said))


def _tell(connection: Connection, case_id: str, channels: tuple[str, ...]) -> None:
    """Record a consent and an exception, with its entry, in a case with messages in these."""
    tables = MetaData()
    tables.reflect(connection)
    found = tables.tables
    _add(connection, found["trm_case"], case_id=case_id, reference=f"R-{case_id}")
    for number, channel in enumerate(channels):
        own = f"{case_id}-{number}"
        _add(
            connection, found["message"], message_id=own, wire_id=own, case_id=case_id,
            link_seq=number, channel=channel, peer=case_id[:8], direction="in",
        )  # fmt: skip
    recorded = {"case_id": case_id, "recorded_at": _MOMENT, "recorded_by": "officer"}
    _add(connection, found["consent_record"], consent_id=case_id, **recorded)
    _add(connection, found["exception_record"], exception_id=case_id, **recorded)
    _add(
        connection, found["event"], kind="exception_recorded", at=_MOMENT, actor="officer",
        case_id=case_id,
    )  # fmt: skip


def _ask(connection: Connection, case_id: str, channel: str, *, after: timedelta) -> None:
    tables = MetaData()
    tables.reflect(connection, only=["approval_request", "trm_case"])
    _add(
        connection, tables.tables["approval_request"], approval_id=f"{case_id}-{channel}",
        case_id=case_id, channel=channel, asked_by="officer", asked_at=_MOMENT + after,
        draft_sha256=f"{case_id}-{channel}",
    )  # fmt: skip


def _read(connection: Connection, table: str) -> dict[str, str | None]:
    tables = MetaData()
    tables.reflect(connection, only=[table])
    columns = tables.tables[table].c
    question = select(columns.case_id, columns.channel).where(columns.case_id.is_not(None))
    return {row.case_id: row.channel for row in connection.execute(question)}


def test_their_channels_are_found_where_something_says_them(
    node_url_of: Callable[[str], str],
) -> None:
    """That of the case, else that of the request for approval; else only who sees all sees them."""
    database = Database(node_url_of("AL"))
    with database.engine.begin() as connection:
        configuration = make_config(MIGRATIONS.scripts, connection)
        command.upgrade(configuration, "0019")
        _tell(connection, "alone", ("police", "police"))
        _tell(connection, "open", ("police", "assistance"))
        _tell(connection, "asked", ("police", "assistance"))
        _ask(connection, "asked", "assistance", after=timedelta(seconds=1))
        _ask(connection, "asked", "police", after=timedelta(days=1))
        for _ in range(2):
            command.upgrade(configuration, "0020")
            known = {"alone": "police", "open": None}
            assert _read(connection, "consent_record") == known | {"asked": None}
            assert _read(connection, "exception_record") == known | {"asked": "assistance"}
            entries = {"alone": "police", "open": "unknown", "asked": "assistance"}
            assert _read(connection, "event") == entries
            command.downgrade(configuration, "0019")
            columns = inspect(connection).get_columns("exception_record")
            assert "channel" not in {column["name"] for column in columns}
            sealed = connection.execute(text("SELECT COUNT(*) FROM exception_record")).scalar_one()
            assert sealed == 3
            assert _read(connection, "event") == entries, "hidden entries stay hidden"
    database.close()


def test_what_was_told_of_withdrawals_finds_its_channel(node_url_of: Callable[[str], str]) -> None:
    """A withdrawal of witness protection is for that channel; one of several stays everybody's."""
    database = Database(node_url_of("AL"))
    with database.engine.begin() as connection:
        configuration = make_config(MIGRATIONS.scripts, connection)
        command.upgrade(configuration, "0020")
        tables = MetaData()
        tables.reflect(connection)
        found = tables.tables
        later = _MOMENT + timedelta(days=1)
        for case_id, channel in (("own", "witness_protection"), ("shared", None)):
            _add(connection, found["trm_case"], case_id=case_id, reference=f"R-{case_id}")
            recorded = {"case_id": case_id, "recorded_at": _MOMENT, "recorded_by": "officer"}
            told = {"case_id": case_id, "actor": "officer", "at": _MOMENT}
            _add(
                connection, found["consent_record"], consent_id=case_id, channel=channel, **recorded
            )
            _add(connection, found["event"], kind="consent_recorded", **told)
            _add(
                connection, found["event"], kind="consent_withdrawn",
                **(told | {"channel": channel}),
            )  # fmt: skip
            _add(connection, found["event"], kind="withdrawal_recorded", **told)
            _add(
                connection, found["event"], kind="withdrawal_recorded", **(told | {"at": later})
            )  # fmt: skip
            _add(
                connection, found["withdrawal"], withdrawal_id=case_id,
                type="general.consent_withdrawn", **recorded,
            )  # fmt: skip
        _add(
            connection, found["withdrawal"], withdrawal_id="later", type="general.erasure",
            case_id="own", recorded_at=later, recorded_by="officer",
        )  # fmt: skip
        for _ in range(2):
            command.upgrade(configuration, "0021")
            question = text("SELECT withdrawal_id, channel FROM withdrawal")
            assert {row.withdrawal_id: row.channel for row in connection.execute(question)} == {
                "own": "witness_protection",
                "shared": None,
                "later": None,
            }
            question = text("SELECT kind, channel FROM event WHERE case_id = 'own' ORDER BY 1, 2")
            said = sorted((kind, channel or "") for kind, channel in connection.execute(question))
            assert said == [
                ("consent_recorded", "witness_protection"),
                ("consent_withdrawn", "witness_protection"),
                ("withdrawal_recorded", ""),
                ("withdrawal_recorded", "witness_protection"),
            ]
            question = text("SELECT COUNT(*) FROM event WHERE case_id = 'shared' AND channel <> ''")
            assert connection.execute(question).scalar_one() == 0
            command.downgrade(configuration, "0020")
    database.close()
