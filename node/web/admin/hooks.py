"""Webhooks: programs that are told what happens, by identifiers and without contents."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.confirming import Confirmed
from console.dates import DateError, DateParts
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.hooks import KINDS, HookState
from node.service.context import StaleError
from node.service.webhooks.keeping import (
    MOST_WEBHOOKS,
    WebhookRefusedError,
    WebhookView,
    WebhookWish,
    handle_change,
    handle_make,
    handle_remove,
    handle_replay,
    handle_rotate_secret,
    handle_test,
    list_webhooks,
    load_webhook,
)
from node.web.admin.people import PeopleAdmin
from node.web.admin.program_words import (
    BAD_HOOK,
    HOOK_CHANGED,
    HOOK_EXISTS,
    HOOK_LOOKS,
    NO_CHANNEL,
    NO_LABEL,
    TOO_MANY,
    TOO_MUCH,
    list_hook_kinds,
)
from node.web.labels import list_choices
from node.web.site import Form, PageRoute, Site, get_text, get_version, go_to
from protocol.identifiers import Channel

_LONGEST_LABEL: Final = 80
_DONE: Final[Mapping[str, Message]] = {
    "saved": msg("It is saved."),
    "tested": msg("A test is on its way. It says nothing but that it is one."),
    "replayed": msg("It is told everything since then once more, in order."),
}


@dataclass(frozen=True, slots=True)
class HookForm:
    """What was typed, and what is wrong with it."""

    wish: WebhookWish
    errors: FormErrors


def create_hooks_router(site: Site) -> APIRouter:
    """Build the pages of webhooks."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/programs/webhooks/new")
    def show_new(request: Request, _who: PeopleAdmin) -> Response:
        return _show_new(site, request, WebhookWish(label="", url=""))

    @router.post("/programs/webhooks/new")
    def make(request: Request, who: PeopleAdmin, _sure: Confirmed, form: Form) -> Response:
        typed, principal = read_wish(form), site.principal(who)
        errors = typed.errors or _find_clashes(site, who, typed.wish)
        if errors:
            return _show_new(site, request, typed.wish, errors=errors)
        try:
            _, secret = handle_make(site.context, typed.wish, who=principal)
        except WebhookRefusedError:
            return _show_new(site, request, typed.wish, errors={"url": BAD_HOOK})
        return site.page(request, "admin/secret.html", label=typed.wish.label, secret=secret)

    @router.get("/programs/webhooks/{webhook_id}")
    def show(request: Request, who: PeopleAdmin, webhook_id: str, done: str = "") -> Response:
        return _show(site, request, who, webhook_id, done=_DONE.get(done))

    @router.post("/programs/webhooks/{webhook_id}")
    def change(
        request: Request, who: PeopleAdmin, _sure: Confirmed, webhook_id: str, form: Form
    ) -> Response:
        typed = read_wish(form)
        if typed.errors:
            return _show(site, request, who, webhook_id, errors=typed.errors)
        try:
            handle_change(
                site.context,
                webhook_id,
                typed.wish,
                who=site.principal(who),
                seen=get_version(form, "version"),
            )
        except StaleError:
            return _show(site, request, who, webhook_id, errors={"label": HOOK_CHANGED})
        except WebhookRefusedError:
            return _show(site, request, who, webhook_id, errors={"url": BAD_HOOK})
        return go_to(f"/programs/webhooks/{webhook_id}?done=saved")

    _add_acts(router, site)
    return router


