"""Puts a node together: settings in, a running application out."""

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

import httpx
import structlog
from fastapi import FastAPI

from console.process.tasks import BackgroundTasks
from console.storage.database import Database
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.over_http import HttpPublisher, KeptSource
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError
from contact_registry.models import KeysDocument
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import node_role
from contact_registry.trust.staleness import DEFAULT_AGE_LIMITS, AgeLimits, grade_view
from node.adapters.blob_store import FolderBlobStore
from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.clamd import build_scanner
from node.adapters.correction_host import CorrectionHost
from node.adapters.drill_host import DrillHost
from node.adapters.jetstream import BrokerLink, LinkStatus
from node.adapters.keystore import (
    FileKeyStore,
    KeyStoreError,
    Unlock,
    load_keystore,
    load_passphrase,
    load_unlock_key,
)
from node.adapters.own_keys import OwnKeys
from node.adapters.registry import KeysPublisher, RegistryDirectory, TakenFiles
from node.api.app import create_api
from node.api.health import create_health_router
from node.domain.file_intake import FileIntakeRules
from node.service.context import DeliveryRules, NodeContext
from node.service.holding import describe_view_age
from node.service.notices import list_notices
from node.service.registry_archive import RegistryArchive
from node.service.registry_as_of import PastDirectories
from node.settings import KeyStoreSettings, NodeSettings
from node.store.change_tables import CHANGES
from node.store.migrating import migrate, verify_schema
from node.web.face import build_console
from node.web.router import create_web_router
from node.workers.chunk_relay import ChunkRelay, FileSweep
from node.workers.consumer import Consumer
from node.workers.directory_changes import DirectoryChanges
from node.workers.drills import DrillRounds
from node.workers.keys_renewal import KeysRenewal
from node.workers.link_repair import LinkRepair
from node.workers.received_files import add_file_tasks
from node.workers.registry_refresh import RegistryRefresh
from node.workers.relay import Kind, Relay
from protocol.identifiers import ParticipantCode
from protocol.link_repair import RepairRules
from protocol.subjects import AccountId, TrafficClass

log = structlog.get_logger(__name__)

HTTP_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
#: How long a task may need for a round of work, whatever else it waits for.
_PATIENCE: Final = timedelta(minutes=2)
#: Pause between two looks at what links miss: short beside the pauses between two questions.
_LINK_REPAIR: Final = timedelta(seconds=30)
#: Pause between two looks at changes of our contacts that the hub has not answered.
_DIRECTORY_CHANGES: Final = timedelta(seconds=15)
#: Our keys are published three weeks ahead (SPEC 12.2). If the registry lists them for less than
#: this, it does not show what we publish, and soon nobody can seal to us.
_KEYS_AHEAD: Final = timedelta(days=10)
#: Set by the service manager (systemd.exec(5)) if it hands over credentials.
_CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


class NodeSetupError(Exception):
    """The node cannot be put together; the message says what to set or run."""


def utc_now() -> datetime:
    """Return the present moment: the one clock of the process."""
    return datetime.now(UTC)


def read_unlock(settings: KeyStoreSettings) -> Unlock:
    """Return what opens the key store; raises ``KeyStoreError`` if the settings name nothing."""
    handed_over = os.environ.get(_CREDENTIALS)
    credentials = Path(handed_over) if handed_over else None
    if settings.unlock_key_file is not None:
        return load_unlock_key(settings.unlock_key_file, credentials=credentials)
    if settings.passphrase_file is not None:
        return load_passphrase(settings.passphrase_file, credentials=credentials)
    raise KeyStoreError(
        "Nothing is set that opens the key store: set TRM_NODE_UNLOCK_KEY_FILE or "
        "TRM_NODE_PASSPHRASE_FILE."
    )


@dataclass(frozen=True, slots=True)
class NodeParts:
    """A node whose background tasks have not been started."""

    settings: NodeSettings
    context: NodeContext
    directory: RegistryDirectory
    archive: RegistryArchive
    changes: ChangeDesk
    keystore: FileKeyStore
    registry: httpx.Client
    #: For reading alone: a host that keeps a reader waiting has all of its connections cut.
    registry_reading: httpx.Client

    def close(self) -> None:
        """Give the connections back."""
        self.registry.close()
        self.registry_reading.close()
        self.context.database.close()


