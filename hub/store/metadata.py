"""The metadata of the hub's tables: its own, since a test or demo holds a node's tables too."""

from typing import ClassVar

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class HubTable(SQLModel):
    """What every table of the hub is besides its columns: ``class X(HubTable, table=True)``."""

    metadata: ClassVar[MetaData] = MetaData()
