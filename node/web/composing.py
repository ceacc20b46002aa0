"""The pages on which a message is written, sent, and followed."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from node.domain.audit import Act
from node.domain.states import OPEN_DISPATCH, Handling
from node.service.attachments.staging import handle_discard_file, list_staged
from node.service.audit import note_seen
from node.service.context import NotFoundError
from node.service.drafts import OpenDraft, handle_discard_draft, list_drafts
from node.service.reading import load_view
from node.service.records import OUT
from node.web.composition import PLANS, Purpose, Screen
from node.web.desks import make_card
from node.web.files import describe_files
from node.web.labels import say_type
from node.web.screens import ComposingPages
from node.web.site import FocalPoint, Form, PageRoute, Site, go_to
from node.web.states import look_of_dispatch


def create_composing_router(site: Site) -> APIRouter:
    """Build the pages of new messages and of what became of them."""
    router = APIRouter(route_class=PageRoute)
    pages = ComposingPages(site)
    _add_beginning(router, site, pages)
    _add_screens(router, pages)
    _add_keeping(router, pages)
    _add_sending(router, site, pages)
    _add_following(router, site)
    return router


def _add_beginning(router: APIRouter, site: Site, pages: ComposingPages) -> None:
    @router.get("/new")
    def begin(request: Request, who: FocalPoint) -> Response:
        drafts = list_drafts(site.context, account_id=who.account.id)
        if drafts:
            shown = [(draft, _describe_draft(draft)) for draft in drafts]
            return site.page(request, "drafts.html", drafts=shown)
        return go_to("/new/begin")

    @router.get("/new/begin")
    def begin_anew(request: Request, who: FocalPoint) -> Response:
        composition = pages.open_or_begin(site.make_key(), Screen.LINK, who)
        return pages.show(request, composition, Screen.LINK, {})


def _add_screens(router: APIRouter, pages: ComposingPages) -> None:
    @router.get("/new/{draft_id}/{screen}")
    def show(request: Request, who: FocalPoint, draft_id: str, screen: Screen) -> Response:
        try:
            composition = pages.open(draft_id, who)
        except NotFoundError:
            return _go_to_sent(pages, draft_id, who)
        screens = composition.plan.screens
        if screen not in screens:
            return go_to(f"/new/{draft_id}/{screens[0]}")
        # A desk can be proposed only once it is known for whom.
        if screen is Screen.DESK and pages.find_errors(composition, Screen.LINK):
            return go_to(f"/new/{draft_id}/{Screen.LINK}")
        return pages.show(request, composition, screen, {})

    @router.post("/new/{draft_id}/{screen}")
    def save(
        request: Request, who: FocalPoint, form: Form, draft_id: str, screen: Screen
    ) -> Response:
        try:
            composition = pages.open_or_begin(draft_id, screen, who)
        except NotFoundError:
            return _go_to_sent(pages, draft_id, who)
        if pages.sent_address(draft_id, who) is not None:
            return _go_to_sent(pages, draft_id, who)
        composition = pages.take_answers(composition, screen, form, who)
        errors = pages.find_errors(composition, screen)
        if errors:
            return pages.show(request, composition, screen, errors)
        return go_to(f"/new/{draft_id}/{pages.next_after(composition, screen)}")


def _add_keeping(router: APIRouter, pages: ComposingPages) -> None:
    @router.post("/keep/{draft_id}/{screen}")
    def keep(who: FocalPoint, form: Form, draft_id: str, screen: Screen) -> Response:
        """Keep what is being typed, without judging it."""
        if pages.sent_address(draft_id, who) is None:
            composition = pages.open_or_begin(draft_id, screen, who)
            pages.take_answers(composition, screen, form, who)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _add_sending(router: APIRouter, site: Site, pages: ComposingPages) -> None:
    @router.post("/send/{draft_id}")
    def send(request: Request, who: FocalPoint, form: Form, draft_id: str) -> Response:
        try:
            composition = pages.open(draft_id, who)
        except NotFoundError:
            return _go_to_sent(pages, draft_id, who)
        if pages.sent_address(draft_id, who) is not None:
            return _go_to_sent(pages, draft_id, who)
        return pages.send(request, composition, form, who)

    @router.post("/discard/{draft_id}")
    def discard(who: FocalPoint, draft_id: str) -> Response:
        handle_discard_draft(site.context, draft_id, account_id=who.account.id)
        for file in list_staged(site.context, owner=who.account.id, draft_id=draft_id):
            handle_discard_file(site.context, file.file_id, owner=who.account.id)
        return go_to("/")


def _go_to_sent(pages: ComposingPages, draft_id: str, who: SignedIn) -> Response:
    """Lead a repeated click, or a step back after sending, to what was sent."""
    address = pages.sent_address(draft_id, who)
    if address is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return go_to(address)


def _describe_draft(draft: OpenDraft) -> Any:
    purposes = {purpose.value: plan.tag for purpose, plan in PLANS.items()}
    return say_type(purposes.get(draft.kind, purposes[Purpose.NOTIFICATION]))


def _add_following(router: APIRouter, site: Site) -> None:
    def describe(message_id: str, who: SignedIn) -> dict[str, Any]:
        view = load_view(site.context, message_id, who=site.principal(who))
        if view.item.direction != OUT:
            raise NotFoundError("This was received, not sent: open it from the inbox.")
        names = site.names()
        desk = names.find_desk(view.item.to_authority)
        contacts = names.directory.contacts if names.directory else {}
        listed = contacts.get(desk.id.split("-", 1)[0]) if desk else None  # type: ignore[call-overload]  # keyed by codes, which are texts
        return {
            **describe_files(site.context, view),
            "view": view,
            "look": look_of_dispatch(view.item, view.proofs),
            "is_decided": view.item.handling not in {Handling.NEW, Handling.NOTHING_EXPECTED},
            "is_moving": view.item.dispatch in OPEN_DISPATCH,
            "card": make_card(desk, listed, now=site.context.clock()) if desk and listed else None,
            "what": say_type(view.item.type),
        }

    @router.get("/sent/{message_id}")
    def show_sent(request: Request, who: FocalPoint, message_id: str) -> Response:
        note_seen(site.context, site.principal(who), Act.MESSAGE_SEEN, message_id)
        return site.page(request, "sent.html", **describe(message_id, who))

    @router.get("/live/sent/{message_id}")
    def show_state(request: Request, who: FocalPoint, message_id: str) -> Response:
        return site.fragment(request, "sent_state.html", **describe(message_id, who))
