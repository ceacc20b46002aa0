"""The table of contact lists that operators brought in and have not finished with."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import LargeBinary
from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class ListRow(HubTable, table=True):
    """One list. Its bytes, its file's name and its mapping are sealed: a list may name people."""

    __tablename__: ClassVar[str] = "contact_list"

    list_id: str = Field(primary_key=True, max_length=32)
    content_sealed: bytes = Field(sa_type=LargeBinary)
    answers_sealed: bytes = Field(sa_type=LargeBinary)
    revision: int
    brought_in_by: str = Field(max_length=120)
    brought_in_at: datetime = Field(sa_type=Moment)
    #: Not finished by then, it is deleted.
    expires_at: datetime = Field(sa_type=Moment, index=True)
