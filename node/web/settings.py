"""How somebody wants to be told: by the open inbox, and by e-mail."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.guard import ActiveSession
from console.i18n import LANGUAGE_NAMES, Language, Message, msg
from console.rendering import NO_ERRORS, FormErrors
from console.request_state import get_request_state
from node.domain.access import Permission
from node.service.context import NotFoundError
from node.service.work.addresses import (
    NoticeAddress,
    handle_forget_address,
    handle_read_address,
    handle_set_address,
)
from node.service.work.alert_wishes import AlertWish, handle_wish_alerts, read_alert_wish
from node.service.work.roster import WorkRefusedError
from node.web.site import Form, PageRoute, Site, get_text, go_to, may

_NO_ADDRESS: Message = msg("Write the address as name@example.org.")


def create_settings_router(site: Site) -> APIRouter:
    """Build the page of settings."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/settings")
    def show(request: Request, who: ActiveSession, done: str = "") -> Response:
        return _show(site, request, who, is_done=done == "yes")

    @router.post("/settings/alerts")
    def keep_alerts(who: ActiveSession, form: Form) -> Response:
        chosen = set(form.getlist("alerts"))
        wish = AlertWish(has_sound="sound" in chosen, has_notice="notice" in chosen)
        handle_wish_alerts(site.context, wish, who=site.principal(who))
        return go_to("/settings?done=yes")

    @router.post("/settings/address")
    def keep_address(request: Request, who: ActiveSession, form: Form) -> Response:
        typed, account = get_text(form, "address"), str(who.account.id)
        principal = site.principal(who)
        if not typed:
            handle_forget_address(site.context, account, who=principal)
            return go_to("/settings?done=yes")
        language = get_text(form, "language")
        try:
            handle_set_address(
                site.context,
                account,
                typed,
                language=language if language in set(Language) else Language.ENGLISH,
                who=principal,
            )
        except WorkRefusedError:
            return _show(site, request, who, typed=typed, errors={"address": _NO_ADDRESS})
        return go_to("/settings?done=yes")

    return router


def _find_address(site: Site, who: SignedIn) -> NoticeAddress | None:
    try:
        return handle_read_address(site.context, str(who.account.id), who=site.principal(who))
    except NotFoundError:
        return None


def _show(  # noqa: PLR0913 - what the page shows
    site: Site,
    request: Request,
    who: SignedIn,
    *,
    typed: str | None = None,
    errors: FormErrors = NO_ERRORS,
    is_done: bool = False,
) -> Response:
    kept = _find_address(site, who)
    wish = read_alert_wish(site.context, str(who.account.id))
    chosen = [
        name for name, holds in (("sound", wish.has_sound), ("notice", wish.has_notice)) if holds
    ]
    state = get_request_state(request)
    context: dict[str, Any] = {
        "chosen": chosen,
        "address": typed if typed is not None else kept.address if kept else "",
        "kept": kept,
        "mail_language": kept.language if kept else state.language.value,
        "mail_languages": [(tag.value, name) for tag, name in LANGUAGE_NAMES.items()],
        "is_mail_set_up": site.context.postman is not None,
        "has_items": may(who, Permission.WORK_CASES),
        "is_done": is_done,
    }
    return site.page(request, "settings.html", errors=errors, **context)
