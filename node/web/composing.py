"""The pages on which a message is written, sent, and followed."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from node.domain.audit import Act
from node.domain.states import OPEN_DISPATCH
from node.service.attachments.staging import handle_discard_file, list_staged
from node.service.audit import note_seen
from node.service.cancelling import is_cancellable
from node.service.context import NotFoundError
from node.service.drafts import OpenDraft, handle_discard_draft, list_drafts
from node.service.reading import load_view
from node.service.records import OUT
from node.web.beginning import Beginning, begin_message
from node.web.composition import Screen
from node.web.desks import find_card
from node.web.files import describe_files
from node.web.labels import say_type
from node.web.purposes import find_plan, label_plan
from node.web.screens import ComposingPages
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from node.web.states import is_decided, look_of_sent
from protocol.identifiers import Phase

_CORRECTION: Final = "general.correction"
#: What ends a matter is not corrected by a message of its own.
_NOT_CORRECTED: Final = frozenset({_CORRECTION, "general.consent_withdrawn", "general.erasure"})


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
        shown = [each for draft in drafts if (each := _describe_draft(pages, draft, who))]
        if shown:
            return site.page(request, "drafts.html", drafts=shown)
        return go_to("/new/begin")

    @router.get("/new/begin")
    def begin_anew(request: Request, who: FocalPoint) -> Response:
        composition = pages.open_or_begin(site.make_key(), Screen.LINK, who)
        return pages.show(request, composition, Screen.LINK, {})


def _add_screens(router: APIRouter, pages: ComposingPages) -> None:
    @router.get("/new/{draft_id}/{screen}")
    def show(request: Request, who: FocalPoint, draft_id: str, screen: Screen) -> Response:
        settled = pages.settled_address(draft_id, who)
        if settled is not None:
            return go_to(settled)
        composition = pages.open(draft_id, who)
        screens = composition.screens
        if screen not in screens:
            return go_to(f"/new/{draft_id}/{screens[0]}")
        # A desk can be proposed only once it is known for whom.
        before = Screen.LINK if Screen.LINK in screens else None
        if screen is Screen.DESK and before and pages.find_errors(composition, before):
            return go_to(f"/new/{draft_id}/{before}")
        return pages.show(request, composition, screen, {})

    @router.post("/new/{draft_id}/{screen}")
    def save(
        request: Request, who: FocalPoint, form: Form, draft_id: str, screen: Screen
    ) -> Response:
        settled = pages.settled_address(draft_id, who)
        if settled is not None:
            return go_to(settled)
        stored = pages.open_or_begin(draft_id, screen, who)
        composition = pages.lay_over(stored, screen, form, who)
        if pages.is_stale(stored, screen, form):
            return pages.show_stale(request, stored, composition, screen)
        pages.keep(composition, screen, form, who)
        part = composition.screen_form(screen)
        rows = part.row_act(form) if part is not None else ""
        if rows:
            return go_to(f"/new/{draft_id}/{screen}#{rows}")
        errors = pages.find_errors(composition, screen)
        if errors:
            return pages.show(request, composition, screen, errors, tab=get_text(form, "tab"))
        return go_to(f"/new/{draft_id}/{pages.next_after(composition, screen)}")


def _add_keeping(router: APIRouter, pages: ComposingPages) -> None:
    @router.post("/keep/{draft_id}/{screen}")
    def keep(who: FocalPoint, form: Form, draft_id: str, screen: Screen) -> Response:
        """Keep what is being typed, without judging it; another window's words stay."""
        if pages.settled_address(draft_id, who) is None:
            stored = pages.open_or_begin(draft_id, screen, who)
            if pages.is_stale(stored, screen, form):
                return Response(status_code=HTTPStatus.CONFLICT)
            pages.keep(pages.lay_over(stored, screen, form, who), screen, form, who)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _add_sending(router: APIRouter, site: Site, pages: ComposingPages) -> None:
    @router.post("/send/{draft_id}")
    def send(request: Request, who: FocalPoint, form: Form, draft_id: str) -> Response:
        settled = pages.settled_address(draft_id, who)
        if settled is not None:
            return go_to(settled)
        return pages.send(request, pages.open(draft_id, who), form, who)

    @router.post("/ask/{draft_id}")
    def ask(request: Request, who: FocalPoint, form: Form, draft_id: str) -> Response:
        """Ask a second person about what was checked."""
        settled = pages.settled_address(draft_id, who)
        if settled is not None:
            return go_to(settled)
        return pages.ask(request, pages.open(draft_id, who), form, who)

    @router.post("/discard/{draft_id}")
    def discard(who: FocalPoint, draft_id: str) -> Response:
        settled = pages.settled_address(draft_id, who)
        if settled is not None:  # somebody is asked about it: it is taken back there
            return go_to(settled)
        handle_discard_draft(site.context, draft_id, account_id=who.account.id)
        for file in list_staged(site.context, owner=who.account.id, draft_id=draft_id):
            handle_discard_file(site.context, file.file_id, owner=who.account.id)
        return go_to("/")


@dataclass(frozen=True, slots=True)
class _ShownDraft:
    """A draft in the list: what it is, and where it goes on."""

    draft: OpenDraft
    what: Message | str
    address: str
    is_waiting: bool


def _describe_draft(pages: ComposingPages, draft: OpenDraft, who: SignedIn) -> _ShownDraft | None:
    asked = pages.find_asked(draft, who)
    if asked is not None and asked.startswith("/sent/"):
        return None
    plan = find_plan(draft.kind)
    what = label_plan(plan) if plan else msg("New message")
    return _ShownDraft(draft, what, asked or f"/new/{draft.draft_id}/check", asked is not None)


def _add_following(router: APIRouter, site: Site) -> None:
    def describe(message_id: str, who: SignedIn) -> dict[str, Any]:
        view = load_view(site.context, message_id, who=site.principal(who))
        if view.item.direction != OUT:
            raise NotFoundError("This was received, not sent: open it from the inbox.")
        names = site.names()
        desk = names.find_desk(view.item.to_authority)
        return {
            **describe_files(site.context, view),
            "view": view,
            "look": look_of_sent(view.item, view.proofs),
            "is_decided": is_decided(view.item),
            "is_moving": view.item.dispatch in OPEN_DISPATCH,
            "card": find_card(names.directory, desk, now=site.context.clock()),
            "what": say_type(view.item.type),
            "is_cancellable": is_cancellable(view.item.dispatch),
            "may_correct": view.item.type not in _NOT_CORRECTED and view.item.phase is not None,
        }

    @router.get("/sent/{message_id}")
    def show_sent(request: Request, who: FocalPoint, message_id: str) -> Response:
        note_seen(site.context, site.principal(who), Act.MESSAGE_SEEN, message_id)
        return site.page(request, "sent.html", **describe(message_id, who))

    @router.post("/correct/{message_id}")
    def correct(who: FocalPoint, form: Form, message_id: str) -> Response:
        """Begin the message that corrects what was sent, or takes it back."""
        item = describe(message_id, who)["view"].item
        beginning = Beginning(
            tag=_CORRECTION,
            participant=item.peer,
            case_reference=item.case_reference,
            to_authority=item.to_authority or "",
            in_reply_to=message_id,
            phase=Phase(item.phase) if item.phase else None,
        )
        return go_to(begin_message(site, beginning, draft_id=get_text(form, "key"), who=who))

    @router.get("/live/sent/{message_id}")
    def show_state(request: Request, who: FocalPoint, message_id: str) -> Response:
        return site.fragment(request, "sent_state.html", **describe(message_id, who))
