"""The table of backups that were made of this node, and whether one was ever tried."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class BackupRow(SQLModel, table=True):
    """A backup: that there is one, never what is in it."""

    __tablename__: ClassVar[str] = "backup"

    backup_id: str = Field(primary_key=True, max_length=32)
    #: When it was made; what happened later is not in it.
    made_at: datetime = Field(sa_type=Moment, index=True)
    #: See ``node.domain.backups.BackupKind``.
    kind: str = Field(max_length=20)
    #: Where it lies, in the words of whoever made it.
    place: str = Field(max_length=200)
    #: Its size, where this program made it.
    size: int | None = Field(default=None, sa_type=BigInteger)
    #: An account, a program, or the login on this machine.
    noted_by: str = Field(max_length=120)
    #: When somebody last tried to restore it, and what came of it.
    tested_at: datetime | None = Field(default=None, sa_type=Moment)
    test_passed: bool | None = None
    tested_by: str | None = Field(default=None, max_length=120)
