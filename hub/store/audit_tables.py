"""Tables of the audit log: its entries, and the one row that says where it ends."""

from typing import ClassVar

from console.storage.audit_columns import AuditColumns, AuditHeadColumns
from hub.store.metadata import HubTable


class AuditRow(HubTable, AuditColumns, table=True):
    """One act. Rows are added and never changed: triggers refuse anything else."""

    __tablename__: ClassVar[str] = "audit_entry"


class AuditHeadRow(HubTable, AuditHeadColumns, table=True):
    """The end of the log. It is locked by whoever appends, so that entries come one by one."""

    __tablename__: ClassVar[str] = "audit_head"
