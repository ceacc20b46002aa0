"""Messages by their metadata: from where to where, when, in which state. Never what they say."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import pmsg
from node.domain.states import Dispatch
from node.service.carriage import CarriageFilter, Carried, list_carried
from node.service.links import list_links
from node.service.reading import PAGE
from node.service.records import IN, OUT
from node.web.site import NodeAdmin, PageRoute, Site
from node.web.states import Look, look_at_dispatch

_DIRECTIONS: Final = ((OUT, pmsg("message", "Sent by us")), (IN, pmsg("message", "Received")))
_RECEIVED: Final = Look(pmsg("message state", "Received, receipt signed"), "ok", "circle-check")

_Wanted = Annotated[str, Query(max_length=40)]


def create_carriage_router(site: Site) -> APIRouter:
    """Build the list of messages."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/delivery/messages")
    def show(  # noqa: PLR0913, PLR0917 - what the list can be narrowed by
        request: Request,
        who: NodeAdmin,
        peer: _Wanted = "",
        direction: _Wanted = "",
        state: _Wanted = "",
        after: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        dispatch = Dispatch(state) if state in set(Dispatch) else None
        principal = site.principal(who)
        peers = sorted(view.peer for view in list_links(site.context, who=principal))
        wanted = CarriageFilter(
            peer=peer if peer in peers else "",
            direction=direction if direction in {IN, OUT} else "",
            dispatch=dispatch,
        )
        found = list_carried(
            site.context, wanted, who=principal, after=_read_place(after), limit=PAGE + 1
        )
        names = site.names()
        chosen = {"peer": wanted.peer, "direction": wanted.direction, "state": dispatch or ""}
        return site.page(
            request,
            "admin/messages.html",
            names=names,
            rows=[(each, _look_at(each)) for each in found[:PAGE]],
            chosen=chosen,
            peers=[(code, names.participant(code)) for code in peers],
            directions=_DIRECTIONS,
            states=[(each.value, look_at_dispatch(each).word) for each in Dispatch],
            first=_address(chosen) if after else "",
            older=_address({**chosen, "after": _write_place(found[PAGE - 1])})
            if len(found) > PAGE
            else "",
        )

    return router


def _look_at(each: Carried) -> Look:
    return _RECEIVED if each.dispatch is None else look_at_dispatch(each.dispatch)


def _address(parameters: dict[str, str]) -> str:
    given = urlencode({name: value for name, value in parameters.items() if value})
    return f"/delivery/messages?{given}" if given else "/delivery/messages"


def _write_place(last: Carried) -> str:
    return urlsafe_b64encode(f"{last.stored_at.isoformat()} {last.message_id}".encode()).decode()


def _read_place(after: str) -> tuple[datetime, str] | None:
    """Read where a page begins; the newest for anything that was not written here."""
    try:
        moment, _, message_id = urlsafe_b64decode(after.encode()).decode("ascii").partition(" ")
        at = datetime.fromisoformat(moment)
    except (BadBase64, UnicodeError, ValueError):
        return None
    return (at, message_id) if at.tzinfo is not None else None
