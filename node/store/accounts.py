"""The stores of sign-in in SQL; the ports are those of ``console.accounts.ports``.

What two requests may race for is one statement whose condition decides, so that it is atomic on
SQLite and PostgreSQL alike. Secrets of the second factor are sealed by the key store, each for its
own place.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlmodel import Session as DatabaseSession
from sqlmodel import col, select

from console.accounts.models import (
    Account,
    AccountId,
    Enrolment,
    Failures,
    Session,
    SignInLink,
    Stage,
    TokenHash,
)
from node.domain.ports import KeyStore
from node.store.account_tables import AccountRow, FailureRow, SessionRow, SignInLinkRow
from node.store.database import Database


def _changed(result: Any) -> bool:
    """Say whether a statement changed a row."""
    return isinstance(result, CursorResult) and result.rowcount > 0


class SqlAccounts:
    """Accounts and their one-time links; implements ``AccountStore``."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self._database = database
        self._keys = keys

    def add_account(self, account: Account, *, at: datetime) -> bool:
        """Keep a new account; False, and nothing kept, if its sign-in name is taken."""
        name = account.sign_in_name.casefold()
        with self._database.transaction() as session:
            if session.exec(select(AccountRow).where(AccountRow.sign_in_name == name)).first():
                return False
            session.add(
                AccountRow(
                    account_id=account.id,
                    sign_in_name=name,
                    display_name=account.display_name,
                    roles=" ".join(sorted(account.roles)),
                    is_active=account.is_active,
                    password_hash=account.password_hash,
                    totp_secret_sealed=self._seal(account.id, account.totp_secret),
                    totp_last_step=account.totp_last_step,
                    created_at=at,
                )
            )
        return True

    def list_accounts(self) -> Sequence[Account]:
        """Give all accounts, by sign-in name."""
        with self._database.reading() as session:
            rows = session.exec(select(AccountRow).order_by(col(AccountRow.sign_in_name))).all()
        return [self._account(row) for row in rows]

    def load_account(self, account_id: AccountId) -> Account | None:
        """Give an account, or None."""
        with self._database.reading() as session:
            row = session.get(AccountRow, account_id)
        return None if row is None else self._account(row)

    def load_account_by_name(self, sign_in_name: str) -> Account | None:
        """Give the account with this sign-in name, in capitals or not, or None."""
        name = sign_in_name.casefold()
        with self._database.reading() as session:
            row = session.exec(select(AccountRow).where(AccountRow.sign_in_name == name)).first()
        return None if row is None else self._account(row)

    def replace_password_hash(
        self, account_id: AccountId, *, expected: str, replacement: str
    ) -> None:
        """Store a stronger hash of the same password, unless the hash is no longer ``expected``."""
        with self._database.transaction() as session:
            session.execute(
                update(AccountRow)
                .where(
                    col(AccountRow.account_id) == account_id,
                    col(AccountRow.password_hash) == expected,
                )
                .values(password_hash=replacement)
            )

    def save_credentials(
        self, account_id: AccountId, *, password_hash: str, totp_secret: str, totp_last_step: int
    ) -> None:
        """Set password and second factor together, in one transaction."""
        with self._database.transaction() as session:
            session.execute(
                update(AccountRow)
                .where(col(AccountRow.account_id) == account_id)
                .values(
                    password_hash=password_hash,
                    totp_secret_sealed=self._seal(account_id, totp_secret),
                    totp_last_step=totp_last_step,
                )
            )

    def advance_totp_step(self, account_id: AccountId, step: int) -> bool:
        """Remember that the code of ``step`` was used; False if that or a newer one was already."""
        with self._database.transaction() as session:
            return _changed(
                session.execute(
                    update(AccountRow)
                    .where(
                        col(AccountRow.account_id) == account_id,
                        col(AccountRow.totp_last_step) < step,
                    )
                    .values(totp_last_step=step)
                )
            )

    def save_link(self, link: SignInLink) -> None:
        """Keep a new link; links made earlier for the same account stop working."""
        with self._database.transaction() as session:
            session.execute(
                delete(SignInLinkRow).where(col(SignInLinkRow.account_id) == link.account_id)
            )
            session.add(
                SignInLinkRow(
                    token_hash=link.token_hash,
                    account_id=link.account_id,
                    expires_at=link.expires_at,
                    used_at=link.used_at,
                )
            )

    def load_link(self, token_hash: TokenHash) -> SignInLink | None:
        """Give a link, used or not, or None."""
        with self._database.reading() as session:
            row = session.get(SignInLinkRow, token_hash)
        return None if row is None else _link(row)

    def consume_link(self, token_hash: TokenHash, *, at: datetime) -> SignInLink | None:
        """Use a link up; None if it is unknown, used, or expired at ``at``."""
        with self._database.transaction() as session:
            taken = session.execute(
                update(SignInLinkRow)
                .where(
                    col(SignInLinkRow.token_hash) == token_hash,
                    col(SignInLinkRow.used_at).is_(None),
                    col(SignInLinkRow.expires_at) > at,
                )
                .values(used_at=at)
            )
            row = session.get(SignInLinkRow, token_hash) if _changed(taken) else None
            return None if row is None else _link(row)

    def _account(self, row: AccountRow) -> Account:
        return Account(
            id=AccountId(row.account_id),
            sign_in_name=row.sign_in_name,
            display_name=row.display_name,
            roles=frozenset(row.roles.split()),
            is_active=row.is_active,
            password_hash=row.password_hash,
            totp_secret=self._unseal(row.account_id, row.totp_secret_sealed),
            totp_last_step=row.totp_last_step,
        )

    def _seal(self, account_id: str, secret: str | None) -> bytes | None:
        if secret is None:
            return None
        return self._keys.encrypt(secret.encode(), wrapped_key=None, context=f"totp:{account_id}")

    def _unseal(self, account_id: str, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._keys.decrypt(sealed, wrapped_key=None, context=f"totp:{account_id}").decode()


def _link(row: SignInLinkRow) -> SignInLink:
    return SignInLink(
        token_hash=TokenHash(row.token_hash),
        account_id=AccountId(row.account_id),
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


class SqlSessions:
    """Sessions, by the hash of their token; implements ``SessionStore``."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self._database = database
        self._keys = keys

    def add_session(self, session: Session) -> None:
        """Keep a new session."""
        with self._database.transaction() as transaction:
            transaction.add(self._row(session))

    def update_session(self, session: Session) -> bool:
        """Store the changed state of a session; False, and nothing stored, if it is gone."""
        row = self._row(session)
        with self._database.transaction() as transaction:
            return _changed(
                transaction.execute(
                    update(SessionRow)
                    .where(col(SessionRow.token_hash) == session.token_hash)
                    .values(**row.model_dump(exclude={"token_hash"}))
                )
            )

    def load_session(self, token_hash: TokenHash) -> Session | None:
        """Give a session, or None."""
        with self._database.reading() as transaction:
            row = transaction.get(SessionRow, token_hash)
        return None if row is None else self._session(row)

    def replace_session(self, old: TokenHash, session: Session) -> bool:
        """Put ``session`` in the place of ``old``; False, and nothing done, if ``old`` is gone."""
        with self._database.transaction() as transaction:
            if not _delete(transaction, old):
                return False
            transaction.add(self._row(session))
            return True

    def touch_session(self, token_hash: TokenHash, *, seen_at: datetime) -> None:
        """Note the person's last act, if the session is still there."""
        with self._database.transaction() as transaction:
            transaction.execute(
                update(SessionRow)
                .where(col(SessionRow.token_hash) == token_hash)
                .values(seen_at=seen_at)
            )

    def delete_session(self, token_hash: TokenHash) -> None:
        """End a session; nothing happens if it is gone."""
        with self._database.transaction() as transaction:
            _delete(transaction, token_hash)

    def list_sessions(self, account_id: AccountId) -> Sequence[Session]:
        """Give the account's sessions, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.exec(
                select(SessionRow)
                .where(SessionRow.account_id == account_id)
                .order_by(col(SessionRow.started_at).desc(), col(SessionRow.token_hash))
            ).all()
        return [self._session(row) for row in rows]

    def delete_sessions(self, account_id: AccountId) -> None:
        """End all sessions of an account."""
        with self._database.transaction() as transaction:
            transaction.execute(delete(SessionRow).where(col(SessionRow.account_id) == account_id))

    def _row(self, session: Session) -> SessionRow:
        sealed = None
        if session.enrolment is not None:
            sealed = self._keys.encrypt(
                json.dumps(asdict(session.enrolment)).encode(),
                wrapped_key=None,
                context=f"enrolment:{session.token_hash}",
            )
        return SessionRow(
            token_hash=session.token_hash,
            account_id=session.account_id,
            stage=session.stage.value,
            started_at=session.started_at,
            seen_at=session.seen_at,
            client=session.client,
            browser=session.browser,
            enrolment_sealed=sealed,
        )

    def _session(self, row: SessionRow) -> Session:
        enrolment = None
        if row.enrolment_sealed is not None:
            opened = self._keys.decrypt(
                row.enrolment_sealed, wrapped_key=None, context=f"enrolment:{row.token_hash}"
            )
            enrolment = Enrolment(**json.loads(opened))
        return Session(
            token_hash=TokenHash(row.token_hash),
            account_id=AccountId(row.account_id),
            stage=Stage(row.stage),
            started_at=row.started_at,
            seen_at=row.seen_at,
            client=row.client,
            browser=row.browser,
            enrolment=enrolment,
        )


def _delete(transaction: DatabaseSession, token_hash: TokenHash) -> bool:
    return _changed(
        transaction.execute(delete(SessionRow).where(col(SessionRow.token_hash) == token_hash))
    )


class SqlFailures:
    """Failed sign-ins, by hashed key; implements ``FailureStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_failures(self, key: str) -> Failures:
        """Give what is known of ``key``; no failures if nothing is."""
        with self._database.reading() as session:
            row = session.get(FailureRow, key)
        return Failures() if row is None else Failures(row.count, row.last_at)

    def record_failure(self, key: str, *, at: datetime, forget_before: datetime) -> None:
        """Count one more failure; a count last raised before ``forget_before`` begins anew."""
        # Both databases have the same "insert, or else update": parallel guesses are all counted.
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = insert(FailureRow).values(key=key, count=1, last_at=at)
        count = case((col(FailureRow.last_at) < forget_before, 1), else_=col(FailureRow.count) + 1)
        with self._database.transaction() as session:
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["key"], set_={"count": count, "last_at": at}
                )
            )

    def forget_failure(self, key: str) -> None:
        """Count one failure less, if there are any."""
        statement = (
            update(FailureRow)
            .where(col(FailureRow.key) == key, col(FailureRow.count) > 0)
            .values(count=col(FailureRow.count) - 1)
        )
        with self._database.transaction() as session:
            session.execute(statement)

    def clear_failures(self, key: str) -> None:
        """Forget the failures of ``key`` after a success."""
        with self._database.transaction() as session:
            session.execute(delete(FailureRow).where(col(FailureRow.key) == key))
