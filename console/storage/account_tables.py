"""The columns of sign-in, for the tables of each face.

These are mixins without a table: a face makes its own tables of them, in its own metadata::

    class AccountRow(AccountColumns, table=True):
        __tablename__ = "account"

The names of the tables are fixed, since sessions and links refer to ``account``.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from console.storage.columns import Moment


class AccountColumns(SQLModel):
    """A person who may sign in."""

    account_id: str = Field(primary_key=True, max_length=32)
    #: Case-folded, so that it is found without regard to case.
    sign_in_name: str = Field(unique=True, max_length=120)
    display_name: str = Field(max_length=200)
    #: Roles, separated by blanks.
    roles: str = Field(max_length=200)
    is_active: bool = True
    password_hash: str | None = Field(default=None, max_length=500)
    totp_secret_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    totp_last_step: int = -1
    created_at: datetime = Field(sa_type=Moment)
    #: Tag of the language that the person reads in.
    language: str | None = Field(default=None, max_length=16)


class SessionColumns(SQLModel):
    """A browser's way in, by the hash of its token."""

    token_hash: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    stage: str = Field(max_length=20)
    started_at: datetime = Field(sa_type=Moment)
    seen_at: datetime = Field(sa_type=Moment)
    client: str = Field(max_length=200)
    browser: str = Field(max_length=500)
    enrolment_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    is_shared: bool = False
    confirmed_at: datetime | None = Field(default=None, sa_type=Moment)


class SignInLinkColumns(SQLModel):
    """A one-time way in, by the hash of its token."""

    token_hash: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class FailureColumns(SQLModel):
    """Failed sign-ins since the last success."""

    key: str = Field(primary_key=True, max_length=80)
    count: int
    last_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True)
class AccountTables:
    """The tables that one face made of these columns."""

    account: type[AccountColumns]
    session: type[SessionColumns]
    link: type[SignInLinkColumns]
    failure: type[FailureColumns]
