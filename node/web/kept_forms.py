"""What was typed when the screen locked: shown, sent after all, or discarded."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.accounts.models import SignedIn
from console.confirming import list_fields
from console.guard import ActiveSession
from console.storage.kept_forms import KEPT_PATH, SqlKeptForms
from node.domain.ports import StoredContentError
from node.service.context import NodeContext, NotFoundError
from node.store.accounts import KeyStoreBox
from node.store.kept_form_tables import KeptFormRow
from node.web.site import PageRoute, Site, go_to


def open_kept_forms(context: NodeContext) -> SqlKeptForms:
    """Return the store of forms that met a locked screen."""
    return SqlKeptForms(
        database=context.database,
        table=KeptFormRow,
        box=KeyStoreBox(context.keys),
        clock=context.clock,
        unsealable=StoredContentError,
    )


class FormsOfLockedScreens:
    """What the kit asks of a node: to keep such a form, and where it then stands."""

    def __init__(self, context: NodeContext) -> None:
        self._forms = open_kept_forms(context)

    def keep(self, who: SignedIn, path: str, form: FormData) -> None:
        """Keep the texts of a form. Files are not kept."""
        self._forms.keep(who.account.id, path, list_fields(form))

    def find(self, who: SignedIn) -> str:
        """Give the page of the form that waits for somebody, or an empty text."""
        return "" if self._forms.find(who.account.id) is None else KEPT_PATH


def create_kept_forms_router(site: Site) -> APIRouter:
    """Build the page of a form that was kept."""
    router = APIRouter(route_class=PageRoute)
    forms = open_kept_forms(site.context)

    @router.get(KEPT_PATH)
    def show(request: Request, who: ActiveSession) -> Response:
        return site.page(request, "kept.html", kept=forms.find(who.account.id))

    @router.post(f"{KEPT_PATH}/send")
    def send(who: ActiveSession, of: str = "") -> Response:
        """Send it on; ``of`` is the moment of the form that was shown, which may be another now."""
        kept = forms.find(who.account.id)
        if kept is None or kept.kept_at.isoformat() != of:
            raise NotFoundError("There is no form to send: it was sent already, or discarded.")
        forms.release(who.account.id)
        # 307: the browser sends the same fields on, to where they were meant for.
        return RedirectResponse(kept.path, status_code=HTTPStatus.TEMPORARY_REDIRECT)

    @router.post(f"{KEPT_PATH}/discard")
    def discard(who: ActiveSession, of: str = "") -> Response:
        """Discard it, but none that was kept since the page was shown."""
        kept = forms.find(who.account.id)
        if kept is not None and kept.kept_at.isoformat() == of:
            forms.release(who.account.id)
        return go_to(site.face.home)

    return router
