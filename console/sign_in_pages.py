"""The pages of signing in and out; the rules are in :class:`console.accounts.sign_in.SignIn`.

Each POST answers with a redirect or with its own page and a problem on top; each works without a
script. Handlers are plain functions, which FastAPI runs in worker threads: hashing takes its time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.accounts.models import SignedIn, Stage, TokenHash
from console.accounts.second_factor import build_totp_uri, draw_qr
from console.accounts.sessions import Granted
from console.accounts.sign_in import Refused, SignIn
from console.accounts.ways_in import WaysIn
from console.cookies import Cookies
from console.guard import ActiveSession
from console.i18n import Catalogues, Language, Message, msg
from console.problems import SignInRequiredError
from console.rendering import NO_ERRORS, Renderer
from console.request_state import get_request_state
from console.ways_back import is_own_path, write_unlock_address

_Name = Annotated[str, Form(max_length=200)]
_Secret = Annotated[str, Form(max_length=1000)]
_Short = Annotated[str, Form(max_length=100)]
_Back = Annotated[str, Query(max_length=200)]
"""The page that was open when the screen locked: its path alone, without what stands behind it."""

_STAGE_ADDRESSES: Final = {
    Stage.SECOND_FACTOR: "/sign-in/code",
    Stage.ENROLMENT: "/set-up",
    Stage.LOCKED: "/unlock",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPages:
    """What the sign-in pages stand on."""

    sign_in: SignIn
    renderer: Renderer
    cookies: Cookies
    catalogues: Catalogues
    home: str
    ways: WaysIn | None = None
    find_kept: Callable[[SignedIn], str] | None = None
    """Gives the page of what was typed when the screen locked, or an empty text."""
    explained: Sequence[tuple[Message, Message]] = ()
    """Words of the forms and what they mean: see :class:`console.face.Face`."""

    def find_way(self, granted: Granted, back: str = "") -> str:
        """Say where somebody goes on who has just come in: to what was kept, back, or home."""
        kept = self.find_kept(granted.signed_in) if self.find_kept is not None else ""
        return kept or (back if is_own_path(back) else self.home)

    def go_on(self, request: Request) -> Response | None:
        """Send a browser that already has a session to where that session belongs."""
        session = get_request_state(request).session
        if session is None:
            return None
        return _go(_STAGE_ADDRESSES.get(session.session.stage, self.home))

    def enter(self, granted: Granted, address: str) -> Response:
        """Give the browser its new session and send it on."""
        response = _go(address)
        self.cookies.set_session(response, granted.token)
        return response

    def refuse(self, request: Request, template: str, refused: Refused, **context: Any) -> Response:
        """Show the page again with what is wrong, or start again when the session is over."""
        if refused.is_over:
            response: Response = _go("/sign-in")
            self.cookies.clear_session(response)
            return response
        return self.renderer.page(
            request,
            template,
            errors={refused.field: refused.reason},
            **self.offer(request),
            **context,
        )

    def offer(self, request: Request) -> dict[str, Any]:
        """Say which further ways in the page of signing in offers."""
        national = self.ways.national if self.ways else None
        return {
            "has_passkeys": self.ways is not None,
            "national": national.settings.name if national else "",
            "is_shared_browser": get_request_state(request).visitor.is_shared,
        }

    def show_own(
        self,
        request: Request,
        signed_in: SignedIn,
        *,
        refused: Refused | None = None,
        codes: Sequence[str] = (),
    ) -> Response:
        """Show where somebody is signed in, and their ways in."""
        ways, account_id = self.ways, signed_in.account.id
        own: dict[str, Any] = {"ways": False}
        if ways is not None:
            own = {
                "ways": True,
                "passkeys": ways.store.list_passkeys(account_id),
                "codes_left": ways.store.count_recovery_codes(account_id),
                "is_linked": ways.store.is_linked(account_id),
                "codes": codes,
            }
        return self.renderer.page(
            request,
            "sign_in/sessions.html",
            is_shared=signed_in.session.is_shared,
            errors={refused.field: refused.reason} if refused else NO_ERRORS,
            sessions=self.sign_in.sessions.list_own(signed_in),
            current=signed_in.session.token_hash,
            **self.offer(request),
            **own,
        )


def create_signin_router(pages: SignInPages) -> APIRouter:
    """Build the router with all pages of signing in, setting up, locking, and signing out."""
    router = APIRouter(include_in_schema=False)
    _add_sign_in(router, pages)
    _add_link(router, pages)
    _add_set_up(router, pages)
    _add_set_up_code(router, pages)
    _add_lock(router, pages)
    _add_sessions(router, pages)
    _add_language(router, pages)
    return router


def _go(address: str) -> RedirectResponse:
    return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)


def _require_stage(request: Request, stage: Stage) -> SignedIn:
    session = get_request_state(request).at_stage(stage)
    if session is None:
        raise SignInRequiredError
    return session


def _add_sign_in(router: APIRouter, pages: SignInPages) -> None:
    @router.get("/sign-in")
    def show_sign_in(request: Request) -> Response:
        return pages.go_on(request) or pages.renderer.page(
            request, "sign_in/password.html", name="", **pages.offer(request)
        )

    @router.post("/sign-in")
    def post_sign_in(
        request: Request, name: _Name = "", password: _Secret = "", shared: _Short = ""
    ) -> Response:
        is_shared = shared == "yes"
        visitor = replace(get_request_state(request).visitor, is_shared=is_shared)
        if not name.strip() or not password:
            refused = Refused(msg("Enter your name and your password."), "name")
            return pages.refuse(request, "sign_in/password.html", refused, name=name)
        outcome = pages.sign_in.give_password(name=name, password=password, visitor=visitor)
        if isinstance(outcome, Refused):
            return pages.refuse(request, "sign_in/password.html", outcome, name=name)
        response = pages.enter(outcome, "/sign-in/code")
        pages.cookies.set_shared(response, is_shared=is_shared)
        return response

    @router.get("/sign-in/code")
    def show_code(request: Request) -> Response:
        _require_stage(request, Stage.SECOND_FACTOR)
        return pages.renderer.page(request, "sign_in/code.html", **pages.offer(request))

    @router.post("/sign-in/code")
    def post_code(request: Request, code: _Short = "", recovery: _Short = "") -> Response:
        session = _require_stage(request, Stage.SECOND_FACTOR)
        outcome = pages.sign_in.give_code(
            session, code=code or recovery, visitor=get_request_state(request).visitor
        )
        if isinstance(outcome, Refused):
            return pages.refuse(request, "sign_in/code.html", outcome)
        return pages.enter(outcome, pages.find_way(outcome))


def _add_link(router: APIRouter, pages: SignInPages) -> None:
    @router.get("/link/{token}")
    def show_link(request: Request, token: str) -> Response:
        is_open = pages.sign_in.is_link_open(token)
        return pages.renderer.page(
            request,
            "sign_in/link.html",
            status=HTTPStatus.OK if is_open else HTTPStatus.NOT_FOUND,
            is_open=is_open,
            token=token,
        )

    @router.post("/link")
    def follow_link(request: Request, token: _Short = "") -> Response:
        granted = pages.sign_in.follow_link(token, get_request_state(request).visitor)
        if granted is None:
            return pages.renderer.page(
                request, "sign_in/link.html", status=HTTPStatus.NOT_FOUND, is_open=False, token=""
            )
        return pages.enter(granted, "/set-up")


def _show_second_factor(
    pages: SignInPages, request: Request, session: SignedIn, *, refused: Refused | None
) -> Response:
    enrolment = session.session.enrolment
    if enrolment is None or enrolment.password_hash is None:
        return _go("/set-up")
    secret = enrolment.totp_secret
    groups = [secret[start : start + 4] for start in range(0, len(secret), 4)]
    template = "sign_in/set_up_code.html"
    if refused is None:
        return pages.renderer.page(request, template, secret=groups)
    return pages.refuse(request, template, refused, secret=groups)


def _add_set_up(router: APIRouter, pages: SignInPages) -> None:
    @router.get("/set-up")
    def show_set_up(request: Request) -> Response:
        session = _require_stage(request, Stage.ENROLMENT)
        return pages.renderer.page(
            request,
            "sign_in/set_up_password.html",
            name=session.account.sign_in_name,
            **pages.offer(request),
        )

    @router.post("/set-up")
    def post_set_up(request: Request, password: _Secret = "", again: _Secret = "") -> Response:
        session = _require_stage(request, Stage.ENROLMENT)
        outcome = pages.sign_in.choose_password(session, password=password, again=again)
        if isinstance(outcome, Refused):
            return pages.refuse(
                request,
                "sign_in/set_up_password.html",
                outcome,
                name=session.account.sign_in_name,
            )
        return pages.enter(outcome, "/set-up/code")


def _add_set_up_code(router: APIRouter, pages: SignInPages) -> None:
    @router.get("/set-up/code")
    def show_set_up_code(request: Request) -> Response:
        session = _require_stage(request, Stage.ENROLMENT)
        return _show_second_factor(pages, request, session, refused=None)

    @router.get("/set-up/qr.svg")
    def show_qr(request: Request) -> Response:
        session = _require_stage(request, Stage.ENROLMENT)
        enrolment = session.session.enrolment
        if enrolment is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        issuer = pages.renderer.issuer
        uri = build_totp_uri(
            enrolment.totp_secret, account=session.account.sign_in_name, issuer=issuer
        )
        return Response(draw_qr(uri), media_type="image/svg+xml")

    @router.post("/set-up/code")
    def post_set_up_code(request: Request, code: _Short = "") -> Response:
        session = _require_stage(request, Stage.ENROLMENT)
        outcome = pages.sign_in.confirm_enrolment(session, code=code)
        if isinstance(outcome, Refused):
            return _show_second_factor(pages, request, session, refused=outcome)
        return pages.enter(outcome, pages.home)


def _add_lock(router: APIRouter, pages: SignInPages) -> None:
    @router.post("/hide")
    def hide_screen(request: Request, back: _Name = "") -> Response:
        session = get_request_state(request).session
        if session is None:
            return _go("/sign-in")
        pages.sign_in.sessions.lock(session.session)
        response = _go(write_unlock_address(back, home=pages.home))
        pages.cookies.clear_looked_for(response)
        return response

    def show(request: Request, session: SignedIn, refused: Refused | None, back: str) -> Response:
        context: dict[str, Any] = {
            "back": back if is_own_path(back) else "",
            # On a computer that others use too, the lock does not tell who was here.
            "name": "" if session.session.is_shared else session.account.sign_in_name,
            "needs_code": pages.sign_in.sessions.needs_full_sign_in(session.session),
        }
        if refused is None:
            return pages.renderer.page(request, "sign_in/unlock.html", **context)
        return pages.refuse(request, "sign_in/unlock.html", refused, **context)

    @router.get("/unlock")
    def show_unlock(request: Request, back: _Back = "") -> Response:
        session = get_request_state(request).at_stage(Stage.LOCKED)
        if session is None:
            return pages.go_on(request) or _go("/sign-in")
        return show(request, session, None, back)

    @router.post("/unlock")
    def post_unlock(
        request: Request, password: _Secret = "", code: _Short = "", back: _Name = ""
    ) -> Response:
        session = _require_stage(request, Stage.LOCKED)
        outcome = pages.sign_in.unlock(
            session, password=password, code=code, visitor=get_request_state(request).visitor
        )
        if isinstance(outcome, Refused):
            return show(request, session, outcome, back)
        return pages.enter(outcome, pages.find_way(outcome, back))

    @router.get("/stay")
    def stay_awake(_session: ActiveSession) -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT)


def _add_sessions(router: APIRouter, pages: SignInPages) -> None:
    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        session = get_request_state(request).session
        if session is not None:
            pages.sign_in.sessions.end(session.session)
        response = _go("/signed-out")
        pages.cookies.clear_session(response)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    @router.get("/signed-out")
    def show_signed_out(request: Request) -> Response:
        return pages.renderer.page(request, "sign_in/signed_out.html")

    @router.get("/sessions")
    def show_sessions(request: Request, signed_in: ActiveSession) -> Response:
        return pages.show_own(request, signed_in)

    @router.post("/sessions/end")
    def end_session(signed_in: ActiveSession, session: _Short = "") -> Response:
        if not pages.sign_in.sessions.end_other(signed_in, TokenHash(session)):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return _go("/sessions")


def _add_language(router: APIRouter, pages: SignInPages) -> None:
    @router.post("/language")
    def choose_language(request: Request, language: _Short = "", back: _Name = "/") -> Response:
        offered = {known.value: known for known in pages.catalogues.offered}
        chosen = offered.get(language, Language.ENGLISH).value
        active = get_request_state(request).active
        if active is not None:
            pages.sign_in.accounts.save_language(active.account.id, chosen)
        response = _go(back if is_own_path(back) else pages.home)
        pages.cookies.set_language(response, chosen)
        return response
