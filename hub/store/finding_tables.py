"""Tables of what operators do about findings. What is wrong is not kept: the registry says it."""

from datetime import date, datetime
from typing import ClassVar

from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class FindingRow(HubTable, table=True):
    """One finding that somebody did something with."""

    __tablename__: ClassVar[str] = "finding"

    finding_key: str = Field(primary_key=True, max_length=32)
    code: str = Field(max_length=40)
    participant: str = Field(max_length=8, index=True)
    phase: str = Field(max_length=20)
    authority: str = Field(max_length=120)
    #: See ``hub.findings.states.Standing``.
    standing: str = Field(max_length=20)
    #: The account that looks after it, or nothing.
    assigned_to: str = Field(max_length=32, index=True)
    reason: str = Field(max_length=500)
    #: Until when it may stay as it is; nothing where it is not resolved.
    until: date | None = None
    revision: int
    updated_by: str = Field(max_length=120)
    updated_at: datetime = Field(sa_type=Moment)


class FindingEventRow(HubTable, table=True):
    """One step that was taken with a finding; rows are added and never changed."""

    __tablename__: ClassVar[str] = "finding_event"

    event_id: int | None = Field(default=None, primary_key=True)
    finding_key: str = Field(foreign_key="finding.finding_key", index=True, max_length=32)
    step: str = Field(max_length=20)
    actor: str = Field(max_length=120)
    assigned_to: str = Field(max_length=32)
    reason: str = Field(max_length=500)
    until: date | None = None
    at: datetime = Field(sa_type=Moment)
