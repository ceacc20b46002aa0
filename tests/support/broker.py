"""A real broker for tests: operators' keys, TLS, nats-server, Participants, the hub's hands."""

import asyncio
import os
import secrets
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import trustme

from contact_registry.directory import Directory
from contact_registry.models import (
    BrokerIdentity,
    KeysDocument,
    ListedBy,
    ParticipantEntry,
    SigningKeyEntry,
)
from hub.broker.accounts import MAILBOX_ADMIN_PERMISSIONS, REGISTRAR_PERMISSIONS
from hub.broker.admission import Admission
from hub.broker.config import BrokerConfig
from hub.broker.connection import AdminIdentity, BrokerConnection
from hub.broker.embedded import EmbeddedBroker
from hub.broker.mailbox_plan import MailboxLimits
from hub.broker.mailboxes import Mailboxes
from hub.broker.operator import (
    OperatorMaterial,
    create_operator_material,
    load_operator_material,
)
from hub.broker.operator_access import BrokerAccess
from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.jetstream import BrokerLink, Delivery, LinkState, PublishAck
from node.domain.ports import LinkDownError
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.signing import SigningKey
from protocol.subjects import AccountId, TrafficClass

SMALL_MAILBOX: Final = MailboxLimits(total_bytes=1024**3, participants=4)
#: The broker only counts what it sets aside, and many tests share one store.
_STORE_BYTES: Final = 4 * 1024**4
#: Patience with what must happen, in seconds. What the broker handed to a connection that ended
#: is offered again after a minute, and a machine may be busy with something else.
PATIENCE: Final = 100
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


def read_clock() -> datetime:
    """Tell the real time: the broker checks tokens against its own clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class BrokerPlace:
    """A server with its files; :meth:`tls` is what a client trusts."""

    server: EmbeddedBroker
    material: OperatorMaterial
    config: BrokerConfig
    authority: Path

    def tls(self) -> ssl.SSLContext:
        """Trust the test's certificate authority only."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def access(self) -> BrokerAccess:
        """How the operators reach it."""
        return BrokerAccess([self.server.url], self.tls(), self.material, read_clock)


def write_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Write an authority and a certificate for this machine; returns (ca, certificate, key)."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    paths = folder / "ca.pem", folder / "broker.pem", folder / "broker.key"
    authority.cert_pem.write_to_path(str(paths[0]))
    issued.cert_chain_pems[0].write_to_path(str(paths[1]))
    issued.private_key_pem.write_to_path(str(paths[2]))
    return paths


@contextmanager
def running_broker(folder: Path, **settings: Any) -> Iterator[BrokerPlace]:
    """Run a server whose files are under ``folder``; it is gone afterwards."""
    authority, certificate, key = write_certificates(folder / "tls")
    create_operator_material(folder / "operator", name="test", issued_at=read_clock())
    material = load_operator_material(folder / "operator")
    settings.setdefault("max_store_bytes", _STORE_BYTES)
    config = BrokerConfig(
        state_directory=folder / "broker", certificate=certificate, private_key=key, **settings
    )
    server = EmbeddedBroker(config, material, clock=read_clock)
    server.start()
    try:
        yield BrokerPlace(server, material, config, authority)
    finally:
        server.stop()


@dataclass(frozen=True)
class TestParticipant:
    """A Participant with its broker keys."""

    __test__ = False

    code: ParticipantCode
    account_key: Nkey = field(default_factory=lambda: Nkey.generate(NkeyKind.ACCOUNT))
    signing_key: Nkey = field(default_factory=lambda: Nkey.generate(NkeyKind.ACCOUNT))
    user_key: Nkey = field(default_factory=lambda: Nkey.generate(NkeyKind.USER))

    @property
    def account(self) -> AccountId:
        """Its account."""
        return AccountId(self.account_key.public)

    @property
    def identity(self) -> NodeBrokerIdentity:
        """How its node connects."""
        return NodeBrokerIdentity(self.account, self.signing_key, self.user_key)

    def keys(self) -> KeysDocument:
        """Return what the registry says of its node."""
        return KeysDocument(
            participant=self.code,
            issued_at=NOW,
            signing_keys=(SigningKeyEntry.of(SigningKey(bytes(32)).verify_key, valid_from=NOW),),
            encryption_keys=(),
            broker=BrokerIdentity.of(self.code, self.account_key, (self.signing_key.public,)),
        )


def make_directory(
    participants: Iterable[TestParticipant], *, without_keys: Iterable[str] = (), version: int = 1
) -> Directory:
    """Build the view of a registry that lists these Participants."""
    members = list(participants)
    codes = [*(member.code for member in members), *map(ParticipantCode, without_keys)]
    return Directory(
        version=version,
        sha256="0" * 64,
        expires_at=NOW + timedelta(days=1),
        verified_at=NOW,
        participants=tuple(
            ParticipantEntry(
                code=code,
                name=f"Participant {code}",
                display_name=f"Participant {code}",
                directory_key_held_by=ListedBy.OPERATOR,
            )
            for code in codes
        ),
        contacts={},
        keys={member.code: member.keys() for member in members},
    )


