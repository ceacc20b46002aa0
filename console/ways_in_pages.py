"""The doors of passkeys, recovery codes and the national login, beside password and code.

Passkeys need a script, as the standard has it; whoever has none signs in with password and code.
"""

import html
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from console.accounts.national import NationalLoginError
from console.accounts.passkeys import LONGEST_ANSWER, Place
from console.accounts.sign_in import Refused
from console.accounts.ways_in import Linked, NationalAnswer, WaysIn
from console.face import ConsoleSettings
from console.guard import ActiveSession
from console.i18n import Message, msg
from console.request_state import get_request_state
from console.sign_in_pages import SignInPages

NATIONAL_BACK: Final = "/national/back"
"""Where the national login sends browsers back to: the console's address, and this path."""

_Secret = Annotated[str, Form(max_length=1000)]
_Short = Annotated[str, Form(max_length=100)]
_Answer = Annotated[str, Form(max_length=LONGEST_ANSWER)]
_LONGEST_CODE: Final = 2_000
_NOT_ADDED: Final = msg("The passkey was not added. Try again.")
_UNREACHABLE: Final = msg(
    "The national login cannot be reached now. Sign in with your password, or try again later."
)


def create_ways_in_router(pages: SignInPages, ways: WaysIn, settings: ConsoleSettings) -> APIRouter:
    """Build the router."""
    router = APIRouter(include_in_schema=False)
    doors = _Doors(pages, ways, settings)
    _add_passkey_sign_in(router, doors)
    _add_passkeys(router, doors)
    _add_recovery(router, doors)
    if ways.national is not None:
        _add_national(router, doors)
        _add_national_return(router, doors)
    return router


class _Doors:
    """What the handlers have in common."""

    def __init__(self, pages: SignInPages, ways: WaysIn, settings: ConsoleSettings) -> None:
        self.pages, self.ways, self._settings = pages, ways, settings

    def find_place(self, request: Request) -> Place:
        """Say where a passkey counts: the host is one that the console serves."""
        origin = f"{'https' if self._settings.https else 'http'}://{request.headers['host']}"
        return Place(rp_id=urlsplit(origin).hostname or "", origin=origin)

    def find_browser(self, request: Request) -> str:
        """Give what only this browser has; 403 for one that never saw a page."""
        token = get_request_state(request).cookie_token
        if token is None:
            raise HTTPException(HTTPStatus.FORBIDDEN)
        return token

    def say(self, request: Request, refused: Refused) -> Response:
        """Answer a script with what went wrong."""
        text = self.pages.renderer.say(refused.reason, get_request_state(request).language)
        return JSONResponse({"problem": text}, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)

    def refuse_sign_in(self, request: Request, reason: Message) -> Response:
        """Show the page of signing in with what went wrong."""
        refused = Refused(reason, "name")
        return self.pages.refuse(request, "sign_in/password.html", refused, name="")


def _go(address: str) -> Response:
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)


def _pass_on(address: str) -> Response:
    """Let the browser go on by itself from a page of ours."""
    there = html.escape(address)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>TRM</title>'
        f'<meta http-equiv="refresh" content="0; url={there}"></head>'
        f'<body><p><a href="{there}">TRM</a></p></body></html>'
    )
    return HTMLResponse(page)


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _add_passkey_sign_in(router: APIRouter, doors: _Doors) -> None:
    @router.post("/passkey/begin")
    def begin(request: Request) -> Response:
        place = doors.find_place(request)
        browser = doors.find_browser(request)
        visitor = get_request_state(request).visitor
        refused = doors.ways.sign_in.count_asking(visitor, field="passkey")
        if refused is not None:
            return doors.say(request, refused)
        return _json(doors.ways.passkeys.begin_signing_in(place=place, browser=browser))

    @router.post("/passkey")
    def sign_in(request: Request, credential: _Answer = "") -> Response:
        outcome = doors.ways.sign_in_by_passkey(
            credential,
            place=doors.find_place(request),
            browser=doors.find_browser(request),
            visitor=get_request_state(request).visitor,
        )
        if isinstance(outcome, Refused):
            return doors.refuse_sign_in(request, outcome.reason)
        return doors.pages.enter(outcome, doors.pages.home)


