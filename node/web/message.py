"""One message: its facts first, then everything else, and the proofs."""

import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from directory_pages.codes import say_language
from node.domain.states import DECIDABLE
from node.service.cancelling import is_cancellable
from node.service.context import NodeContext
from node.service.reading import MessageView, handle_open
from node.service.records import IN
from node.web.fields import show_body, sort_facts
from node.web.files import describe_files
from node.web.labels import say_code, say_type
from node.web.proofs import list_proofs
from node.web.site import FocalPoint, Names, PageRoute, Site
from node.web.states import look_of, look_of_dispatch, look_of_urgency
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.head import CaseMessage, ConsentBasis, ExceptionBasis, PersonBody

_RAW_SHOWN = 20_000


def create_message_router(site: Site) -> APIRouter:
    """Build the page of a message."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/message/{message_id}")
    def show_message(request: Request, who: FocalPoint, message_id: str) -> Response:
        # Shown for the first time, its sender gets the signed receipt "opened".
        view = handle_open(site.context, message_id, who=site.principal(who))
        names = site.names()
        return site.page(
            request, "message.html", names=names, **describe_message(site.context, view, names)
        )

    return router


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
    }


def _write_raw(raw: bytes) -> str:
    """Write a payload for reading: as indented JSON, and no more of it than a page can show."""
    text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    return text if len(text) <= _RAW_SHOWN else text[:_RAW_SHOWN] + "\n…"
