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


class ApiTokenRow(SQLModel, table=True):
    """A program's way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "api_token"

    token_hash: str = Field(primary_key=True, max_length=64)
    label: str = Field(max_length=80)
    #: What it opens; see ``node.service.tokens.TokenScope``.
    scope: str = Field(default="messages", max_length=20)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)
