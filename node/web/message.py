"""One message: its facts first, then everything else, and the proofs."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from directory_pages.codes import say_language
from node.domain.access import Principal
from node.domain.states import DECIDABLE
from node.service.answerable import is_answerable, is_to_delete
from node.service.cancelling import is_cancellable
from node.service.context import NodeContext, NotFoundError
from node.service.erasing import is_erasable
from node.service.permitting import find_seen_message
from node.service.reading import MessageView, handle_open
from node.service.records import IN, ErasedError
from node.service.work.listing import describe_item, find_items_of
from node.web.files import describe_files
from node.web.item_words import describe_line
from node.web.labels import say_code, say_type
from node.web.proofs import list_proofs
from node.web.showing import show_body, sort_facts
from node.web.site import FocalPoint, Names, PageRoute, Site
from node.web.states import look_of, look_of_dispatch, look_of_urgency
from node.web.terms import say_onward
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.head import (
    CaseMessage,
    ConsentBasis,
    ExceptionBasis,
    NoPersonalData,
    PersonBody,
)

_RAW_SHOWN = 20_000


def create_message_router(site: Site) -> APIRouter:
    """Build the page of a message."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/message/{message_id}")
    def show_message(request: Request, who: FocalPoint, message_id: str) -> Response:
        # Shown for the first time, its sender gets the signed receipt "opened".
        principal = site.principal(who)
        try:
            view = handle_open(site.context, message_id, who=principal)
        except ErasedError:
            return _show_erased(site, request, message_id, who=principal)
        names = site.names()
        return site.page(
            request,
            "message.html",
            names=names,
            **describe_message(site.context, view, names),
            **describe_item_of(site, message_id, who=who, names=names),
        )

    return router


def _show_erased(site: Site, request: Request, message_id: str, *, who: Principal) -> Response:
    """Say that a message was erased here, and lead to what is left of it."""
    with site.context.database.reading() as session:
        row = find_seen_message(session, message_id, who=who)
    if row is None:
        raise NotFoundError("There is no such message here: open it again from its case.")
    return site.page(
        request, "erased.html", status=HTTPStatus.GONE, what=say_type(row.type), item=row
    )


def describe_item_of(site: Site, message_id: str, *, who: SignedIn, names: Names) -> dict[str, Any]:
    """Say who looks after a message, and where that is changed."""
    principal = site.principal(who)
    found = find_items_of(site.context, message_id, who=principal)
    own = str(who.account.id)
    if not found:
        return {"work": None}
    line = describe_line(describe_item(site.context, found[0], who=principal), names=names, own=own)
    return {"work": found[0], "line": line, "is_own": found[0].claimed_by == own}


def describe_message(context: NodeContext, view: MessageView, names: Names) -> dict[str, Any]:
    """Give what the page of a message shows."""
    item = view.item
    is_received = item.direction == IN
    described: dict[str, Any] = {
        **describe_files(context, view),
        "view": view,
        "what": say_type(item.type),
        "is_received": is_received,
        "is_open": is_received and item.readable and item.handling in DECIDABLE,
        "is_answerable": is_answerable(item) and not is_to_delete(item),
        "is_to_delete": is_to_delete(item),
        "is_erasable": is_erasable(item),
        "onward": None,
        "is_cancellable": not is_received and is_cancellable(item.dispatch),
        "look": look_of(item),
        "dispatch": None if is_received else look_of_dispatch(item, view.proofs),
        "urgency": look_of_urgency(item.urgency),
        "proofs": list_proofs(context, view, names),
        "facts": [],
        "folded": [],
        "message": None,
        "is_child": False,
        "raw": "",
        "say_code": say_code,
        "say_language": say_language,
    }
    message = view.message
    if isinstance(message, UnreadableMessage):
        return described | {"raw": _write_raw(message.raw)}
    if not isinstance(message, CaseMessage):
        return described
    fields = sort_facts(show_body(message.body))
    basis = message.legal_basis
    return described | {
        "message": message,
        "is_child": isinstance(message.body, PersonBody) and message.body.treated_as_child,
        "facts": [field for field in fields if not field.is_sensitive],
        "folded": [field for field in fields if field.is_sensitive],
        "consent": basis if isinstance(basis, ConsentBasis) else None,
        "exception": basis if isinstance(basis, ExceptionBasis) else None,
        "onward": None if isinstance(basis, NoPersonalData) else say_onward(message.onward),
    }


def _write_raw(raw: bytes) -> str:
    """Write a payload for reading: as indented JSON, and no more of it than a page can show."""
    text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    return text if len(text) <= _RAW_SHOWN else text[:_RAW_SHOWN] + "\n…"
