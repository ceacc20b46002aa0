"""The network in words: alerts, events, nodes and servers, each with its tone and icon."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from console.formats import describe_duration
from console.i18n import Message, msg, pmsg
from directory_pages.looks import Look
from hub.network.advisories import EventKind
from hub.network.alerts import LOOKS_OFTEN, Alert, AlertKind
from hub.network.looking import NetworkLook
from hub.network.records import Presence
from hub.network.servers import ServerLook
from hub.web.check_phrases import say_broker, say_found
from hub.web.check_words import say_check
from hub.web.site import Names
from protocol.identifiers import ParticipantCode

ALERT_TITLES: Final[Mapping[AlertKind, Message]] = {
    AlertKind.NOBODY_LOOKS: pmsg("alert", "The hub has stopped looking at the network"),
    AlertKind.CHECK_FAILS: pmsg("alert", "A check of the hub fails"),
    AlertKind.BROKER_SILENT: pmsg("alert", "The broker does not answer"),
    AlertKind.SERVER_AWAY: pmsg("alert", "A server of the broker is away"),
    AlertKind.STORE_FILLS: pmsg("alert", "The broker's store fills"),
    AlertKind.DISK_FILLS: pmsg("alert", "The broker's disk is nearly full"),
    AlertKind.MAILBOX_WAITS: pmsg("alert", "Nobody fetches from a mailbox"),
    AlertKind.SENDER_FILLS: pmsg("alert", "One sender fills a mailbox"),
    AlertKind.NODE_AWAY: pmsg("alert", "A node is not connected"),
    AlertKind.ADMISSION_REFUSED: pmsg("alert", "A node is not let in"),
    AlertKind.CERTIFICATE_ENDS: pmsg("alert", "A certificate ends soon"),
    AlertKind.CERTIFICATE_UNREAD: pmsg("alert", "A certificate cannot be checked"),
}

ALERT_ADVICE: Final[Mapping[AlertKind, Message]] = {
    AlertKind.NOBODY_LOOKS: msg("Look at the background tasks on the page Broker."),
    AlertKind.CHECK_FAILS: msg("The text of the check says what to do."),
    AlertKind.BROKER_SILENT: msg("See whether its servers run. Nodes keep what they send."),
    AlertKind.SERVER_AWAY: msg("Start it. Stop no other server until it is back."),
    AlertKind.STORE_FILLS: msg(
        "Find out which mailbox is not fetched, or give the broker a larger store."
    ),
    AlertKind.DISK_FILLS: msg("Make room on the disk before the broker stops taking messages."),
    AlertKind.MAILBOX_WAITS: msg("Call the Participant: its people do not see what arrives."),
    AlertKind.SENDER_FILLS: msg("Its further messages wait with it. See why nobody fetches them."),
    AlertKind.NODE_AWAY: msg("Call the Participant if nobody announced it."),
    AlertKind.ADMISSION_REFUSED: msg("Ask the Participant to publish the keys of its node again."),
    AlertKind.CERTIFICATE_ENDS: msg("Put a new certificate in its place and restart the server."),
    AlertKind.CERTIFICATE_UNREAD: msg(
        "See whether it is still valid, and whether the server runs."
    ),
}

ALERT_PAGES: Final[Mapping[AlertKind, str]] = {
    AlertKind.NOBODY_LOOKS: "/network/broker",
    AlertKind.CHECK_FAILS: "/delivery",
    AlertKind.BROKER_SILENT: "/network/broker",
    AlertKind.SERVER_AWAY: "/network/broker",
    AlertKind.STORE_FILLS: "/network/broker",
    AlertKind.DISK_FILLS: "/network/broker",
    AlertKind.MAILBOX_WAITS: "/network/of/{subject}",
    AlertKind.SENDER_FILLS: "/delivery",
    AlertKind.NODE_AWAY: "/network/of/{subject}",
    AlertKind.ADMISSION_REFUSED: "/admission",
    AlertKind.CERTIFICATE_ENDS: "/endings",
    AlertKind.CERTIFICATE_UNREAD: "/endings",
}

_OF_PARTICIPANTS: Final = frozenset(
    {
        AlertKind.MAILBOX_WAITS,
        AlertKind.SENDER_FILLS,
        AlertKind.NODE_AWAY,
        AlertKind.ADMISSION_REFUSED,
    }
)

EVENTS: Final[Mapping[EventKind, Look]] = {
    EventKind.NODE_CAME: Look(pmsg("network event", "Node connected"), "ok", "circle-check"),
    EventKind.NODE_WENT: Look(pmsg("network event", "Node went away"), "warn", "circle-dashed"),
    EventKind.MAILBOX_MADE: Look(pmsg("network event", "Mailbox made"), "neutral", "plus"),
    EventKind.MAILBOX_REMOVED: Look(pmsg("network event", "Mailbox removed"), "neutral", "ban"),
    EventKind.MAILBOX_CHANGED: Look(pmsg("network event", "Mailbox changed"), "neutral", "pencil"),
    EventKind.MAILBOX_LEADER: Look(
        pmsg("network event", "Another server leads the mailbox"), "neutral", "refresh-cw"
    ),
    EventKind.MAILBOX_STOPPED: Look(
        pmsg("network event", "Mailbox took nothing"), "danger", "circle-alert"
    ),
    EventKind.SERVER_STOPPED: Look(pmsg("network event", "Server stopped"), "warn", "ban"),
    EventKind.SERVER_LEAVES: Look(
        pmsg("network event", "Server prepared to stop"), "neutral", "log-out"
    ),
    EventKind.SERVER_REMOVED: Look(
        pmsg("network event", "Server taken out of the broker"), "warn", "ban"
    ),
    EventKind.SERVER_FULL: Look(
        pmsg("network event", "Server had no room left"), "danger", "circle-alert"
    ),
    EventKind.SERVERS_LEADER: Look(
        pmsg("network event", "Another server leads the broker"), "neutral", "refresh-cw"
    ),
    EventKind.STRANGER_REFUSED: Look(
        pmsg("network event", "Connection refused"), "warn", "shield-x"
    ),
}
"""Every :class:`~hub.network.advisories.EventKind` has its words here."""

CONNECTED: Final = Look(pmsg("node", "Connected"), "ok", "circle-check")
AWAY: Final = Look(pmsg("node", "Not connected"), "warn", "circle-alert")
NEVER: Final = Look(pmsg("node", "Never seen yet"), "neutral", "circle-dashed")
NO_NODE: Final = Look(pmsg("node", "No node"), "neutral", "circle-dashed")
UNKNOWN: Final = Look(pmsg("node", "Unknown"), "neutral", "circle-dashed")

RUNS: Final = Look(pmsg("server", "Runs"), "ok", "circle-check")
IS_AWAY: Final = Look(pmsg("server", "Away"), "danger", "circle-alert")
LEADS: Final = Look(pmsg("server", "Runs, leads the others"), "ok", "circle-check")
BEHIND: Final = Look(pmsg("server", "Runs, catches up"), "warn", "hourglass")


def look_of_node(
    code: ParticipantCode, look: NetworkLook | None, presence: Presence | None
) -> Look:
    """Say whether a Participant's node is connected."""
    if look is None or look.connections is None:
        return UNKNOWN
    if code not in look.connections:
        return NO_NODE
    if look.connections[code]:
        return CONNECTED
    return AWAY if presence is not None and presence.last_seen_at is not None else NEVER


