"""Finding a desk by its name, place, number or mailbox, whatever script the words are written in.

Words go by POST and stand in no address; the form is answered with a redirect, so that Back shows
the result again. The comparable forms of a version's desks are kept for as
long as the page's other answers are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.importing.folding import fold
from contact_registry.models import Authority
from hub.registry_reading import find_quarter
from hub.web.registry.desks import DeskView, describe_desk
from hub.web.site import Form, PageRoute, Reader, Site, get_text, go_to
from protocol.identifiers import ParticipantCode

_PATH: Final = "/desks"
MOST_FOUND: Final = 50
LONGEST_WORDS: Final = 200
_FEWEST_DIGITS: Final = 4
_NUMBER: Final = re.compile(r"[+0-9 ()/.-]+")


@dataclass(frozen=True, slots=True)
class IndexedDesk:
    """A desk with what it is found by: its words, and the digits of its numbers."""

    code: ParticipantCode
    authority: Authority
    words: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundDesk:
    """A desk that was found."""

    code: ParticipantCode
    desk: DeskView


def index_desks(directory: Directory) -> tuple[IndexedDesk, ...]:
    """Return every desk that is listed, ended ones too, in the order of the registry."""
    return tuple(
        IndexedDesk(
            document.participant, authority, _find_words(authority), _list_numbers(authority)
        )
        for document in directory.contacts.values()
        for authority in document.authorities
    )


def _find_words(authority: Authority) -> str:
    parts = (
        authority.name, *(other.name for other in authority.alternate_names),
        authority.unit, authority.post, authority.city, authority.id, *authority.mailboxes,
    )  # fmt: skip
    return fold(" ".join(part for part in parts if part))


def _list_numbers(authority: Authority) -> tuple[str, ...]:
    return tuple(
        _digits(text)
        for phone in authority.telephones
        for text in (phone.e164, phone.as_listed)
        if text
    )


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())


def find_desks(desks: Sequence[IndexedDesk], asked: str) -> list[IndexedDesk]:
    """Return the desks that have every word, or a number with these digits.

    Zeros before them are left away: they say how one dials from where one is.
    """
    digits = _digits(asked).lstrip("0")
    if _NUMBER.fullmatch(asked) and len(digits) >= _FEWEST_DIGITS:
        return [d for d in desks if any(digits in number for number in d.numbers)]
    wanted = fold(asked).split()
    return [d for d in desks if wanted and all(word in d.words for word in wanted)]


def create_desk_search_router(site: Site) -> APIRouter:
    """Build the page; every operator may look for a desk."""
    router = APIRouter(route_class=PageRoute)
    looked_for = site.looked_for(_PATH)

    @router.get(_PATH)
    def show(request: Request, who: Reader) -> Response:
        return _show(site, request, asked=looked_for.find(request, who=who).get("words", ""))

    @router.post(_PATH)
    def search(request: Request, who: Reader, form: Form) -> Response:
        asked = get_text(form, "words")
        errors: dict[str, Message] = {}
        if not fold(asked) and not _digits(asked):
            errors["words"] = msg("Type a part of its name, its town, its number or its mailbox.")
        elif len(asked) > LONGEST_WORDS:
            errors["words"] = msg("Type fewer words.")
        if errors:
            return _show(site, request, asked=asked[:LONGEST_WORDS], errors=errors)
        response = go_to(_PATH)
        looked_for.keep(response, {"words": asked}, who=who)
        return response

    return router


def _show(
    site: Site, request: Request, *, asked: str = "", errors: dict[str, Message] | None = None
) -> Response:
    context = site.context
    directory, now = context.registry.current(), context.clock()
    found: list[IndexedDesk] | None = None
    if asked and not errors:
        desks = context.reading.keep(
            "desks", directory, find_quarter(now), lambda: index_desks(directory)
        )
        found = find_desks(desks, asked)
    return site.page(
        request,
        "registry/desks.html",
        errors=errors or {},
        asked=asked,
        count=None if found is None else len(found),
        found=[
            FoundDesk(one.code, describe_desk(one.authority, directory.contacts[one.code], at=now))
            for one in (found or [])[:MOST_FOUND]
        ],
        most_found=MOST_FOUND,
        longest=LONGEST_WORDS,
    )
