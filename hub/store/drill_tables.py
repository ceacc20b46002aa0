"""Tables of reachability drills and of reminders that were sent."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class DrillRow(HubTable, table=True):
    """A question to one desk about one phase, and what was answered."""

    __tablename__: ClassVar[str] = "drill"

    drill_id: str = Field(primary_key=True, max_length=32)
    participant: str = Field(max_length=8, index=True)
    authority: str = Field(max_length=120, index=True)
    phase: str = Field(max_length=20)
    #: Exactly what was asked: the answer is signed over these bytes.
    question: bytes
    asked_at: datetime = Field(sa_type=Moment, index=True)
    answer_by: datetime = Field(sa_type=Moment)
    #: The operator who asked; nothing: the schedule did.
    asked_by: str | None = Field(default=None, max_length=120)
    #: See ``contact_registry.drills.states.DrillState``; overdue is judged by the clock.
    state: str = Field(max_length=20)
    #: Desk and phase while the question is open: no two are open at once.
    open_for: str | None = Field(default=None, max_length=150, unique=True)
    #: The last audit entry about it: nodes ask for what changed after one.
    revision: int = Field(index=True)
    row_version: int
    outcome: str | None = Field(default=None, max_length=20)
    answered_by: str | None = Field(default=None, max_length=20)
    answered_at: datetime | None = Field(default=None, sa_type=Moment)
    received_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The node's signed answer.
    signed: bytes | None = None
    #: The operator who wrote down what was said on the telephone.
    recorded_by: str | None = Field(default=None, max_length=120)
    closed_because: str = Field(default="", max_length=500)


class ReminderRow(HubTable, table=True):
    """A reminder that was sent, or that could not be because no mailbox is listed."""

    __tablename__: ClassVar[str] = "reminder"

    reminder_key: str = Field(primary_key=True, max_length=200)
    kind: str = Field(max_length=30)
    participant: str = Field(max_length=8, index=True)
    authority: str = Field(max_length=120)
    #: See ``hub.drills.reminding.ReminderOutcome``.
    outcome: str = Field(max_length=20)
    sent_at: datetime = Field(sa_type=Moment, index=True)
