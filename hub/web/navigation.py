"""The entries of the console's navigation, as a table: whose they are, and what they count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from console.accounts.models import SignedIn
from console.face import NavigationItem
from console.i18n import Message, msg
from contact_registry.errors import RegistryError
from hub.context import HubContext
from hub.drills.desk import count_overdue_drills
from hub.findings.reading import count_unattended
from hub.network.desk import NetworkDesk
from hub.operators.roles import AUDIT_READERS, EVERYBODY, Role
from hub.web.change_needs import count_open_changes


def count_nothing(_context: HubContext) -> int:
    """Show no number."""
    return 0


def count_unattended_findings(context: HubContext) -> int:
    """Count findings that nobody looks after; none while the registry cannot be read."""
    try:
        return count_unattended(context)
    except RegistryError:
        return 0


def count_untaken_alerts(context: HubContext) -> int:
    """Count the alerts of the network that nobody looks after."""
    return NetworkDesk(context).count_untaken()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: shown to whoever has one of the roles. ``count`` is asked at every page.

    ``beneath`` are the beginnings of further paths whose pages belong to the entry.
    """

    label: Message
    path: str
    icon: str
    roles: frozenset[Role] = EVERYBODY
    beneath: tuple[str, ...] = ()
    count: Callable[[HubContext], int] = count_nothing


ENTRIES: Final[Sequence[Entry]] = (
    Entry(label=msg("Overview"), path="/", icon="inbox"),
    Entry(
        label=msg("Directory"),
        path="/participants",
        icon="building-2",
        beneath=("/desks", "/coverage", "/import"),
    ),
    Entry(
        label=msg("Findings"), path="/findings", icon="list-checks", count=count_unattended_findings
    ),
    Entry(label=msg("Changes"), path="/changes", icon="pencil", count=count_open_changes),
    Entry(label=msg("Agreements"), path="/agreements", icon="users"),
    Entry(label=msg("Corrections"), path="/corrections", icon="message-square"),
    Entry(
        label=msg("Versions"),
        path="/versions",
        icon="file-text",
        beneath=("/as-of/", "/listed", "/signing", "/export"),
    ),
    Entry(label=msg("Drills"), path="/drills", icon="phone", count=count_overdue_drills),
    Entry(
        label=msg("Network"),
        path="/network",
        icon="globe",
        roles=frozenset({Role.HUB_ADMIN}),
        beneath=("/delivery",),
        count=count_untaken_alerts,
    ),
    Entry(
        label=msg("Admission"),
        path="/admission",
        icon="key-round",
        roles=frozenset({Role.HUB_ADMIN, Role.DIRECTORY_OPERATOR}),
        beneath=("/endings",),
    ),
    Entry(
        label=msg("Operators"), path="/operators", icon="users", roles=frozenset({Role.HUB_ADMIN})
    ),
    Entry(label=msg("Audit log"), path="/audit", icon="fingerprint", roles=AUDIT_READERS),
)
"""In the order of the page. A module of pages adds its entries here, one line each."""


def list_navigation(context: HubContext, signed_in: SignedIn) -> Sequence[NavigationItem]:
    """List what this person may open."""
    return [
        NavigationItem(
            label=entry.label,
            path=entry.path,
            icon=entry.icon,
            count=entry.count(context),
            beneath=entry.beneath,
        )
        for entry in ENTRIES
        if not entry.roles.isdisjoint(signed_in.account.roles)
    ]
