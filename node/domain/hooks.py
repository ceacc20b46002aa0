"""What webhooks are told, and how they stand."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from node.domain.events import EventKind

Network = IPv4Network | IPv6Network
"""A range of addresses."""


class HookState(StrEnum):
    """Whether a webhook is told anything."""

    ACTIVE = "active"
    #: Somebody stopped it: what happens meanwhile is not kept for it.
    PAUSED = "paused"
    #: It failed for so long that nothing is tried any more; what is owed is kept.
    DISABLED = "disabled"


class NoteKind(StrEnum):
    """What is told although it stands in no timeline. A kind is never used for another meaning."""

    #: Asked for by an administrator, to try a webhook.
    TEST = "test"
    #: A person has to look after something, or nobody has for too long.
    ITEM_OPENED = "item_opened"
    ITEM_CLAIMED = "item_claimed"
    ITEM_REMINDED = "item_reminded"
    ITEM_ESCALATED = "item_escalated"
    ITEM_SETTLED = "item_settled"


KINDS: Final = frozenset({*(kind.value for kind in EventKind), *(kind.value for kind in NoteKind)})
"""Every kind that a webhook can ask for: those of timelines, and those that stand in none."""
