"""Programs with a token, and the webhooks, in one list; making and revoking tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.confirming import Confirmed
from console.i18n import pmsg
from console.rendering import NO_ERRORS, FormErrors
from node.service.tokens import (
    TokenError,
    TokenScope,
    TokenView,
    TokenWish,
    handle_make_token,
    handle_revoke_tokens,
    list_tokens,
)
from node.service.webhooks.keeping import list_webhooks
from node.web.admin.people import PeopleAdmin
from node.web.admin.program_words import (
    BAD_LABEL,
    HOOK_LOOKS,
    LIFETIMES,
    MADE_HERE,
    NO_TOKEN,
    SCOPES,
)
from node.web.labels import say_code
from node.web.site import Form, PageRoute, Site, get_text, go_to
from node.web.states import Look

_WORKS: Final = Look(pmsg("token", "Works"), "ok", "circle-check")
_REVOKED: Final = Look(pmsg("token", "Revoked"), "neutral", "ban")
_OVER: Final = Look(pmsg("token", "Its time is over"), "neutral", "clock")
_ENDS_SOON: Final = Look(pmsg("token", "Ends soon"), "warn", "hourglass")
_SOON: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """A token, ready to be shown."""

    view: TokenView
    look: Look
    works: bool


def create_tokens_router(site: Site) -> APIRouter:
    """Build the pages of programs."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/programs")
    def show(request: Request, who: PeopleAdmin) -> Response:
        return _show(site, request, who)

    @router.post("/programs/tokens")
    def make(request: Request, who: PeopleAdmin, _sure: Confirmed, form: Form) -> Response:
        scope, days = get_text(form, "scope"), get_text(form, "days")
        sent = {"label": get_text(form, "label"), "scope": scope, "days": days}
        if scope not in {each.value for each in MADE_HERE} or days not in dict(LIFETIMES):
            return _show(site, request, who, sent=sent, errors={"label": BAD_LABEL})
        wish = TokenWish(
            label=sent["label"], lifetime=timedelta(days=int(days)), scope=TokenScope(scope)
        )
        try:
            token = handle_make_token(site.context, wish, who=site.principal(who))
        except TokenError:
            return _show(site, request, who, sent=sent, errors={"label": BAD_LABEL})
        # Shown in the answer itself: in an address or a store of its own it would be kept.
        return site.page(request, "admin/secret.html", label=wish.label, secret=token)

    @router.post("/programs/revoke")
    def revoke(request: Request, who: PeopleAdmin, form: Form) -> Response:
        try:
            handle_revoke_tokens(
                site.context, label=get_text(form, "revoked"), who=site.principal(who)
            )
        except TokenError:
            return _show(site, request, who, errors={"label": NO_TOKEN})
        return go_to("/programs")

    return router


def _show(
    site: Site,
    request: Request,
    who: SignedIn,
    *,
    sent: Mapping[str, str] | None = None,
    errors: FormErrors = NO_ERRORS,
) -> Response:
    principal = site.principal(who)
    return site.page(
        request,
        "admin/programs.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors,
        tokens=[_describe(site, view) for view in list_tokens(site.context, who=principal)],
        hooks=[
            (view, HOOK_LOOKS[view.state]) for view in list_webhooks(site.context, who=principal)
        ],
        sent=sent or {"label": "", "scope": MADE_HERE[0].value, "days": LIFETIMES[1][0]},
        scopes=SCOPES,
        scope_choices=[(scope.value, SCOPES[scope]) for scope in MADE_HERE],
        lifetimes=LIFETIMES,
        say_code=say_code,
    )


def _describe(site: Site, view: TokenView) -> TokenFacts:
    now = site.context.clock()
    if view.revoked_at is not None:
        return TokenFacts(view, _REVOKED, works=False)
    if view.expires_at <= now:
        return TokenFacts(view, _OVER, works=False)
    return TokenFacts(view, _ENDS_SOON if view.expires_at - now < _SOON else _WORKS, works=True)
