"""Tables of items that somebody has to look after, of duty and notices.

Nothing here holds content: an item points to a message or a case by identifier, and what a desk,
a post and an account are called is no secret of a case.
"""

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class MessageToFollowRow(SQLModel, table=True):
    """A stored message from which something has yet to follow; gone once it has.

    Written in the transaction that stores the message, see :mod:`node.service.following`.
    """

    __tablename__: ClassVar[str] = "message_to_follow"
    __table_args__ = (
        Index("ix_message_to_follow_due", "next_attempt_at"),
        {"sqlite_autoincrement": True},  # a number is never used again for another message
    )

    #: Messages are followed in this order, which is that of their storing.
    follow_id: int | None = Field(default=None, primary_key=True)
    message_id: str = Field(max_length=32, index=True)
    next_attempt_at: datetime = Field(sa_type=Moment)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    #: Attempts that failed.
    attempts: int = 0
    #: What went wrong last: type and place, never a text.
    last_error: str | None = Field(default=None, max_length=200)


class WorkItemRow(SQLModel, table=True):
    """Something that a person has to look after. What it is about is a reference, never a text."""

    __tablename__: ClassVar[str] = "work_item"
    __table_args__ = (
        UniqueConstraint("kind", "subject", name="uq_work_item_once"),
        Index("ix_work_item_look", "state", "look_at"),
        Index("ix_work_item_list", "state", "due_at", "item_id"),
    )

    item_id: str = Field(primary_key=True, max_length=32)
    #: See ``node.domain.work.ItemKind``.
    kind: str = Field(max_length=30)
    #: What it is about, in its kind: a message, an approval, an envelope, an end of a link.
    subject: str = Field(max_length=64)
    #: See ``node.domain.work.ItemState``.
    state: str = Field(max_length=20)
    message_id: str | None = Field(default=None, max_length=32, index=True)
    case_id: str | None = Field(default=None, max_length=32, index=True)
    peer: str | None = Field(default=None, max_length=8)
    #: Who may see it; None: only somebody cleared for every channel, and who watches delivery.
    channel: str | None = Field(default=None, max_length=30)
    phase: str | None = Field(default=None, max_length=30)
    urgency: str = Field(max_length=20)
    #: The desk of ours that it was routed to; None: no desk of ours is competent.
    desk: str | None = Field(default=None, max_length=120)
    opened_at: datetime = Field(sa_type=Moment)
    due_at: datetime = Field(sa_type=Moment)
    #: An account, or a program (``api:label``).
    claimed_by: str | None = Field(default=None, max_length=64)
    claimed_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Since when nobody has it: reminders count from here.
    unowned_since: datetime = Field(sa_type=Moment)
    #: Since when its desk has been found staffed; None: it is closed.
    staffed_since: datetime | None = Field(default=None, sa_type=Moment)
    #: The rung of the ladder that people were told of last; 0: none.
    rung: int = 0
    #: The rung of the ladder of deadlines that was told last; 0: none.
    due_rung: int = 0
    told_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it is looked at next: something is due to be told then.
    look_at: datetime = Field(sa_type=Moment)
    done_at: datetime | None = Field(default=None, sa_type=Moment)
    #: Counts changes: a stale page changes nothing.
    row_version: int = 1


class WorkEventRow(SQLModel, table=True):
    """Who did what with an item, and who was told what, when and how."""

    __tablename__: ClassVar[str] = "work_event"
    __table_args__ = (
        Index("ix_work_event_item", "item_id", "work_event_id"),
        Index("ix_work_event_target", "target", "work_event_id"),
    )

    work_event_id: int | None = Field(default=None, primary_key=True)
    item_id: str = Field(foreign_key="work_item.item_id", max_length=32)
    at: datetime = Field(sa_type=Moment)
    #: See ``node.domain.work.WorkEventKind``.
    kind: str = Field(max_length=30)
    #: Who did it: an account, a program, or ``system``.
    actor: str = Field(max_length=64)
    #: Whom it is about: who was told, or who has it now.
    target: str | None = Field(default=None, max_length=120)
    #: The rung of the ladder, a desk, a reason.
    code: str | None = Field(default=None, max_length=120)


