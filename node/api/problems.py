"""What a program is told when something does not work: problem details (RFC 9457), in one place."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from contact_registry.changes.errors import (
    ChangeError,
    ChangeNotFoundError,
    DraftRefusedError,
    SigningFileError,
    StaleChangeError,
    StepNotPossibleError,
)
from contact_registry.errors import DocumentError, RegistryUnavailableError
from node.domain.files import NoRoomError
from node.service.attachments.taking import WithheldFileError
from node.service.context import NodeError, NotFoundError, RefusedDraftError, StaleError

log = structlog.get_logger(__name__)

_STATUS: Final[Mapping[type[Exception], HTTPStatus]] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    StaleError: HTTPStatus.CONFLICT,
    WithheldFileError: HTTPStatus.CONFLICT,
    RefusedDraftError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NoRoomError: HTTPStatus.INSUFFICIENT_STORAGE,
    NodeError: HTTPStatus.BAD_REQUEST,
    ChangeNotFoundError: HTTPStatus.NOT_FOUND,
    StaleChangeError: HTTPStatus.CONFLICT,
    StepNotPossibleError: HTTPStatus.CONFLICT,
    DraftRefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    SigningFileError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ChangeError: HTTPStatus.BAD_REQUEST,
    DocumentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RegistryUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def _problem(status: int, detail: str, **more: Any) -> JSONResponse:
    return JSONResponse(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            **more,
        },
        status_code=status,
        media_type="application/problem+json",
    )


async def _handle_known(_request: Request, error: Exception) -> JSONResponse:
    status = next(found for kind, found in _STATUS.items() if isinstance(error, kind))
    return _problem(status, str(error), **getattr(error, "members", {}))


async def _handle_http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    response = _problem(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _handle_validation(_request: Request, error: Exception) -> JSONResponse:
    """Name the fields and the rules, never what was in them."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"at": "/".join(str(step) for step in item["loc"]), "problem": item["msg"]}
        for item in error.errors()
    ]
    return _problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request does not fit: see 'errors', change these fields, and send it again.",
        errors=errors,
    )


async def _handle_unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("api_request_failed", problem=type(error).__name__, exc_info=error)
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The node failed to do this. Ask for the state before you repeat it: with the same "
        "Idempotency-Key a repetition is safe.",
    )


def install_problems(app: FastAPI) -> None:
    """Let every refusal of the interface go through here."""
    for kind in _STATUS:
        app.add_exception_handler(kind, _handle_known)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(Exception, _handle_unexpected)
