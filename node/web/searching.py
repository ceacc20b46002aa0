"""Search: by words, without any of them in an address."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg, pmsg
from console.rendering import NO_ERRORS, FormErrors
from node.domain.access import Permission
from node.domain.search import LONGEST_QUESTION, Kind
from node.domain.states import DECIDABLE
from node.service.records import IN
from node.service.search.finding import Hit, SearchPage, search
from node.service.search.terms import SearchWordsError
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text
from node.web.states import look_of

_AT_ONCE: Final = 25
_LONGEST_PLACE: Final = 200
_NO_WORDS: Message = msg("Write a word of two letters or more, a date, a number, or a reference.")
_KINDS: Final = {
    Kind.NOTE: pmsg("found", "Note"),
    Kind.CASE: pmsg("found", "Case"),
    Kind.CONFIDENTIAL: pmsg("found", "Confidential part"),
}


def create_searching_router(site: Site) -> APIRouter:
    """Build the page of search."""
    router = APIRouter(route_class=PageRoute)

    @router.get("/search")
    def ask(request: Request, who: FocalPoint) -> Response:
        return _show(site, request, who)

    @router.post("/search")
    def find(request: Request, who: FocalPoint, form: Form) -> Response:
        words = get_text(form, "words")
        is_confidential = get_text(form, "confidential") == "yes"
        after = get_text(form, "after")
        if not words or len(words) > LONGEST_QUESTION or len(after) > _LONGEST_PLACE:
            return _show(site, request, who, words=words, errors={"words": _NO_WORDS})
        try:
            page = search(
                site.context,
                words,
                who=site.principal(who),
                confidential=is_confidential,
                limit=_AT_ONCE,
                after=after or None,
            )
        except SearchWordsError:
            return _show(site, request, who, words=words, errors={"words": _NO_WORDS})
        return _show(
            site, request, who, words=words, page=page, is_confidential=is_confidential,
            is_later=bool(after),
        )  # fmt: skip

    return router


def _describe_hit(hit: Hit, *, is_confidential: bool) -> dict[str, Any]:
    """Say what was found and what to do with it."""
    message = hit.message
    case = f"/case/{hit.case_id}" if hit.case_id else ""
    if message is None:
        address = f"{case}/sealed" if is_confidential else case
        address = f"{case}/notes" if hit.kind is Kind.NOTE else address
        return {
            "what": _KINDS.get(hit.kind, pmsg("found", "Case")), "address": address,
            "action": msg("Open the case"), "look": None, "item": None,
            "reference": hit.case_reference or "",
        }  # fmt: skip
    is_open = message.direction == IN and message.readable and message.handling in DECIDABLE
    return {
        "what": say_type(message.type),
        "address": f"/message/{message.message_id}",
        "action": pmsg("item", "Read and decide") if is_open else msg("Open the message"),
        "look": look_of(message),
        "item": message,
        "reference": hit.case_reference or "",
    }


def _show(  # noqa: PLR0913 - what was asked, and what was found
    site: Site,
    request: Request,
    who: SignedIn,
    *,
    words: str = "",
    page: SearchPage | None = None,
    is_confidential: bool = False,
    is_later: bool = False,
    errors: FormErrors = NO_ERRORS,
) -> Response:
    hits = page.hits if page else ()
    context: dict[str, Any] = {
        "words": words,
        "found": page,
        "hits": [_describe_hit(hit, is_confidential=is_confidential) for hit in hits],
        "is_confidential": is_confidential,
        "is_later": is_later,
        "may_confidential": site.principal(who).may(Permission.READ_CONFIDENTIAL),
        "most": LONGEST_QUESTION,
    }
    return site.page(request, "search.html", errors=errors, **context)
