"""What is wrong in the network now, derived from the last look: pure, and in a table of kinds."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from hub.broker.admission import AdmissionAction
from hub.network.looking import NetworkLook
from hub.network.records import Presence
from protocol.identifiers import ParticipantCode

#: Nodes fetch within seconds: what lies longer says that nobody fetches.
LIES_TOO_LONG: Final = timedelta(hours=1)
#: A node that is restarted or moved is back within this time.
MAY_BE_AWAY: Final = timedelta(minutes=30)
#: Time to get a new certificate, and the last of it.
RENEW_CERTIFICATE: Final = timedelta(days=30)
RENEW_NOW: Final = timedelta(days=7)
#: Percent of its store from which a server is called nearly full.
NEARLY_FULL: Final = 80
#: Bytes on the broker's disk below which room is to be made.
LITTLE_ROOM: Final = 1024**3
#: A look is made every half minute: an older one says that nobody looks.
LOOKS_OFTEN: Final = timedelta(minutes=3)


class AlertKind(StrEnum):
    """One kind of trouble. A code is never given another meaning."""

    NOBODY_LOOKS = "nobody_looks"
    CHECK_FAILS = "check_fails"
    BROKER_SILENT = "broker_silent"
    SERVER_AWAY = "server_away"
    STORE_FILLS = "store_fills"
    DISK_FILLS = "disk_fills"
    MAILBOX_WAITS = "mailbox_waits"
    SENDER_FILLS = "sender_fills"
    NODE_AWAY = "node_away"
    ADMISSION_REFUSED = "admission_refused"
    CERTIFICATE_ENDS = "certificate_ends"
    CERTIFICATE_UNREAD = "certificate_unread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that is wrong. ``subject`` is a Participant, server, check, or address.

    ``is_urgent``: messages do not flow, or will not. ``since`` and ``until`` where they are known.
    """

    kind: AlertKind
    subject: str = ""
    detail: str = ""
    is_urgent: bool = False
    since: datetime | None = None
    until: datetime | None = None

    @property
    def key(self) -> str:
        """Name it: 32 hexadecimal digits that tell nothing in a URL."""
        return hashlib.sha256(f"{self.kind}|{self.subject}".encode()).hexdigest()[:32]


def find_alerts(
    look: NetworkLook | None, presences: Mapping[ParticipantCode, Presence], *, now: datetime
) -> Sequence[Alert]:
    """Return everything that is wrong, the urgent first, then in the order of the kinds."""
    if look is None:
        return ()
    order = list(AlertKind)
    found = [
        *_find_silence(look, now),
        *_find_servers(look),
        *_find_mailboxes(look),
        *_find_nodes(look, presences, now),
        *_find_certificates(look, now),
    ]
    return sorted(found, key=lambda one: (not one.is_urgent, order.index(one.kind), one.subject))


def _find_silence(look: NetworkLook, now: datetime) -> Iterator[Alert]:
    if now - look.at > LOOKS_OFTEN:
        yield Alert(kind=AlertKind.NOBODY_LOOKS, is_urgent=True, since=look.at)
    if look.problem:
        yield Alert(kind=AlertKind.BROKER_SILENT, detail=look.problem, is_urgent=True)
    for check in look.checks:
        if not check.is_ok:
            yield Alert(
                kind=AlertKind.CHECK_FAILS,
                subject=check.check,
                detail=check.detail,
                is_urgent=True,
            )


def _find_servers(look: NetworkLook) -> Iterator[Alert]:
    if look.servers is None:
        return
    names = {server.name for server in look.servers}
    for name in look.expected_servers:
        if name not in names:
            yield Alert(kind=AlertKind.SERVER_AWAY, subject=name, is_urgent=True)
    for server in look.servers:
        if server.percent_full >= NEARLY_FULL:
            yield Alert(
                kind=AlertKind.STORE_FILLS, subject=server.name, detail=str(server.percent_full)
            )
    if look.free_bytes is not None and look.free_bytes < LITTLE_ROOM:
        yield Alert(kind=AlertKind.DISK_FILLS, is_urgent=True)


def _find_mailboxes(look: NetworkLook) -> Iterator[Alert]:
    for mailbox in look.mailboxes or ():
        oldest = mailbox.snapshot.oldest_at if mailbox.snapshot else None
        if oldest is not None and look.at - oldest > LIES_TOO_LONG:
            yield Alert(
                kind=AlertKind.MAILBOX_WAITS,
                subject=mailbox.participant,
                is_urgent=True,
                since=oldest,
            )
        if any(one.is_full for one in mailbox.crowding):
            yield Alert(kind=AlertKind.SENDER_FILLS, subject=mailbox.participant)
    for outcome in look.admission.outcomes if look.admission else ():
        if outcome.action is AdmissionAction.REFUSED:
            yield Alert(
                kind=AlertKind.ADMISSION_REFUSED,
                subject=outcome.participant or outcome.account or "",
                detail=outcome.detail,
                is_urgent=True,
            )


def _find_nodes(
    look: NetworkLook, presences: Mapping[ParticipantCode, Presence], now: datetime
) -> Iterator[Alert]:
    for code, count in (look.connections or {}).items():
        presence = presences.get(code)
        was_here = presence is not None and presence.last_seen_at is not None
        if count == 0 and presence is not None and was_here and now - presence.since > MAY_BE_AWAY:
            yield Alert(kind=AlertKind.NODE_AWAY, subject=code, since=presence.since)


def _find_certificates(look: NetworkLook, now: datetime) -> Iterator[Alert]:
    for certificate in look.certificates:
        if certificate.ends_at is None:
            yield Alert(
                kind=AlertKind.CERTIFICATE_UNREAD,
                subject=certificate.where,
                detail=certificate.problem,
            )
        elif certificate.ends_at - now < RENEW_CERTIFICATE:
            yield Alert(
                kind=AlertKind.CERTIFICATE_ENDS,
                subject=certificate.where,
                is_urgent=certificate.ends_at - now < RENEW_NOW,
                until=certificate.ends_at,
            )
