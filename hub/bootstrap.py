"""Puts the hub together: settings in, a running application out."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog
from fastapi import APIRouter, FastAPI

from console.accounts.lockout import FORGET_AFTER
from console.process.tasks import BackgroundTask, BackgroundTasks
from contact_registry.changes.desk import ChangeDesk
from contact_registry.drills.schedule import DrillRules
from contact_registry.errors import RegistryError
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import OnlineSigners
from hub.api.health import create_health_router
from hub.api.monitoring import Monitored, create_monitoring_router
from hub.api.problems import install_problem_handlers
from hub.audit.publications import record_publications
from hub.broker.accounts import (
    MAILBOX_ADMIN_PERMISSIONS,
    MAILBOX_EVENTS,
    REGISTRAR_PERMISSIONS,
    SERVER_EVENTS,
)
from hub.broker.admission import Admission
from hub.broker.admission_rounds import AdmissionIncompleteError, AdmissionRounds
from hub.broker.connection import (
    AdminIdentity,
    BrokerConnection,
    BrokerUnavailableError,
    Listening,
)
from hub.broker.embedded import EmbeddedBroker
from hub.broker.mailboxes import Mailboxes
from hub.broker.operator import OperatorMaterial, load_operator_material
from hub.changes.corrections import open_correction_desk
from hub.changes.rounds import add_change_rounds
from hub.clock import utc_now
from hub.context import HubContext, HubRecords
from hub.delivery import DeliverySource
from hub.drills.wiring import MailSetupError, add_drills
from hub.monitoring.broker_disk import DiskWatch
from hub.monitoring.delivery_watch import DeliveryWatch
from hub.monitoring.quorum import QuorumWatch
from hub.monitoring.readiness import (
    Check,
    check_admission,
    check_broker,
    check_registry,
    check_store,
    check_tasks,
)
from hub.network.advisories import Heard
from hub.network.looking import NetworkSource
from hub.network.records import NetworkRecords
from hub.network.watching import NetworkWatch, Watched, add_network
from hub.opening import migrate_store, open_records
from hub.registry_host.ceremonies import create_ceremony_router
from hub.registry_host.corrections import create_correction_router
from hub.registry_host.refreshing import run_timestamp_refresh
from hub.registry_host.router import create_router
from hub.registry_view import RegistryView
from hub.settings import BrokerMode, HubSettings
from hub.web.face import Served, build_console
from hub.web.mounting import PagesMount
from hub.web.place import Place
from hub.web.router import create_web_router

_WATCH_BROKER_EVERY: Final = timedelta(seconds=1)
#: Pause between two questions to the broker whether it can write.
_LOOK_AT_DISK_EVERY: Final = timedelta(seconds=20)
_LOOK_AT_COPIES_EVERY: Final = timedelta(seconds=10)
#: How long a publication waits for the broker to follow before its answer is given anyway.
_ADMIT_SECONDS: Final = 5.0
#: Rounds of admission that may fail before the hub is called not ready.
_MISSED_ROUNDS: Final = 3
_RECORD_EVERY: Final = timedelta(minutes=1)
_FORGET_FAILURES_EVERY: Final = timedelta(hours=1)
_SHORTEST_TOKEN: Final = 32
_ADMISSION_TROUBLE: Final = (
    BrokerUnavailableError,
    AdmissionIncompleteError,
    RegistryError,
    OSError,  # with TimeoutError
)

_log = structlog.get_logger()


class HubSetupError(Exception):
    """The hub cannot be put together; the message says what to set or run."""


@dataclass(frozen=True, slots=True)
class HubParts:
    """Everything that the hub consists of. Only the embedded broker runs already."""

    settings: HubSettings
    repository: OperatedRepository
    online: OnlineSigners
    embedded: EmbeddedBroker | None
    registrar: BrokerConnection
    mailbox_admin: BrokerConnection
    mailboxes: Mailboxes
    rounds: AdmissionRounds
    disk: DiskWatch
    #: ``None`` for a broker of one server, which has one copy of everything.
    quorum: QuorumWatch | None
    operator_token: str | None
    records: HubRecords
    #: What the connections heard of the broker, and what its servers are trusted by.
    heard: Heard
    tls: ssl.SSLContext

    def close(self) -> None:
        """Stop the embedded broker, if there is one, and give the connections back."""
        if self.embedded is not None:
            self.embedded.stop()
        self.records.database.close()


def build_parts(settings: HubSettings, *, environment: Mapping[str, str]) -> HubParts:
    """Load keys, start the embedded broker if it is the hub's to run, connect nothing yet.

    Call it from the main thread, to which the embedded broker is tied, and :meth:`HubParts.close`
    in the end. Blocking. Raises :class:`HubSetupError`,
    :class:`~hub.broker.operator.OperatorMaterialError`,
    :class:`~hub.broker.embedded.EmbeddedBrokerError`,
    :class:`~contact_registry.errors.RegistryError`, ``SchemaError``, ``SecretBoxError``.
    """
    material = load_operator_material(settings.operator_dir)
    repository = OperatedRepository(
        settings.registry_dir,
        clock=utc_now,
        keyring=OnlineKeyring.of_file(settings.online_key_path),
    )
    online = repository.follow_root()  # a hub without a registry has nothing to do: say so now
    tls = _make_tls_context(settings.broker_ca)
    token = _read_operator_token(settings.operator_token_file)
    migrate_store(settings)
    records = open_records(settings)
    try:
        embedded = _start_embedded_broker(settings, material, environment=environment)
    except BaseException:
        records.database.close()
        raise
    servers = [embedded.url] if embedded else list(settings.broker_servers)
    heard = Heard()
    registrar, mailbox_admin = _make_connections(servers, tls, material, heard=heard)
    mailboxes = Mailboxes(mailbox_admin, limits=settings.mailbox_limits)
    admission = Admission(
        material=material,
        registrar=registrar,
        mailboxes=mailboxes,
        clock=utc_now,
        servers=settings.broker_size,
    )
    return HubParts(
        settings=settings,
        repository=repository,
        online=online,
        embedded=embedded,
        registrar=registrar,
        mailbox_admin=mailbox_admin,
        mailboxes=mailboxes,
        rounds=AdmissionRounds(admission, load_directory=repository.load_directory),
        disk=DiskWatch(registrar, servers=settings.broker_size, own=embedded),
        quorum=(
            QuorumWatch(mailbox_admin, servers=settings.broker_size)
            if settings.broker_size > 1
            else None
        ),
        operator_token=token,
        records=records,
        heard=heard,
        tls=tls,
    )


def _make_connections(
    servers: Sequence[str], tls: ssl.SSLContext, material: OperatorMaterial, *, heard: Heard
) -> tuple[BrokerConnection, BrokerConnection]:
    """Make the connections of whoever admits nodes, and of whoever keeps their mailboxes."""
    registrar = AdminIdentity("registrar", material.system_account, REGISTRAR_PERMISSIONS)
    mailbox_admin = AdminIdentity("mailboxes", material.hub_account, MAILBOX_ADMIN_PERMISSIONS)

    def connect_as(identity: AdminIdentity, subjects: tuple[str, ...]) -> BrokerConnection:
        return BrokerConnection(
            servers=servers,
            tls=tls,
            identity=identity,
            clock=utc_now,
            listening=Listening(subjects, heard.listen()),
        )

    return connect_as(registrar, SERVER_EVENTS), connect_as(mailbox_admin, MAILBOX_EVENTS)


def _start_embedded_broker(
    settings: HubSettings, material: OperatorMaterial, *, environment: Mapping[str, str]
) -> EmbeddedBroker | None:
    if settings.broker_mode is BrokerMode.EXTERNAL:
        return None
    try:
        config = settings.describe_broker()
    except ValueError as error:
        raise HubSetupError(str(error)) from error
    variable = config.store_key_variable
    if variable and not environment.get(variable):
        raise HubSetupError(f"Set {variable} to the key of the broker's store, or unset its name.")
    # Of the environment the broker gets the key of its store and nothing else.
    handed_on = {variable: environment[variable]} if variable else {}
    broker = EmbeddedBroker(config, material, clock=utc_now, environment=handed_on)
    broker.start()
    return broker


def _make_tls_context(authority: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
    except OSError as error:
        raise HubSetupError(
            f"{authority} holds no CA certificates (PEM): set TRM_HUB_BROKER_CA to such a file."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _read_operator_token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HubSetupError(f"{path} cannot be read: check TRM_HUB_OPERATOR_TOKEN_FILE.") from error
    if len(token) < _SHORTEST_TOKEN:
        raise HubSetupError(
            f"The token in {path} is too short: use at least {_SHORTEST_TOKEN} random characters."
        )
    return token


def create_app(parts: HubParts) -> FastAPI:
    """Build the application; its tasks run as long as it does."""
    tasks = BackgroundTasks(clock=utc_now)
    following = _add_own_tasks(tasks, parts)
    checks = _list_checks(tasks, parts)

    @asynccontextmanager
    async def run_tasks(_app: FastAPI) -> AsyncIterator[None]:
        async with tasks:
            yield

    # No redirect from here: its address would be put together from what the visitor calls us.
    app = FastAPI(title="TRM hub", lifespan=run_tasks, openapi_url=None, redirect_slashes=False)
    install_problem_handlers(app)
    app.include_router(create_health_router(checks))
    app.include_router(
        create_monitoring_router(
            Monitored(parts.mailboxes, parts.rounds, tasks), operator_token=parts.operator_token
        )
    )
    app.include_router(create_router(parts.repository, parts.online, following.follow_at_once))
    app.include_router(create_ceremony_router(parts.repository, following.follow_at_once))
    delivery = DeliveryWatch(
        mailboxes=parts.mailboxes, rounds=parts.rounds, tasks=tasks, checks=checks, clock=utc_now
    )
    network = _watch_network(parts, delivery)
    add_network(tasks, network)
    context = build_context(parts, delivery, network)
    app.include_router(_add_drills(tasks, context, parts.settings))
    app.include_router(create_correction_router(open_correction_desk(context)))
    changes = add_change_rounds(tasks, context, after_publication=following.follow_soon)
    pages = build_console_app(context, parts.settings, changes=changes)
    app.router.routes.append(PagesMount(pages))
    return app


def _watch_network(parts: HubParts, delivery: DeliverySource) -> NetworkWatch:
    return NetworkWatch(
        watched=Watched(
            settings=parts.settings,
            tls=parts.tls,
            registrar=parts.registrar,
            mailboxes=parts.mailboxes,
            rounds=parts.rounds,
            quorum=parts.quorum,
            own=parts.embedded,
        ),
        records=NetworkRecords(parts.records.database),
        heard=parts.heard,
        run_checks=delivery.run_checks,
        clock=utc_now,
    )


@dataclass(frozen=True, slots=True)
class _Following:
    """What follows a publication: the audit log, and the broker."""

    rounds: AdmissionRounds
    admission: BackgroundTask
    recording: BackgroundTask

    def follow_soon(self) -> None:
        """Let broker and audit log follow what the operators published on their pages."""
        self.recording.ask()
        self.admission.ask()

    async def follow_at_once(self, published: PublishedVersion) -> None:
        """Let the broker follow a publication, if it can, before the publication is answered."""
        self.recording.ask()
        try:
            async with asyncio.timeout(_ADMIT_SECONDS):
                await self.rounds.run()
        except _ADMISSION_TROUBLE as error:
            _log.warning("admission_postponed", version=published.version, error=str(error))
            self.admission.ask()


def _add_own_tasks(tasks: BackgroundTasks, parts: HubParts) -> _Following:
    if parts.embedded is not None:
        watch = _watch_broker(parts.embedded)
        tasks.add_round("embedded_broker", watch, every=_WATCH_BROKER_EVERY)
    tasks.add_round("broker_disk", parts.disk.look, every=_LOOK_AT_DISK_EVERY)
    if parts.quorum is not None:
        tasks.add_round("mailbox_copies", parts.quorum.look, every=_LOOK_AT_COPIES_EVERY)
    tasks.add_service("broker_registrar", parts.registrar.run)
    tasks.add_service("broker_mailboxes", parts.mailbox_admin.run)
    tasks.add_service(
        "registry_timestamp",
        lambda: run_timestamp_refresh(parts.repository, parts.online, clock=utc_now),
    )

    async def admit() -> None:
        await parts.registrar.wait_until_up()
        await parts.mailbox_admin.wait_until_up()
        await parts.rounds.run()

    async def record() -> None:
        await asyncio.to_thread(record_publications, parts.records, parts.repository)

    async def forget_failures() -> None:
        failures = parts.records.open_failures()
        await asyncio.to_thread(failures.forget_old, utc_now() - FORGET_AFTER)

    tasks.add_round("failed_sign_ins", forget_failures, every=_FORGET_FAILURES_EVERY)
    return _Following(
        rounds=parts.rounds,
        admission=tasks.add_round("admission", admit, every=parts.settings.admission_interval),
        recording=tasks.add_round("audit_publications", record, every=_RECORD_EVERY),
    )


def _list_checks(tasks: BackgroundTasks, parts: HubParts) -> list[Check]:
    settings = parts.settings
    longest_ago = _MISSED_ROUNDS * settings.admission_interval
    return [
        check_broker(parts.registrar),
        check_broker(parts.mailbox_admin),
        parts.disk.check,
        check_registry(parts.repository, clock=utc_now, margin=settings.timestamp_margin),
        check_admission(parts.rounds, clock=utc_now, longest_ago=longest_ago),
        check_store(parts.records.audit),
        check_tasks(tasks),
        *([parts.quorum.check] if parts.quorum is not None else []),
    ]


def _add_drills(tasks: BackgroundTasks, context: HubContext, settings: HubSettings) -> APIRouter:
    try:
        return add_drills(tasks, context, settings)
    except MailSetupError as error:
        raise HubSetupError(str(error)) from error


def build_context(parts: HubParts, delivery: DeliverySource, network: NetworkSource) -> HubContext:
    """Put together what services and pages stand on."""
    records = parts.records
    return HubContext(
        database=records.database,
        box=records.box,
        clock=records.clock,
        random=records.random,
        audit=records.audit,
        repository=parts.repository,
        online=parts.online,
        registry=RegistryView(parts.repository),
        delivery=delivery,
        public_url=parts.settings.effective_public_url,
        drill_rules=DrillRules(interval=parts.settings.drill_interval),
        network=network,
    )


def build_console_app(
    context: HubContext, settings: HubSettings, *, changes: ChangeDesk | None = None
) -> FastAPI:
    """Build the operators' console: every path that is not one of the interfaces."""
    served = Served(
        public_url=settings.effective_public_url,
        place=Place.of(settings.time_zone, settings.city),
        version=version("trm-hub"),
    )
    console = build_console(context, served=served)
    return console.build_app([create_web_router(context, console, changes=changes)])


def _watch_broker(broker: EmbeddedBroker) -> Callable[[], Awaitable[None]]:
    async def watch() -> None:
        if not broker.is_running:
            _log.error("embedded_broker_died")
            broker.start()  # here and not in a thread: the broker is tied to the thread's life

    return watch
