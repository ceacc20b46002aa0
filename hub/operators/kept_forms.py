"""Forms that were sent to a screen that had just locked: kept sealed, so that no text is lost.

One for each operator, the last; for a day. What was typed can be looked at and sent after all.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.accounts.models import AccountId
from console.storage.secret_box import SecretBoxError
from console.ways_back import is_own_path
from hub.audit.actions import Action
from hub.context import HubRecords
from hub.store.kept_form_tables import KeptFormRow

LIFETIME: Final = timedelta(hours=24)
_LONGEST_PATH: Final = 200
_BY_ITSELF: Final = "program:kept-forms"
KEPT_PREFIX: Final = "/kept"
"""The pages of the kept form itself: sent to a locked screen too, it stays what it was."""

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptForm:
    """A form as it was sent: where to, what stood in it, and when."""

    path: str
    fields: Fields
    kept_at: datetime


def keep_form(records: HubRecords, account_id: AccountId, path: str, fields: Fields) -> None:
    """Keep a form in the place of an earlier one, but never in that of itself."""
    if not fields or len(path) > _LONGEST_PATH or not is_own_path(path):
        return
    if path.startswith(KEPT_PREFIX):
        return
    sealed = records.box.seal(json.dumps(list(fields)).encode(), context=_context(account_id))
    with records.audit.acting(account_id, Action.FORM_KEPT, path) as act:
        records.audit.lock(act.session)  # of two that come at once the second replaces the first
        act.session.merge(
            KeptFormRow(
                account_id=account_id, path=path, fields_sealed=sealed, kept_at=records.clock()
            )
        )


def find_kept_form(records: HubRecords, account_id: AccountId) -> KeptForm | None:
    """Give the form that was kept for an operator; one that is older than a day is forgotten."""
    with records.database.reading() as session:
        row = session.get(KeptFormRow, account_id)
    if row is None:
        return None
    if records.clock() - row.kept_at >= LIFETIME:
        _forget(records, account_id, row.kept_at)
        return None
    try:
        opened = records.box.unseal(row.fields_sealed, context=_context(account_id))
    except SecretBoxError:
        return None  # sealed with a key that is gone
    fields = [(str(name), str(value)) for name, value in json.loads(opened)]
    return KeptForm(path=row.path, fields=fields, kept_at=row.kept_at)


def _forget(records: HubRecords, account_id: AccountId, kept_at: datetime) -> None:
    """Delete a form that nobody asked for in time, unless another took its place."""
    with records.database.transaction() as session:
        records.audit.lock(session)
        row = session.get(KeptFormRow, account_id)
        if row is None or row.kept_at != kept_at:
            return
        session.delete(row)
        records.audit.record(session, _BY_ITSELF, Action.FORM_DISCARDED, subject=row.path)


def release_kept_form(
    records: HubRecords, account_id: AccountId, *, of: str, is_sent: bool
) -> str | None:
    """Delete the form, for it is sent after all or not wanted; where it goes, or None.

    ``of`` is the moment at which the form that is meant was kept: one that took its place since
    stays.
    """
    action = Action.FORM_SENT_AFTER_ALL if is_sent else Action.FORM_DISCARDED
    with records.database.transaction() as session:
        records.audit.lock(session)
        row = session.get(KeptFormRow, account_id)
        if row is None or row.kept_at.isoformat() != of:
            return None
        session.delete(row)
        records.audit.record(session, account_id, action, subject=row.path)
        return row.path


def _context(account_id: AccountId) -> str:
    return f"form:{account_id}"
