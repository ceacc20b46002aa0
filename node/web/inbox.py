"""The lists: what needs somebody, all that was received, all that was sent."""

from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from console.guard import ActiveSession
from node.domain.access import Permission, Principal
from node.domain.states import DECIDABLE
from node.service.attention import count_received_since, list_sent_troubles, list_waiting
from node.service.reading import PAGE, Item, list_items
from node.service.records import IN, OUT
from node.web.labels import say_type
from node.web.site import FocalPoint, PageRoute, Site, go_to, may
from node.web.states import look_of, look_of_urgency
from protocol.policy.facts import Role

_MICROSECONDS = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 4_102_444_800_000_000  # the year 2100

_Moment = Annotated[int, Path(ge=0, le=_LATEST)]
"""A moment in an address: microseconds since 1970."""


def _find_home(roles: Container[str]) -> str:
    """Return where people work who see no messages."""
    if Role.NODE_ADMIN in roles:
        return "/delivery"
    return "/changes" if Role.DIRECTORY_EDITOR in roles else "/directory"


def create_inbox_router(site: Site) -> APIRouter:
    """Build the lists."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/")
    def show_waiting(request: Request, who: ActiveSession) -> Response:
        if not may(who, Permission.WORK_CASES):
            return go_to(_find_home(who.account.roles))
        principal = site.principal(who)
        items = list_waiting(site.context, who=principal)
        troubles = list_sent_troubles(site.context, who=principal)
        return _show(site, request, items, who=principal, view="waiting", troubles=troubles)

    @router.get("/received")
    def show_received(request: Request, who: FocalPoint, after: str | None = None) -> Response:
        principal = site.principal(who)
        items = list_items(site.context, who=principal, direction=IN, after=after)
        return _show(site, request, items, who=principal, view="received")

    @router.get("/sent")
    def show_sent(request: Request, who: FocalPoint, after: str | None = None) -> Response:
        principal = site.principal(who)
        items = list_items(site.context, who=principal, direction=OUT, after=after)
        troubles = list_sent_troubles(site.context, who=principal)
        return _show(site, request, items, who=principal, view="sent", troubles=troubles)

    @router.get("/live/new/{since}")
    def show_news(request: Request, who: FocalPoint, since: _Moment) -> Response:
        moment = _EPOCH + since * _MICROSECONDS
        count = count_received_since(site.context, moment, who=site.principal(who))
        return site.fragment(request, "news.html", count=count, since=since)

    return router


def _show(  # noqa: PLR0913 - a list, and whose it is
    site: Site,
    request: Request,
    items: list[Item],
    *,
    who: Principal,
    view: str,
    troubles: list[Item] | None = None,
) -> Response:
    newest = list_items(site.context, who=who, direction=IN, limit=1)
    seen = newest[0].stored_at if newest else _EPOCH
    context: dict[str, Any] = {
        "items": items,
        "troubles": troubles,
        "view": view,
        "since": (seen - _EPOCH) // _MICROSECONDS,
        "next": items[-1].message_id if view != "waiting" and len(items) == PAGE else "",
        "look_of": look_of,
        "look_of_urgency": look_of_urgency,
        "say_type": say_type,
        "is_open": lambda item: item.direction == IN and item.handling in DECIDABLE,
        "count_due": sum(1 for item in items if item.handling in DECIDABLE),
    }
    return site.page(request, "inbox.html", **context)
