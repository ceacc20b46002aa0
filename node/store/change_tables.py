"""The tables of the changes of our contacts that people draft here."""

from typing import Final

from sqlmodel import SQLModel

from console.storage.columns import Moment
from contact_registry.changes.tables import make_change_tables

CHANGES: Final = make_change_tables(SQLModel.metadata, Moment())
