"""The columns of an audit log, for the tables of each face.

These are mixins without a table, as in :mod:`console.storage.account_tables`.
"""

from datetime import datetime

from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class AuditColumns(SQLModel):
    """One act. Rows are added and never changed: triggers refuse anything else."""

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


class AuditHeadColumns(SQLModel):
    """The end of the log. It is locked by whoever appends, so that entries come one by one."""

    head_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sequence: int
    entry_hash: str = Field(max_length=64)
