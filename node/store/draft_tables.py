"""The table of what people have begun to write."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class DraftRow(SQLModel, table=True):
    """One message that somebody is writing. What it says is sealed under the node key."""

    __tablename__: ClassVar[str] = "draft"

    draft_id: str = Field(primary_key=True, max_length=32)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    content_sealed: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime = Field(sa_type=Moment)
    #: Not taken up again until then, it is deleted.
    expires_at: datetime = Field(sa_type=Moment, index=True)
