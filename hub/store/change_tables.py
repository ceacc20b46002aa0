"""The tables of changes that operators draft."""

from typing import Final

from console.storage.columns import Moment
from contact_registry.changes.tables import make_change_tables
from hub.store.metadata import HubTable

CHANGES: Final = make_change_tables(HubTable.metadata, Moment())
