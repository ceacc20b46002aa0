"""Further ways in, in SQL; the port is ``console.accounts.factors.FactorStore``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session as DatabaseSession
from sqlmodel import col, func, select

from console.accounts.factors import Ceremony, FactorDeed, Passkey, Purpose
from console.accounts.models import AccountId, SessionOverError, Stage, TokenHash
from console.storage.account_tables import AccountTables
from console.storage.accounts import has_changed, lock_account
from console.storage.box import Box
from console.storage.database import Database
from console.storage.factor_tables import FactorTables, PasskeyColumns

FactorWitness = Callable[[DatabaseSession, FactorDeed, AccountId], None]
"""Told of each deed in the transaction that does it."""


def tell_nobody(_session: DatabaseSession, _deed: FactorDeed, _account_id: AccountId) -> None:
    """Keep no log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlFactors:
    """Passkeys, recovery codes, national logins, ceremonies; implements ``FactorStore``."""

    database: Database
    tables: FactorTables
    #: Of the sessions that ask.
    accounts: AccountTables
    box: Box
    witness: FactorWitness = tell_nobody

    def add_passkey(self, passkey: Passkey, *, by: TokenHash) -> bool:
        """Keep a new passkey; False if it is known already, to whomever."""
        row = self.tables.passkey(
            passkey_id=passkey.passkey_id,
            account_id=passkey.account_id,
            credential_id=passkey.credential_id,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            label=passkey.label,
            created_at=passkey.created_at,
        )
        try:
            with self.database.transaction() as session:
                self._require_active(session, passkey.account_id, by)
                session.add(row)
                session.flush()
                self.witness(session, FactorDeed.PASSKEY_ADDED, passkey.account_id)
        except IntegrityError:
            return False
        return True

    def find_passkey(self, credential_id: bytes) -> Passkey | None:
        """Give a passkey, or None."""
        table = self.tables.passkey
        with self.database.reading() as session:
            row = session.exec(select(table).where(table.credential_id == credential_id)).first()
        return None if row is None else _passkey(row)

    def list_passkeys(self, account_id: AccountId) -> Sequence[Passkey]:
        """Give somebody's passkeys, the oldest first."""
        table = self.tables.passkey
        with self.database.reading() as session:
            rows = session.exec(
                select(table)
                .where(table.account_id == account_id)
                .order_by(col(table.created_at), col(table.passkey_id))
            ).all()
        return [_passkey(row) for row in rows]

    def note_passkey_used(self, passkey: Passkey, *, sign_count: int, at: datetime) -> bool:
        """Note a use; False, and nothing noted, if its count is not the one of ``passkey`` now."""
        table = self.tables.passkey
        with self.database.transaction() as session:
            return has_changed(
                session.execute(
                    update(table)
                    .where(
                        col(table.passkey_id) == passkey.passkey_id,
                        col(table.sign_count) == passkey.sign_count,
                    )
                    .values(sign_count=sign_count, used_at=at)
                )
            )

    def remove_passkey(self, account_id: AccountId, passkey_id: str) -> bool:
        """Forget somebody's passkey; False if they have no such one."""
        table = self.tables.passkey
        with self.database.transaction() as session:
            gone = has_changed(
                session.execute(
                    delete(table).where(
                        col(table.passkey_id) == passkey_id, col(table.account_id) == account_id
                    )
                )
            )
            if gone:
                self.witness(session, FactorDeed.PASSKEY_REMOVED, account_id)
        return gone

    def replace_recovery_codes(
        self, account_id: AccountId, hashes: Sequence[str], *, at: datetime, by: TokenHash
    ) -> None:
        """Put new recovery codes, by their hashes, in the place of all earlier ones."""
        table = self.tables.recovery_code
        with self.database.transaction() as session:
            self._require_active(session, account_id, by)
            session.execute(delete(table).where(col(table.account_id) == account_id))
            for code_hash in hashes:
                session.add(table(code_hash=code_hash, account_id=account_id, created_at=at))
            session.flush()
            self.witness(session, FactorDeed.RECOVERY_CODES_MADE, account_id)

    def use_recovery_code(self, account_id: AccountId, code_hash: str, *, at: datetime) -> bool:
        """Use a recovery code up; False if it is not theirs, or was used."""
        table = self.tables.recovery_code
        with self.database.transaction() as session:
            used = has_changed(
                session.execute(
                    update(table)
                    .where(
                        col(table.code_hash) == code_hash,
                        col(table.account_id) == account_id,
                        col(table.used_at).is_(None),
                    )
                    .values(used_at=at)
                )
            )
            if used:
                self.witness(session, FactorDeed.RECOVERY_CODE_USED, account_id)
        return used

    def count_recovery_codes(self, account_id: AccountId) -> int:
        """Say how many are left."""
        table = self.tables.recovery_code
        with self.database.reading() as session:
            return session.exec(
                select(func.count())
                .select_from(table)
                .where(table.account_id == account_id, col(table.used_at).is_(None))
            ).one()

    def link_national(
        self, account_id: AccountId, identity_hash: str, *, at: datetime, by: TokenHash
    ) -> bool:
        """Link an account to a national identity; False if that is somebody else's."""
        table = self.tables.national_login
        try:
            with self.database.transaction() as session:
                self._require_active(session, account_id, by)
                session.execute(delete(table).where(col(table.account_id) == account_id))
                session.add(table(account_id=account_id, identity_hash=identity_hash, linked_at=at))
                session.flush()
                self.witness(session, FactorDeed.NATIONAL_LOGIN_LINKED, account_id)
        except IntegrityError:
            return False
        return True

    def unlink_national(self, account_id: AccountId) -> bool:
        """Forget it; False if nothing was linked."""
        table = self.tables.national_login
        with self.database.transaction() as session:
            gone = has_changed(
                session.execute(delete(table).where(col(table.account_id) == account_id))
            )
            if gone:
                self.witness(session, FactorDeed.NATIONAL_LOGIN_UNLINKED, account_id)
        return gone

    def find_national(self, identity_hash: str) -> AccountId | None:
        """Give whose national identity this is, or None."""
        table = self.tables.national_login
        with self.database.reading() as session:
            found = session.exec(
                select(table.account_id).where(table.identity_hash == identity_hash)
            ).first()
        return None if found is None else AccountId(found)

    def is_linked(self, account_id: AccountId) -> bool:
        """Say whether an account is linked."""
        with self.database.reading() as session:
            return session.get(self.tables.national_login, account_id) is not None

    def forget_all(self, session: DatabaseSession, account_id: AccountId) -> None:
        """Forget somebody's passkeys, recovery codes and national login, in a set-up."""
        deeds = (
            (self.tables.passkey, FactorDeed.PASSKEY_REMOVED),
            (self.tables.recovery_code, FactorDeed.RECOVERY_CODES_FORGOTTEN),
            (self.tables.national_login, FactorDeed.NATIONAL_LOGIN_UNLINKED),
        )
        for table, deed in deeds:
            gone = session.execute(delete(table).where(col(table.account_id) == account_id))
            if has_changed(gone):
                self.witness(session, deed, account_id)

    def _require_active(
        self, session: DatabaseSession, account_id: AccountId, by: TokenHash
    ) -> None:
        """Raise ``SessionOverError`` unless this session of theirs is active, until the end."""
        lock_account(session, self.accounts, account_id)
        row = session.get(self.accounts.session, by)
        if row is None or row.account_id != account_id or row.stage != Stage.ACTIVE:
            raise SessionOverError

    def begin_ceremony(self, ceremony: Ceremony, *, now: datetime) -> None:
        """Keep a ceremony in the place of one of the same name; what is over is cleared away."""
        table = self.tables.ceremony
        sealed = self.box.seal(ceremony.secret, context=f"ceremony:{ceremony.ceremony_id}")
        with self.database.transaction() as session:
            session.execute(
                delete(table).where(
                    (col(table.expires_at) <= now)
                    | (col(table.ceremony_id) == ceremony.ceremony_id)
                )
            )
            session.add(
                table(
                    ceremony_id=ceremony.ceremony_id,
                    purpose=ceremony.purpose.value,
                    secret_sealed=sealed,
                    expires_at=ceremony.expires_at,
                )
            )

    def take_ceremony(self, ceremony_id: str, purpose: Purpose, *, at: datetime) -> bytes | None:
        """Take a ceremony out, once: its secret, or None if it is unknown, over, or another's."""
        table = self.tables.ceremony
        with self.database.transaction() as session:
            row = session.get(table, ceremony_id)
            taken = row is not None and has_changed(
                session.execute(
                    delete(table)
                    .where(
                        col(table.ceremony_id) == ceremony_id,
                        col(table.purpose) == purpose.value,
                        col(table.expires_at) > at,
                    )
                    .execution_options(synchronize_session=False)
                )
            )
            sealed = row.secret_sealed if row is not None and taken else None
        if sealed is None:
            return None
        return self.box.unseal(sealed, context=f"ceremony:{ceremony_id}")


def _passkey(row: PasskeyColumns) -> Passkey:
    return Passkey(
        credential_id=row.credential_id,
        account_id=AccountId(row.account_id),
        public_key=row.public_key,
        sign_count=row.sign_count,
        label=row.label,
        created_at=row.created_at,
        used_at=row.used_at,
    )
