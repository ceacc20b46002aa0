"""Accounts and their one-time links in SQL; the port is ``console.accounts.ports.AccountStore``.

What two requests may race for is one statement whose condition decides, so that it is atomic on
SQLite and PostgreSQL alike. Secrets of the second factor are sealed, each for its own place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session as DatabaseSession
from sqlmodel import col, select

from console.accounts.models import Account, AccountId, Credentials, SignInLink, TokenHash
from console.storage.account_tables import AccountColumns, AccountTables, SignInLinkColumns
from console.storage.box import Box
from console.storage.database import Database
from console.storage.witness import Deed, Done, Witness, tell_nobody


def has_changed(result: Any) -> bool:
    """Say whether a statement changed a row."""
    return isinstance(result, CursorResult) and result.rowcount > 0


def lock_account(session: DatabaseSession, tables: AccountTables, account_id: AccountId) -> None:
    """Let whoever else changes the ways in of an account wait until this transaction is over.

    Ask for it before anything else: whoever asks for it after a session's row may wait for one who
    has it and wants that row. (On SQLite one transaction writes at a time anyway.)
    """
    wanted = col(tables.account.account_id)
    session.execute(select(wanted).where(wanted == account_id).with_for_update(key_share=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStorage:
    """What the stores of sign-in of one face stand on."""

    database: Database
    tables: AccountTables
    box: Box
    witness: Witness = tell_nobody


class SqlAccounts:
    """Accounts and their one-time links; implements ``AccountStore``."""

    def __init__(self, storage: AccountStorage) -> None:
        self._database = storage.database
        self._tables = storage.tables
        self._accounts = storage.tables.account
        self._sessions = storage.tables.session
        self._links = storage.tables.link
        self._box = storage.box
        self._witness = storage.witness

    def add_account(self, account: Account, *, at: datetime) -> bool:
        """Keep a new account; False, and nothing kept, if its sign-in name is taken."""
        try:
            with self._database.transaction() as session:
                session.add(self._row(account, at=at))
                session.flush()
                roles = {"roles": _write_roles(account.roles)}
                self._witness(session, Done(Deed.ACCOUNT_ADDED, account.id, roles))
        except IntegrityError:  # the constraint decides, also between two who ask at once
            if self.load_account_by_name(account.sign_in_name) is None:
                raise
            return False
        return True

    def list_accounts(self) -> Sequence[Account]:
        """Give all accounts, by sign-in name."""
        with self._database.reading() as session:
            statement = select(self._accounts).order_by(col(self._accounts.sign_in_name))
            rows = session.exec(statement).all()
        return [self._account(row) for row in rows]

    def load_account(self, account_id: AccountId) -> Account | None:
        """Give an account, or None."""
        with self._database.reading() as session:
            row = session.get(self._accounts, account_id)
        return None if row is None else self._account(row)

    def load_account_by_name(self, sign_in_name: str) -> Account | None:
        """Give the account with this sign-in name, in capitals or not, or None."""
        with self._database.reading() as session:
            row = session.exec(self._select_by_name(sign_in_name.casefold())).first()
        return None if row is None else self._account(row)

    def change_roles(
        self, account_id: AccountId, *, expected: frozenset[str], roles: frozenset[str]
    ) -> bool:
        """Give an account other roles; False, and nothing changed, unless it has ``expected``."""
        with self._database.transaction() as session:
            changed = has_changed(
                session.execute(
                    update(self._accounts)
                    .where(
                        col(self._accounts.account_id) == account_id,
                        col(self._accounts.roles) == _write_roles(expected),
                    )
                    .values(roles=_write_roles(roles))
                )
            )
            if changed:
                detail = {"was": _write_roles(expected), "now": _write_roles(roles)}
                self._witness(session, Done(Deed.ROLES_CHANGED, account_id, detail))
        return changed

    def shut_out(self, account_id: AccountId) -> bool:
        """Close an account: its sessions end and its links stop. False if it was not open."""
        return self._turn(account_id, Deed.SHUT_OUT, is_active=False)

    def let_in(self, account_id: AccountId) -> bool:
        """Open a closed account again; False if it was not closed.

        A link or session that was just being made when it was closed does not come back with it.
        """
        return self._turn(account_id, Deed.LET_IN, is_active=True)

    def replace_password_hash(
        self, account_id: AccountId, *, expected: str, replacement: str
    ) -> None:
        """Store a stronger hash of the same password, unless the hash is no longer ``expected``."""
        with self._database.transaction() as session:
            session.execute(
                update(self._accounts)
                .where(
                    col(self._accounts.account_id) == account_id,
                    col(self._accounts.password_hash) == expected,
                )
                .values(password_hash=replacement)
            )

    def keep_credentials(self, session: DatabaseSession, credentials: Credentials) -> None:
        """Set password and second factor together, in the transaction of a set-up."""
        account_id = credentials.account_id
        session.execute(
            update(self._accounts)
            .where(col(self._accounts.account_id) == account_id)
            .values(
                password_hash=credentials.password_hash,
                totp_secret_sealed=self._seal(account_id, credentials.totp_secret),
                totp_last_step=credentials.totp_last_step,
            )
        )
        self._witness(session, Done(Deed.CREDENTIALS_SET, account_id))

    def forget_second_factors(self) -> Sequence[AccountId]:
        """Forget password and second factor of everybody and end all sessions; who had one.

        For a lost or stolen key of the box. Each person then needs a new one-time link.
        """
        with self._database.transaction() as session:
            # All of them: somebody may be setting up for the first time.
            every = select(self._accounts.account_id).order_by(col(self._accounts.account_id))
            session.exec(every.with_for_update(key_share=True)).all()
            known = session.exec(
                select(self._accounts.account_id)
                .where(col(self._accounts.totp_secret_sealed).is_not(None))
                .order_by(col(self._accounts.sign_in_name))
            ).all()
            session.execute(delete(self._sessions))
            session.execute(
                update(self._accounts).values(
                    password_hash=None, totp_secret_sealed=None, totp_last_step=-1
                )
            )
            forgotten = [AccountId(account_id) for account_id in known]
            for account_id in forgotten:
                self._witness(session, Done(Deed.SECOND_FACTOR_FORGOTTEN, account_id))
        return forgotten

    def advance_totp_step(self, account_id: AccountId, step: int) -> bool:
        """Remember that the code of ``step`` was used; False if that or a newer one was already."""
        with self._database.transaction() as session:
            return has_changed(
                session.execute(
                    update(self._accounts)
                    .where(
                        col(self._accounts.account_id) == account_id,
                        col(self._accounts.totp_last_step) < step,
                    )
                    .values(totp_last_step=step)
                )
            )

    def save_language(self, account_id: AccountId, language: str) -> None:
        """Keep the tag of the language that a person reads in."""
        with self._database.transaction() as session:
            session.execute(
                update(self._accounts)
                .where(col(self._accounts.account_id) == account_id)
                .values(language=language)
            )

    def save_link(self, link: SignInLink) -> None:
        """Keep a new link; links made earlier for the same account stop working."""
        with self._database.transaction() as session:
            lock_account(session, self._tables, link.account_id)  # of two links one stays
            session.execute(
                delete(self._links).where(col(self._links.account_id) == link.account_id)
            )
            session.add(
                self._links(
                    token_hash=link.token_hash,
                    account_id=link.account_id,
                    expires_at=link.expires_at,
                    used_at=link.used_at,
                )
            )
            session.flush()
            self._witness(session, Done(Deed.LINK_MADE, link.account_id))

    def load_link(self, token_hash: TokenHash) -> SignInLink | None:
        """Give a link, used or not, or None."""
        with self._database.reading() as session:
            row = session.get(self._links, token_hash)
        return None if row is None else _link(row)

    def consume_link(self, token_hash: TokenHash, *, at: datetime) -> SignInLink | None:
        """Use a link up; None if it is unknown, used, or expired at ``at``."""
        with self._database.transaction() as session:
            taken = session.execute(
                update(self._links)
                .where(
                    col(self._links.token_hash) == token_hash,
                    col(self._links.used_at).is_(None),
                    col(self._links.expires_at) > at,
                )
                .values(used_at=at)
            )
            row = session.get(self._links, token_hash) if has_changed(taken) else None
            if row is None:
                return None
            link = _link(row)
            self._witness(session, Done(Deed.LINK_FOLLOWED, link.account_id))
            return link

    def _select_by_name(self, folded: str) -> Any:
        return select(self._accounts).where(self._accounts.sign_in_name == folded)

    def _turn(self, account_id: AccountId, deed: Deed, *, is_active: bool) -> bool:
        def turn(session: DatabaseSession) -> bool:
            if not self._set_active(session, account_id, is_active=is_active):
                return False
            self._close_ways_in(session, account_id)
            self._witness(session, Done(deed, account_id))
            return True

        return self._database.transact(turn)

    def _set_active(
        self, session: DatabaseSession, account_id: AccountId, *, is_active: bool
    ) -> bool:
        return has_changed(
            session.execute(
                update(self._accounts)
                .where(
                    col(self._accounts.account_id) == account_id,
                    col(self._accounts.is_active).is_(not is_active),
                )
                .values(is_active=is_active)
            )
        )

    def _close_ways_in(self, session: DatabaseSession, account_id: AccountId) -> None:
        for table in (self._sessions, self._links):
            session.execute(delete(table).where(col(table.account_id) == account_id))

    def _row(self, account: Account, *, at: datetime) -> AccountColumns:
        return self._accounts(
            account_id=account.id,
            sign_in_name=account.sign_in_name.casefold(),
            display_name=account.display_name,
            roles=_write_roles(account.roles),
            is_active=account.is_active,
            password_hash=account.password_hash,
            totp_secret_sealed=self._seal(account.id, account.totp_secret),
            totp_last_step=account.totp_last_step,
            created_at=at,
            language=account.language or None,
        )

    def _account(self, row: AccountColumns) -> Account:
        return Account(
            id=AccountId(row.account_id),
            sign_in_name=row.sign_in_name,
            display_name=row.display_name,
            roles=frozenset(row.roles.split()),
            is_active=row.is_active,
            password_hash=row.password_hash,
            totp_secret=self._unseal(row.account_id, row.totp_secret_sealed),
            totp_last_step=row.totp_last_step,
            language=row.language or "",
        )

    def _seal(self, account_id: str, secret: str | None) -> bytes | None:
        if secret is None:
            return None
        return self._box.seal(secret.encode(), context=f"totp:{account_id}")

    def _unseal(self, account_id: str, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        return self._box.unseal(sealed, context=f"totp:{account_id}").decode()


def _write_roles(roles: Iterable[str]) -> str:
    return " ".join(sorted(roles))


def _link(row: SignInLinkColumns) -> SignInLink:
    return SignInLink(
        token_hash=TokenHash(row.token_hash),
        account_id=AccountId(row.account_id),
        expires_at=row.expires_at,
        used_at=row.used_at,
    )
