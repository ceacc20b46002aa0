"""Links with the Participants: what waits, what was heard, what is missing, and a check of one."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg
from contact_registry.errors import RegistryUnavailableError
from node.service.links import LinkView, handle_try_now, list_links, load_link
from node.web.admin.link_words import look_at_link, say_link_help
from node.web.site import NodeAdmin, PageRoute, Site, go_to
from node.web.states import Look

_UP: Final = "up"


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """A link, ready to be shown."""

    view: LinkView
    look: Look
    help: Message


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the check, and what would help where it fails."""

    what: Message
    holds: bool
    help: Message


def create_links_router(site: Site) -> APIRouter:
    """Build the pages of links."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/delivery/links")
    def show_all(request: Request, who: NodeAdmin) -> Response:
        views = list_links(site.context, who=site.principal(who))
        return site.page(
            request, "admin/links.html", links=[_describe(site, view) for view in views]
        )

    @router.get("/delivery/links/{participant}")
    def show(request: Request, who: NodeAdmin, participant: str, done: str = "") -> Response:
        view = load_link(site.context, participant, who=site.principal(who))
        steps = list_steps(site, view) if done == "tested" else []
        context: dict[str, Any] = {"link": _describe(site, view), "steps": steps}
        return site.page(request, "admin/link.html", **context)

    @router.post("/delivery/links/{participant}")
    def test(who: NodeAdmin, participant: str) -> Response:
        # What waits leaves at once: a signed receipt is the only proof that the link works.
        handle_try_now(site.context, participant, who=site.principal(who))
        return go_to(f"/delivery/links/{participant}?done=tested")

    return router


def _describe(site: Site, view: LinkView) -> LinkFacts:
    return LinkFacts(view, look_at_link(view, now=site.context.clock()), say_link_help(view))


def list_steps(site: Site, view: LinkView) -> list[Step]:
    """Check what a message needs to arrive, in its order."""
    context = site.context
    now = context.clock()
    try:
        is_fresh = not context.directory.current().expires_at <= now
    except RegistryUnavailableError:
        is_fresh = False
    waiting = view.waiting
    return [
        Step(
            msg("This node is connected to the broker"),
            site.describe_link() == _UP,
            msg("Wait a minute. If it stays so, ask the operators of the hub."),
        ),
        Step(
            msg("The directory is fresh"),
            is_fresh,
            msg("Refresh it under System, Directory."),
        ),
        Step(
            msg("The directory lists keys of theirs that are good now"),
            view.keys_until is not None and view.keys_until > now,
            msg("Their node does not publish its keys. Telephone their administrator."),
        ),
        Step(
            msg("Their mailbox takes what we send"),
            waiting is None or (not waiting.refused and not waiting.last_error),
            msg("What waits is tried again by itself. The reason stands below."),
        ),
        Step(
            msg("They have given signed receipts for all that we sent"),
            waiting is None,
            msg(
                "What waits was handed over again just now. Open this page again in a minute. If "
                "nothing came, telephone their administrator."
            ),
        ),
        Step(
            msg("Nothing that they sent is missing here"),
            not view.missing and not view.missing_in_vain,
            msg("It is asked for by itself. Asked in vain, only a telephone call helps."),
        ),
    ]
