"""Forms that were sent to a screen that had just locked: kept sealed, so that no text is lost.

One for each person, the last, for a day. What was typed can be looked at and sent after all.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import LargeBinary, delete
from sqlmodel import Field, SQLModel, col

from console.accounts.models import AccountId
from console.storage.box import Box
from console.storage.columns import Moment
from console.storage.database import Database

LIFETIME: Final = timedelta(hours=24)
KEPT_PATH: Final = "/kept"
"""The pages of the kept form itself: sent to a locked screen too, it stays what it was."""
_LONGEST_PATH: Final = 200

Fields = Sequence[tuple[str, str]]


class KeptFormColumns(SQLModel):
    """The last such form of one person. What was typed is sealed."""

    account_id: str = Field(primary_key=True, foreign_key="account.account_id", max_length=32)
    path: str = Field(max_length=_LONGEST_PATH)
    fields_sealed: bytes = Field(sa_type=LargeBinary)
    kept_at: datetime = Field(sa_type=Moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptForm:
    """A form as it was sent: where to, what stood in it, and when."""

    path: str
    fields: Fields
    kept_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlKeptForms:
    """The kept forms of one face. ``unsealable`` is what its box raises for a key that is gone."""

    database: Database
    table: type[KeptFormColumns]
    box: Box
    clock: Callable[[], datetime]
    unsealable: type[Exception]

    def keep(self, account_id: AccountId, path: str, fields: Fields) -> None:
        """Keep a form in the place of an earlier one, but never in that of itself."""
        if not fields or len(path) > _LONGEST_PATH or not path.isprintable():
            return
        if path.startswith(KEPT_PATH):
            return
        sealed = self.box.seal(json.dumps(list(fields)).encode(), context=_context(account_id))
        with self.database.transaction() as session:
            session.execute(delete(self.table).where(col(self.table.account_id) == account_id))
            session.add(
                self.table(
                    account_id=account_id, path=path, fields_sealed=sealed, kept_at=self.clock()
                )
            )

    def find(self, account_id: AccountId) -> KeptForm | None:
        """Give the form that was kept for somebody, unless it is older than a day."""
        with self.database.reading() as session:
            row = session.get(self.table, account_id)
        if row is None:
            return None
        if self.clock() - row.kept_at >= LIFETIME:
            self.release(account_id)
            return None
        try:
            opened = self.box.unseal(row.fields_sealed, context=_context(account_id))
        except self.unsealable:
            return None
        fields = [(str(name), str(value)) for name, value in json.loads(opened)]
        return KeptForm(path=row.path, fields=fields, kept_at=row.kept_at)

    def release(self, account_id: AccountId) -> str | None:
        """Delete the form, for it is sent after all or not wanted; where it goes, or None."""
        with self.database.transaction() as session:
            row = session.get(self.table, account_id)
            if row is None:
                return None
            path = row.path
            session.delete(row)
            return path


def _context(account_id: AccountId) -> str:
    return f"form:{account_id}"
