"""Taking a message back before it leaves: asked once more, with what it means now."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from node.service.cancelling import foresee_certain, handle_cancel, is_cancellable
from node.service.context import NotFoundError, StaleError
from node.service.reading import MessageView, get_message
from node.service.records import OUT
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_version, go_to
from node.web.states import look_of_dispatch


def create_cancelling_router(site: Site) -> APIRouter:
    """Build the page that takes a message back."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/cancel/{message_id}")
    def ask(request: Request, who: FocalPoint, message_id: str) -> Response:
        view = _get_sent(site, message_id, who)
        if not is_cancellable(view.item.dispatch):
            return go_to(f"/message/{message_id}")
        return _show(site, request, view)

    @router.post("/cancel/{message_id}")
    def cancel(request: Request, who: FocalPoint, form: Form, message_id: str) -> Response:
        try:
            handle_cancel(
                site.context,
                message_id,
                who=site.principal(who),
                row_version=get_version(form, "row_version"),
            )
        except StaleError:
            return _show(site, request, _get_sent(site, message_id, who), is_stale=True)
        return go_to(f"/message/{message_id}")

    return router


def _get_sent(site: Site, message_id: str, who: SignedIn) -> MessageView:
    view = get_message(site.context, message_id, who=site.principal(who))
    if view.item.direction != OUT:
        raise NotFoundError("This was received, not sent: there is nothing to take back.")
    return view


def _show(site: Site, request: Request, view: MessageView, *, is_stale: bool = False) -> Response:
    return site.page(
        request,
        "cancel.html",
        status=HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK,
        view=view,
        item=view.item,
        what=say_type(view.item.type),
        dispatch=look_of_dispatch(view.item, view.proofs),
        is_possible=is_cancellable(view.item.dispatch),
        is_certain=foresee_certain(site.context, view.item.message_id),
        is_stale=is_stale,
    )
