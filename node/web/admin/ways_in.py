"""How people get in and out: one-time links, by hand or by mail, and where they are signed in."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import AccountId
from console.confirming import Confirmed
from console.i18n import Language, Message
from console.rendering import Renderer
from console.request_state import get_request_state
from node.service.context import NotFoundError
from node.service.devices import handle_end_device, handle_end_devices
from node.service.inviting import INVITATION_LIFETIME, Invitation, handle_invite
from node.service.people import (
    LINK_PATH,
    AccountError,
    handle_make_sign_in_link,
    load_person,
)
from node.web.admin.people import PeopleAdmin, show_person
from node.web.admin.people_words import describe_problem
from node.web.site import Form, PageRoute, Site, get_text, go_to

_ALL: Final = "all"


def create_ways_in_router(site: Site) -> APIRouter:
    """Build what is done about somebody's way in; the page of a person offers it."""
    router = APIRouter(route_class=PageRoute)

    @router.post("/people/{account_id}/link")
    def make_link(
        request: Request, who: PeopleAdmin, _sure: Confirmed, account_id: AccountId
    ) -> Response:
        principal = site.principal(who)
        person = load_person(site.context, account_id, who=principal)
        # Shown in the answer itself: in an address or a store of its own it would be kept.
        token = handle_make_sign_in_link(
            site.context, person.account.sign_in_name, INVITATION_LIFETIME, who=principal
        )
        return site.page(
            request,
            "admin/person_link.html",
            account=person.account,
            address=f"{site.running.public_url.rstrip('/')}{LINK_PATH}{token}",
            lifetime=INVITATION_LIFETIME,
        )

    @router.post("/people/{account_id}/invite")
    def invite(
        request: Request, who: PeopleAdmin, _sure: Confirmed, account_id: AccountId, form: Form
    ) -> Response:
        invitation = Invitation(
            address=get_text(form, "address"),
            language=_choose_language(request, get_text(form, "language")).value,
            public_url=site.running.public_url,
            translate=say_by(site.renderer),
        )
        try:
            handle_invite(site.context, account_id, invitation, who=site.principal(who))
        except AccountError as error:
            return show_person(site, request, who, account_id, errors=describe_problem(error))
        person = load_person(site.context, account_id, who=site.principal(who))
        return site.page(
            request,
            "admin/person_invited.html",
            account=person.account,
            lifetime=INVITATION_LIFETIME,
        )

    @router.post("/people/{account_id}/devices")
    def end_devices(who: PeopleAdmin, account_id: AccountId, form: Form) -> Response:
        device, principal = get_text(form, "device"), site.principal(who)
        try:
            if device == _ALL:
                handle_end_devices(site.context, account_id, who=principal)
            else:
                handle_end_device(site.context, account_id, device, who=principal)
        except NotFoundError:
            # They signed out meanwhile: the page shows where they still are.
            load_person(site.context, account_id, who=principal)
        return go_to(f"/people/{account_id}")

    return router


def _choose_language(request: Request, wish: str) -> Language:
    """Take the language that was chosen; otherwise that of the page."""
    return Language(wish) if wish in set(Language) else get_request_state(request).language


def say_by(renderer: Renderer) -> Callable[[Message, str], str]:
    """Return what says a sentence of an invitation in the language that was chosen for it."""

    def say(message: Message, language: str) -> str:
        try:
            return renderer.say(message, Language(language))
        except KeyError:  # one that this version does not offer
            return renderer.say(message, Language.ENGLISH)

    return say