def _add_passkeys(router: APIRouter, doors: _Doors) -> None:
    @router.post("/passkeys/begin")
    def begin(request: Request, signed_in: ActiveSession, password: _Secret = "") -> Response:
        visitor = get_request_state(request).visitor
        refused = doors.ways.confirm(signed_in, password, visitor)
        if refused is not None:
            return doors.say(request, refused)
        place = doors.find_place(request)
        browser = doors.find_browser(request)
        return _json(
            doors.ways.passkeys.begin_adding(signed_in.account, place=place, browser=browser)
        )

    @router.post("/passkeys/add")
    def add(
        request: Request, signed_in: ActiveSession, credential: _Answer = "", label: _Short = ""
    ) -> Response:
        is_added = doors.ways.passkeys.add(
            signed_in,
            credential,
            label=label,
            place=doors.find_place(request),
            browser=doors.find_browser(request),
        )
        if not is_added:
            refused = Refused(_NOT_ADDED, "label")
            return doors.pages.show_own(request, signed_in, refused=refused)
        return _go("/sessions")

    @router.post("/passkeys/remove")
    def remove(signed_in: ActiveSession, passkey: _Short = "") -> Response:
        if not doors.ways.store.remove_passkey(signed_in.account.id, passkey):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return _go("/sessions")


def _add_recovery(router: APIRouter, doors: _Doors) -> None:
    @router.post("/recovery-codes")
    def make(
        request: Request, signed_in: ActiveSession, recovery_password: _Secret = ""
    ) -> Response:
        """Make new codes and show them, this once: a reload shows none, and makes new ones."""
        visitor = get_request_state(request).visitor
        refused = doors.ways.confirm(signed_in, recovery_password, visitor)
        if refused is not None:
            shown = Refused(refused.reason, "recovery_password")
            return doors.pages.show_own(request, signed_in, refused=shown)
        codes = doors.ways.recovery.make(signed_in)
        return doors.pages.show_own(request, signed_in, codes=codes)


def _add_national(router: APIRouter, doors: _Doors) -> None:
    @router.get("/national")
    def visit(request: Request) -> Response:
        """Send the browser to the national login, to sign in."""
        signed_in_already = doors.pages.go_on(request)
        if signed_in_already is not None:
            return signed_in_already
        try:
            address = doors.ways.visit_national(browser=doors.find_browser(request))
        except NationalLoginError:
            return doors.refuse_sign_in(request, _UNREACHABLE)
        return _go(address)

    @router.post("/national/link")
    def link(
        request: Request, signed_in: ActiveSession, national_password: _Secret = ""
    ) -> Response:
        """Send the browser to the national login, to link the own account.

        The password is asked for: whoever finds a screen open must not link themselves to it.
        """
        visitor = get_request_state(request).visitor
        refused = doors.ways.confirm(signed_in, national_password, visitor)
        if refused is not None:
            shown = Refused(refused.reason, "national_password")
            return doors.pages.show_own(request, signed_in, refused=shown)
        browser = doors.find_browser(request)
        try:
            address = doors.ways.visit_national(browser=browser, account=signed_in.account)
        except NationalLoginError:
            unreachable = Refused(_UNREACHABLE, "national_password")
            return doors.pages.show_own(request, signed_in, refused=unreachable)
        # Not by a redirect: of a form, the content security policy lets none leave the console.
        return _pass_on(address)

    @router.post("/national/unlink")
    def unlink(signed_in: ActiveSession) -> Response:
        doors.ways.store.unlink_national(signed_in.account.id)
        return _go("/sessions")


def _add_national_return(router: APIRouter, doors: _Doors) -> None:
    @router.get(NATIONAL_BACK)
    def come_back(code: str = "", state: str = "", iss: str = "") -> Response:
        """Go on from our own page: a browser that comes from elsewhere brings no strict cookie."""
        given = {"code": code[:_LONGEST_CODE], "state": state[:200], "iss": iss[:500]}
        return _pass_on(f"/national/finish?{urlencode(given)}")

    @router.get("/national/finish")
    def finish(request: Request, code: str = "", state: str = "", iss: str = "") -> Response:
        found = get_request_state(request)
        outcome = doors.ways.return_from_national(
            NationalAnswer(code=code, state=state, issuer=iss or None),
            browser=doors.find_browser(request),
            visitor=found.visitor,
            signed_in=found.active,
        )
        if isinstance(outcome, Linked):
            return _go("/sessions")
        if isinstance(outcome, Refused):
            if found.active is not None:
                refused = Refused(outcome.reason, "national_password")
                return doors.pages.show_own(request, found.active, refused=refused)
            return doors.refuse_sign_in(request, outcome.reason)
        # A session that still waits for the code goes on to it.
        is_active = outcome.signed_in.session.stage.value == "active"
        return doors.pages.enter(outcome, doors.pages.home if is_active else "/sign-in/code")
