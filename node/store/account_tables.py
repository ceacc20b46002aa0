"""Tables of people and programs that may come in."""

from datetime import datetime
from typing import ClassVar, Final

from sqlmodel import Field, SQLModel

from console.storage.account_tables import (
    AccountColumns,
    AccountTables,
    FailureColumns,
    SessionColumns,
    SignInLinkColumns,
)
from console.storage.columns import Moment


class AccountRow(AccountColumns, table=True):
    """A person of this node."""

    __tablename__: ClassVar[str] = "account"


class SessionRow(SessionColumns, table=True):
    """A browser's way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "session"


class SignInLinkRow(SignInLinkColumns, table=True):
    """A one-time way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "sign_in_link"


class FailureRow(FailureColumns, table=True):
    """Failed sign-ins since the last success."""

    __tablename__: ClassVar[str] = "sign_in_failure"


ACCOUNT_TABLES: Final = AccountTables(
    account=AccountRow, session=SessionRow, link=SignInLinkRow, failure=FailureRow
)


class ClearanceRow(SQLModel, table=True):
    """Of which messages somebody may know. Without a row: of none."""

    __tablename__: ClassVar[str] = "clearance"

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    #: Channels, separated by blanks.
    channels: str = Field(max_length=100)
    #: Whether the strictly confidential part was opened to them by name.
    confidential: bool = False
    #: Counts changes of roles, clearance and access: a stale page changes nothing.
    row_version: int = 1
    #: Whether it counts: see ``node.domain.standing``.
    access: str = Field(default="confirmed", max_length=12)
    #: Who gave it, or made the last link: an actor, and the person behind it if there is one. All
    #: of them: :class:`HandRow`.
    given_by: str | None = Field(default=None, max_length=120)
    giver: str | None = Field(default=None, max_length=32)
    #: Since when it waits for somebody's word.
    asked_at: datetime | None = Field(default=None, sa_type=Moment)


class HeldRow(SQLModel, table=True):
    """A channel, or the confidential part, that somebody of this node had: kept for good."""

    __tablename__: ClassVar[str] = "access_held"

    name: str = Field(primary_key=True, max_length=30)
    since: datetime = Field(sa_type=Moment)


class HandRow(SQLModel, table=True):
    """Who gave somebody access, or made a link of theirs, since it was last confirmed."""

    __tablename__: ClassVar[str] = "access_hand"

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    actor: str = Field(primary_key=True, max_length=120)
    #: The person behind the actor: they do not confirm it. None: a command on the machine, a
    #: program.
    person: str | None = Field(default=None, max_length=32)
    at: datetime = Field(sa_type=Moment)


class UnaskedRow(SQLModel, table=True):
    """Access that counted without a colleague's word: whoever has the same is told, also later."""

    __tablename__: ClassVar[str] = "access_unasked"

    unasked_id: int | None = Field(default=None, primary_key=True)
    account_id: str = Field(foreign_key="account.account_id", max_length=32)
    #: See ``node.service.unasked_access.Why``.
    why: str = Field(max_length=12)
    #: What it opened then.
    channels: str = Field(max_length=100)
    confidential: bool
    given_by: str = Field(max_length=120)
    at: datetime = Field(sa_type=Moment)


class UnaskedSeenRow(SQLModel, table=True):
    """Who was told of it, and said so."""

    __tablename__: ClassVar[str] = "access_unasked_seen"

    unasked_id: int = Field(primary_key=True, foreign_key="access_unasked.unasked_id")
    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    at: datetime = Field(sa_type=Moment)


class ApiTokenRow(SQLModel, table=True):
    """A program's way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "api_token"

    token_hash: str = Field(primary_key=True, max_length=64)
    label: str = Field(max_length=80)
    #: What it opens; see ``node.service.tokens.TokenScope``.
    scope: str = Field(default="messages", max_length=20)
    #: Of which messages, separated by blanks.
    channels: str = Field(default="", max_length=100)
    #: The account that it is bound to: it opens no more than that account may.
    account_id: str | None = Field(
        default=None, foreign_key="account.account_id", index=True, max_length=32
    )
    #: Who made it: what a program made is taken back with the program. None: made before this was
    #: kept.
    made_by: str | None = Field(default=None, max_length=120)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)
