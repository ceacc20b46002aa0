"""The course of cases: their strands, what is said of them, notes, links, the confidential part.

As in :mod:`node.store.tables`, columns that end in ``_sealed`` are encrypted, and everything else
is codes, identifiers and times.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class CaseStrandRow(SQLModel, table=True):
    """A case in one channel: who works in another channel sees nothing of it.

    It is what lists of cases are made of, so it sums up what its channel knows.
    """

    __tablename__: ClassVar[str] = "case_strand"
    __table_args__ = (
        Index("ix_case_strand_touched", "channel", "touched_at", "case_id"),
        Index("ix_case_strand_manager", "manager_account", "channel", "touched_at"),
    )

    case_id: str = Field(primary_key=True, foreign_key="trm_case.case_id", max_length=32)
    #: A channel, or ``unknown`` for messages that this version cannot read.
    channel: str = Field(primary_key=True, max_length=30)
    opened_at: datetime = Field(sa_type=Moment)
    #: When a message was stored or somebody here did something.
    touched_at: datetime = Field(sa_type=Moment)
    #: See ``node.domain.cases.StrandState``.
    state: str = Field(default="open", max_length=10)
    #: How it ended, as ``protocol.messages.general.CaseOutcome``.
    outcome: str | None = Field(default=None, max_length=40)
    closed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The account of our case manager.
    manager_account: str | None = Field(default=None, max_length=64)
    #: Status of the person and whether the rules for children apply, as was said last.
    person_status: str | None = Field(default=None, max_length=30)
    treated_as_child: bool | None = None
    #: Counts what people here change: a stale page changes nothing.
    row_version: int = 1


class CaseStatementRow(SQLModel, table=True):
    """What a Participant said of a case, in a message or here: the newest of a kind counts."""

    __tablename__: ClassVar[str] = "case_statement"
    __table_args__ = (
        UniqueConstraint("message_id", "kind", name="uq_case_statement_once"),
        Index("ix_case_statement_case", "case_id", "kind", "statement_id"),
    )

    statement_id: int | None = Field(default=None, primary_key=True)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32)
    channel: str = Field(max_length=30)
    #: See ``node.domain.cases.StatementKind``.
    kind: str = Field(max_length=30)
    #: Who says so.
    participant: str = Field(max_length=8)
    #: A code of the kind's list; None where the kind has no code.
    code: str | None = Field(default=None, max_length=40)
    #: Posts and contacts, as JSON, under the case's key.
    details_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    at: datetime = Field(sa_type=Moment)
    #: The message that says so; None: it was recorded here.
    message_id: str | None = Field(default=None, max_length=32)
    #: Who recorded it here; None: a message says so.
    actor: str | None = Field(default=None, max_length=64)


class CaseNoteRow(SQLModel, table=True):
    """A note of somebody here. It never leaves this node."""

    __tablename__: ClassVar[str] = "case_note"
    __table_args__ = (Index("ix_case_note_case", "case_id", "at", "note_id"),)

    note_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32)
    channel: str = Field(max_length=30)
    author: str = Field(max_length=64)
    at: datetime = Field(sa_type=Moment)
    changed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When its text was deleted; the note stays as a fact.
    deleted_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Under the case's key; None once deleted.
    text_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    row_version: int = 1


class CaseLinkRow(SQLModel, table=True):
    """Two cases of one person, as this node knows; no message ever says so.

    Known in a channel of each, mostly the same: who does not see both channels does not know it.
    """

    __tablename__: ClassVar[str] = "case_link"

    #: The smaller identifier of the two stands first.
    first_case_id: str = Field(primary_key=True, foreign_key="trm_case.case_id", max_length=32)
    second_case_id: str = Field(
        primary_key=True, foreign_key="trm_case.case_id", max_length=32, index=True
    )
    #: In which channels of the two cases somebody noted it.
    first_channel: str = Field(primary_key=True, max_length=30)
    second_channel: str = Field(primary_key=True, max_length=30)
    at: datetime = Field(sa_type=Moment)
    actor: str = Field(max_length=64)


class CaseConfidentialRow(SQLModel, table=True):
    """Part I of the follow-up form: who the person is. It has a key of its own."""

    __tablename__: ClassVar[str] = "case_confidential"

    case_id: str = Field(primary_key=True, foreign_key="trm_case.case_id", max_length=32)
    #: In which channel it was written down.
    channel: str = Field(primary_key=True, max_length=30)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    content_sealed: bytes = Field(sa_type=LargeBinary)
    changed_at: datetime = Field(sa_type=Moment)
    changed_by: str = Field(max_length=64)
    row_version: int = 1


class ErasedActRow(SQLModel, table=True):
    """What an erased message did in its conversation, so that the state of it stays what it was."""

    __tablename__: ClassVar[str] = "erased_act"

    message_id: str = Field(primary_key=True, foreign_key="message.message_id", max_length=32)
    #: Of a message that opens a conversation: its ``protocol.messages.codes.Kind``.
    kind: str = Field(max_length=20)
    #: Its ``protocol.conversation.table.Act``.
    act: str = Field(max_length=30)
    #: The type that a typed answer answers.
    answers: str | None = Field(default=None, max_length=120)
    seen_generation: int | None = None
    seen_seq: int | None = None
