"""Pages of the kit for whoever is signed in: confirming, the shared computer, the glossary."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.confirming import CONFIRM_PATH, Confirming, create_confirm_handler
from console.glossary import load_glossary
from console.guard import ActiveSession
from console.i18n import LANGUAGE_NAMES, Language, translate
from console.request_state import get_request_state
from console.sign_in_pages import SignInPages
from console.ways_back import is_own_path

GLOSSARY_PATH: Final = "/glossary"

_Secret = Annotated[str, Form(max_length=1000)]
_Short = Annotated[str, Form(max_length=200)]


def create_own_router(pages: SignInPages, confirming: Confirming) -> APIRouter:
    """Build the router."""
    router = APIRouter(include_in_schema=False)
    handle_confirm = create_confirm_handler(confirming, is_own_path, pages.home)
    terms = load_glossary()

    @router.post(CONFIRM_PATH)
    def confirm(
        request: Request,
        signed_in: ActiveSession,
        confirm_password: _Secret = "",
        back: _Short = "/",
    ) -> Response:
        return handle_confirm(request, signed_in, confirm_password, back)

    @router.post("/sessions/shared")
    def share(signed_in: ActiveSession, shared: _Short = "") -> Response:
        is_shared = shared == "yes"
        pages.sign_in.sessions.share(signed_in.session, is_shared=is_shared)
        response = RedirectResponse("/sessions#shared", status_code=303)
        pages.cookies.set_shared(response, is_shared=is_shared)
        return response

    def explain(own: Language, other: Language) -> list[tuple[str, str, str]]:
        offered = pages.catalogues.offered
        here, there = (
            pages.catalogues.translations(tag if tag in offered else Language.ENGLISH)
            for tag in (own, other)
        )
        rows = [
            (translate(word, here), translate(word, there), translate(meaning, here))
            for word, meaning in pages.explained
        ]
        return sorted(rows, key=lambda row: row[0].casefold())

    def show(request: Request, other: Language) -> Response:
        own = get_request_state(request).language
        return pages.renderer.page(
            request,
            "glossary.html",
            terms=sorted(terms, key=lambda term: term.words[own].casefold()),
            own=own,
            own_name=LANGUAGE_NAMES[own],
            other=other,
            other_name=LANGUAGE_NAMES[other],
            others=[(tag, LANGUAGE_NAMES[tag]) for tag in Language if tag is not own],
            english=Language.ENGLISH,
            english_name=LANGUAGE_NAMES[Language.ENGLISH],
            with_english=Language.ENGLISH not in {own, other},
            explained=explain(own, other),
        )

    @router.get(GLOSSARY_PATH)
    def show_glossary(request: Request, _who: ActiveSession) -> Response:
        own = get_request_state(request).language
        return show(request, next(tag for tag in Language if tag is not own))

    @router.get(f"{GLOSSARY_PATH}/{{tag}}")
    def show_pair(request: Request, _who: ActiveSession, tag: str) -> Response:
        if tag not in set(Language):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return show(request, Language(tag))

    return router
