"""What a program is told when something does not work: problem details (RFC 9457), in one place.

Each kind of problem has a ``type`` that never changes its meaning; docs/api.md lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from console.storage.database import UnkeepableValueError
from contact_registry.changes.errors import (
    ChangeError,
    ChangeNotFoundError,
    DraftRefusedError,
    SigningFileError,
    StaleChangeError,
    StepNotPossibleError,
)
from contact_registry.errors import DocumentError, RegistryUnavailableError
from node.api.shapes import CursorError
from node.domain.files import NoRoomError
from node.service.api_drafts import DraftTooLargeError
from node.service.attachments.taking import WithheldFileError
from node.service.backups import BackupRefusedError
from node.service.cases.closing import StillOpenError
from node.service.context import NodeError, NotFoundError, RefusedDraftError, StaleError
from node.service.conversations import ActNotPossibleError
from node.service.once import AnswerLostError, KeyUsedError, StillRunningError
from node.service.people import AccountError
from node.service.permitting import ForbiddenError
from node.service.policy.gate import NeedsApprovalError, PolicyRefusedError
from node.service.search.terms import SearchWordsError
from node.service.tokens import TokenError
from node.service.webhooks.keeping import WebhookRefusedError
from node.service.work.roster import WorkRefusedError

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_PREFIX: Final = "urn:trm:problem:"


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem: what its type ends with, and the status that goes with it."""

    code: str
    status: HTTPStatus


_STALE: Final = Problem("changed-meanwhile", HTTPStatus.CONFLICT)
_NOT_FOUND: Final = Problem("not-found", HTTPStatus.NOT_FOUND)
_REFUSED: Final = Problem("refused", HTTPStatus.UNPROCESSABLE_ENTITY)
_NOT_POSSIBLE: Final = Problem("not-possible-now", HTTPStatus.CONFLICT)
WRONG_REQUEST: Final = Problem("wrong-request", HTTPStatus.UNPROCESSABLE_ENTITY)

