"""What follows a lost or stolen key of the sign-in secrets."""

from collections.abc import Sequence

from console.accounts.models import AccountId
from console.storage.secret_box import SecretBoxError
from hub.context import HubRecords


def handle_forget_second_factors(records: HubRecords, *, actor: str) -> Sequence[AccountId]:
    """Forget every password and second factor, and end all sessions; whose they were.

    Each operator then needs a new sign-in link.
    """
    return records.open_accounts(actor).forget_second_factors()


def verify_box(records: HubRecords) -> None:
    """Raise ``SecretBoxError`` if a second factor was sealed with another key than the present."""
    try:
        records.open_accounts().list_accounts()
    except SecretBoxError as error:
        raise SecretBoxError(
            "The key of the sign-in secrets is not the one that this database was written with: "
            "put it back, or run 'trm-hub forget-second-factors' and hand out new sign-in links."
        ) from error
