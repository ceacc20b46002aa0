"""Tables of the audit log: its entries, and the one row that says where it ends."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class AuditRow(HubTable, table=True):
    """One act. Rows are added and never changed: triggers refuse anything else."""

    __tablename__: ClassVar[str] = "audit_entry"

    sequence: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=Moment)
    #: An account, or ``program:``, ``local:``, ``participant:`` and a name.
    actor: str = Field(max_length=120, index=True)
    action: str = Field(max_length=60, index=True)
    #: What it was done to: an identifier, never a name.
    subject: str = Field(max_length=200, index=True)
    #: A JSON object of identifiers and numbers, exactly as it was hashed.
    detail: str = Field(max_length=2000)
    previous_hash: str = Field(max_length=64)
    entry_hash: str = Field(max_length=64)


class AuditHeadRow(HubTable, table=True):
    """The end of the log. It is locked by whoever appends, so that entries come one by one."""

    __tablename__: ClassVar[str] = "audit_head"

    head_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sequence: int
    entry_hash: str = Field(max_length=64)
