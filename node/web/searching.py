"""Search: by words, without any of them in an address.

The form is answered with a redirect, so that Back shows the result again, looked for anew.
"""

from collections.abc import Mapping
from contextlib import suppress
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
from node.service.permitting import require
from node.service.records import IN
from node.service.search.finding import Hit, SearchPage, search
from node.service.search.terms import SearchWordsError, parse_question
from node.web.labels import say_type
from node.web.site import FocalPoint, Form, PageRoute, Site, get_text, go_to
from node.web.states import look_of

_PATH: Final = "/search"
_ASKED: Final = ("words", "confidential", "after")
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
    looked_for = site.looked_for(_PATH)

    @router.get(_PATH)
    def show(request: Request, who: FocalPoint) -> Response:
        asked = looked_for.find(request, who=who)
        words = asked.get("words", "")
        is_confidential = asked.get("confidential") == "yes"
        if not words or (is_confidential and not _may_confidential(site, who)):
            return _show(site, request, who)
        page = _find(site, who, asked, is_confidential=is_confidential)
        return _show(site, request, who, words=words, page=page, is_confidential=is_confidential)

    @router.post(_PATH)
    def ask(request: Request, who: FocalPoint, form: Form) -> Response:
        asked = {name: get_text(form, name) for name in _ASKED}
        if len(asked["after"]) > _LONGEST_PLACE or not _is_question(asked["words"]):
            return _show(site, request, who, words=asked["words"], errors={"words": _NO_WORDS})
        if asked["confidential"] == "yes":
            require(site.principal(who), Permission.READ_CONFIDENTIAL)
        response = go_to(_PATH)
        looked_for.keep(response, {**asked, "confidential": asked["confidential"][:3]}, who=who)
        return response

    return router


def _is_question(words: str) -> bool:
    try:
        parse_question(words)
    except SearchWordsError:
        return False
    return True


def _may_confidential(site: Site, who: SignedIn) -> bool:
    return site.principal(who).may(Permission.READ_CONFIDENTIAL)


def _find(
    site: Site, who: SignedIn, asked: Mapping[str, str], *, is_confidential: bool
) -> SearchPage | None:
    """Look for what was asked: from the start, if where it was to go on is there no more."""
    for after in dict.fromkeys((asked.get("after", ""), "")):
        with suppress(SearchWordsError):
            return search(
                site.context,
                asked["words"],
                who=site.principal(who),
                confidential=is_confidential,
                limit=_AT_ONCE,
                after=after or None,
            )
    return None


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
    errors: FormErrors = NO_ERRORS,
) -> Response:
    hits = page.hits if page else ()
    context: dict[str, Any] = {
        "words": words,
        "found": page,
        "hits": [_describe_hit(hit, is_confidential=is_confidential) for hit in hits],
        "is_confidential": is_confidential,
        "may_confidential": _may_confidential(site, who),
        "most": LONGEST_QUESTION,
    }
    return site.page(request, "search.html", errors=errors, **context)
