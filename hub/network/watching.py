"""Looks at the network again and again, and keeps what it saw: rounds of the hub's tasks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ssl import SSLContext
from typing import Final

from console.face import Clock
from console.process.tasks import BackgroundTasks
from contact_registry.directory import Directory
from hub.broker.admission_rounds import AdmissionRounds
from hub.broker.connection import BrokerConnection, BrokerUnavailableError
from hub.broker.embedded import EmbeddedBroker
from hub.broker.mailboxes import MailboxError, Mailboxes
from hub.monitoring.mailbox_watch import read_accounts, watch_mailboxes
from hub.monitoring.quorum import QuorumWatch
from hub.network.advisories import Heard
from hub.network.alerts import find_alerts
from hub.network.certificates import CertificateLook, ask_brokers, look_at_files
from hub.network.looking import NetworkLook, RunChecks
from hub.network.records import SLOT, Event, NetworkRecords
from hub.network.servers import ask_connections, ask_servers
from hub.settings import HubSettings
from protocol.identifiers import ParticipantCode
from protocol.subjects import AccountId

#: Pause between two looks, between two looks at certificates, and before events are kept.
LOOK_EVERY: Final = timedelta(seconds=30)
READ_CERTIFICATES_EVERY: Final = timedelta(hours=1)
KEEP_EVENTS_EVERY: Final = timedelta(seconds=5)
_COMPARE_SECONDS: Final = 20.0
#: Looks that may be missed before the task counts as in trouble.
_MISSED: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is looked at. ``own`` is the broker that the hub runs itself, if it does."""

    settings: HubSettings
    tls: SSLContext
    registrar: BrokerConnection
    mailboxes: Mailboxes
    rounds: AdmissionRounds
    quorum: QuorumWatch | None = None
    own: EmbeddedBroker | None = None

    @property
    def addresses(self) -> Sequence[str]:
        """Where the broker's servers are reached."""
        return [self.own.url] if self.own else self.settings.broker_servers

    @property
    def server_names(self) -> Sequence[str]:
        """The servers of a cluster; a server alone has any name."""
        return tuple(name for name, _ in self.settings.broker_cluster)


@dataclass(slots=True)
class NetworkWatch:
    """Looks, keeps, and shows the last look; implements ``hub.network.looking.NetworkSource``."""

    watched: Watched
    records: NetworkRecords
    heard: Heard
    run_checks: RunChecks
    clock: Clock
    last: NetworkLook | None = None
    _certificates: Sequence[CertificateLook] = ()
    _sampled: datetime | None = None
    _owners: Mapping[AccountId, ParticipantCode] = field(default_factory=dict)

    async def look(self) -> None:
        """Look once. A broker that does not answer is told in the look, not raised."""
        watched, directory = self.watched, self.watched.rounds.directory
        look = NetworkLook(
            at=self.clock(),
            expected_servers=watched.server_names,
            certificates=self._certificates,
            checks=await self.run_checks(),
            admission=watched.rounds.last,
            compared_at=_moment_of_last(watched.rounds),
            copies=(watched.quorum.found or ()) if watched.quorum else (),
            free_bytes=await asyncio.to_thread(self._read_free_bytes),
        )
        try:
            servers = await ask_servers(watched.registrar, servers=watched.settings.broker_size)
            look = replace(look, servers=servers)
            if directory is not None:
                look = await self._look_at_nodes(look, directory)
        except (BrokerUnavailableError, MailboxError) as error:
            look = replace(look, problem=str(error))
        self.last = look
        await asyncio.to_thread(self._keep, look)

    async def _look_at_nodes(self, look: NetworkLook, directory: Directory) -> NetworkLook:
        accounts = read_accounts(directory)
        self._owners = {account: code for code, account in accounts.items()}
        counted = await ask_connections(
            self.watched.registrar, servers=self.watched.settings.broker_size
        )
        return replace(
            look,
            connections={code: counted.get(account, 0) for code, account in accounts.items()},
            mailboxes=await watch_mailboxes(directory, self.watched.mailboxes),
        )

    def _read_free_bytes(self) -> int | None:
        try:
            return self.watched.own.read_free_bytes() if self.watched.own else None
        except OSError:
            return None  # the check of the broker's disk says so

    def _keep(self, look: NetworkLook) -> None:
        if look.connections is not None:
            self.records.note_presence(look.connections, at=look.at)
        if look.mailboxes is not None and self._is_time_for_sample(look.at):
            self.records.keep_samples(look.mailboxes, at=look.at)
            self._sampled = look.at
        found = find_alerts(look, self.records.load_presences(), now=look.at)
        self.records.forget_over((alert.key for alert in found), at=look.at)

    def _is_time_for_sample(self, at: datetime) -> bool:
        return self._sampled is None or _slot_of(at) != _slot_of(self._sampled)

    async def keep_events(self) -> None:
        """Keep what was heard since the last call, once it is known whose accounts these are."""
        heard = self.heard.take() if self.last is not None else None
        if not heard:
            return
        at = self.clock()
        events = [
            Event(
                kind=happening.kind,
                participant=self._owners.get(happening.account) if happening.account else None,
                server=happening.server,
                first_at=at,
                last_at=at,
                count=count,
            )
            for happening, count in heard.items()
        ]
        await asyncio.to_thread(self.records.keep_events, events)

    async def read_certificates(self) -> None:
        """See when certificates end."""
        watched = self.watched
        found = await ask_brokers(watched.addresses, watched.tls)
        chain, key = watched.settings.http_certificate, watched.settings.http_private_key
        if chain is not None and key is not None:
            where = watched.settings.effective_public_url
            found = (*found, await asyncio.to_thread(look_at_files, chain, key, where=where))
        self._certificates = found
        if self.last is not None:
            self.last = replace(self.last, certificates=found)

    async def compare(self) -> None:
        """Let the broker follow the registry now; see ``NetworkSource``."""
        async with asyncio.timeout(_COMPARE_SECONDS):
            await self.watched.rounds.run()
        if self.last is not None:
            rounds = self.watched.rounds
            self.last = replace(
                self.last, admission=rounds.last, compared_at=_moment_of_last(rounds)
            )


def _moment_of_last(rounds: AdmissionRounds) -> datetime | None:
    return rounds.last_complete.finished_at if rounds.last_complete else None


def _slot_of(at: datetime) -> int:
    return int(at.timestamp()) // int(SLOT.total_seconds())


def add_network(tasks: BackgroundTasks, watch: NetworkWatch) -> None:
    """Add the rounds: a look, what was heard, and when certificates end."""
    tasks.add_round(
        "network_look", watch.look, every=LOOK_EVERY, overdue_after=_MISSED * LOOK_EVERY
    )
    tasks.add_round("network_events", watch.keep_events, every=KEEP_EVENTS_EVERY)
    tasks.add_round("certificates", watch.read_certificates, every=READ_CERTIFICATES_EVERY)