class DeskMemberRow(SQLModel, table=True):
    """A person who works at one of our desks."""

    __tablename__: ClassVar[str] = "desk_member"

    desk: str = Field(primary_key=True, max_length=120)
    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    #: Stands in only where the others do not answer.
    is_reserve: bool = False


class DutyShiftRow(SQLModel, table=True):
    """When somebody is on duty at a desk, week by week, in the desk's time zone."""

    __tablename__: ClassVar[str] = "duty_shift"

    shift_id: str = Field(primary_key=True, max_length=32)
    desk: str = Field(max_length=120, index=True)
    account_id: str = Field(foreign_key="account.account_id", max_length=32)
    #: ``MO`` to ``SU``, separated by blanks.
    weekdays: str = Field(max_length=20)
    #: ``08:00``; ``closes_at`` before ``opens_at`` is on the next day, 24:00 is midnight.
    opens_at: str = Field(max_length=5)
    closes_at: str = Field(max_length=5)
    valid_from: date | None = None
    #: The last day.
    valid_to: date | None = None


class DutyExceptionRow(SQLModel, table=True):
    """Somebody who is on duty, or is not, from one moment to another, whatever the week says."""

    __tablename__: ClassVar[str] = "duty_exception"
    __table_args__ = (Index("ix_duty_exception_when", "desk", "ends_at"),)

    exception_id: str = Field(primary_key=True, max_length=32)
    desk: str = Field(max_length=120)
    account_id: str = Field(foreign_key="account.account_id", max_length=32)
    begins_at: datetime = Field(sa_type=Moment)
    ends_at: datetime = Field(sa_type=Moment)
    is_on: bool


class RosterVersionRow(SQLModel, table=True):
    """Counts the changes of a desk's roster: a stale page changes nothing."""

    __tablename__: ClassVar[str] = "roster_version"

    desk: str = Field(primary_key=True, max_length=120)
    row_version: int = 1


class NoticeAddressRow(SQLModel, table=True):
    """Where somebody gets notices by e-mail, and in which language."""

    __tablename__: ClassVar[str] = "notice_address"

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    #: Sealed under the node key.
    address_sealed: bytes = Field(sa_type=LargeBinary)
    language: str = Field(max_length=10)


class AlertWishRow(SQLModel, table=True):
    """How an open inbox tells somebody of new items; without a row: by its own words alone."""

    __tablename__: ClassVar[str] = "alert_wish"

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    has_sound: bool
    has_notice: bool


class MailRefusalRow(SQLModel, table=True):
    """The mail server refuses somebody's address: no notice goes there until it is set anew."""

    __tablename__: ClassVar[str] = "mail_refusal"

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    at: datetime = Field(sa_type=Moment)
    #: What the server answered: its code, never its text.
    code: str = Field(max_length=20)


class NoticeRow(SQLModel, table=True):
    """A notice that waits to be mailed, or that was; it says that there is something, not what."""

    __tablename__: ClassVar[str] = "notice"
    __table_args__ = (Index("ix_notice_due", "state", "next_attempt_at"),)

    notice_id: int | None = Field(default=None, primary_key=True)
    item_id: str = Field(foreign_key="work_item.item_id", max_length=32, index=True)
    #: An account; or ``route:``, a desk, and which of its out-of-hours mailboxes in the registry.
    recipient: str = Field(max_length=130, index=True)
    urgent: bool
    #: See ``node.domain.notices.NoticeState``.
    state: str = Field(max_length=20)
    created_at: datetime = Field(sa_type=Moment)
    next_attempt_at: datetime = Field(sa_type=Moment)
    claimed_until: datetime | None = Field(default=None, sa_type=Moment)
    attempts: int = 0
    #: What went wrong last: a code or a type, never a text.
    last_error: str | None = Field(default=None, max_length=200)
    sent_at: datetime | None = Field(default=None, sa_type=Moment)
