"""Tables of what this node verified of the registry, what peers named, and where the two differ."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class RegistryVerifiedRow(SQLModel, table=True):
    """A version that this node verified and acted on; the newest are kept."""

    __tablename__: ClassVar[str] = "registry_verified"

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    sha256: str = Field(max_length=64)


class RegistryNamedRow(SQLModel, table=True):
    """A version that was not verified here, and what a peer's message named for it first."""

    __tablename__: ClassVar[str] = "registry_named"

    peer: str = Field(primary_key=True, max_length=8)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False}, index=True)
    sha256: str = Field(max_length=64)
    message_id: str = Field(max_length=32)
    payload_sha256: str = Field(max_length=64)


class RegistryAlarmRow(SQLModel, table=True):
    """Two hashes for one version of the registry, found here or told by a peer."""

    __tablename__: ClassVar[str] = "registry_alarm"
    __table_args__ = (
        UniqueConstraint(
            "raised_by", "version", "named_by", "held_by", "named_sha256", name="uq_registry_alarm"
        ),
        {"sqlite_autoincrement": True},
    )

    alarm_id: int | None = Field(default=None, primary_key=True)
    #: Who found it: this Participant or a peer.
    raised_by: str = Field(max_length=8, index=True)
    version: int
    held_sha256: str = Field(max_length=64)
    #: Whose word the first hash is.
    held_by: str = Field(max_length=8)
    named_sha256: str = Field(max_length=64)
    named_by: str = Field(max_length=8, index=True)
    #: See ``node.domain.states.AlarmStanding``.
    standing: str = Field(max_length=20)
    #: The message that named the second hash, on the wire, and its digest.
    message_id: str = Field(max_length=32)
    payload_sha256: str = Field(max_length=64)
    at: datetime = Field(sa_type=Moment)
