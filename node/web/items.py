"""One item: what it is, who looks after it, and handing it over."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.guard import require_active
from console.i18n import Message, msg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.access import Permission
from node.domain.work import SETTLED_BY_HAND, ItemKind, ItemState
from node.service.context import StaleError
from node.service.work import acts
from node.service.work.items import load_item
from node.service.work.listing import describe_item, list_colleagues
from node.service.work.roster import WorkRefusedError
from node.service.work.routing import list_desks_of_ours
from node.store.work_tables import WorkItemRow
from node.web.desks import DeskCard, find_card
from node.web.item_words import describe_line, say_event, words_of
from node.web.site import Form, Names, PageRoute, Site, get_text, get_version, go_to, may

_WORKING = (Permission.WORK_CASES, Permission.APPROVE, Permission.WATCH_DELIVERY)
_CHANGED: Message = msg(
    "Somebody changed this meanwhile: nothing was done. Look at it as it is now."
)
_NO_COLLEAGUE: Message = msg("Choose a colleague who may have this.")
_NO_DESK: Message = msg("Choose another desk of ours.")
_NOT_BY_HAND: Message = msg("This is done when what it is about is done.")


def _require_worker(request: Request) -> SignedIn:
    signed_in = require_active(request)
    if not any(may(signed_in, each) for each in _WORKING):
        raise HTTPException(HTTPStatus.FORBIDDEN)
    return signed_in


Worker = Annotated[SignedIn, Depends(_require_worker)]
"""Whoever may have items of any kind; of which, the services say."""


def create_items_router(site: Site) -> APIRouter:
    """Build the page of an item, and what is done with it."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/item/{item_id}")
    def show(request: Request, who: Worker, item_id: str) -> Response:
        return _show(site, request, who, item_id)

    @router.post("/item/{item_id}/{act}")
    def act(request: Request, who: Worker, form: Form, item_id: str, act: str) -> Response:
        seen = get_version(form, "row_version")
        name = "colleague" if act == "hand-over" else "desk" if act == "move" else "item"
        try:
            row = _do(site, who, item_id, act, wanted=get_text(form, name), seen=seen)
        except StaleError:
            return _show(site, request, who, item_id, errors={name: _CHANGED}, is_stale=True)
        except WorkRefusedError:
            problem = {"colleague": _NO_COLLEAGUE, "desk": _NO_DESK}.get(name, _NOT_BY_HAND)
            return _show(site, request, who, item_id, errors={name: problem})
        return go_to(_find_next(row, act, back=get_text(form, "back")))

    return router


def _do(  # noqa: PLR0913 - who does what with which item, on which view of it
    site: Site, who: SignedIn, item_id: str, act: str, *, wanted: str, seen: int
) -> WorkItemRow:
    principal, context = site.principal(who), site.context
    match act:
        case "claim":
            return acts.handle_claim(context, item_id, who=principal, seen=seen)
        case "release":
            return acts.handle_release(context, item_id, who=principal, seen=seen)
        case "settle":
            return acts.handle_settle(context, item_id, who=principal, seen=seen)
        case "hand-over":
            return acts.handle_hand_over(context, item_id, wanted, who=principal, seen=seen)
        case "move":
            return acts.handle_move(context, item_id, wanted, who=principal, seen=seen)
        case _:
            raise HTTPException(HTTPStatus.NOT_FOUND)


def _find_next(row: WorkItemRow, act: str, *, back: str) -> str:
    """Return where somebody goes on: on the message they came from, or with the list."""
    if act == "settle":
        return "/"
    if back == "message" and row.message_id is not None:
        return f"/message/{row.message_id}"
    return f"/item/{row.item_id}"


def _show(  # noqa: PLR0913 - what the page shows
    site: Site,
    request: Request,
    who: SignedIn,
    item_id: str,
    *,
    errors: FormErrors = NO_ERRORS,
    is_stale: bool = False,
) -> Response:
    principal = site.principal(who)
    row, history = load_item(site.context, item_id, who=principal)
    names, kind = site.names(), ItemKind(row.kind)
    line = describe_item(site.context, row, who=principal)
    described = describe_line(line, names=names, own=str(who.account.id))
    words = words_of(row, line.message)
    main = words.address(row)
    context: dict[str, Any] = {
        "names": names,
        "item": row,
        "line": described,
        "message": line.message,
        "advice": words.advice,
        "main": "" if main == f"/item/{row.item_id}" else main,
        "is_settled_by_hand": kind in SETTLED_BY_HAND,
        "is_done": row.state == ItemState.DONE,
        "is_own": row.claimed_by == str(who.account.id),
        "card": _find_card(site, names, line.message.to_authority)
        if line.message and line.message.direction == "out"
        else None,
        "history": [(event.at, say_event(event, names)) for event in reversed(history)],
        **describe_owning(site, row),
    }
    status = HTTPStatus.CONFLICT if is_stale else HTTPStatus.OK
    return site.page(request, "item.html", errors=errors, status=status, **context)


def describe_owning(site: Site, row: WorkItemRow) -> dict[str, Any]:
    """Give to whom an item may be handed, and to which desks of ours it may be moved."""
    desks = list_desks_of_ours(site.context, at=site.context.clock())
    return {
        "colleagues": list_colleagues(site.context, row),
        "desks": [(desk.id, desk.name) for desk in desks if desk.id != row.desk],
    }


def _find_card(site: Site, names: Names, authority: str | None) -> DeskCard | None:
    """Describe the desk of another side that has to be telephoned."""
    return find_card(names.directory, names.find_desk(authority), now=site.context.clock())
