"""Tables of what mends links: what is missing, what was asked for, what machines say to machines.

Everything here is metadata: Participants, numbers, digests, times. Each table has a bound for each
peer, which the service that writes it keeps.
"""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class LinkWatchRow(SQLModel, table=True):
    """One row for each peer that we receive from: whoever changes a gap holds it."""

    __tablename__: ClassVar[str] = "link_watch"

    peer: str = Field(primary_key=True, max_length=8)
    #: When to decide again what to ask for; None: nothing is missing, or all of it was given up.
    look_at: datetime | None = Field(default=None, sa_type=Moment, index=True)
    #: The hour in which the peer's requests are counted, and how many were answered in it.
    answering_since: datetime | None = Field(default=None, sa_type=Moment)
    answered: int = 0
    #: Set when the peer's word about the end of its link did not fit what we hold.
    head_trouble: str | None = Field(default=None, max_length=20)
    #: Messages of ours that the peer said it holds and that we do not know, after a restore.
    forgotten: int = 0


class LinkGapRow(SQLModel, table=True):
    """Numbers that are missing of one generation: a ``protocol.link_repair.GapWatch``."""

    __tablename__: ClassVar[str] = "link_gap"

    peer: str = Field(primary_key=True, max_length=8)
    generation: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    first: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int
    noticed_at: datetime = Field(sa_type=Moment)
    asked: int = 0
    asked_at: datetime | None = Field(default=None, sa_type=Moment)
    given_up: bool = False


class LinkGoneRow(SQLModel, table=True):
    """Numbers that their sender reported gone."""

    __tablename__: ClassVar[str] = "link_gone"

    peer: str = Field(primary_key=True, max_length=8)
    generation: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    first: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int
    #: Of an erased message; None for a range of which the sender knows nothing.
    digest: str | None = Field(default=None, max_length=64)
    told_at: datetime = Field(sa_type=Moment)


class LinkAnnouncedRow(SQLModel, table=True):
    """A missing message that its sender announced to hand over again."""

    __tablename__: ClassVar[str] = "link_announced"

    peer: str = Field(primary_key=True, max_length=8)
    generation: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    digest: str = Field(max_length=64)
    told_at: datetime = Field(sa_type=Moment)


class LinkAskedRow(SQLModel, table=True):
    """A request that we made lately: only answers to one of these are listened to."""

    __tablename__: ClassVar[str] = "link_asked"

    message_id: str = Field(primary_key=True, max_length=32)
    peer: str = Field(max_length=8, index=True)
    at: datetime = Field(sa_type=Moment)


class RestoreQuestionRow(SQLModel, table=True):
    """What a restored node asks one peer until it is answered; its own row marks the restore."""

    __tablename__: ClassVar[str] = "restore_question"

    peer: str = Field(primary_key=True, max_length=8)
    #: The last message that the backup has from the peer, and the last that it knows to have sent.
    received_generation: int
    received_seq: int
    received_digest: str = Field(max_length=64)
    sent_generation: int
    sent_seq: int
    sent_digest: str = Field(max_length=64)
    #: The newest question: only an answer to it counts.
    message_id: str | None = Field(default=None, max_length=32)
    asked: int = 0
    #: When to ask again; None: it was answered, or asked in vain for too long.
    ask_at: datetime | None = Field(default=None, sa_type=Moment, index=True)
    answered_at: datetime | None = Field(default=None, sa_type=Moment)


class HandedAgainRow(SQLModel, table=True):
    """How often a message of ours was handed over again because its recipient asked."""

    __tablename__: ClassVar[str] = "handed_again"

    message_id: str = Field(primary_key=True, foreign_key="message.message_id", max_length=32)
    times: int
    last_at: datetime = Field(sa_type=Moment)


class FollowedAccountRow(SQLModel, table=True):
    """The broker account of a peer, as the newest view of the registry here has named it."""

    __tablename__: ClassVar[str] = "followed_account"

    peer: str = Field(primary_key=True, max_length=8)
    account: str = Field(max_length=60)
    #: Of the registry that named it first: an older view does not lead back.
    version: int


class MachineMailRow(SQLModel, table=True):
    """A machine message that waits to leave; it is signed when it does."""

    __tablename__: ClassVar[str] = "machine_mail"
    __table_args__ = ({"sqlite_autoincrement": True},)

    mail_id: int | None = Field(default=None, primary_key=True)
    message_id: str = Field(max_length=32, unique=True)
    peer: str = Field(max_length=8, index=True)
    type: str = Field(max_length=120)
    #: JSON. Machine messages name numbers, identifiers and digests, never content.
    body: str
    give_up_at: datetime = Field(sa_type=Moment)
    next_attempt_at: datetime = Field(sa_type=Moment, index=True)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    attempts: int = 0
