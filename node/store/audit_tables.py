"""Tables of the audit log: what is to be chained, what is, and the one row that says where it ends.

An act is written into :class:`AuditDueRow` in its own transaction, which waits for nobody; a worker
then binds what is due to the chain, in one order. So many acts at once never stand in a queue for
the end of the chain, and none is lost between.
"""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from console.storage.audit_columns import AuditColumns, AuditHeadColumns
from console.storage.columns import Moment


class AuditDueRow(SQLModel, table=True):
    """An act that was done and is not chained yet."""

    __tablename__: ClassVar[str] = "audit_due"
    __table_args__ = ({"sqlite_autoincrement": True},)

    due_id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=Moment)
    actor: str = Field(max_length=120)
    action: str = Field(max_length=60)
    subject: str = Field(max_length=200)
    detail: str = Field(max_length=2000)


class AuditRow(AuditColumns, table=True):
    """One act in the chain. Rows are added and never changed: triggers refuse anything else."""

    __tablename__: ClassVar[str] = "audit_entry"


class AuditHeadRow(AuditHeadColumns, table=True):
    """The end of the chain. Whoever appends locks it, so that entries come one by one."""

    __tablename__: ClassVar[str] = "audit_head"
