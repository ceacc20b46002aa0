"""What of the network needs a hub administrator now, for the overview."""

from collections.abc import Iterator

from console.i18n import msg, nmsg
from hub.context import HubContext
from hub.network.alerts import AlertKind
from hub.network.desk import NetworkDesk
from hub.web.need import Need


def find_network_needs(context: HubContext) -> Iterator[Need]:
    """Yield how many alerts nobody looks after; failing checks stand on the overview already."""
    open_alerts = [
        one.alert
        for one in NetworkDesk(context).list_alerts()
        if one.taken is None and one.alert.kind is not AlertKind.CHECK_FAILS
    ]
    if open_alerts:
        is_urgent = any(alert.is_urgent for alert in open_alerts)
        yield Need(
            title=msg("Alerts that nobody looks after"),
            reason=nmsg(
                "%(count)s alert in the network",
                "%(count)s alerts in the network",
                len(open_alerts),
            ),
            path="/network",
            tone="danger" if is_urgent else "warn",
            icon="circle-alert" if is_urgent else "triangle-alert",
            rank=2 if is_urgent else 25,
        )
