"""What a person or a program is told when something does not work, in one place.

People get a page that says what happened and what to do; programs get problem details (RFC 9457).
Neither learns anything of the inside: an unexpected failure gets an opaque incident number, under
which the log has its kind and place, never its text, since that may hold what somebody wrote.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.accounts.models import SessionOverError, Stage
from console.accounts.passwords import TooManyAttemptsError
from console.face import RandomBytes
from console.i18n import Language, Message, msg
from console.rendering import Renderer
from console.request_state import get_request_state
from console.storage.database import UnkeepableValueError
from console.ways_back import UNLOCK_PATH, find_page, write_unlock_address

PROBLEM_JSON: Final = "application/problem+json"
_INCIDENT_BYTES: Final = 6
_FRAMES: Final = 8
_RETRY_AFTER_SECONDS: Final = "30"

_log = structlog.get_logger(__name__)


class SignInRequiredError(Exception):
    """A page that needs a signed-in person was asked for by a browser without one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A heading and what to do next."""

    title: Message
    advice: Message


_UNKNOWN_PROBLEM: Final = Problem(
    msg("This cannot be done"),
    msg("Go back and try another way. If it happens again, tell your administrator."),
)

PROBLEMS: Final[Mapping[int, Problem]] = {
    400: Problem(
        msg("The request could not be read"),
        msg("Go back, load the page again, and repeat what you did."),
    ),
    401: Problem(
        msg("You are not signed in"),
        msg("Sign in, and open the page again."),
    ),
    403: Problem(
        msg("You may not do this here"),
        msg(
            "Either your role does not include it, or the page was open for too long. "
            "Load the page again; if that does not help, ask your administrator for the role."
        ),
    ),
    404: Problem(
        msg("There is no such page"),
        msg(
            "The address may be mistyped, or the item is not yours to see. "
            "Nothing was lost: go to the start page and open it from there."
        ),
    ),
    405: Problem(
        msg("This address does not work that way"),
        msg("Go back and use the buttons of the page."),
    ),
    413: Problem(
        msg("This is too large to send"),
        msg("Shorten the text or choose a smaller file, and send it again."),
    ),
    421: Problem(
        msg("This console does not serve that address"),
        msg("Use the address that your administrator gave you."),
    ),
    422: Problem(
        msg("Something in the form could not be understood"),
        msg("Go back, check what you entered, and send it again. Nothing was sent."),
    ),
    429: Problem(
        msg("Too many attempts"),
        msg("Wait a few minutes and try again."),
    ),
    500: Problem(
        msg("Something went wrong on our side"),
        msg(
            "What you did last may not have been saved: check before you repeat it. "
            "If it happens again, tell your administrator the incident number."
        ),
    ),
    503: Problem(
        msg("This is not available at the moment"),
        msg("Wait a minute and load the page again."),
    ),
}


class ProblemPages:
    """Answers a request that cannot be served, in the form that its sender reads."""

    def __init__(self, renderer: Renderer, *, api_prefixes: tuple[str, ...]) -> None:
        self._renderer = renderer
        self._api_prefixes = api_prefixes

    def respond(
        self, request: Request, status: int, *, incident: str = "", detail: Message | None = None
    ) -> Response:
        """Answer with a page or problem details; ``detail`` replaces the standard advice."""
        problem = PROBLEMS.get(status, _UNKNOWN_PROBLEM)
        advice = detail or problem.advice
        if self._wants_json(request):
            return JSONResponse(
                self._describe(status, problem.title, advice, incident),
                status_code=status,
                media_type=PROBLEM_JSON,
            )
        return self._renderer.page(
            request,
            "problem.html",
            status=status,
            title=problem.title,
            advice=advice,
            incident=incident,
        )

    def _describe(
        self, status: int, title: Message, advice: Message, incident: str
    ) -> dict[str, str | int]:
        described: dict[str, str | int] = {
            "type": "about:blank",
            "title": self._renderer.say(title, Language.ENGLISH),
            "status": status,
            "detail": self._renderer.say(advice, Language.ENGLISH),
        }
        if incident:
            described["instance"] = f"urn:trm:incident:{incident}"
        return described

    def _wants_json(self, request: Request) -> bool:
        if request.scope["path"].startswith(self._api_prefixes):
            return True
        accept = request.headers.get("accept", "")
        return "json" in accept and "text/html" not in accept


def record_incident(error: Exception, *, random: RandomBytes) -> str:
    """Log an unexpected failure without its text, and give the number it is found under."""
    incident = random(_INCIDENT_BYTES).hex()
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    _log.error(
        "request_failed",
        incident=incident,
        error=type(error).__qualname__,
        where=[f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames],
    )
    return incident


def install_problem_pages(app: FastAPI, problems: ProblemPages, *, home: str) -> None:
    """Let every refusal of the app, its own and the framework's, go through ``problems``.

    ``home``: the page that unlocking leads to unless another one was open.
    """

    async def handle_http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        response = problems.respond(request, error.status_code)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    async def handle_validation(request: Request, _error: Exception) -> Response:
        return problems.respond(request, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def handle_sign_in(request: Request, _error: Exception) -> Response:
        locked = get_request_state(request).at_stage(Stage.LOCKED) is not None
        address = UNLOCK_PATH if locked else "/sign-in"
        if request.headers.get("hx-request") == "true":
            return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": address})
        if locked:
            address = write_unlock_address(find_page(request), home=home)
        return RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)

    async def handle_too_many(request: Request, _error: Exception) -> Response:
        response = problems.respond(request, HTTPStatus.TOO_MANY_REQUESTS)
        response.headers["Retry-After"] = _RETRY_AFTER_SECONDS
        return response

    app.add_exception_handler(TooManyAttemptsError, handle_too_many)
    app.add_exception_handler(HTTPException, handle_http)
    app.add_exception_handler(RequestValidationError, handle_validation)
    app.add_exception_handler(UnkeepableValueError, handle_validation)
    app.add_exception_handler(SignInRequiredError, handle_sign_in)
    app.add_exception_handler(SessionOverError, handle_sign_in)
