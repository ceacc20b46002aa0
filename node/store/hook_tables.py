"""Tables of webhooks, and of requests that are done once."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class ApiRequestRow(SQLModel, table=True):
    """A request that a program marked to be done once: what was asked, and what was answered."""

    __tablename__: ClassVar[str] = "api_request"

    #: Of the caller and its key.
    request_id: str = Field(primary_key=True, max_length=64)
    #: Of what was asked: the same key never stands for something else.
    asked_sha256: str = Field(max_length=64)
    begun_at: datetime = Field(sa_type=Moment)
    #: Set in the transaction that did it.
    done: bool = False
    #: Forgotten then.
    expires_at: datetime = Field(sa_type=Moment, index=True)
    #: Status, headers and body, under the node key; None until it was answered.
    answer_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)


class WebhookRow(SQLModel, table=True):
    """An address that is told what happens, without content."""

    __tablename__: ClassVar[str] = "webhook"

    webhook_id: str = Field(primary_key=True, max_length=32)
    #: What people call it.
    label: str = Field(max_length=80)
    #: Address and secrets, under the node key.
    target_sealed: bytes = Field(sa_type=LargeBinary)
    #: Kinds of what it is told, separated by blanks; empty: all.
    kinds: str = Field(default="", sa_type=Text)
    #: Channels of which it is told, separated by blanks.
    channels: str = Field(default="", max_length=100)
    created_at: datetime = Field(sa_type=Moment)
    created_by: str = Field(max_length=64)
    #: See ``node.domain.hooks.HookState``.
    state: str = Field(max_length=20)
    #: Failures since the last success.
    failures: int = 0
    #: Since when nothing has got through; None: the last one did.
    failing_since: datetime | None = Field(default=None, sa_type=Moment)
    last_error: str | None = Field(default=None, max_length=200)
    last_success_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Nothing is tried before: it failed just now.
    next_attempt_at: datetime = Field(sa_type=Moment)
    row_version: int = 1


class HookTellingRow(SQLModel, table=True):
    """One thing that one webhook has still to be told: identifiers and a kind."""

    __tablename__: ClassVar[str] = "hook_telling"
    __table_args__ = (
        Index("ix_hook_telling_line", "webhook_id", "line", "telling_id"),
        Index("uq_hook_telling", "webhook_id", "happening", unique=True),
        {"sqlite_autoincrement": True},  # the numbers are the order, whatever was deleted
    )

    telling_id: int | None = Field(default=None, primary_key=True)
    webhook_id: str = Field(foreign_key="webhook.webhook_id", max_length=32)
    #: The name of what happened; told twice, it has the same.
    happening: str = Field(max_length=64)
    kind: str = Field(max_length=60)
    at: datetime = Field(sa_type=Moment)
    case_id: str | None = Field(default=None, max_length=32)
    message_id: str | None = Field(default=None, max_length=32)
    #: What else it is about: an item, an approval.
    subject: str | None = Field(default=None, max_length=64)
    #: What stays in order: the case, or else this alone.
    line: str = Field(max_length=64)
    next_attempt_at: datetime = Field(sa_type=Moment)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    attempts: int = 0


class HookNoteRow(SQLModel, table=True):
    """What happened outside the timelines of cases, for webhooks; kept for replays."""

    __tablename__: ClassVar[str] = "hook_note"
    __table_args__ = ({"sqlite_autoincrement": True},)

    note_id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=60)
    at: datetime = Field(sa_type=Moment, index=True)
    case_id: str | None = Field(default=None, max_length=32)
    channel: str | None = Field(default=None, max_length=20)
    subject: str | None = Field(default=None, max_length=64)


class HookMarkRow(SQLModel, table=True):
    """How far a source of what happens was read."""

    __tablename__: ClassVar[str] = "hook_mark"

    #: ``event`` or ``note``.
    source: str = Field(primary_key=True, max_length=20)
    #: The greatest number that was read.
    upto: int
    #: Numbers below it that were not there yet, with the moment when that was noticed (JSON): their
    #: transactions may be running, or were undone.
    missing: str = Field(sa_type=Text)


class ApiDraftRow(SQLModel, table=True):
    """A message that a program is writing. What it says is sealed under the node key."""

    __tablename__: ClassVar[str] = "api_draft"

    draft_id: str = Field(primary_key=True, max_length=32)
    #: Whose it is.
    actor: str = Field(max_length=64, index=True)
    content_sealed: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime = Field(sa_type=Moment)
    #: Not taken up again until then, it is deleted.
    expires_at: datetime = Field(sa_type=Moment, index=True)
    row_version: int = 1
