"""Who makes a request, and whether they may: found out once, before any page.

:class:`GuardLayer` finds session and language and refuses forged requests by their origin.
:func:`check_form_token` is a dependency of the whole app, so that no form can forget it.
:func:`require_active` and :func:`require_roles` are what the pages of a face ask for.
"""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from console.accounts.models import SignedIn, Stage
from console.accounts.sessions import Sessions, Visitor
from console.cookies import Cookies
from console.face import ConsoleSettings
from console.forgery import FORM_FIELD, HEADER, SAFE_METHODS, is_form_token, is_own_origin
from console.i18n import Catalogues
from console.problems import ProblemPages, SignInRequiredError
from console.request_state import RequestState, get_request_state
from console.security import limit_body

#: Fields of one form. The longest is that of a desk in the directory with all its rows filled in;
#: with fewer, such a form would be refused as a whole, and what was typed would be lost.
_MOST_FIELDS: Final = 2_000


class GuardLayer:
    """Sets the :class:`RequestState` of each request that is not an API's."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ConsoleSettings,
        sessions: Sessions,
        catalogues: Catalogues,
        problems: ProblemPages,
    ) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions
        self._catalogues = catalogues
        self._problems = problems
        self._cookies = Cookies(settings)
        self._api_prefixes = tuple(settings.api_prefixes)
        self._background_prefixes = tuple(settings.background_prefixes)
        self._scheme = "https" if settings.https else "http"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http" or scope["path"].startswith(self._api_prefixes):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.console = await run_in_threadpool(self._find_state, request)
        if request.method not in SAFE_METHODS and not is_own_origin(
            request.headers, scheme=self._scheme
        ):
            response = self._problems.respond(request, HTTPStatus.FORBIDDEN)
            await response(scope, receive, send)
            return
        if not _has_signed_in(request):
            # Larger bodies are for files, and those are for people who have shown who they are.
            receive = limit_body(receive, self._settings.max_body_bytes)
        await self._app(scope, receive, send)

    def _find_state(self, request: Request) -> RequestState:
        token = self._cookies.read_session(request)
        session = None if token is None else self._sessions.find(token)
        if session is None:
            token = self._cookies.read_visitor(request)
        elif not request.scope["path"].startswith(self._background_prefixes):
            self._sessions.touch(session.session)
        return RequestState(
            language=self._catalogues.choose(
                wish=_find_wish(session) or self._cookies.read_language(request),
                accept_language=request.headers.get("accept-language", ""),
            ),
            visitor=Visitor(
                client=request.client.host if request.client else "",
                browser=request.headers.get("user-agent", ""),
                is_shared=self._cookies.is_shared(request),
            ),
            session=session,
            cookie_token=token,
        )


def _find_wish(session: SignedIn | None) -> str:
    """Give the language of somebody whose password this browser has shown; empty if none."""
    return "" if session is None else session.account.language


def _has_signed_in(request: Request) -> bool:
    state = get_request_state(request)
    return (state.at_stage(Stage.ACTIVE) or state.at_stage(Stage.LOCKED)) is not None


FormKeeper = Callable[[SignedIn, str, FormData], None]
"""Keeps a form that was sent to a locked screen (person, path, fields), so that no text is lost."""

KIT_FORMS: Final = frozenset(
    {
        "/sign-in",
        "/sign-in/code",
        "/link",
        "/set-up",
        "/set-up/code",
        "/hide",
        "/unlock",
        "/sign-out",
        "/sessions/end",
        "/passkey/begin",
        "/passkey",
        "/passkeys/begin",
        "/passkeys/add",
        "/passkeys/remove",
        "/recovery-codes",
        "/national/link",
        "/national/unlink",
        "/language",
        "/confirm",
        "/sessions/shared",
    }
)
"""The kit's own forms, which hold secrets or nothing: they are never kept."""


class FormTokenCheck:
    """The dependency of the whole app that checks the token of each form."""

    def __init__(self, settings: ConsoleSettings, keep_form: FormKeeper | None = None) -> None:
        self._exempt = (*settings.api_prefixes, *settings.streamed_paths)
        self._keep_form = keep_form

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        """Refuse with 403 an unsafe request whose form token is not the session's own.

        Files that came with the form are closed when the request has been answered.
        """
        path = request.scope["path"]
        # The path, not the URL: a URL is put together from headers too.
        if request.method in SAFE_METHODS or path.startswith(self._exempt):
            yield
            return
        form = await request.form(max_fields=_MOST_FIELDS)
        try:
            await self._check(request, path, form)
            yield
        finally:
            await form.close()

    async def _check(self, request: Request, path: str, form: FormData) -> None:
        given = request.headers.get(HEADER) or _read_field(form)
        state = get_request_state(request)
        if not is_form_token(given, cookie_token=state.cookie_token):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        locked = state.at_stage(Stage.LOCKED)
        if self._keep_form is not None and locked is not None and path not in KIT_FORMS:
            await run_in_threadpool(self._keep_form, locked, path, form)


def _read_field(form: FormData) -> str:
    values = form.getlist(FORM_FIELD)
    return values[0] if len(values) == 1 and isinstance(values[0], str) else ""


def require_active(request: Request) -> SignedIn:
    """Give the signed-in person; a browser without one is sent to sign in, or to unlock."""
    signed_in = get_request_state(request).active
    if signed_in is None:
        raise SignInRequiredError
    return signed_in


ActiveSession = Annotated[SignedIn, Depends(require_active)]
"""A handler's parameter of this type is the signed-in person."""


def require_roles(*roles: str) -> Callable[[Request], SignedIn]:
    """Build a dependency that gives the signed-in person, or 403 without one of these roles."""

    def require(request: Request) -> SignedIn:
        signed_in = require_active(request)
        if signed_in.account.roles.isdisjoint(roles):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        return signed_in

    return require
