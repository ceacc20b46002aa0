"""How the node itself does: keys, directory, background tasks, room. Never content."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.confirming import Confirmed
from console.i18n import Message, msg, pmsg
from contact_registry.errors import RegistryError, RegistryUnavailableError
from contact_registry.trust.layout import node_role
from node.service.holding import judge_view
from node.service.room import measure_room
from node.web.admin.backups import grade_newest
from node.web.admin.running import HeldKey
from node.web.admin.sizes import say_size
from node.web.admin.task_words import describe_task, say_trouble
from node.web.site import NodeAdmin, PageRoute, Site, go_to
from node.web.states import Look

_KEYS_TASK: Final = "keys_renewal"
#: Below this a node refuses new files, so that the database can still write.
_LITTLE_ROOM: Final = 2 * 256 * 1024**2
_NOT_REFRESHED: Final = msg(
    "The hub did not answer, or what it answered does not verify. The directory of before stays "
    "in use. See whether the hub can be reached from this machine."
)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key of one epoch, and what it is for now."""

    key: HeldKey
    look: Look


def create_system_router(site: Site) -> APIRouter:
    """Build the pages about the node itself."""
    router = APIRouter(route_class=PageRoute)
    _add_looking(router, site)
    _add_asking(router, site)
    return router


def _add_looking(router: APIRouter, site: Site) -> None:
    @router.get("/system")
    def show(request: Request, who: NodeAdmin) -> Response:
        now = site.context.clock()
        tasks = [describe_task(state, now=now) for state in site.running.list_tasks()]
        return site.page(
            request,
            "admin/system.html",
            troubles=[say_trouble(trouble) for trouble in site.list_troubles()],
            failing=sum(1 for task in tasks if task.look.tone == "danger"),
            tasks_count=len(tasks),
            room=measure_room(site.context, who=site.principal(who)),
            little_room=_LITTLE_ROOM,
            backups=grade_newest(site, who),
            say_size=say_size,
            **_describe_directory(site),
            **_describe_keys(site),
        )

    @router.get("/system/keys")
    def show_keys(request: Request, _who: NodeAdmin, done: str = "") -> Response:
        return site.page(
            request, "admin/keys.html", is_asked=done == "asked", **_describe_keys(site)
        )

    @router.get("/system/directory")
    def show_directory(request: Request, _who: NodeAdmin, done: str = "") -> Response:
        return _show_directory(site, request, done=done)

    @router.get("/system/tasks")
    def show_tasks(request: Request, _who: NodeAdmin) -> Response:
        now = site.context.clock()
        tasks = [describe_task(state, now=now) for state in site.running.list_tasks()]
        order = {"danger": 0, "neutral": 1}
        tasks.sort(key=lambda task: order.get(task.look.tone, 2))
        return site.page(request, "admin/tasks.html", tasks=tasks)

    @router.get("/system/storage")
    def show_storage(request: Request, who: NodeAdmin) -> Response:
        room = measure_room(site.context, who=site.principal(who))
        return site.page(
            request, "admin/storage.html", room=room, say_size=say_size, little_room=_LITTLE_ROOM
        )


def _add_asking(router: APIRouter, site: Site) -> None:
    @router.post("/system/keys")
    async def renew_keys(_who: NodeAdmin, _sure: Confirmed) -> Response:
        # The task alone decides what is due: keys are made and erased by the calendar (SPEC 12).
        site.running.ask_task(_KEYS_TASK)
        return go_to("/system/keys?done=asked")

    @router.post("/system/directory")
    async def refresh(request: Request, _who: NodeAdmin) -> Response:
        try:
            await site.running.refresh_registry()
        except RegistryError:
            return await run_in_threadpool(_show_directory, site, request, problem=_NOT_REFRESHED)
        return go_to("/system/directory?done=refreshed")


def _show_directory(
    site: Site, request: Request, *, done: str = "", problem: Message | None = None
) -> Response:
    return site.page(
        request,
        "admin/registry.html",
        status=HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE,
        problem=problem,
        is_refreshed=done == "refreshed",
        hub_url=site.running.hub_url,
        **_describe_directory(site),
    )


def _describe_directory(site: Site) -> dict[str, Any]:
    context = site.context
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        return {"directory": None, "age": None, "directory_look": _NEVER_SEEN, "overdue": []}
    view = judge_view(context)
    look = _FRESH
    if view is not None and view.meaning.holds_back_personal_data:
        look = _TOO_OLD
    elif view is not None and view.meaning.is_trouble:
        look = _STALE
    return {
        "directory": directory,
        "age": directory.age(context.clock()),
        "directory_look": look,
        "overdue": sorted(directory.overdue.items()),
    }


_NEVER_SEEN: Final = Look(pmsg("directory", "Never seen"), "danger", "circle-alert")
_FRESH: Final = Look(pmsg("directory", "Fresh"), "ok", "circle-check")
_STALE: Final = Look(pmsg("directory", "A newer one is overdue"), "warn", "hourglass")
_TOO_OLD: Final = Look(pmsg("directory", "Too old"), "danger", "circle-alert")


def _describe_keys(site: Site) -> dict[str, Any]:
    context, now = site.context, site.context.clock()
    held = site.running.describe_keys()
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        directory = None
    listed = directory.keys.get(context.participant) if directory is not None else None
    good = [key.valid_to for key in listed.encryption_keys] if listed is not None else []
    return {
        "held": held,
        "epochs": [KeyFacts(key, _look_at_key(key, now=now)) for key in held.epochs]
        if held is not None
        else [],
        "listed_until": max(good, default=None),
        "keys_look": _look_at_listing(max(good, default=None), now=now),
        "signature_over": directory.overdue.get(node_role(context.participant))
        if directory is not None
        else None,
        "is_listed": listed is not None,
    }


#: Keys are published three weeks ahead. Listed for less than this, something keeps them back.
_AHEAD: Final = timedelta(days=10)


def _look_at_listing(until: datetime | None, *, now: datetime) -> Look:
    if until is None or until <= now:
        return Look(pmsg("keys", "Nobody can send here"), "danger", "circle-alert")
    if until - now < _AHEAD:
        return Look(pmsg("keys", "Not published ahead"), "warn", "hourglass")
    return Look(pmsg("keys", "Published ahead"), "ok", "circle-check")


def _look_at_key(key: HeldKey, *, now: datetime) -> Look:
    if key.valid_from > now:
        return Look(pmsg("key", "Published ahead"), "neutral", "clock")
    if key.valid_to > now:
        return Look(pmsg("key", "Used now"), "ok", "circle-check")
    return Look(pmsg("key", "Only opens what is still under way"), "neutral", "hourglass")
