"""Tables of reachability drills: what the hub says of them, and what was answered here."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class DrillRow(SQLModel, table=True):
    """A drill as the hub has it: of any Participant, the open ones and the last of each desk."""

    __tablename__: ClassVar[str] = "drill"

    drill_id: str = Field(primary_key=True, max_length=32)
    participant: str = Field(max_length=8, index=True)
    authority: str = Field(max_length=120, index=True)
    phase: str = Field(max_length=20)
    #: The hub's words, as ``contact_registry.drills.news.DrillNotice``.
    notice: str
    is_open: bool = Field(index=True)


class DrillAnswerRow(SQLModel, table=True):
    """What somebody here answered, signed, until the hub has it and after."""

    __tablename__: ClassVar[str] = "drill_answer"

    drill_id: str = Field(primary_key=True, max_length=32)
    #: The signed bytes: they are sent until the hub has taken or refused them.
    answer: bytes
    outcome: str = Field(max_length=20)
    answered_by: str = Field(max_length=20)
    answered_at: datetime = Field(sa_type=Moment)
    #: The account, or ``api:`` and a program's label.
    actor: str = Field(max_length=80)
    #: See ``node.service.drills.AnswerStanding``.
    standing: str = Field(max_length=20, index=True)
    #: The hub's reason, if it refused.
    refusal: str = Field(default="", max_length=500)


class DrillCursorRow(SQLModel, table=True):
    """Up to where this node knows what the hub says: one row."""

    __tablename__: ClassVar[str] = "drill_cursor"

    cursor_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: int
    asked_at: datetime = Field(sa_type=Moment)
    #: The hub's mark of that revision: one that does not know it was restored.
    mark: str = Field(default="", max_length=32, sa_column_kwargs={"server_default": ""})
