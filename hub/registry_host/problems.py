"""Refusals of the registry host as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Final

from fastapi.responses import JSONResponse

from contact_registry.errors import RefusalCode

_STATUS: Final = {
    RefusalCode.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalCode.MALFORMED: HTTPStatus.BAD_REQUEST,
    RefusalCode.UNKNOWN_ROLE: HTTPStatus.NOT_FOUND,
    RefusalCode.NOT_SIGNED: HTTPStatus.FORBIDDEN,
    RefusalCode.WRONG_VERSION: HTTPStatus.CONFLICT,
    RefusalCode.EXPIRED: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.PATH_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    RefusalCode.DELEGATION_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    RefusalCode.CONTENT_MISMATCH: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.INVALID_DOCUMENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.TOO_OFTEN: HTTPStatus.TOO_MANY_REQUESTS,
    RefusalCode.ONLINE_KEY_MISSING: HTTPStatus.CONFLICT,
}


def make_problem(status: HTTPStatus, *, code: str, title: str, detail: str) -> JSONResponse:
    """Return a problem response; ``code`` is for programs, ``detail`` says what to do next."""
    return JSONResponse(
        {
            "type": f"urn:trm:problem:registry:{code}",
            "title": title,
            "status": int(status),
            "detail": detail,
            "code": code,
        },
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )


def make_refusal(code: RefusalCode, detail: str) -> JSONResponse:
    """Return the problem of a submission that was not published."""
    return make_problem(
        _STATUS[code], code=code, title="The change was not published", detail=detail
    )


def make_not_found() -> JSONResponse:
    """Return the problem of a file that is not published; it may be one minute later."""
    return make_problem(
        HTTPStatus.NOT_FOUND,
        code="not_published",
        title="Not published",
        detail="The registry has no such file: begin with registry/metadata/timestamp.json.",
    )


def make_unavailable(detail: str) -> JSONResponse:
    """Return the problem of a repository that cannot be read."""
    return make_problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code="repository_unavailable",
        title="The registry cannot be read",
        detail=detail,
    )


def make_busy(*, retry_after: int) -> JSONResponse:
    """Return the problem of one submission too many at once; ``retry_after`` is in seconds."""
    problem = make_problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code="too_many_at_once",
        title="The registry host is busy",
        detail=f"Other changes are being received: send this one again in {retry_after} seconds.",
    )
    problem.headers["Retry-After"] = str(retry_after)
    problem.headers["Connection"] = "close"  # its body is still on the way
    return problem


def make_too_slow() -> JSONResponse:
    """Return the problem of a submission whose body did not arrive in time."""
    problem = make_problem(
        HTTPStatus.REQUEST_TIMEOUT,
        code="too_slow",
        title="The change did not arrive in time",
        detail="Nothing was changed: check the connection, then send it again.",
    )
    problem.headers["Connection"] = "close"
    return problem
