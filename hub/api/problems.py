"""Errors at the HTTP edge: problem details (RFC 9457), in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

_log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(eq=False)
class ProblemError(Exception):
    """An answer other than success. ``code`` is stable and for programs, ``detail`` for people."""

    status: HTTPStatus
    code: str
    detail: str
    extensions: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def render_problem(problem: ProblemError) -> JSONResponse:
    """Write the problem as an answer."""
    content = {
        **problem.extensions,
        "type": f"urn:trm:problem:hub:{problem.code}",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "code": problem.code,
    }
    return JSONResponse(
        content,
        status_code=problem.status.value,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error that leaves a route become problem details."""

    async def handle_problem(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, ProblemError):
            raise error
        return render_problem(error)

    async def handle_http(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        status = HTTPStatus(error.status_code)
        headers = dict(error.headers or {})
        code = status.phrase.lower().replace(" ", "-")
        return render_problem(ProblemError(status, code, str(error.detail), headers=headers))

    async def handle_invalid(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        # Where and what, never the value that was sent.
        places = [
            {"field": ".".join(map(str, item["loc"])), "problem": item["msg"]}
            for item in error.errors()
        ]
        return render_problem(
            ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid-request",
                "The request does not fit its description: correct the fields that are listed.",
                {"errors": places},
            )
        )

    async def handle_unexpected(_request: Request, error: Exception) -> JSONResponse:
        _log.error("request_failed", error=type(error).__qualname__)
        return render_problem(
            ProblemError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "unexpected",
                "The hub failed to do this: read its log, and look at the state before you repeat.",
            )
        )

    app.add_exception_handler(Exception, handle_unexpected)
    app.add_exception_handler(ProblemError, handle_problem)
    app.add_exception_handler(HTTPException, handle_http)
    app.add_exception_handler(RequestValidationError, handle_invalid)
