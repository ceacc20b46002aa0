"""The tables of a desk: made for whichever metadata keeps them, a node's or the hub's.

The contacts themselves stand apart from what lists are made of: a document may have a megabyte.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class ChangeTables:
    """The tables of one desk."""

    change: Table
    file: Table
    event: Table


def make_change_tables(metadata: MetaData, moment: TypeEngine[Any]) -> ChangeTables:
    """Add the tables to ``metadata``; ``moment`` is the column type of a moment in UTC there."""
    change = Table(
        "directory_change",
        metadata,
        Column("change_id", String(32), primary_key=True),
        Column("participant", String(8), nullable=False),
        Column("title", String(200), nullable=False),
        Column("state", String(30), nullable=False),
        Column("row_version", Integer, nullable=False),
        Column("base_version", Integer, nullable=False),
        Column("theirs_version", Integer, nullable=False),
        Column("is_renewal", Boolean, nullable=False),
        Column("base_node_keys", String(300), nullable=False),
        Column("node_keys", String(300), nullable=False),
        Column("refusal", String(40), nullable=True),
        Column("refusal_detail", String(500), nullable=False),
        Column("registry_version", Integer, nullable=True),
        Column("created_by", String(200), nullable=False),
        Column("created_at", moment, nullable=False),
        Column("updated_by", String(200), nullable=False),
        Column("updated_at", moment, nullable=False),
        Index("ix_directory_change_participant", "participant", "state"),
        Index("ix_directory_change_updated_at", "updated_at"),
    )
    file = Table(
        "directory_change_file",
        metadata,
        Column("change_id", ForeignKey("directory_change.change_id"), primary_key=True),
        Column("name", String(20), primary_key=True),
        Column("data", LargeBinary, nullable=False),
    )
    event = Table(
        "directory_change_event",
        metadata,
        Column("event_id", Integer, primary_key=True, autoincrement=True),
        Column("change_id", ForeignKey("directory_change.change_id"), nullable=False, index=True),
        Column("at", moment, nullable=False),
        Column("actor", String(200), nullable=False),
        Column("step", String(30), nullable=False),
        Column("entry_kind", String(20), nullable=True),
        Column("entry", String(120), nullable=False),
        Column("reason", Text, nullable=False),
        Column("evidence", Text, nullable=False),
        Column("detail", Text, nullable=False),
    )
    return ChangeTables(change, file, event)
