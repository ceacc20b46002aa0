"""Tables of the operators and their way in."""

from typing import ClassVar, Final

from console.storage.account_tables import (
    AccountColumns,
    AccountTables,
    FailureColumns,
    SessionColumns,
    SignInLinkColumns,
)
from hub.store.metadata import HubTable


class AccountRow(AccountColumns, HubTable, table=True):
    """An operator of the hub."""

    __tablename__: ClassVar[str] = "account"


class SessionRow(SessionColumns, HubTable, table=True):
    """A browser's way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "session"


class SignInLinkRow(SignInLinkColumns, HubTable, table=True):
    """A one-time way in, by the hash of its token."""

    __tablename__: ClassVar[str] = "sign_in_link"


class FailureRow(FailureColumns, HubTable, table=True):
    """Failed sign-ins since the last success."""

    __tablename__: ClassVar[str] = "sign_in_failure"


ACCOUNT_TABLES: Final = AccountTables(
    account=AccountRow, session=SessionRow, link=SignInLinkRow, failure=FailureRow
)
