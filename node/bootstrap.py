"""Puts a node together: settings in, a running application out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

import structlog
from fastapi import FastAPI
from starlette.middleware import Middleware

from console.i18n import Message, msg
from console.process.tasks import TaskState
from console.refusals import say_english
from contact_registry.errors import RegistryError
from node.adapters.correction_host import CorrectionHost
from node.adapters.jetstream import LinkStatus
from node.adapters.national import build_national_login
from node.adapters.registry import RegistryDirectory
from node.api.app import create_api
from node.api.health import create_health_router
from node.api.quick_sending import QuickSending
from node.background import NodeTasks
from node.parts import NodeParts, build_parts, migrate_database
from node.service.due_rows import drop_claims
from node.service.inviting import Entrance
from node.service.notices import find_notices, list_notices
from node.service.send_desk import SendDesk
from node.settings import NodeSettings
from node.web.admin.running import HeldKey, KeysHeld, Running
from node.web.admin.ways_in import say_by
from node.web.face import build_console
from node.web.router import create_web_router

log = structlog.get_logger(__name__)

_API: Final = "/api/v1"


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
        """Return the English lines of :meth:`find_troubles`, for programs that watch the node."""
        return [say_english(trouble) for trouble in self.find_troubles()]

    def find_troubles(self) -> list[Message]:
        """Say what is not as it should be; empty if the node is ready."""
        if self._tasks is None:
            return [msg("tasks: not started")]
        return self._tasks.find_troubles(self.parts)

    def list_notices(self) -> list[str]:
        """Say what people should look into although the node does its work. Blocking."""
        return list_notices(self.parts.context)

    def describe_keys(self) -> KeysHeld:
        """Name the keys of this node and when they hold; never a key."""
        store = self.parts.keystore
        listed = {epoch.key.key_id for epoch in store.listed_epochs}
        return KeysHeld(
            signing_key_id=store.signing_key.key_id,
            signing_since=store.signing_since,
            registry_key_id=store.registry_key.key_id,
            epochs=tuple(
                HeldKey(
                    key_id=epoch.key.key_id,
                    valid_from=epoch.valid_from,
                    valid_to=epoch.valid_to,
                    is_listed=epoch.key.key_id in listed,
                )
                for epoch in store.epochs
            ),
        )

    def list_tasks(self) -> Sequence[TaskState]:
        """Say how each background task does."""
        return self._tasks.owner.states if self._tasks else ()

    def ask_task(self, task: str) -> None:
        """Let a task's next round begin now. Called in the event loop."""
        if self._tasks is not None:
            self._tasks.owner.ask(task)

    def describe(self) -> Running:
        """Give the pages of an administrator what they show of this process."""
        settings = self.parts.settings
        return Running(
            list_tasks=self.list_tasks,
            ask_task=self.ask_task,
            refresh_registry=self.refresh_registry,
            describe_keys=self.describe_keys,
            public_url=settings.effective_public_url,
            hub_url=str(settings.hub_url),
            files_dir=settings.files_dir,
        )

    def describe_link(self) -> str:
        """Say how the link to the broker is."""
        return self._tasks.link.state.status.value if self._tasks else LinkStatus.DOWN.value

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Run the background tasks as long as the application serves."""
        await asyncio.to_thread(drop_claims, self.parts.context)
        self._tasks = NodeTasks.build(self.parts)
        async with self._tasks.owner:
            yield
        await self._tasks.receivers.aclose()
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
        context,
        public_url=settings.effective_public_url,
        version=version("trm-hub"),
        national=build_national_login(settings, clock=context.clock, random=context.random),
    )
    web = create_web_router(
        context,
        console,
        list_troubles=lambda: [*node.find_troubles(), *find_notices(context)],
        describe_link=node.describe_link,
        changes=node.parts.changes,
        corrections=CorrectionHost(
            str(settings.hub_url), node.parts.registry, participant=context.participant
        ),
        running=node.describe(),
        archive=node.parts.archive,
    )
    health = create_health_router(node.list_troubles, node.list_notices)
    app = console.build_app([health, web], lifespan=node.lifespan)
    desk = SendDesk(context)
    api = create_api(
        context,
        refresh_registry=node.refresh_registry,
        changes=node.parts.changes,
        desk=desk,
        entrance=Entrance(
            public_url=settings.effective_public_url, translate=say_by(console.renderer)
        ),
        archive=node.parts.archive,
    )
    app.mount(_API, api)
    # Inside the layers that every request goes through, in front of the routes.
    app.user_middleware.append(Middleware(QuickSending, desk=desk, path=f"{_API}/messages"))
    return app