def migrate_database(settings: NodeSettings) -> None:
    """Bring the node's database to today's tables; makes it if there is none. Blocking."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.effective_database_url)
    try:
        migrate(database)
    finally:
        database.close()


def _read_trusted_root(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NodeSetupError(
            f"The registry's trusted root {path} cannot be read ({error.strerror}): get "
            "1.root.json from the operators and set TRM_NODE_TRUSTED_ROOT to it."
        ) from error


def build_parts(settings: NodeSettings) -> NodeParts:
    """Open key store and database and what is known of the registry. Blocking.

    Raises ``SchemaError`` for a database without today's tables: see :func:`migrate_database`;
    :class:`NodeSetupError`, ``KeyStoreError``.
    """
    keystore = load_keystore(settings.keystore_path, unlock=read_unlock(settings))
    trusted_root = _read_trusted_root(settings.trusted_root)
    database = Database(settings.effective_database_url)
    verify_schema(database)
    http, reading = (httpx.Client(timeout=HTTP_TIMEOUT) for _ in range(2))
    archive = RegistryArchive(database, trusted_root=trusted_root, clock=utc_now)
    client = RegistryClient(
        base_url=str(settings.hub_url),
        cache_dir=settings.registry_cache,
        trusted_root=trusted_root,
        http=reading,
        clock=utc_now,
    )
    directory = RegistryDirectory(client, archive=archive)
    rules = DeliveryRules(lease=settings.lease)
    if settings.resend_first is not None:
        pauses = tuple(settings.resend_first * factor for factor in (1, 2, 4, 8, 16, 32))
        rules = replace(rules, resend_pauses=pauses)
    if settings.repair_first is not None:
        rules = replace(rules, repair=RepairRules.paced(settings.repair_first))
    context = NodeContext(
        participant=keystore.participant,
        database=database,
        keys=keystore,
        directory=directory,
        clock=utc_now,
        random=os.urandom,
        rules=rules,
        age_limits=settings.age_limits,
        past=PastDirectories(archive),
        blob_store=FolderBlobStore(settings.files_dir),
    )
    return NodeParts(
        settings=settings,
        context=context,
        directory=directory,
        archive=archive,
        changes=ChangeDesk(
            store=SqlChangeStore(CHANGES, database),
            registry=KeptSource(client, refresh=directory.refresh),
            publisher=HttpPublisher(str(settings.hub_url), http),
            clock=utc_now,
            random=os.urandom,
            participant=keystore.participant,
        ),
        keystore=keystore,
        registry=http,
        registry_reading=reading,
    )


@dataclass(frozen=True, slots=True)
class NodeTasks:
    """The background tasks of a running node; enter ``owner`` to run them."""

    link: BrokerLink
    owner: BackgroundTasks
    refresh: RegistryRefresh

    @classmethod
    def build(cls, parts: NodeParts) -> "NodeTasks":
        """Compose them; call inside the event loop."""
        settings, context = parts.settings, parts.context
        link = _build_link(parts)
        refresh = RegistryRefresh(
            context, refresh=parts.directory.refresh, interval=settings.registry_refresh
        )
        renewal = KeysRenewal(
            context,
            OwnKeys(
                parts.keystore,
                path=settings.keystore_path,
                unlock=read_unlock(settings),
                publisher=KeysPublisher(
                    hub_url=str(settings.hub_url),
                    http=parts.registry,
                    takes=TakenFiles(settings.max_attachment_bytes, settings.attachment_types),
                ),
            ),
            wait_for_registry=refresh.wait_until_refreshed,
        )
        # Receipts never wait for messages that are on their way.
        relay = Relay(context, link, kinds=(Kind.MESSAGES, Kind.MACHINE_MAIL))
        receipt_relay = Relay(context, link, kinds=(Kind.RECEIPTS,))
        chunk_relay, file_sweep = ChunkRelay(context, link), FileSweep(context)
        owner = BackgroundTasks(clock=utc_now)
        intake = add_file_tasks(
            owner,
            context,
            link,
            scanner=build_scanner(
                settings.malware_scanner, max_bytes=settings.malware_scanner_max_bytes
            ),
            rules=FileIntakeRules(of_one_peer=settings.files_of_one_participant),
        )
        consumers = {
            traffic: Consumer(
                context,
                link,
                traffic=traffic,
                refresh_registry=refresh.refresh_now,
                hand_chunks=intake.take_in,
            )
            for traffic in (TrafficClass.MESSAGE, TrafficClass.RECEIPT, TrafficClass.LARGE)
        }
        owner.add_service("broker_link", link.run)
        owner.add_service("chunk_relay", chunk_relay.run)
        for task, work, overdue_after in (
            # These wait by themselves for something to do.
            ("registry_refresh", refresh.run_round, 3 * settings.registry_refresh + _PATIENCE),
            ("relay", relay.run_round, _PATIENCE),
            ("receipt_relay", receipt_relay.run_round, _PATIENCE),
            *(
                (f"consumer_{traffic.name.lower()}", consumer.run_round, _PATIENCE)
                for traffic, consumer in consumers.items()
            ),
        ):
            owner.add_round(task, work, every=timedelta(0), overdue_after=overdue_after)
        owner.add_round("file_sweep", file_sweep.run_round, every=FileSweep.EVERY)
        owner.add_round("keys_renewal", renewal.run_round, every=settings.keys_renewal)
        owner.add_round(
            "link_repair",
            LinkRepair(context).run_round,
            every=min(_LINK_REPAIR, context.rules.repair.pauses[0] / 4),
            overdue_after=_LINK_REPAIR + _PATIENCE,
        )
        drills = DrillRounds(
            context,
            DrillHost(str(settings.hub_url), parts.registry),
            interval=settings.drills_refresh.total_seconds(),
        )
        owner.add_round(
            "drills",
            drills.run_round,
            every=timedelta(0),
            overdue_after=settings.drills_refresh + _PATIENCE,
        )
        owner.add_round(
            "directory_changes",
            DirectoryChanges(parts.changes).run_round,
            every=_DIRECTORY_CHANGES,
            overdue_after=_DIRECTORY_CHANGES + _PATIENCE,
        )
        return cls(link=link, owner=owner, refresh=refresh)

    def list_troubles(self, parts: NodeParts) -> list[str]:
        """Say what is not as it should be; empty if the node is ready."""
        troubles = self.owner.list_troubles()
        if not self.link.is_up:
            state = self.link.state
            reason = f": {state.last_error}" if state.last_error else ""
            troubles.append(f"broker link: {state.status.value}{reason}")
        return troubles + list_registry_troubles(
            parts.directory.loaded,
            participant=parts.context.participant,
            now=utc_now(),
            limits=parts.context.age_limits,
        )


def _build_link(parts: NodeParts) -> BrokerLink:
    settings, keys = parts.settings, parts.keystore
    tls = ssl.create_default_context(cafile=str(settings.broker_ca) if settings.broker_ca else None)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    return BrokerLink(
        servers=settings.broker_servers,
        tls=tls,
        identity=NodeBrokerIdentity(
            account=AccountId(keys.account_key.public),
            account_signing_key=keys.account_signing_key,
            user_key=keys.user_key,
        ),
        clock=utc_now,
    )


def list_registry_troubles(
    directory: Directory | None,
    *,
    participant: ParticipantCode,
    now: datetime,
    limits: AgeLimits = DEFAULT_AGE_LIMITS,
) -> list[str]:
    """Say what is wrong with the registry as this node sees it, and with its own part of it."""
    if directory is None:
        return ["registry: never seen"]
    age = grade_view(directory, now=now, limits=limits)
    troubles = [describe_view_age(age)] if age.meaning.is_trouble else []
    if participant not in directory.keys:
        troubles.append("own keys: not in the registry, so nobody can send to this node")
    else:
        troubles += _list_ending_keys(directory.keys[participant], now=now)
    overdue = directory.overdue.get(node_role(participant))
    if overdue is not None:
        troubles.append(f"own keys: their signature ran out at {overdue:%Y-%m-%d %H:%M} UTC")
    return troubles


def _list_ending_keys(keys: KeysDocument, *, now: datetime) -> list[str]:
    """Say that our keys, as the registry lists them, come to their end: see :data:`_KEYS_AHEAD`."""
    end = max((key.valid_to for key in keys.encryption_keys), default=now)
    if end - now > _KEYS_AHEAD:
        return []
    line = (
        f"own keys: the registry lists none that is good after {end:%Y-%m-%d}, although this node "
        "publishes them three weeks ahead: ask the hub's operators why it does not show them"
    )
    return [line]


class RunningNode:
    """A node as its faces see it: parts at once, tasks once they have been started."""

    def __init__(self, parts: NodeParts) -> None:
        self.parts = parts
        self._tasks: NodeTasks | None = None

    async def refresh_registry(self) -> None:
        """Look for a newer registry now."""
        if self._tasks is not None:
            await self._tasks.refresh.refresh_now()

    def list_troubles(self) -> list[str]:
        """Say what is not as it should be; empty if the node is ready."""
        if self._tasks is None:
            return ["tasks: not started"]
        return self._tasks.list_troubles(self.parts)

    def list_notices(self) -> list[str]:
        """Say what people should look into although the node does its work. Blocking."""
        return list_notices(self.parts.context)

    def describe_link(self) -> str:
        """Say how the link to the broker is."""
        return self._tasks.link.state.status.value if self._tasks else LinkStatus.DOWN.value

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Run the background tasks as long as the application serves."""
        self._tasks = NodeTasks.build(self.parts)
        async with self._tasks.owner:
            yield
        self.parts.close()