def look_of_server(server: ServerLook | None, *, lagging: frozenset[str]) -> Look:
    """Say how a server of the broker does; None: it did not answer."""
    if server is None:
        return IS_AWAY
    if server.name in lagging:
        return BEHIND
    return LEADS if server.leads else RUNS


def say_subject(alert: Alert, names: Names) -> Message | str:
    """Name what an alert is about."""
    if alert.kind is AlertKind.CHECK_FAILS:
        return say_check(alert.subject)
    return names.participant(alert.subject) if alert.kind in _OF_PARTICIPANTS else alert.subject


def say_detail(alert: Alert, now: datetime) -> Message | str:
    """Say what is known besides: since when, until when, how full, or what the program says."""
    if alert.kind is AlertKind.STORE_FILLS:
        return msg("Taken: %(percent)s %%.", percent=alert.detail)
    if alert.until is not None:
        left = alert.until - now
        if left.total_seconds() <= 0:
            return msg("It has ended.")
        return msg("Time left: %(time)s.", time=describe_duration(left))
    if alert.since is not None:
        return msg("Duration: %(time)s.", time=describe_duration(now - alert.since))
    if alert.kind is AlertKind.CHECK_FAILS:
        return say_found(alert.subject, alert.detail)
    return say_broker(alert.detail)


def find_page(alert: Alert) -> str:
    """Give the page where an alert is looked at; Participants are named by their code."""
    is_code = len(alert.subject) <= len("XX-XX-XX")
    page = ALERT_PAGES[alert.kind]
    return page.format(subject=alert.subject) if is_code else page.partition("/of/")[0]


def is_old(look: NetworkLook | None, now: datetime) -> bool:
    """Whether nobody has looked for so long that the page must say so."""
    return look is not None and now - look.at > LOOKS_OFTEN
