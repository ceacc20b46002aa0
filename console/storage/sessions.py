"""Sessions and failed sign-ins in SQL; the ports are those of ``console.accounts.ports``."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import case, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlmodel import Session as DatabaseSession
from sqlmodel import col, select

from console.accounts.models import AccountId, Enrolment, Failures, Session, Stage, TokenHash
from console.storage.account_tables import FailureColumns, SessionColumns
from console.storage.accounts import AccountStorage, has_changed, lock_account
from console.storage.database import Database
from console.storage.witness import Deed, Done

_SIGNED_IN: Final = frozenset({Stage.ACTIVE, Stage.LOCKED})


class SqlSessions:
    """Sessions, by the hash of their token; implements ``SessionStore``."""

    def __init__(self, storage: AccountStorage) -> None:
        self._database = storage.database
        self._tables = storage.tables
        self._table = storage.tables.session
        self._box = storage.box
        self._witness = storage.witness

    def add_session(self, session: Session) -> None:
        """Keep a new session."""
        # A set-up that runs has asked already which sessions there are: this one comes after it.
        with self._database.transaction() as transaction:
            lock_account(transaction, self._tables, session.account_id)
            transaction.add(self._row(session))

    def update_session(self, session: Session) -> bool:
        """Store the changed state of a session; False, and nothing stored, if it is gone."""
        row = self._row(session)
        with self._database.transaction() as transaction:
            return has_changed(
                transaction.execute(
                    update(self._table)
                    .where(col(self._table.token_hash) == session.token_hash)
                    .values(**row.model_dump(exclude={"token_hash"}))
                )
            )

    def load_session(self, token_hash: TokenHash) -> Session | None:
        """Give a session, or None."""
        with self._database.reading() as transaction:
            row = transaction.get(self._table, token_hash)
        return None if row is None else self._session(row)

    def replace_session(self, old: TokenHash, session: Session) -> bool:
        """Put ``session`` in the place of ``old``; False, and nothing done, if ``old`` is gone."""

        def step(transaction: DatabaseSession) -> bool:
            lock_account(transaction, self._tables, session.account_id)
            return self.put_in_place(transaction, old, session)

        return self._database.transact(step)

    def put_in_place(self, transaction: DatabaseSession, old: TokenHash, session: Session) -> bool:
        """Replace a session in a transaction that has locked the account; False if it is gone."""
        row = transaction.get(self._table, old)
        if row is None or not self._delete(transaction, old):
            return False
        transaction.add(self._row(session))
        if _is_full_sign_in(row, session):
            transaction.flush()
            self._witness(transaction, Done(Deed.SIGNED_IN, session.account_id))
        return True

    def touch_session(self, token_hash: TokenHash, *, seen_at: datetime) -> None:
        """Note the person's last act, if the session is still there."""
        with self._database.transaction() as transaction:
            transaction.execute(
                update(self._table)
                .where(col(self._table.token_hash) == token_hash)
                .values(seen_at=seen_at)
            )

    def note_confirmation(self, token_hash: TokenHash, *, at: datetime) -> None:
        """Note that the person proved to be there once more, if the session is still there."""
        self._set(token_hash, confirmed_at=at)

    def note_shared(self, token_hash: TokenHash, *, is_shared: bool) -> None:
        """Note whether others use this computer too, if the session is still there."""
        self._set(token_hash, is_shared=is_shared)

    def _set(self, token_hash: TokenHash, **values: object) -> None:
        # One column alone: a screen that was locked meanwhile stays locked.
        with self._database.transaction() as transaction:
            transaction.execute(
                update(self._table)
                .where(col(self._table.token_hash) == token_hash)
                .values(**values)
            )

    def delete_session(self, token_hash: TokenHash) -> None:
        """End a session; nothing happens if it is gone."""

        def end(transaction: DatabaseSession) -> None:
            row = transaction.get(self._table, token_hash)
            if row is None:
                return
            lock_account(transaction, self._tables, AccountId(row.account_id))
            if self._delete(transaction, token_hash):
                self._tell_end(transaction, row)

        self._database.transact(end)

    def list_sessions(self, account_id: AccountId) -> Sequence[Session]:
        """Give the account's sessions, newest first."""
        with self._database.reading() as transaction:
            rows = transaction.exec(
                select(self._table)
                .where(self._table.account_id == account_id)
                .order_by(col(self._table.started_at).desc(), col(self._table.token_hash))
            ).all()
        return [self._session(row) for row in rows]

    def delete_sessions(self, account_id: AccountId) -> None:
        """End all sessions of an account."""

        def end(transaction: DatabaseSession) -> None:
            lock_account(transaction, self._tables, account_id)
            self.end_all(transaction, account_id)

        self._database.transact(end)

    def end_all(
        self,
        transaction: DatabaseSession,
        account_id: AccountId,
        *,
        but: TokenHash | None = None,
    ) -> None:
        """End all sessions, ``but`` one, in a transaction that has locked the account."""
        rows = transaction.exec(
            select(self._table).where(
                self._table.account_id == account_id, self._table.token_hash != but
            )
        ).all()
        ended = [row for row in rows if self._delete(transaction, TokenHash(row.token_hash))]
        for row in ended:  # all gone first: a witness may make others wait, who hold a row
            self._tell_end(transaction, row)

    def _delete(self, transaction: DatabaseSession, token_hash: TokenHash) -> bool:
        # A statement of its own, past the session's memory: of two that race one deletes.
        return has_changed(
            transaction.execute(
                delete(self._table)
                .where(col(self._table.token_hash) == token_hash)
                .execution_options(synchronize_session=False)
            )
        )

    def _tell_end(self, transaction: DatabaseSession, row: SessionColumns) -> None:
        if Stage(row.stage) in _SIGNED_IN:
            self._witness(transaction, Done(Deed.SESSION_ENDED, AccountId(row.account_id)))

    def _row(self, session: Session) -> SessionColumns:
        sealed = None
        if session.enrolment is not None:
            sealed = self._box.seal(
                json.dumps(asdict(session.enrolment)).encode(),
                context=f"enrolment:{session.token_hash}",
            )
        return self._table(
            token_hash=session.token_hash,
            account_id=session.account_id,
            stage=session.stage.value,
            started_at=session.started_at,
            seen_at=session.seen_at,
            client=session.client,
            browser=session.browser,
            enrolment_sealed=sealed,
            is_shared=session.is_shared,
            confirmed_at=session.confirmed_at,
        )

    def _session(self, row: SessionColumns) -> Session:
        enrolment = None
        if row.enrolment_sealed is not None:
            opened = self._box.unseal(row.enrolment_sealed, context=f"enrolment:{row.token_hash}")
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
            is_shared=row.is_shared,
            confirmed_at=row.confirmed_at,
        )


