"""Three real servers for tests, each with its own store, joined by routes over TLS."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import trustme

from contact_registry.directory import Directory
from hub.broker.admission import AdmissionAction, AdmissionReport
from hub.broker.cluster import ClusterMember, RouteAddress
from hub.broker.config import BrokerConfig
from hub.broker.connection import BrokerUnavailableError
from hub.broker.embedded import EmbeddedBroker
from hub.broker.operator import OperatorMaterial, create_operator_material, load_operator_material
from hub.broker.operator_access import BrokerAccess
from hub.monitoring.quorum import QuorumWatch
from protocol.subjects import AccountId
from tests.support.broker import Hub, kill_broker, read_clock

NAMES: Final = ("broker-1", "broker-2", "broker-3")
_CLIENT_PORT: Final = 4222
_ROUTE_PORT: Final = 6222
_ADMITTED: Final = (
    AdmissionAction.ADMITTED,
    AdmissionAction.UPDATED,
    AdmissionAction.UNCHANGED,
)


def own_loopback_address() -> str:
    """Return an address of this machine that is this process's alone, so that no port is taken."""
    process = os.getpid()
    return f"127.{64 + (process >> 16 & 63)}.{process >> 8 & 255}.{process & 255}"


@dataclass(frozen=True, slots=True)
class _Files:
    """An authority's certificate, and one that it issued with its key."""

    authority: Path
    certificate: Path
    private_key: Path


def write_pair(folder: Path, host: str) -> _Files:
    """Write an authority and a certificate for the host; both ends of a connection may use it."""
    folder.mkdir(parents=True)
    authority = trustme.CA()
    issued = authority.issue_cert(host)
    files = _Files(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(str(files.authority))
    issued.cert_chain_pems[0].write_to_path(str(files.certificate))
    issued.private_key_pem.write_to_path(str(files.private_key))
    return files


class ClusterPlace:
    """Servers by name, alone or joined, with the files that they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = own_loopback_address()
        self.members = {name: self.route(name) for name in NAMES}
        self._clients = write_pair(folder / "tls", self.host)
        self._routes = write_pair(folder / "route-tls", self.host)
        create_operator_material(folder / "operator", name="test", issued_at=read_clock())
        self.material: OperatorMaterial = load_operator_material(folder / "operator")
        self.servers: dict[str, EmbeddedBroker] = {}

    def url(self, name: str) -> str:
        """Return where a server listens for clients, whether it runs or not."""
        return f"tls://{self.host}:{_CLIENT_PORT + int(name[-1])}"

    def route(self, name: str) -> RouteAddress:
        """Return where a server listens for the others."""
        return RouteAddress(self.host, _ROUTE_PORT + int(name[-1]))

    def greet_route(self, name: str, certificate: Path | None) -> bytes:
        """Connect as another server does; returns what it says first, or raises ``SSLError``."""
        context = ssl.create_default_context(cafile=str(self._routes.authority))
        if certificate is not None:
            context.load_cert_chain(certificate, certificate.with_name("server.key"))
        address = self.route(name)
        with (
            socket.create_connection((address.host, address.port), timeout=30) as bare,
            context.wrap_socket(bare, server_hostname=address.host) as spoken,
        ):
            return spoken.recv(4)

    def access(self, *names: str) -> BrokerAccess:
        """How the operators reach these servers; without names, all."""
        urls = [self.url(name) for name in names] or self.urls
        return BrokerAccess(urls, self.tls(), self.material, read_clock)

    @property
    def urls(self) -> list[str]:
        """Return where all servers listen."""
        return [self.url(name) for name in NAMES]

    def tls(self) -> ssl.SSLContext:
        """Trust the test's certificate authority only."""
        context = ssl.create_default_context(cafile=str(self._clients.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def config(self, name: str, *, clustered: bool = True, closed: bool = False) -> BrokerConfig:
        """Describe one of the servers; its folder is the same alone and in the cluster."""
        config = BrokerConfig(
            state_directory=self.folder / name,
            certificate=self._clients.certificate,
            private_key=self._clients.private_key,
            host=self.host,
            port=_CLIENT_PORT + int(name[-1]),
            max_store_bytes=4 * 1024**4,
            closed=closed,
        )
        if not clustered:
            return config
        member = ClusterMember(
            server_name=name,
            members=self.members,
            certificate=self._routes.certificate,
            private_key=self._routes.private_key,
            authority=self._routes.authority,
            listen_host=self.host,
        )
        return replace(config, cluster=member)

    def start(self, *names: str, clustered: bool = True, closed: bool = False) -> None:
        """Start servers and return when they take connections."""
        for name in names:
            config = self.config(name, clustered=clustered, closed=closed)
            self.servers[name] = EmbeddedBroker(config, self.material, clock=read_clock)
            self.servers[name].start()

    def stop(self, *names: str) -> None:
        """End servers in order."""
        for name in names:
            self.servers.pop(name).stop()

    def kill(self, *names: str) -> None:
        """End servers as a power cut does."""
        for name in names:
            kill_broker(self.servers.pop(name))


@contextmanager
def cluster_place(folder: Path) -> Iterator[ClusterPlace]:
    """Prepare the files; whatever server runs in the end is gone afterwards."""
    place = ClusterPlace(folder)
    try:
        yield place
    finally:
        place.stop(*place.servers)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as something in the servers holds, asked anew; fails after two minutes."""
    async with asyncio.timeout(120):
        while not await holds():  # noqa: ASYNC110 - the state of another process has no event
            await asyncio.sleep(0.2)


async def reconcile(hub: Hub, directory: Directory) -> AdmissionReport:
    """Do rounds of admission until one is complete: servers may still be finding each other."""
    async with asyncio.timeout(120):
        while True:
            with suppress(BrokerUnavailableError):
                report = await hub.admission.reconcile(directory)
                if report.is_complete:
                    return report
            await asyncio.sleep(0.2)  # an election has no event


async def admit(hub: Hub, directory: Directory) -> None:
    """Let everybody of the directory in."""
    report = await reconcile(hub, directory)
    assert len(report.having(*_ADMITTED)) == len(directory.participants)


async def wait_for_copies(hub: Hub, count: int) -> None:
    """Return when every mailbox has so many copies, each up to date; fails after two minutes."""
    watch = QuorumWatch(hub.mailbox_admin, servers=len(NAMES))
    async with asyncio.timeout(120):
        while True:
            await watch.look()
            if watch.found and all(each.is_whole and each.copies == count for each in watch.found):
                return
            await asyncio.sleep(0.2)  # as above


async def find_leader(hub: Hub, account: AccountId) -> str:
    """Return which server leads an account's mailbox for messages, once one does."""
    async with asyncio.timeout(120):
        while True:
            with suppress(BrokerUnavailableError):
                info = await hub.mailbox_admin.request_json(f"$JS.API.STREAM.INFO.{account}")
                leader = info.get("cluster", {}).get("leader")
                if leader:
                    return str(leader)
            await asyncio.sleep(0.2)  # as above