def kill_broker(server: EmbeddedBroker) -> None:
    """End a server at once, as a power cut does, and wait for its end: it keeps its files.

    Its sockets close before the kernel reports its end; a start in between would find it running.
    """
    if server.process_id is not None:
        os.kill(server.process_id, signal.SIGKILL)
    server.stop()


class Running(AbstractAsyncContextManager[None]):
    """Runs work as tasks for the time of a block, and ends it."""

    def __init__(self, *work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        """Start."""
        self._tasks = [asyncio.create_task(work()) for work in self._work]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel, wait, and let failures show."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task


@dataclass
class Hub:
    """The hub's hands at the broker."""

    registrar: BrokerConnection
    mailbox_admin: BrokerConnection
    mailboxes: Mailboxes
    admission: Admission


@asynccontextmanager
async def connected_hub(
    place: BrokerPlace | BrokerAccess,
    *,
    limits: MailboxLimits | None = None,
    servers: int = 1,
    clock: Callable[[], datetime] = read_clock,
) -> AsyncIterator[Hub]:
    """Connect as the hub does, to a broker of so many servers; it issues tokens by this clock."""
    access = place if isinstance(place, BrokerAccess) else place.access()
    material = access.material
    registrar, admin = (
        BrokerConnection(
            servers=access.servers, tls=access.tls, identity=identity, clock=read_clock
        )
        for identity in (
            AdminIdentity("registrar", material.system_account, REGISTRAR_PERMISSIONS),
            AdminIdentity("mailbox-admin", material.hub_account, MAILBOX_ADMIN_PERMISSIONS),
        )
    )
    mailboxes = Mailboxes(admin, limits=limits or SMALL_MAILBOX)
    admission = Admission(
        material=material,
        registrar=registrar,
        mailboxes=mailboxes,
        clock=clock,
        servers=servers,
    )
    async with Running(registrar.run, admin.run):
        async with asyncio.timeout(PATIENCE):
            await registrar.wait_until_up()
            await admin.wait_until_up()
        yield Hub(registrar, admin, mailboxes, admission)


class LinkedNode:
    """A Participant's link under test, and the events of its state."""

    def __init__(
        self, place: BrokerPlace | BrokerAccess, participant: TestParticipant, **settings: Any
    ) -> None:
        self._changed = asyncio.Event()
        access = place if isinstance(place, BrokerAccess) else place.access()
        settings.setdefault("servers", access.servers)
        settings.setdefault("tls", access.tls)
        settings.setdefault("identity", participant.identity)
        settings.setdefault("clock", read_clock)
        self._listeners: list[Callable[[LinkState], None]] = []
        self.participant = participant
        self.link = BrokerLink(on_state=self._note, **settings)
        self._running = Running(self.link.run)

    def listen(self, listener: Callable[[LinkState], None]) -> None:
        """Tell the listener of each change of the link's state."""
        self._listeners.append(listener)

    def _note(self, state: LinkState) -> None:
        self._changed.set()
        for listener in self._listeners:
            listener(state)

    async def __aenter__(self) -> Self:
        """Start the link."""
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        await self._running.__aexit__(kind, error, trace)

    async def wait_for(self, condition: Callable[[BrokerLink], bool]) -> None:
        """Return when the link's state fulfils ``condition``."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self.link):
                self._changed.clear()
                await self._changed.wait()

    async def put(self, recipient: TestParticipant, envelope: bytes, **choices: Any) -> PublishAck:
        """Publish with usual choices, again and again while the link is down, as the relay does."""
        choices = {
            "traffic": TrafficClass.MESSAGE,
            "transport_id": secrets.token_hex(16),
            "timeout": 30.0,
            **choices,
        }
        async with asyncio.timeout(PATIENCE):
            while True:
                await self.wait_until_up()
                with suppress(LinkDownError):
                    return await self.link.publish(
                        recipient=recipient.account, envelope=envelope, **choices
                    )

    async def take(
        self, count: int = 1, *, traffic: TrafficClass = TrafficClass.MESSAGE
    ) -> list[Delivery]:
        """Fetch until that many of a class came."""
        found: list[Delivery] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                found += await self.link.fetch(traffic, batch=count - len(found), wait=10)
        return found

    async def wait_until_up(self) -> None:
        """Return when the link is up."""
        await self.wait_for(lambda link: link.is_up)


async def eventually(condition: Callable[[], bool]) -> None:
    """Return as soon as something out of reach of events holds; fails after a while."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the state of another process has no event
            await asyncio.sleep(0.01)