def _look_at_registry(directory: RegistryDirectory) -> None:
    """Look once before the first page is served: the pages take names and times from there."""
    try:
        directory.refresh()
    except RegistryError as error:
        log.warning("registry_not_seen_at_start", problem=type(error).__name__)


def create_app(settings: NodeSettings) -> FastAPI:
    """Build the application that ``trm-node run`` serves. Opens key store and database.

    The database is migrated first.
    """
    migrate_database(settings)
    node = RunningNode(build_parts(settings))
    if node.parts.directory.loaded is None:
        _look_at_registry(node.parts.directory)
    context = node.parts.context
    console = build_console(
        context, public_url=settings.effective_public_url, version=version("trm-hub")
    )
    web = create_web_router(
        context,
        console,
        list_troubles=lambda: [*node.list_troubles(), *node.list_notices()],
        describe_link=node.describe_link,
        changes=node.parts.changes,
        corrections=CorrectionHost(
            str(settings.hub_url), node.parts.registry, participant=context.participant
        ),
    )
    health = create_health_router(node.list_troubles, node.list_notices)
    app = console.build_app([health, web], lifespan=node.lifespan)
    api = create_api(context, refresh_registry=node.refresh_registry, changes=node.parts.changes)
    app.mount("/api/v1", api)
    return app
