"""Puts a node together: settings in, a running application out."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final

import httpx
from fastapi import FastAPI

from contact_registry.trust.client import RegistryClient
from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.jetstream import BrokerLink, LinkStatus
from node.adapters.keystore import (
    FileKeyStore,
    KeyStoreError,
    Passphrase,
    Unlock,
    load_keystore,
    load_unlock_key,
)
from node.adapters.registry import RegistryDirectory
from node.api.app import create_api
from node.api.health import create_health_router
from node.service.context import DeliveryRules, NodeContext
from node.settings import NodeSettings
from node.store.database import Database
from node.store.migrating import migrate
from node.web.face import build_console
from node.web.router import create_web_router
from node.workers.consumer import Consumer
from node.workers.registry_refresh import RegistryRefresh
from node.workers.relay import Relay
from node.workers.supervision import Supervisor
from protocol.subjects import AccountId

HTTP_TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
_STOP_SECONDS: Final = 10.0


def utc_now() -> datetime:
    """Return the present moment: the one clock of the process."""
    return datetime.now(UTC)


def read_unlock(settings: NodeSettings) -> Unlock:
    """Return what opens the key store; raises ``KeyStoreError`` if the settings name nothing."""
    if settings.unlock_key_file is not None:
        return load_unlock_key(settings.unlock_key_file)
    if settings.passphrase_file is not None:
        try:
            return Passphrase(settings.passphrase_file.read_text().rstrip("\n"))
        except OSError as error:
            raise KeyStoreError(f"The passphrase file cannot be read: {error.strerror}.") from error
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
    keystore: FileKeyStore

    def close(self) -> None:
        """Give the database connections back."""
        self.context.database.close()


def build_parts(settings: NodeSettings) -> NodeParts:
    """Open key store and database and what is known of the registry. Blocking."""
    keystore = load_keystore(settings.keystore_path, unlock=read_unlock(settings))
    database = Database(settings.effective_database_url)
    migrate(database)
    directory = RegistryDirectory(
        RegistryClient(
            base_url=str(settings.hub_url),
            cache_dir=settings.registry_cache,
            trusted_root=settings.trusted_root.read_bytes(),
            http=httpx.Client(timeout=HTTP_TIMEOUT),
            clock=utc_now,
        )
    )
    rules = DeliveryRules()
    if settings.resend_first is not None:
        rules = DeliveryRules(
            resend_pauses=tuple(settings.resend_first * factor for factor in (1, 2, 4, 8, 16, 32))
        )
    context = NodeContext(
        participant=keystore.participant,
        database=database,
        keys=keystore,
        directory=directory,
        clock=utc_now,
        random=os.urandom,
        rules=rules,
    )
    return NodeParts(settings=settings, context=context, directory=directory, keystore=keystore)


@dataclass(slots=True)
class NodeTasks:
    """The background tasks of a running node."""

    link: BrokerLink
    supervisor: Supervisor
    refresh: RegistryRefresh

    @classmethod
    def build(cls, parts: NodeParts) -> "NodeTasks":
        """Compose them; call inside the event loop."""
        settings, context, keys = parts.settings, parts.context, parts.keystore
        tls = ssl.create_default_context(
            cafile=str(settings.broker_ca) if settings.broker_ca else None
        )
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        link = BrokerLink(
            servers=settings.broker_servers,
            tls=tls,
            identity=NodeBrokerIdentity(
                account=AccountId(keys.account_key.public),
                account_signing_key=keys.account_signing_key,
                user_key=keys.user_key,
            ),
            clock=utc_now,
        )
        refresh = RegistryRefresh(
            context, refresh=parts.directory.refresh, interval=settings.registry_refresh
        )
        relay = Relay(context, link)
        consumer = Consumer(context, link, refresh_registry=refresh.refresh_now)
        supervisor = Supervisor(clock=utc_now)
        supervisor.add("broker_link", link.run, expected_every=timedelta(days=36_500))
        supervisor.add(
            "registry_refresh",
            refresh.run_round,
            expected_every=3 * settings.registry_refresh + timedelta(minutes=2),
        )
        supervisor.add("relay", relay.run_round, expected_every=timedelta(minutes=1))
        supervisor.add("consumer", consumer.run_round, expected_every=timedelta(minutes=2))
        return cls(link=link, supervisor=supervisor, refresh=refresh)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the tasks; stop them, in bounded time, at the end."""
        task = asyncio.create_task(self.supervisor.run(), name="supervisor")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=_STOP_SECONDS)

    def list_troubles(self, parts: NodeParts) -> list[str]:
        """Say what is not as it should be; empty if the node is ready."""
        now = utc_now()
        troubles = [
            trouble
            for report in self.supervisor.reports.values()
            if (trouble := report.describe_trouble(now)) is not None
        ]
        if not self.link.is_up:
            troubles.append(
                f"broker link: {self.link.state.status.value}"
                + (f": {self.link.state.last_error}" if self.link.state.last_error else "")
            )
        if parts.directory.loaded is None:
            troubles.append("registry: never seen")
        return troubles


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

    def describe_link(self) -> str:
        """Say how the link to the broker is."""
        return self._tasks.link.state.status.value if self._tasks else LinkStatus.DOWN.value

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Run the background tasks as long as the application serves."""
        self._tasks = NodeTasks.build(self.parts)
        async with self._tasks.running():
            yield
        self.parts.close()


def create_app(settings: NodeSettings) -> FastAPI:
    """Build the application that ``trm-node run`` serves. Opens key store and database."""
    node = RunningNode(build_parts(settings))
    context = node.parts.context
    console = build_console(
        context, public_url=settings.effective_public_url, version=version("trm-hub")
    )
    web = create_web_router(
        context,
        console,
        list_troubles=node.list_troubles,
        describe_link=node.describe_link,
    )
    app = console.build_app([create_health_router(node.list_troubles), web], lifespan=node.lifespan)
    app.mount("/api/v1", create_api(context, refresh_registry=node.refresh_registry))
    return app
