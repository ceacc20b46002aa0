"""The checks of readiness in words."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, pmsg

CHECK_NAMES: Final[Mapping[str, Message]] = {
    "broker_registrar": pmsg("check", "Connection that lets nodes into the broker"),
    "broker_mailboxes": pmsg("check", "Connection that looks after mailboxes"),
    "registry": pmsg("check", "Registry"),
    "admission": pmsg("check", "Letting nodes in as the registry says"),
    "store": pmsg("check", "The hub's own database"),
    "tasks": pmsg("check", "Background tasks"),
    "mailbox_copies": pmsg("check", "Copies of mailboxes on the broker's servers"),
    "broker_disk": pmsg("check", "The broker's disk"),
    "unanswered": pmsg("check", "A check that gave no answer"),
}


def say_check(check: str) -> Message | str:
    """Name a check; one without words by its identifier."""
    return CHECK_NAMES.get(check, check)
