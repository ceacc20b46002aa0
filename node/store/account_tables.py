"""Tables of people and programs that may come in."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from node.store.columns import Moment


class AccountRow(SQLModel, table=True):
    """A person of this node."""

    __tablename__: ClassVar[str] = "account"

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


class SessionRow(SQLModel, table=True):
    """A browser's way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "session"

    token_hash: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    stage: str = Field(max_length=20)
    started_at: datetime = Field(sa_type=Moment)
    seen_at: datetime = Field(sa_type=Moment)
    client: str = Field(max_length=200)
    browser: str = Field(max_length=500)
    enrolment_sealed: bytes | None = Field(default=None, sa_type=LargeBinary)


class SignInLinkRow(SQLModel, table=True):
    """A one-time way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "sign_in_link"

    token_hash: str = Field(primary_key=True, max_length=64)
    account_id: str = Field(foreign_key="account.account_id", index=True, max_length=32)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class FailureRow(SQLModel, table=True):
    """Failed sign-ins since the last success."""

    __tablename__: ClassVar[str] = "sign_in_failure"

    key: str = Field(primary_key=True, max_length=80)
    count: int
    last_at: datetime = Field(sa_type=Moment)


class ApiTokenRow(SQLModel, table=True):
    """A program's way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "api_token"

    token_hash: str = Field(primary_key=True, max_length=64)
    label: str = Field(max_length=80)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)