def _is_full_sign_in(before: SessionColumns, after: Session) -> bool:
    """Tell a sign-in from a screen that was unlocked by its password alone."""
    was_unlocked = before.stage == Stage.LOCKED and before.started_at == after.started_at
    return after.stage is Stage.ACTIVE and not was_unlocked


class SqlFailures:
    """Failed sign-ins, by hashed key; implements ``FailureStore``."""

    def __init__(self, database: Database, table: type[FailureColumns]) -> None:
        self._database = database
        self._table = table

    def load_failures(self, key: str) -> Failures:
        """Give what is known of ``key``; no failures if nothing is."""
        with self._database.reading() as session:
            row = session.get(self._table, key)
        return Failures() if row is None else Failures(row.count, row.last_at)

    def record_failure(self, key: str, *, at: datetime, forget_before: datetime) -> None:
        """Count one more failure; a count last raised before ``forget_before`` begins anew."""
        # Both databases have the same "insert, or else update": parallel guesses are all counted.
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        statement = insert(self._table).values(key=key, count=1, last_at=at)
        is_old = col(self._table.last_at) < forget_before
        count = case((is_old, 1), else_=col(self._table.count) + 1)
        with self._database.transaction() as session:
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["key"], set_={"count": count, "last_at": at}
                )
            )

    def forget_failure(self, key: str) -> None:
        """Count one failure less, if there are any."""
        statement = (
            update(self._table)
            .where(col(self._table.key) == key, col(self._table.count) > 0)
            .values(count=col(self._table.count) - 1)
        )
        with self._database.transaction() as session:
            session.execute(statement)

    def forget_old(self, before: datetime) -> int:
        """Clear away what counts no more: whoever tries from many places fills no disk. How many.

        For a round now and then; what is old counts for nobody meanwhile.
        """
        with self._database.transaction() as session:
            gone = session.execute(delete(self._table).where(col(self._table.last_at) < before))
        return gone.rowcount if isinstance(gone, CursorResult) else 0

    def clear_failures(self, key: str) -> None:
        """Forget the failures of ``key`` after a success."""
        with self._database.transaction() as session:
            session.execute(delete(self._table).where(col(self._table.key) == key))
