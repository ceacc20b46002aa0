"""What operators asked Participants to put right in their entries."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class CorrectionRow(HubTable, table=True):
    """One correction that was asked for; rows are never deleted."""

    __tablename__: ClassVar[str] = "correction"

    correction_id: str = Field(primary_key=True, max_length=32)
    participant: str = Field(max_length=8, index=True)
    #: The desk that it is about; empty for the list as a whole.
    authority_id: str = Field(max_length=120)
    field: str = Field(max_length=40)
    text: str = Field(max_length=500)
    #: See ``contact_registry.changes.corrections.CorrectionState``.
    state: str = Field(max_length=20, index=True)
    row_version: int
    #: Of what the entry said when it was asked.
    entry_sha256: str = Field(max_length=64)
    asked_by: str = Field(max_length=120)
    asked_at: datetime = Field(sa_type=Moment)
    updated_by: str = Field(max_length=120)
    updated_at: datetime = Field(sa_type=Moment)
