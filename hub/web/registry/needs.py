"""What of the registry needs an operator now, for the overview."""

from collections.abc import Iterator
from typing import Final

from console.i18n import msg, nmsg
from contact_registry.coverage import CoverageCode
from contact_registry.errors import RegistryError, RegistryNotFoundedError
from hub.context import HubContext
from hub.findings.observing import UpkeepCode
from hub.findings.reading import list_followed
from hub.findings.states import Standing
from hub.lists.desk import ListDesk
from hub.web.need import Need
from hub.web.site import FOUNDING

_STOPS_REFERRALS: Final = frozenset(
    {
        CoverageCode.NOTHING_LISTED,
        CoverageCode.NOBODY_COMPETENT,
        CoverageCode.NOBODY_REACHABLE,
    }
)


def find_registry_needs(context: HubContext) -> Iterator[Need]:
    """Yield signatures that ran out or soon will, gaps that stop referrals, and lists in hand."""
    try:
        unattended = [f for f in list_followed(context) if f.standing is Standing.OPEN]
    except RegistryNotFoundedError:
        unattended = []
        yield Need(
            title=msg("Nothing is published"),
            reason=msg("Nodes find nobody to write to until the registry is founded."),
            path=FOUNDING,
            tone="danger",
            icon="circle-alert",
            rank=1,
        )
    except RegistryError:
        unattended = []
        yield Need(
            title=msg("The registry cannot be read"),
            reason=msg("Ask a hub administrator to look at the hub's readiness."),
            path="/participants",
            tone="danger",
            icon="circle-alert",
            rank=1,
        )
    codes = [followed.observed.code for followed in unattended]
    for code, title, tone, icon, rank in (
        (UpkeepCode.SIGNATURE_RAN_OUT, msg("Signatures ran out"), "danger", "alarm-clock", 5),
        (UpkeepCode.SIGNATURE_RUNS_OUT, msg("Signatures run out soon"), "warn", "hourglass", 30),
    ):
        if count := codes.count(code):
            yield Need(
                title=title,
                reason=nmsg(
                    "%(count)s file must be signed", "%(count)s files must be signed", count
                ),
                path="/signing",
                tone=tone,
                icon=icon,
                rank=rank,
            )
    if gaps := sum(code in _STOPS_REFERRALS for code in codes):
        yield Need(
            title=msg("Gaps that nobody looks after"),
            reason=nmsg(
                "%(count)s finding says that nobody can be reached",
                "%(count)s findings say that nobody can be reached",
                gaps,
            ),
            path="/findings",
            icon="circle-alert",
            rank=20,
        )
    if lists := len(ListDesk(context).list_open()):
        yield Need(
            title=msg("Lists that are not drafts yet"),
            reason=nmsg("%(count)s list in hand", "%(count)s lists in hand", lists),
            path="/import",
            icon="upload",
            rank=60,
        )
