"""Delivery, as the node's administrator sees it: never content, never what a message is about."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg, pmsg
from contact_registry.errors import RegistryUnavailableError
from node.service.attachments.showing import count_quarantined_files
from node.service.attention import list_outbox
from node.service.dead_letters import count_dead_letters
from node.service.holding import HELD_BACK, count_held_back
from node.service.links import LinkState, list_links
from node.service.quarantine import list_quarantine
from node.web.admin.alerts import list_alerts
from node.web.admin.backups import grade_newest
from node.web.admin.task_words import say_trouble
from node.web.labels import say_known
from node.web.site import NodeAdmin, PageRoute, Site
from node.web.states import Look
from protocol.errors import RejectionCode

_LINKS = {
    "up": Look(pmsg("link", "Up"), "ok", "circle-check"),
    "down": Look(pmsg("link", "Down"), "danger", "circle-alert"),
    "connecting": Look(pmsg("link", "Connecting"), "warn", "hourglass"),
    "": Look(pmsg("link", "Unknown"), "neutral", "circle-dashed"),
}


_STANDINGS: Final[Mapping[LinkState, Look]] = {
    LinkState.DOWN: Look(pmsg("link", "Down"), "danger", "circle-alert"),
    LinkState.QUIET: Look(pmsg("link", "Quiet"), "neutral", "clock"),
    LinkState.UNKNOWN: Look(pmsg("link", "Unknown"), "neutral", "circle-dashed"),
    LinkState.UP: Look(pmsg("link", "Up"), "ok", "circle-check"),
}


def create_delivery_router(site: Site) -> APIRouter:
    """Build the administrator's pages."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/delivery")
    def show(request: Request, who: NodeAdmin, done: str = "") -> Response:
        return site.page(
            request,
            "delivery.html",
            alerts=list_alerts(site, who),
            links=_count_links(site, who),
            backups=grade_newest(site, who),
            is_stale=done == "stale",
            **_describe(site),
        )

    return router


def _count_links(site: Site, who: SignedIn) -> list[tuple[Look, int]]:
    """Count links by how they stand, the worst first."""
    counts = Counter(view.state for view in list_links(site.context, who=site.principal(who)))
    return [(_STANDINGS[state], counts[state]) for state in _STANDINGS if counts[state]]


def _describe(site: Site) -> dict[str, Any]:
    state = site.describe_link()
    context = site.context
    try:
        directory = context.directory.current()
    except RegistryUnavailableError:
        directory = None
    return {
        "link": _LINKS.get(state, Look(state, "warn", "hourglass")),
        "troubles": [say_trouble(trouble) for trouble in site.list_troubles()],
        "outbox": list_outbox(context),
        "letters_count": count_dead_letters(context),
        "files_count": count_quarantined_files(context),
        "quarantine": list_quarantine(context),
        "directory": directory,
        "age": None if directory is None else directory.age(context.clock()),
        "held_back": HELD_BACK,
        "held_back_count": count_held_back(context),
        "is_overdue": directory is not None and directory.expires_at <= context.clock(),
        "say_reason": lambda code: say_known(RejectionCode, code),
        "no_registry": _NO_REGISTRY,
    }


_NO_REGISTRY: Message = msg(
    "This node has never seen the registry: check the hub's address and the connection."
)
