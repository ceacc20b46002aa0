"""What was typed when the screen locked: shown, sent after all, or discarded."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.accounts.models import SignedIn
from console.confirming import list_fields
from hub.context import HubRecords, NotFoundError
from hub.operators.kept_forms import find_kept_form, keep_form, release_kept_form
from hub.web.site import PageRoute, Reader, Site, go_to

FormKeeper = Callable[[SignedIn, str, FormData], None]


def build_form_keeper(records: HubRecords) -> FormKeeper:
    """Build what the kit calls when a form meets a locked screen. Files are not kept."""

    def keep(who: SignedIn, path: str, form: FormData) -> None:
        keep_form(records, who.account.id, path, list_fields(form))

    return keep


def create_kept_forms_router(site: Site) -> APIRouter:
    """Build the page of a form that was kept."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/kept")
    def show(request: Request, who: Reader) -> Response:
        kept = find_kept_form(site.context, who.account.id)
        return site.page(request, "kept.html", kept=kept)

    @router.post("/kept/send")
    def send(who: Reader, of: str = "") -> Response:
        """Send it on; ``of`` is the moment of the form that was shown, which may be another now."""
        path = release_kept_form(site.context, who.account.id, of=of, is_sent=True)
        if path is None:
            raise NotFoundError("There is no form to send: it was sent already, or discarded.")
        # 307: the browser sends the same fields on, to where they were meant for.
        return RedirectResponse(path, status_code=HTTPStatus.TEMPORARY_REDIRECT)

    @router.post("/kept/discard")
    def discard(who: Reader, of: str = "") -> Response:
        """Discard it, but none that was kept since the page was shown."""
        release_kept_form(site.context, who.account.id, of=of, is_sent=False)
        return go_to("/")

    return router
