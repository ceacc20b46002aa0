"""Tables of consents, exceptions, approvals, withdrawals, deletions, and returns.

What these rows say of a person (who consented, to what, why not, how far a return is prepared) is
sealed under the key of the case, and gone with it. Plain columns say when, who and which state.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class ConsentRow(SQLModel, table=True):
    """One consent that is on file here."""

    __tablename__: ClassVar[str] = "consent_record"

    consent_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    #: In which it was recorded: what was noted beside the consent is for this channel alone.
    #: None: nobody knows any more, and it is for whoever sees the whole case.
    channel: str | None = Field(default=None, max_length=30)
    #: ``node.service.consent.records.ConsentContent`` as JSON.
    content_sealed: bytes = Field(sa_type=LargeBinary)
    recorded_at: datetime = Field(sa_type=Moment)
    recorded_by: str = Field(max_length=64)
    #: Nothing rests on it any more from then on.
    withdrawn_at: datetime | None = Field(default=None, sa_type=Moment)
    row_version: int = 1


class CaseDocumentRow(SQLModel, table=True):
    """A scan that stays here, such as a signed consent. Its bytes lie in the folder of files."""

    __tablename__: ClassVar[str] = "case_document"

    #: Also its name in the blob store.
    document_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    consent_id: str = Field(
        foreign_key="consent_record.consent_id", max_length=32, index=True, unique=True
    )
    #: Name, media type and class (JSON).
    description_sealed: bytes = Field(sa_type=LargeBinary)
    #: The file's key, wrapped under the node key, and sealed under the case's: erased with it.
    key_sealed: bytes = Field(sa_type=LargeBinary)
    size: int
    added_at: datetime = Field(sa_type=Moment)
    added_by: str = Field(max_length=64)


class ExceptionRow(SQLModel, table=True):
    """Why something is sent without consent. The newest of a channel and ground counts."""

    __tablename__: ClassVar[str] = "exception_record"

    exception_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    #: Whose messages it is for: it is not there for anybody else, and no other message rests on it.
    #: None: nobody knows any more, nothing rests on it, and whoever sees the whole case sees it.
    channel: str | None = Field(default=None, max_length=30)
    #: ``node.service.consent.exceptions.ExceptionDraft`` as JSON.
    content_sealed: bytes = Field(sa_type=LargeBinary)
    recorded_at: datetime = Field(sa_type=Moment)
    recorded_by: str = Field(max_length=64)


class CircumstancesRow(SQLModel, table=True):
    """What the policy asks of a case beyond its messages: child, guardian, shelter, protection."""

    __tablename__: ClassVar[str] = "case_circumstances"

    case_id: str = Field(primary_key=True, foreign_key="trm_case.case_id", max_length=32)
    #: ``node.service.consent.circumstances.Circumstances`` as JSON.
    content_sealed: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime = Field(sa_type=Moment)
    updated_by: str = Field(max_length=64)
    #: Of what everybody sees; 0: nobody said any of it yet.
    row_version: int = 1
    #: Of what only witness protection sees.
    protection_version: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class ShelterRow(SQLModel, table=True):
    """A code that this node issued for a shelter. Which shelter it is never leaves."""

    __tablename__: ClassVar[str] = "shelter"

    code: str = Field(primary_key=True, max_length=40)
    #: What people here call it, sealed under the node key.
    name_sealed: bytes = Field(sa_type=LargeBinary)
    issued_at: datetime = Field(sa_type=Moment)
    issued_by: str = Field(max_length=64)


class ApprovalRow(SQLModel, table=True):
    """A message that waits for a second person."""

    __tablename__: ClassVar[str] = "approval_request"
    __table_args__ = (
        Index("ix_approval_waiting", "state", "decide_by"),
        # Asked twice at once it is one request: the database decides.
        Index(
            "ix_approval_twin",
            "asked_by",
            "draft_sha256",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    approval_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    channel: str = Field(max_length=30)
    #: ``node.domain.approvals.ApprovalState``.
    state: str = Field(max_length=20)
    #: ``node.service.approvals.AskedContent`` as JSON: the draft, the reasons, the justification.
    content_sealed: bytes = Field(sa_type=LargeBinary)
    #: Keyed digest of the draft that was asked about, to find the same request again.
    draft_sha256: str = Field(max_length=64)
    asked_by: str = Field(max_length=64, index=True)
    asked_at: datetime = Field(sa_type=Moment)
    #: Nobody approved until then: whoever asked is told, and asks anew.
    decide_by: datetime = Field(sa_type=Moment)
    decided_by: str | None = Field(default=None, max_length=64)
    decided_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Why it was refused.
    reason_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    #: What was sent once it was approved.
    message_id: str | None = Field(default=None, max_length=32)
    row_version: int = 1


class WithdrawalRow(SQLModel, table=True):
    """A withdrawal of consent, or a demand to delete, that was recorded here."""

    __tablename__: ClassVar[str] = "withdrawal"

    withdrawal_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    #: Who sees that it was recorded; None: whoever sees the case.
    channel: str | None = Field(default=None, max_length=30)
    #: The type of the messages that tell it.
    type: str = Field(max_length=120)
    content_sealed: bytes = Field(sa_type=LargeBinary)
    recorded_at: datetime = Field(sa_type=Moment)
    recorded_by: str = Field(max_length=64)


class DeletionRow(SQLModel, table=True):
    """One recipient that has to confirm a deletion, or one that we have to confirm."""

    __tablename__: ClassVar[str] = "deletion"
    __table_args__ = (Index("ix_deletion_open", "state", "confirm_by"),)

    #: The message that asks for it, ours or theirs.
    message_id: str = Field(primary_key=True, foreign_key="message.message_id", max_length=32)
    #: ``out``: we asked. ``in``: we were asked.
    direction: str = Field(max_length=3)
    #: Ours; None for what came in.
    withdrawal_id: str | None = Field(
        default=None, foreign_key="withdrawal.withdrawal_id", max_length=32, index=True
    )
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    peer: str = Field(max_length=8)
    channel: str = Field(max_length=30)
    type: str = Field(max_length=120)
    #: ``node.domain.withdrawals.DeletionState``.
    state: str = Field(max_length=20)
    confirm_by: datetime = Field(sa_type=Moment)
    reminded_at: datetime | None = Field(default=None, sa_type=Moment)
    escalated_at: datetime | None = Field(default=None, sa_type=Moment)
    #: The answer that confirms it.
    answer_message: str | None = Field(default=None, max_length=32)
    answered_at: datetime | None = Field(default=None, sa_type=Moment)
    row_version: int = 1


class UntoldRow(SQLModel, table=True):
    """A desk that has data which is to be deleted, and that could not be told by message."""

    __tablename__: ClassVar[str] = "untold_recipient"
    __table_args__ = (Index("ix_untold_open", "settled_at", "try_again_at"),)

    untold_id: str = Field(primary_key=True, max_length=32)
    #: Ours; None: it is told on behalf of whoever we have the data from.
    withdrawal_id: str | None = Field(
        default=None, foreign_key="withdrawal.withdrawal_id", max_length=32
    )
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    peer: str = Field(max_length=8)
    authority: str = Field(max_length=120)
    channel: str = Field(max_length=30)
    #: The type of the message that would tell it.
    type: str = Field(max_length=120)
    #: ``node.service.telling.Untold`` as JSON.
    content_sealed: bytes = Field(sa_type=LargeBinary)
    since: datetime = Field(sa_type=Moment)
    try_again_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    settled_by: str | None = Field(default=None, max_length=64)
    #: What told it in the end.
    message_id: str | None = Field(default=None, max_length=32)
    row_version: int = 1


class OnwardPermissionRow(SQLModel, table=True):
    """What the sender of data answered when it was asked whether it may be passed on."""

    __tablename__: ClassVar[str] = "onward_permission"
    __table_args__ = (Index("ix_onward_source", "source_message", "target"),)

    permission_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    source_message: str = Field(foreign_key="message.message_id", max_length=32)
    #: The authority that it may be passed on to.
    target: str = Field(max_length=120)
    allowed: bool
    #: The message of theirs in which they said so.
    answer_message: str | None = Field(default=None, max_length=32)
    recorded_at: datetime = Field(sa_type=Moment)
    recorded_by: str = Field(max_length=64)


class ReturnJourneyRow(SQLModel, table=True):
    """How far a return is prepared, on the side that prepares it."""

    __tablename__: ClassVar[str] = "return_journey"

    case_id: str = Field(primary_key=True, foreign_key="trm_case.case_id", max_length=32)
    #: ``node.domain.returns.ReturnJourney`` as JSON.
    content_sealed: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime = Field(sa_type=Moment)
    updated_by: str = Field(max_length=64)
    row_version: int = 1


class UnannouncedArrivalRow(SQLModel, table=True):
    """An arrival that no acknowledged prior notice came before: a defect, on both sides."""

    __tablename__: ClassVar[str] = "unannounced_arrival"

    #: The message that confirms the arrival, ours or theirs.
    message_id: str = Field(primary_key=True, foreign_key="message.message_id", max_length=32)
    direction: str = Field(max_length=3)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    peer: str = Field(max_length=8)
    channel: str = Field(max_length=30)
    at: datetime = Field(sa_type=Moment, index=True)
    #: Somebody looked after it.
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    settled_by: str | None = Field(default=None, max_length=64)
    row_version: int = 1


class ErasureRow(SQLModel, table=True):
    """What was erased here for good: a message, or a case. The rows stay, their content is gone."""

    __tablename__: ClassVar[str] = "erasure"

    #: A message's or a case's identifier.
    erased_id: str = Field(primary_key=True, max_length=32)
    case_id: str = Field(foreign_key="trm_case.case_id", max_length=32, index=True)
    is_case: bool
    #: ``protocol.messages.general.ErasureGround``.
    ground: str = Field(max_length=40)
    erased_at: datetime = Field(sa_type=Moment)
    erased_by: str = Field(max_length=64)
