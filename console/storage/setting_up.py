"""A set-up in SQL; the port is ``console.accounts.ports.SettingUp``."""

from dataclasses import dataclass

from sqlmodel import Session as DatabaseSession

from console.accounts.models import Credentials, Session, TokenHash
from console.storage.accounts import AccountStorage, SqlAccounts, lock_account
from console.storage.factors import SqlFactors
from console.storage.sessions import SqlSessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSettingUp:
    """Lets a set-up count, in one transaction; implements ``SettingUp``."""

    storage: AccountStorage
    #: None where the face has no further ways in.
    factors: SqlFactors | None = None

    def set_up(self, credentials: Credentials, *, old: TokenHash, session: Session) -> bool:
        """Let these credentials and this session be all that lets in; False if ``old`` is gone."""
        account_id = credentials.account_id
        accounts, sessions = SqlAccounts(self.storage), SqlSessions(self.storage)

        def work(transaction: DatabaseSession) -> bool:
            lock_account(transaction, self.storage.tables, account_id)
            if transaction.get(self.storage.tables.session, old) is None:
                return False
            if self.factors is not None:
                self.factors.forget_all(transaction, account_id)
            accounts.keep_credentials(transaction, credentials)
            sessions.put_in_place(transaction, old, session)
            sessions.end_all(transaction, account_id, but=session.token_hash)
            return True

        return self.storage.database.transact(work)
