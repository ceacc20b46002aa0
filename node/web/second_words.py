"""Whose access to cases waits for the word of the person who looks, and saying it.

And whose counted without anybody's word, until they say that they know.
"""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.confirming import Confirmed
from console.guard import ActiveSession
from console.i18n import Message, msg
from node.service.context import NotFoundError, StaleError
from node.service.second_word import (
    handle_confirm,
    handle_refuse,
    list_waiting,
    require_colleague,
)
from node.service.unasked_access import Why, handle_told, list_unasked
from node.web.labels import say_code
from node.web.site import Form, PageRoute, Site, get_version, go_to

_PATH = "/waiting-access"
_CHANGED = msg("Somebody changed this person since you opened the page. This is how they are now.")
_WHY: Final = {
    Why.FIRST: msg("The first on this node: nobody was there who could confirm it"),
    Why.MACHINE: msg("Confirmed on the machine: nobody was left who could"),
}


def create_second_words_router(site: Site) -> APIRouter:
    """Build the page and its two buttons."""
    router = APIRouter(route_class=PageRoute)

    @router.get(_PATH)
    def show(request: Request, who: ActiveSession) -> Response:
        return _show(site, request, who)

    @router.post(_PATH + "/{account_id}/confirm")
    def confirm(
        request: Request, who: ActiveSession, _sure: Confirmed, account_id: str, form: Form
    ) -> Response:
        seen = get_version(form, "version")
        try:
            handle_confirm(site.context, account_id, who=site.principal(who), row_version=seen)
        except StaleError:
            return _show(site, request, who, problem=_CHANGED)
        except NotFoundError:  # settled meanwhile: the list shows it
            return go_to(_PATH)
        return go_to(_PATH)

    @router.post(_PATH + "/{account_id}/refuse")
    def refuse(request: Request, who: ActiveSession, account_id: str, form: Form) -> Response:
        seen = get_version(form, "version")
        try:
            handle_refuse(site.context, account_id, who=site.principal(who), row_version=seen)
        except StaleError:
            return _show(site, request, who, problem=_CHANGED)
        except NotFoundError:  # as above
            return go_to(_PATH)
        return go_to(_PATH)

    @router.post(_PATH + "/told")
    def tell(who: ActiveSession, form: Form) -> Response:
        principal = site.principal(who)
        require_colleague(principal)
        handle_told(site.context, get_version(form, "last"), who=principal)
        return go_to(_PATH)

    return router


def _show(
    site: Site, request: Request, who: SignedIn, *, problem: Message | None = None
) -> Response:
    principal = site.principal(who)
    require_colleague(principal)
    return site.page(
        request,
        "second_words.html",
        status=HTTPStatus.CONFLICT if problem else HTTPStatus.OK,
        people=list_waiting(site.context, who=principal),
        unasked=list_unasked(site.context, who=principal),
        why=_WHY,
        problem=problem,
        say_code=say_code,
    )