PROBLEMS: Final[Mapping[type[Exception], Problem]] = {
    # The most special first: the first that fits is the answer.
    ForbiddenError: Problem("forbidden", HTTPStatus.FORBIDDEN),
    NotFoundError: _NOT_FOUND,
    ActNotPossibleError: _NOT_POSSIBLE,
    StillOpenError: _NOT_POSSIBLE,
    StaleError: _STALE,
    KeyUsedError: Problem("key-used-for-something-else", HTTPStatus.UNPROCESSABLE_ENTITY),
    StillRunningError: Problem("still-running", HTTPStatus.CONFLICT),
    AnswerLostError: Problem("done-but-answer-lost", HTTPStatus.CONFLICT),
    WithheldFileError: Problem("file-withheld", HTTPStatus.CONFLICT),
    CursorError: Problem("wrong-cursor", HTTPStatus.UNPROCESSABLE_ENTITY),
    NeedsApprovalError: Problem("needs-second-person", HTTPStatus.UNPROCESSABLE_ENTITY),
    PolicyRefusedError: Problem("refused-by-policy", HTTPStatus.UNPROCESSABLE_ENTITY),
    RefusedDraftError: _REFUSED,
    WebhookRefusedError: _REFUSED,
    BackupRefusedError: _REFUSED,
    DraftTooLargeError: Problem("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    NoRoomError: Problem("no-room", HTTPStatus.INSUFFICIENT_STORAGE),
    SearchWordsError: Problem("not-searchable", HTTPStatus.UNPROCESSABLE_ENTITY),
    AccountError: Problem("not-possible", HTTPStatus.UNPROCESSABLE_ENTITY),
    TokenError: Problem("not-possible", HTTPStatus.UNPROCESSABLE_ENTITY),
    WorkRefusedError: _REFUSED,
    NodeError: Problem("not-possible", HTTPStatus.BAD_REQUEST),
    ChangeNotFoundError: _NOT_FOUND,
    StaleChangeError: _STALE,
    StepNotPossibleError: _NOT_POSSIBLE,
    DraftRefusedError: _REFUSED,
    SigningFileError: Problem("wrong-signing-file", HTTPStatus.UNPROCESSABLE_ENTITY),
    ChangeError: Problem("not-possible", HTTPStatus.BAD_REQUEST),
    DocumentError: Problem("wrong-document", HTTPStatus.UNPROCESSABLE_ENTITY),
    RegistryUnavailableError: Problem("registry-unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    UnkeepableValueError: WRONG_REQUEST,
}
"""Which exception becomes which problem. ``members`` of the exception go into the answer."""

VERSION_DIFFERS: Final = Problem("version-differs", HTTPStatus.PRECONDITION_FAILED)
"""What :data:`_STALE` is where the program sent ``If-Match``."""
VERSION_MISSING: Final = Problem("version-missing", HTTPStatus.PRECONDITION_REQUIRED)
FAILED: Final = Problem("failed", HTTPStatus.INTERNAL_SERVER_ERROR)
BY_STATUS: Final[Mapping[int, Problem]] = {
    problem.status: problem
    for problem in (
        Problem("unreadable", HTTPStatus.BAD_REQUEST),
        Problem("no-valid-token", HTTPStatus.UNAUTHORIZED),
        Problem("forbidden", HTTPStatus.FORBIDDEN),
        _NOT_FOUND,
        Problem("wrong-method", HTTPStatus.METHOD_NOT_ALLOWED),
        Problem("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        Problem("wrong-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        WRONG_REQUEST,
        Problem("wrong-range", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
        VERSION_MISSING,
        Problem("too-many-requests", HTTPStatus.TOO_MANY_REQUESTS),
        Problem("registry-unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    )
}
"""What a refusal is that names no more than its status."""


def answer_problem(problem: Problem, detail: str, **members: Any) -> JSONResponse:
    """Return the answer; ``members`` are further members of the problem details."""
    return JSONResponse(
        {
            "type": f"{_PREFIX}{problem.code}",
            "title": problem.status.phrase,
            "status": problem.status.value,
            "detail": detail,
            **members,
        },
        status_code=problem.status,
        media_type=MEDIA_TYPE,
    )


async def _handle_known(request: Request, error: Exception) -> JSONResponse:
    problem = next(found for kind, found in PROBLEMS.items() if isinstance(error, kind))
    if problem is _STALE and "if-match" in request.headers:
        problem = VERSION_DIFFERS
    answer = answer_problem(problem, str(error), **getattr(error, "members", {}))
    if isinstance(error, StillRunningError):
        answer.headers["Retry-After"] = "1"
    return answer


async def _handle_http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return answer_http(error)


def answer_http(error: HTTPException) -> JSONResponse:
    """Return the answer to a refusal that names a status."""
    problem = BY_STATUS.get(error.status_code)
    if problem is None:
        problem = Problem("not-possible", HTTPStatus(error.status_code))
    response = answer_problem(problem, _advise(problem, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


def _advise(problem: Problem, detail: str) -> str:
    """Say what to do where the framework only named the status."""
    if detail != problem.status.phrase:
        return detail
    return {
        HTTPStatus.NOT_FOUND: "There is no such address: see /api/v1/openapi.json.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address takes another method: see 'Allow'.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large: send less at once.",
    }.get(problem.status, detail)


async def _handle_validation(_request: Request, error: Exception) -> JSONResponse:
    """Name the fields and the rules, never what was in them."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [
        {"at": "/".join(str(step) for step in item["loc"]), "problem": item["msg"]}
        for item in error.errors()
    ]
    return answer_problem(
        WRONG_REQUEST,
        "The request does not fit: see 'errors', change these fields, and send it again.",
        errors=errors,
    )


async def _handle_unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("api_request_failed", problem=type(error).__name__, exc_info=error)
    return answer_problem(
        FAILED,
        "The node failed to do this. Ask for the state before you repeat it: with the same "
        "Idempotency-Key a repetition is safe.",
    )


def install_problems(app: FastAPI) -> None:
    """Let every refusal of the interface go through here."""
    for kind in PROBLEMS:
        app.add_exception_handler(kind, _handle_known)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(Exception, _handle_unexpected)
