"""The table of forms that were sent to a screen that had just locked."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import LargeBinary
from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class KeptFormRow(HubTable, table=True):
    """The last such form of one operator. What was typed is sealed."""

    __tablename__: ClassVar[str] = "kept_form"

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    path: str = Field(max_length=200)
    fields_sealed: bytes = Field(sa_type=LargeBinary)
    kept_at: datetime = Field(sa_type=Moment)
