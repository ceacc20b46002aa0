"""Tables of what the hub saw of the network: numbers, states and moments, all bounded."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger
from sqlmodel import Field

from console.storage.columns import Moment
from hub.store.metadata import HubTable


class NetworkSampleRow(HubTable, table=True):
    """What lay in one Participant's mailboxes at one moment of the last day.

    ``slot`` is the ten minutes of the day in UTC (0 to 143): a day later they are overwritten.
    """

    __tablename__: ClassVar[str] = "network_sample"

    slot: int = Field(primary_key=True)
    participant: str = Field(primary_key=True, max_length=8)
    taken_at: datetime = Field(sa_type=Moment)
    stored: int
    waiting: int
    stored_bytes: int = Field(sa_type=BigInteger)
    #: Age of the oldest envelope in seconds; 0: nothing lies there.
    oldest_seconds: int


class NodePresenceRow(HubTable, table=True):
    """Whether a Participant's node was connected when last looked, and since when."""

    __tablename__: ClassVar[str] = "node_presence"

    participant: str = Field(primary_key=True, max_length=8)
    is_connected: bool
    since: datetime = Field(sa_type=Moment)
    #: When it was last seen connected; nothing: never.
    last_seen_at: datetime | None = Field(default=None, sa_type=Moment)


class NetworkEventRow(HubTable, table=True):
    """Something that happened at the broker, once or several times in a row."""

    __tablename__: ClassVar[str] = "network_event"

    event_id: int | None = Field(default=None, primary_key=True)
    #: See ``hub.network.advisories.EventKind``.
    kind: str = Field(max_length=30)
    #: A Participant's code or nothing.
    participant: str = Field(default="", max_length=8)
    #: A server's name or nothing.
    server: str = Field(default="", max_length=100)
    first_at: datetime = Field(sa_type=Moment)
    last_at: datetime = Field(sa_type=Moment, index=True)
    count: int


class TakenAlertRow(HubTable, table=True):
    """An alert that somebody looks after, as long as it is true."""

    __tablename__: ClassVar[str] = "taken_alert"

    alert_key: str = Field(primary_key=True, max_length=32)
    taken_by: str = Field(foreign_key="account.account_id", max_length=32)
    taken_at: datetime = Field(sa_type=Moment)
    #: When it was last found true: an alert that is over is forgotten after an hour.
    true_at: datetime = Field(sa_type=Moment)
