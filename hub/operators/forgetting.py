"""What follows a lost or stolen key of the sign-in secrets."""

from collections.abc import Sequence

from sqlmodel import delete, select

from console.accounts.models import AccountId
from console.storage.secret_box import SecretBoxError
from hub.audit.actions import Action
from hub.context import HubRecords
from hub.store.kept_form_tables import KeptFormRow
from hub.store.list_tables import ListRow


def handle_forget_second_factors(records: HubRecords, *, actor: str) -> Sequence[AccountId]:
    """Forget every password and second factor, and end all sessions; whose they were.

    Each operator then needs a new sign-in link. What else was sealed with the key goes too: lists
    that wait on the import page, and forms that were kept.
    """
    _delete_what_was_sealed(records, actor)
    return records.open_accounts(actor).forget_second_factors()


def _delete_what_was_sealed(records: HubRecords, actor: str) -> None:
    with records.database.transaction() as session:
        lists = session.exec(select(ListRow.list_id).order_by(ListRow.list_id)).all()
        for table in (ListRow, KeptFormRow):
            session.execute(delete(table))
        for list_id in lists:
            records.audit.record(session, actor, Action.LIST_DISCARDED, subject=list_id)


def verify_box(records: HubRecords) -> None:
    """Raise ``SecretBoxError`` if a second factor was sealed with another key than the present."""
    try:
        records.open_accounts().list_accounts()
    except SecretBoxError as error:
        raise SecretBoxError(
            "The key of the sign-in secrets is not the one that this database was written with: "
            "put it back, or run 'trm-hub forget-second-factors' and hand out new sign-in links."
        ) from error
