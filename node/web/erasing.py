"""Erasing one message here for good, with its files: asked once more, with what it means."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.confirming import Confirmed
from console.i18n import Message, msg
from node.service.context import NodeError, NotFoundError
from node.service.erasing import handle_erase_message, is_erasable
from node.service.permitting import ForbiddenError
from node.service.reading import Item, get_message
from node.web.cases.words import list_codes
from node.web.labels import say_type
from node.web.refusing import say_refused
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from protocol.messages.general import ErasureGround

_NO_GROUND: Message = msg("Choose why it is erased.")


def create_erasing_router(site: Site) -> APIRouter:
    """Build the page."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/erase/{message_id}")
    def ask(request: Request, who: FocalPoint, message_id: str) -> Response:
        return _show(site, request, who, message_id)

    @router.post("/erase/{message_id}")
    def erase(
        request: Request, who: FocalPoint, _sure: Confirmed, form: Form, message_id: str
    ) -> Response:
        """Erase it; what is erased already is not there any more, so it is done once."""
        item, ground = _find(site, message_id, who), get_text(form, "ground")
        if ground not in set(ErasureGround):
            return _show(site, request, who, message_id, errors={"ground": _NO_GROUND})
        try:
            handle_erase_message(
                site.context, message_id, who=site.principal(who), ground=ErasureGround(ground)
            )
        except (NotFoundError, ForbiddenError):
            raise
        except NodeError as error:  # something has to be done first: it says what
            problem = say_refused(error)
            return _show(site, request, who, message_id, ground=ground, errors={"ground": problem})
        return go_to(f"/case/{item.case_id}")

    return router


def _find(site: Site, message_id: str, who: SignedIn) -> Item:
    item = get_message(site.context, message_id, who=site.principal(who)).item
    if not is_erasable(item):
        raise NotFoundError("This message cannot be erased by itself: open it from its case.")
    return item


def _show(  # noqa: PLR0913 - a message, and what was typed about it
    site: Site,
    request: Request,
    who: SignedIn,
    message_id: str,
    *,
    ground: str = "",
    errors: Mapping[str, Message] | None = None,
) -> Response:
    item = _find(site, message_id, who)
    return site.page(
        request,
        "erase.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors or {},
        item=item,
        what=say_type(item.type),
        grounds=list_codes(ErasureGround),
        ground=ground,
    )
