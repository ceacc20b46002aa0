"""The lists: what needs somebody, all that was received, all that was sent."""

import re
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.guard import ActiveSession
from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.standing import Access
from node.domain.states import DECIDABLE
from node.service.attention import count_received_since, list_sent_troubles
from node.service.context import NotFoundError
from node.service.permitting import ForbiddenError
from node.service.reading import PAGE, Item, list_items
from node.service.records import IN, OUT
from node.service.second_word import list_waiting, load_access
from node.service.unasked_access import list_unasked
from node.service.work.listing import Place, list_lines
from node.web.alerts import describe_alerts
from node.web.item_words import describe_line
from node.web.labels import say_type
from node.web.site import FocalPoint, PageRoute, Site, go_to, may
from node.web.states import look_of, look_of_urgency
from protocol.policy.facts import Role

_MICROSECONDS = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 4_102_444_800_000_000  # the year 2100

_Moment = Annotated[int, Path(ge=0, le=_LATEST)]
"""A moment in an address: microseconds since 1970."""

#: Where a page of items ended: immediate or not, deadline in microseconds, item.
_PLACE: Final = re.compile(r"([01])-([0-9]{1,17})-([0-9a-f]{32})")
_AT_ONCE: Final = 50


def read_place(text: str) -> Place | None:
    """Read where a list of items goes on; None for the beginning.

    Raises ``NotFoundError`` for anything that no page of the list has written.
    """
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None or int(found[2]) > _LATEST:
        raise NotFoundError("The list has changed: begin again at its first page.")
    return Place(found[1] == "1", _EPOCH + int(found[2]) * _MICROSECONDS, found[3])


def write_place(place: Place | None) -> str:
    """Write where a list of items goes on, for an address."""
    if place is None:
        return ""
    return f"{int(place.is_immediate)}-{(place.due_at - _EPOCH) // _MICROSECONDS}-{place.item_id}"


def _find_home(roles: Container[str]) -> str:
    """Return where people work who see no messages."""
    if Role.NODE_ADMIN in roles:
        return "/delivery"
    if Role.DIRECTORY_EDITOR in roles:
        return "/changes"
    return "/audit" if Role.AUDITOR in roles else "/directory"


def _has_items(who: Principal) -> bool:
    return who.may(Permission.WORK_CASES) or who.may(Permission.APPROVE)


def create_inbox_router(site: Site) -> APIRouter:
    """Build the lists."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/")
    def show_waiting(request: Request, who: ActiveSession, after: str = "") -> Response:
        if _has_items(site.principal(who)):
            return _show_items(site, request, who, after=after)
        if may(who, Permission.READ_CASES):  # by their role, and not confirmed yet
            access = load_access(site.context, who.account.id)
            return site.page(request, "access_waits.html", is_refused=access is Access.REFUSED)
        return go_to(_find_home(who.account.roles))

    @router.get("/mine")
    def show_mine(request: Request, who: ActiveSession, after: str = "") -> Response:
        if not _has_items(site.principal(who)):
            raise ForbiddenError(
                msg("Items are looked after by focal points and approvers: ask one.")
            )
        return _show_items(site, request, who, after=after, is_mine=True)

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


def _find_newest(site: Site, who: Principal) -> int:
    """Return when the newest message came in, in microseconds: what is newer is news."""
    if not who.may(Permission.WORK_CASES):
        return 0
    newest = list_items(site.context, who=who, direction=IN, limit=1)
    return ((newest[0].stored_at if newest else _EPOCH) - _EPOCH) // _MICROSECONDS


def _show_items(
    site: Site, request: Request, who: SignedIn, *, after: str, is_mine: bool = False
) -> Response:
    """Show what waits for somebody, the most urgent first."""
    principal = site.principal(who)
    page = list_lines(
        site.context, who=principal, is_mine=is_mine, after=read_place(after), limit=_AT_ONCE
    )
    names = site.names()
    there = {line.message.message_id for line in page.lines if line.message}
    is_first = not after and not is_mine and principal.may(Permission.WORK_CASES)
    troubles = list_sent_troubles(site.context, who=principal) if is_first else []
    return site.page(
        request,
        "inbox.html",
        names=names,
        view="mine" if is_mine else "waiting",
        rows=[describe_line(line, names=names, own=str(who.account.id)) for line in page.lines],
        troubles=[each for each in troubles if each.message_id not in there],
        since=_find_newest(site, principal),
        is_later=bool(after),
        next=write_place(page.next),
        can_write=principal.may(Permission.WORK_CASES),
        alerts=describe_alerts(site, who),
        colleagues_wait=not after and bool(list_waiting(site.context, who=principal)),
        unasked=not after and bool(list_unasked(site.context, who=principal)),
        look_of=look_of,
        say_type=say_type,
    )


def _show(  # noqa: PLR0913 - a list, and whose it is
    site: Site,
    request: Request,
    items: list[Item],
    *,
    who: Principal,
    view: str,
    troubles: list[Item] | None = None,
) -> Response:
    context: dict[str, Any] = {
        "items": items,
        "troubles": troubles,
        "view": view,
        "since": _find_newest(site, who),
        "next": items[-1].message_id if len(items) == PAGE else "",
        "can_write": True,
        "alerts": None,
        "look_of": look_of,
        "look_of_urgency": look_of_urgency,
        "say_type": say_type,
        "is_open": lambda item: item.direction == IN and item.handling in DECIDABLE,
    }
    return site.page(request, "messages.html", **context)
