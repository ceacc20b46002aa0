"""An invented network for tests and pictures: six Participants, three servers, a day of samples."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from console.process.tasks import TaskState
from hub.broker.admission import AdmissionAction, AdmissionOutcome, AdmissionReport
from hub.broker.mailbox_snapshots import ClassSnapshot, MailboxSnapshot
from hub.delivery import DeliveryReport
from hub.monitoring.mailbox_watch import Crowding, ParticipantMailbox
from hub.monitoring.quorum import MailboxCopies
from hub.monitoring.readiness import CheckResult
from hub.network.advisories import EventKind
from hub.network.certificates import CertificateLook
from hub.network.looking import NetworkLook
from hub.network.records import Event, NetworkRecords
from hub.network.servers import ServerLook
from hub.web.network.broker_pages import TASK_NAMES
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.console_face import NOON
from tests.support.hub_console import Hub
from tests.support.registry import ACCOUNT_KEY

AL, MK, XK, RS = (ParticipantCode(code) for code in ("AL", "MK", "XK", "RS"))
ACCOUNT = parse_account_id(ACCOUNT_KEY.public)
GIB = 1024**3


def make_snapshot(stored: int, *, oldest_at: datetime | None, account: str = "") -> MailboxSnapshot:
    """Describe mailboxes in which so many messages and one receipt for three of them lie."""
    parts = []
    for traffic in TrafficClass:
        count = {TrafficClass.MESSAGE: stored, TrafficClass.RECEIPT: stored // 3}.get(traffic, 0)
        parts.append(
            ClassSnapshot(
                traffic=traffic,
                stored=count,
                stored_bytes=count * 3_000,
                waiting=count,
                unconfirmed=0,
                redelivered=0,
                oldest_at=oldest_at if count else None,
                per_sender=100,
                total_bytes=GIB,
                by_sender={},
            )
        )
    return MailboxSnapshot.of(parse_account_id(account) if account else ACCOUNT, tuple(parts))


def make_mailbox(
    code: ParticipantCode, stored: int, *, oldest_at: datetime | None = None
) -> ParticipantMailbox:
    """Describe one Participant's mailboxes."""
    return ParticipantMailbox(code, make_snapshot(stored, oldest_at=oldest_at))


def make_server(name: str, **changes: Any) -> ServerLook:
    """Describe a server of the broker that does well, led by ``broker-1``."""
    server = ServerLook(
        name=name,
        version="2.15.1",
        started_at=NOON - timedelta(days=9),
        connections=3,
        memory_bytes=40 * 1024**2,
        stored_bytes=2 * GIB,
        store_bytes=20 * GIB,
        leader="broker-1",
    )
    return replace(server, **changes)


QUIET = NetworkLook(
    at=NOON,
    connections={AL: 1, MK: 1},
    mailboxes=(make_mailbox(AL, 0), make_mailbox(MK, 2, oldest_at=NOON - timedelta(seconds=20))),
    servers=tuple(make_server(name) for name in ("broker-1", "broker-2", "broker-3")),
    expected_servers=("broker-1", "broker-2", "broker-3"),
    copies=(MailboxCopies("A", "broker-1", copies=3, wanted=3),),
    certificates=(
        CertificateLook(
            use="broker", where="broker-1.example:4222", ends_at=NOON + timedelta(days=70)
        ),
    ),
    admission=AdmissionReport(
        registry_version=3,
        finished_at=NOON,
        outcomes=(
            AdmissionOutcome(AdmissionAction.UNCHANGED, AL),
            AdmissionOutcome(AdmissionAction.UNCHANGED, MK),
        ),
    ),
    compared_at=NOON,
)
"""A network in which nothing is wrong."""

TROUBLED = replace(
    QUIET,
    connections={AL: 0, MK: 1},
    mailboxes=(
        make_mailbox(AL, 41, oldest_at=NOON - timedelta(hours=5)),
        ParticipantMailbox(
            MK,
            make_snapshot(100, oldest_at=NOON - timedelta(minutes=3)),
            (Crowding(TrafficClass.MESSAGE, AL, stored=100, per_sender=100),),
        ),
    ),
    servers=(make_server("broker-1", stored_bytes=17 * GIB), make_server("broker-2")),
    free_bytes=GIB // 2,
    certificates=(
        CertificateLook(
            use="broker", where="broker-1.example:4222", ends_at=NOON + timedelta(days=5)
        ),
        CertificateLook(use="console", where="https://hub.example", problem="self-signed"),
    ),
    checks=(CheckResult("broker_disk", is_ok=False, detail="Make room."),),
    admission=AdmissionReport(
        registry_version=3,
        finished_at=NOON,
        outcomes=(
            AdmissionOutcome(AdmissionAction.UNCHANGED, AL),
            AdmissionOutcome(AdmissionAction.REFUSED, MK, detail="Its account belongs to AL."),
            AdmissionOutcome(AdmissionAction.REMOVED, None, ACCOUNT),
        ),
    ),
)
"""A network in which everything is wrong that can be."""


def fill_network(hub: Hub) -> None:
    """Let a hub have looked at this network: alerts, charts, servers, events, tasks."""
    hub.network.last = TROUBLED
    hub.delivery.report = DeliveryReport(
        at=NOON, tasks=[TaskState(name, last_success=NOON) for name in TASK_NAMES]
    )
    keep_a_day(NetworkRecords(hub.context.database))


def keep_a_day(records: NetworkRecords, *, until: datetime = NOON, samples: int = 144) -> None:
    """Keep samples of a day (or of its end) with a hole, presence, and some events."""
    for step in range(samples - 1, -1, -1):
        at = until - step * timedelta(minutes=10)
        if 60 < step < 70:
            continue  # the hub was stopped
        stored = 30 - abs(step - 30) if step < 60 else 0
        records.keep_samples(
            [
                make_mailbox(
                    AL, stored, oldest_at=at - timedelta(minutes=2 * stored) if stored else None
                ),
                make_mailbox(MK, 2, oldest_at=at - timedelta(seconds=30)),
            ],
            at=at,
        )
    records.note_presence({AL: 1, MK: 1}, at=until - timedelta(hours=20))
    records.note_presence({AL: 0, MK: 1}, at=until - timedelta(hours=5))
    at = until - timedelta(hours=2)
    records.keep_events(
        [
            Event(kind=EventKind.MAILBOX_LEADER, participant=MK, first_at=at, last_at=at, count=4),
            Event(kind=EventKind.SERVER_STOPPED, server="broker-3", first_at=at, last_at=at),
            Event(kind=EventKind.STRANGER_REFUSED, server="broker-1", first_at=at, last_at=at),
        ]
    )