def _add_acts(router: APIRouter, site: Site) -> None:
    @router.post("/programs/webhooks/{webhook_id}/test")
    def test(who: PeopleAdmin, webhook_id: str) -> Response:
        handle_test(site.context, webhook_id, who=site.principal(who))
        return go_to(f"/programs/webhooks/{webhook_id}?done=tested")

    @router.post("/programs/webhooks/{webhook_id}/replay")
    def replay(request: Request, who: PeopleAdmin, webhook_id: str, form: Form) -> Response:
        typed = DateParts.from_form(form, "since")
        try:
            since = typed.parse_moment(site.zone)
            handle_replay(site.context, webhook_id, since=since, who=site.principal(who))
        except DateError as error:
            return _show(
                site, request, who, webhook_id, errors={"since": error.message}, since=typed
            )
        except WebhookRefusedError:
            return _show(site, request, who, webhook_id, errors={"since": TOO_MUCH}, since=typed)
        return go_to(f"/programs/webhooks/{webhook_id}?done=replayed")

    @router.post("/programs/webhooks/{webhook_id}/secret")
    def rotate(
        request: Request, who: PeopleAdmin, _sure: Confirmed, webhook_id: str, form: Form
    ) -> Response:
        principal = site.principal(who)
        try:
            secret = handle_rotate_secret(
                site.context, webhook_id, who=principal, seen=get_version(form, "version")
            )
        except StaleError:
            return _show(site, request, who, webhook_id, errors={"label": HOOK_CHANGED})
        view = load_webhook(site.context, webhook_id, who=principal)
        return site.page(request, "admin/secret.html", label=view.label, secret=secret)

    @router.post("/programs/webhooks/{webhook_id}/remove")
    def remove(request: Request, who: PeopleAdmin, webhook_id: str, form: Form) -> Response:
        try:
            handle_remove(
                site.context,
                webhook_id,
                who=site.principal(who),
                seen=get_version(form, "version"),
            )
        except StaleError:
            return _show(site, request, who, webhook_id, errors={"label": HOOK_CHANGED})
        return go_to("/programs")


def _find_clashes(site: Site, who: SignedIn, wish: WebhookWish) -> FormErrors:
    """Say why no further webhook can be made like this, whatever its address."""
    known = list_webhooks(site.context, who=site.principal(who))
    if any((view.label, view.url) == (wish.label, wish.url) for view in known):
        return {"label": HOOK_EXISTS}
    return {"label": TOO_MANY} if len(known) >= MOST_WEBHOOKS else NO_ERRORS


def read_wish(form: FormData) -> HookForm:
    """Read what a webhook shall be."""
    channels = {str(each) for each in form.getlist("channels")}
    wish = WebhookWish(
        label=get_text(form, "label"),
        url=get_text(form, "url"),
        channels=frozenset(each for each in Channel if each.value in channels),
        is_paused=get_text(form, "paused") == "yes",
        kinds=KINDS.intersection(str(each) for each in form.getlist("kinds")),
    )
    errors: dict[str, Message] = {}
    if not wish.label or len(wish.label) > _LONGEST_LABEL or not wish.label.isprintable():
        errors["label"] = NO_LABEL
    if not wish.channels:
        errors["channels"] = NO_CHANNEL
    return HookForm(wish, errors)


def _show_new(
    site: Site, request: Request, wish: WebhookWish, *, errors: FormErrors = NO_ERRORS
) -> Response:
    return site.page(
        request,
        "admin/hook_new.html",
        errors=errors,
        hook=wish,
        channels=list_choices(Channel),
        kinds=list_hook_kinds(),
    )


def _show(  # noqa: PLR0913 - what the page of a webhook shows
    site: Site,
    request: Request,
    who: SignedIn,
    webhook_id: str,
    *,
    errors: FormErrors = NO_ERRORS,
    done: Message | None = None,
    since: DateParts | None = None,
) -> Response:
    view: WebhookView = load_webhook(site.context, webhook_id, who=site.principal(who))
    now = DateParts.from_moment(site.context.clock(), site.zone)
    context: dict[str, Any] = {"hook": view, "look": HOOK_LOOKS[view.state]}
    return site.page(
        request,
        "admin/hook.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        errors=errors,
        done=done,
        since=since or now,
        channels=list_choices(Channel),
        kinds=list_hook_kinds(),
        is_paused=view.state is HookState.PAUSED,
        **context,
    )
