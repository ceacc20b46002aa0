"""Tables of files: begun here, sent, received. What a file holds lies on the disk, never in SQL.

Everything here is metadata: sizes, places, times, which chunks. Names and media types of files
stand in sealed columns or in the sealed message alone. See ``docs/attachments.md``.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class StagedFileRow(SQLModel, table=True):
    """A file that somebody brings in and that no message holds yet.

    Its content is encrypted on the disk as it arrives, under a key of its own.
    """

    __tablename__: ClassVar[str] = "staged_file"

    #: Also its name in the blob store.
    file_id: str = Field(primary_key=True, max_length=32)
    #: An account, or the actor of a token: nobody else sees it.
    owner: str = Field(max_length=64, index=True)
    #: The draft that it is for, if a person brings it in on a page.
    draft_id: str | None = Field(default=None, max_length=32, index=True)
    #: Name, media type and class as they were stated (JSON), sealed under the node key.
    description_sealed: bytes = Field(sa_type=LargeBinary)
    #: The file's key, wrapped under the node key.
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    #: Bytes of the whole file, as they were announced.
    size: int
    #: Bytes of it that are on the disk for good; a whole number of segments until the end.
    received: int = 0
    #: Whether it is whole and was looked at: only then may a message take it.
    complete: bool = False
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    #: Not taken by a message until then, it is deleted.
    expires_at: datetime = Field(sa_type=Moment, index=True)


class SentFileRow(SQLModel, table=True):
    """A file of a message that we sent: its sealed chunks on the disk, and which are owed."""

    __tablename__: ClassVar[str] = "sent_file"
    __table_args__ = (
        Index("ix_sent_file_asked", "peer", "attachment_id"),
        Index("ix_sent_file_due", "next_attempt_at", "priority"),
    )

    #: Its name in the blob store, and for pages.
    file_id: str = Field(primary_key=True, max_length=32)
    message_id: str = Field(foreign_key="message.message_id", max_length=32, index=True)
    #: Its index among the message's attachments.
    place: int
    #: As the manifest names it.
    attachment_id: str = Field(max_length=32)
    peer: str = Field(max_length=8)
    size: int
    chunk_size: int
    chunk_count: int
    #: See ``node.service.attachments.states.SentState``.
    state: str = Field(max_length=20)
    #: Bit i (most significant first, in byte i // 8) is set while chunk i is owed; empty: none.
    owed_map: bytes = Field(sa_type=LargeBinary)
    #: How many bits of it are set.
    owed: int
    #: Lower goes first: that of its message.
    priority: int
    #: Every chunk's transport id is made of this one and its index, so that trying again after a
    #: crash is known at the broker. New whenever chunks are owed anew.
    transport_id: str = Field(max_length=32)
    #: None: nothing is owed.
    next_attempt_at: datetime | None = Field(default=None, sa_type=Moment)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    #: Attempts in a row without a chunk that the broker took.
    attempts: int = 0
    last_error: str | None = Field(default=None, max_length=200)
    #: How often its recipient asked for chunks of it, and when last.
    asked: int = 0
    asked_at: datetime | None = Field(default=None, sa_type=Moment)


class ReceivedFileRow(SQLModel, table=True):
    """A file of a message that we received: which chunks are here, and what was found in it."""

    __tablename__: ClassVar[str] = "received_file"
    __table_args__ = (
        Index("ix_received_file_known", "peer", "attachment_id"),
        Index("ix_received_file_scan", "state", "scan"),
    )

    #: Ours: in addresses of pages and in the blob store. Not chosen by the sender.
    file_id: str = Field(primary_key=True, max_length=32)
    message_id: str = Field(foreign_key="message.message_id", max_length=32, index=True)
    #: Its index among the message's attachments.
    place: int
    peer: str = Field(max_length=8)
    #: The sender's name for it: not unique, a malicious sender may use one twice.
    attachment_id: str = Field(max_length=32)
    size: int
    chunk_size: int
    chunk_count: int
    #: Chunks held.
    held: int = 0
    #: Bit i (most significant first, in byte i // 8) is set if chunk i is held.
    held_map: bytes = Field(sa_type=LargeBinary)
    state: str = Field(max_length=20)
    #: What the scanner said.
    scan: str = Field(max_length=20)
    #: The name of the signature that matched.
    scan_detail: str | None = Field(default=None, max_length=200)
    scanned_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When its message was stored.
    noticed_at: datetime = Field(sa_type=Moment)
    #: When the last new chunk came.
    chunk_at: datetime | None = Field(default=None, sa_type=Moment)
    asked: int = 0
    asked_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When to ask for what is missing; None: nobody asks.
    ask_at: datetime | None = Field(default=None, sa_type=Moment, index=True)
    #: When it opened without an error.
    opened_at: datetime | None = Field(default=None, sa_type=Moment)
    trouble: str | None = Field(default=None, max_length=20)
    #: Counts changes: a stale page cannot decide.
    row_version: int = 1
