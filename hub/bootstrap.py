"""Puts the hub together: settings in, a running application out."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI

from console.process.tasks import BackgroundTasks
from contact_registry.errors import RegistryError
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import OnlineSigners, RegistryRepository
from contact_registry.trust.signers import RegistrySigner, load_signing_key
from hub.api.health import create_health_router
from hub.api.monitoring import Monitored, create_monitoring_router
from hub.api.problems import install_problem_handlers
from hub.broker.accounts import MAILBOX_ADMIN_PERMISSIONS, REGISTRAR_PERMISSIONS
from hub.broker.admission import Admission
from hub.broker.admission_rounds import AdmissionIncompleteError, AdmissionRounds
from hub.broker.connection import AdminIdentity, BrokerConnection, BrokerUnavailableError
from hub.broker.embedded import EmbeddedBroker
from hub.broker.mailboxes import Mailboxes
from hub.broker.operator import OperatorMaterial, load_operator_material
from hub.monitoring.readiness import (
    check_admission,
    check_broker,
    check_registry,
    check_tasks,
)
from hub.registry_host.refreshing import run_timestamp_refresh
from hub.registry_host.router import create_router
from hub.settings import BrokerMode, HubSettings

_WATCH_BROKER_EVERY: Final = timedelta(seconds=1)
#: How long a publication waits for the broker to follow before its answer is given anyway.
_ADMIT_SECONDS: Final = 5.0
#: Rounds of admission that may fail before the hub is called not ready.
_MISSED_ROUNDS: Final = 3
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


def utc_now() -> datetime:
    """Return the present moment: the one clock of the process."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class HubParts:
    """Everything that the hub consists of. Only the embedded broker runs already."""

    settings: HubSettings
    repository: RegistryRepository
    online: OnlineSigners
    embedded: EmbeddedBroker | None
    registrar: BrokerConnection
    mailbox_admin: BrokerConnection
    mailboxes: Mailboxes
    rounds: AdmissionRounds
    operator_token: str | None

    def close(self) -> None:
        """Stop the embedded broker, if there is one."""
        if self.embedded is not None:
            self.embedded.stop()


def build_parts(settings: HubSettings, *, environment: Mapping[str, str]) -> HubParts:
    """Load keys, start the embedded broker if it is the hub's to run, connect nothing yet.

    Call it from the main thread, to which the embedded broker is tied, and :meth:`HubParts.close`
    in the end. Blocking. Raises :class:`HubSetupError`,
    :class:`~hub.broker.operator.OperatorMaterialError`,
    :class:`~hub.broker.embedded.EmbeddedBrokerError`,
    :class:`~contact_registry.errors.RegistryError`.
    """
    material = load_operator_material(settings.operator_dir)
    online_signer = RegistrySigner(load_signing_key(settings.online_key_path))
    repository = RegistryRepository(settings.registry_dir, clock=utc_now)
    repository.published_version()  # a hub without a registry has nothing to do: say so now
    tls = _make_tls_context(settings.broker_ca)
    token = _read_operator_token(settings.operator_token_file)
    embedded = _start_embedded_broker(settings, material, environment=environment)
    servers = [embedded.url] if embedded else list(settings.broker_servers)
    registrar, mailbox_admin = (
        BrokerConnection(servers=servers, tls=tls, identity=identity, clock=utc_now)
        for identity in (
            AdminIdentity("registrar", material.system_account, REGISTRAR_PERMISSIONS),
            AdminIdentity("mailboxes", material.hub_account, MAILBOX_ADMIN_PERMISSIONS),
        )
    )
    mailboxes = Mailboxes(mailbox_admin, limits=settings.mailbox_limits)
    admission = Admission(
        material=material, registrar=registrar, mailboxes=mailboxes, clock=utc_now
    )
    return HubParts(
        settings=settings,
        repository=repository,
        online=OnlineSigners(snapshot=online_signer, timestamp=online_signer),
        embedded=embedded,
        registrar=registrar,
        mailbox_admin=mailbox_admin,
        mailboxes=mailboxes,
        rounds=AdmissionRounds(admission, load_directory=repository.load_directory),
        operator_token=token,
    )


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
    settings = parts.settings
    tasks = BackgroundTasks(clock=utc_now)
    if parts.embedded is not None:
        watch = _watch_broker(parts.embedded)
        tasks.add_round("embedded_broker", watch, every=_WATCH_BROKER_EVERY)
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

    admission = tasks.add_round("admission", admit, every=settings.admission_interval)

    async def admit_at_once(published: PublishedVersion) -> None:
        """Let the broker follow a publication, if it can, before the publication is answered."""
        try:
            async with asyncio.timeout(_ADMIT_SECONDS):
                await parts.rounds.run()
        except _ADMISSION_TROUBLE as error:
            _log.warning("admission_postponed", version=published.version, error=str(error))
            admission.ask()

    checks = [
        check_broker(parts.registrar),
        check_broker(parts.mailbox_admin),
        check_registry(parts.repository, clock=utc_now, margin=settings.timestamp_margin),
        check_admission(
            parts.rounds, clock=utc_now, longest_ago=_MISSED_ROUNDS * settings.admission_interval
        ),
        check_tasks(tasks),
    ]

    @asynccontextmanager
    async def run_tasks(_app: FastAPI) -> AsyncIterator[None]:
        async with tasks:
            yield

    app = FastAPI(title="TRM hub", lifespan=run_tasks, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    app.include_router(create_health_router(checks))
    app.include_router(
        create_monitoring_router(
            Monitored(parts.mailboxes, parts.rounds, tasks), operator_token=parts.operator_token
        )
    )
    app.include_router(create_router(parts.repository, parts.online, admit_at_once))
    return app


def _watch_broker(broker: EmbeddedBroker) -> Callable[[], Awaitable[None]]:
    async def watch() -> None:
        if not broker.is_running:
            _log.error("embedded_broker_died")
            broker.start()  # here and not in a thread: the broker is tied to the thread's life

    return watch
