"""The registry over HTTP: files for everybody, changes for who holds the keys.

``GET /registry/metadata/{name}`` and ``GET /registry/targets/{path}`` serve the signed files; what
they say is protected by its signatures, not by who may ask. ``POST /registry/submissions`` takes a
signed change and publishes it before it answers; it needs no sign-in, because the signature in the
submission is the permission. ``GET /registry/roles/{role}`` tells the version that a submission
must exceed by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from contact_registry.errors import RefusalCode, RepositoryStateError, SubmissionRefusedError
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import OnlineSigners, RegistryRepository
from contact_registry.trust.submitting import (
    MAX_SUBMISSION_BYTES,
    SubmissionBody,
    parse_submission,
)
from hub.registry_host.problems import (
    make_busy,
    make_not_found,
    make_refusal,
    make_too_slow,
    make_unavailable,
)
from hub.registry_host.transfer import ReadPublished, encode_answer

_log = structlog.get_logger(__name__)

OnPublished = Callable[[PublishedVersion], Awaitable[None]]
"""Told of each version after it is published and before the submitter gets its answer, so that a
Participant that has its answer finds the hub acting on it. Handles its own failures."""

MAX_BODY: Final = MAX_SUBMISSION_BYTES
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_NEVER_KEEP: Final = "no-store"
_RETRY_AFTER_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What submissions may take of the host: anybody can open one, with no key at all."""

    open_at_once: int = 8
    body_seconds: float = 30.0


DEFAULT_INTAKE: Final = IntakeLimits()


class PublishedAnswer(BaseModel):
    """What was published: the version and SHA-256 of the snapshot that clients pin."""

    version: int
    sha256: str


class RoleAnswer(BaseModel):
    """What is published of a role; version 0 and no expiry if nothing is."""

    role: str
    version: int
    expires_at: str | None


def create_router(
    repository: RegistryRepository,
    online: OnlineSigners,
    on_published: OnPublished | None = None,
    intake: IntakeLimits = DEFAULT_INTAKE,
) -> APIRouter:
    """Return the routes of one repository. Submissions are published one at a time."""
    router = APIRouter(prefix="/registry", tags=["registry"])
    submissions = _Submissions(repository, online, on_published, intake=intake)

    @router.get("/metadata/{name}")
    async def get_metadata(name: str, request: Request) -> Response:
        """Serve a metadata file by its published name, such as ``timestamp.json``."""
        keep = _ASK_AGAIN if name == "timestamp.json" else _FOR_GOOD
        return await _serve(name, repository.read_metadata, request, keep=keep)

    @router.get("/targets/{path:path}")
    async def get_target(path: str, request: Request) -> Response:
        """Serve a document by its published name, which begins with its SHA-256."""
        return await _serve(path, repository.read_target, request, keep=_FOR_GOOD)

    @router.get("/roles/{role}", response_model=RoleAnswer)
    async def get_role(role: str) -> Response:
        """Tell which version of a role is published."""
        try:
            status = await asyncio.to_thread(repository.role_status, role)
        except SubmissionRefusedError as error:
            return make_refusal(error.code, str(error))
        except RepositoryStateError as error:
            return _unavailable(error)
        expires = status.expires_at
        answer = RoleAnswer(
            role=status.role,
            version=status.version,
            expires_at=f"{expires:%Y-%m-%dT%H:%M:%SZ}" if expires else None,
        )
        return _json(answer, HTTPStatus.OK)

    @router.post(
        "/submissions", response_model=PublishedAnswer, status_code=HTTPStatus.CREATED,
        openapi_extra={"requestBody": {"required": True, "content": {
            "application/json": {"schema": SubmissionBody.model_json_schema()}}}},
    )  # fmt: skip
    async def post_submission(request: Request) -> Response:
        """Check a signed change, publish it, and answer with the new version."""
        return await submissions.handle(request)

    return router


class _Submissions:
    """Receives submissions, a few at once, and publishes them one after the other."""

    def __init__(
        self,
        repository: RegistryRepository,
        online: OnlineSigners,
        on_published: OnPublished | None,
        *,
        intake: IntakeLimits,
    ) -> None:
        self._repository = repository
        self._online = online
        self._on_published = on_published
        self._body_seconds = intake.body_seconds
        self._places = asyncio.Semaphore(intake.open_at_once)
        self._one_writer = asyncio.Lock()

    async def handle(self, request: Request) -> Response:
        """Answer a submission; the body of one too many is not read."""
        if self._places.locked():
            _log.warning("registry_submissions_too_many_at_once")
            return make_busy(retry_after=_RETRY_AFTER_SECONDS)
        async with self._places:
            try:
                async with asyncio.timeout(self._body_seconds):
                    body = await _read_body(request)
            except TimeoutError:
                _log.warning("registry_submission_too_slow")
                return make_too_slow()
            except SubmissionRefusedError as error:
                return _refuse(error)
            return await self._publish(body)

    async def _publish(self, body: bytes) -> Response:
        try:
            submission = parse_submission(body)
            async with self._one_writer:
                published = await asyncio.to_thread(
                    self._repository.accept, submission, self._online
                )
        except SubmissionRefusedError as error:
            return _refuse(error)
        except (RepositoryStateError, OSError) as error:
            return _unavailable(error)
        _log.info("registry_published", role=submission.role, version=published.version)
        if self._on_published is not None:
            await self._on_published(published)
        answer = PublishedAnswer(version=published.version, sha256=published.sha256)
        return _json(answer, HTTPStatus.CREATED)


async def _serve(name: str, read: ReadPublished, request: Request, *, keep: str) -> Response:
    try:
        answer = await asyncio.to_thread(_prepare, name, read, request.headers)
    except RepositoryStateError as error:
        return _unavailable(error)
    if answer is None:
        return make_not_found()
    body, headers = answer
    return Response(
        body,
        media_type="application/json",
        headers={"Cache-Control": keep, "X-Content-Type-Options": "nosniff", **headers},
    )


def _prepare(
    name: str, read: ReadPublished, request: Mapping[str, str]
) -> tuple[bytes, dict[str, str]] | None:
    data = read(name)
    return None if data is None else encode_answer(name, data, request=request, read=read)


async def _read_body(request: Request) -> bytes:
    """Read the body, and stop as soon as it is longer than any submission."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise SubmissionRefusedError(
                f"A submission has at most {MAX_BODY} bytes: shorten notes, and send one role.",
                code=RefusalCode.TOO_LARGE,
            )
    return bytes(body)


def _refuse(error: SubmissionRefusedError) -> Response:
    _log.warning("registry_submission_refused", code=error.code)
    return make_refusal(error.code, str(error))


def _json(answer: BaseModel, status: HTTPStatus) -> Response:
    return Response(
        answer.model_dump_json(),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": _NEVER_KEEP},
    )


def _unavailable(error: Exception) -> Response:
    """Log the reason for the operators; the caller learns that it is not its fault."""
    _log.error("registry_repository_unavailable", reason=type(error).__name__)
    return make_unavailable(
        "The registry host cannot read or write its files; nothing was changed. Try again later, "
        "and tell the registry operators if it lasts."
    )
