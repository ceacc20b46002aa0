"""Codes of shelters: what a message says instead of a name and a place."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from node.service.consent.shelters import ShelterDraft, handle_issue_code, list_shelters
from node.service.context import RefusedDraftError
from node.service.once import KeyUsedError
from node.web.cases.acting import do_once
from node.web.refusing import say_refused
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to

_LONGEST: Final = 200
_NO_NAME: Final = msg("Write what you call the shelter.")


def create_shelters_router(site: Site) -> APIRouter:
    """Build the page."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/shelters")
    def show(request: Request, who: FocalPoint) -> Response:
        return _show(site, request, who)

    @router.post("/shelters")
    def issue(request: Request, who: FocalPoint, form: Form) -> Response:
        """Issue a code; the same form again issues no other one."""
        principal, name = site.principal(who), get_text(form, "name")
        problem = _judge(name)
        if problem is not None:
            return _show(site, request, who, name=name, errors={"name": problem})
        try:
            do_once(
                site.context,
                lambda: (
                    handle_issue_code(site.context, ShelterDraft(name=name), who=principal).code
                ),
                actor=principal.actor,
                key=get_text(form, "key"),
                asked=repr(("shelter", name)),
            )
        except KeyUsedError:  # the page before, with another name in it
            return _show(site, request, who, name=name)
        except RefusedDraftError as error:
            return _show(site, request, who, name=name, errors={"name": say_refused(error)})
        return go_to("/shelters")

    return router


def _judge(name: str) -> Message | None:
    if not name:
        return _NO_NAME
    if len(name) > _LONGEST:
        return msg("Shorten this to %(count)s characters.", count=_LONGEST)
    return None


def _show(
    site: Site,
    request: Request,
    who: SignedIn,
    *,
    name: str = "",
    errors: FormErrors = NO_ERRORS,
) -> Response:
    return site.page(
        request,
        "shelters.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors,
        shelters=list_shelters(site.context, who=site.principal(who)),
        name=name,
        longest=_LONGEST,
    )
