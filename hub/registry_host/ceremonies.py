"""Complete signing files over HTTP: ``POST /registry/ceremonies``.

It needs no sign-in: the signatures in the file are the permission, and a file whose parts do not
all have theirs changes nothing. The same file may be sent again: what is published is passed over,
which is how a publication that broke off is brought to its end.
"""

import asyncio
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from contact_registry.ceremony.signing_file import MOST_FILE_BYTES, parse_signing_file
from contact_registry.errors import (
    KeyFileError,
    RefusalCode,
    RepositoryStateError,
    SubmissionRefusedError,
)
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.published import PublishedVersion
from hub.registry_host.problems import make_busy, make_refusal, make_too_slow, make_unavailable
from hub.registry_host.router import IntakeLimits, OnPublished, PublishedAnswer

_log = structlog.get_logger(__name__)

#: Fewer at once than submissions: a file is larger, and ceremonies are rare.
DEFAULT_INTAKE: Final = IntakeLimits(open_at_once=2, body_seconds=60.0)
_RETRY_AFTER_SECONDS: Final = 10


def create_ceremony_router(
    repository: OperatedRepository,
    on_published: OnPublished | None = None,
    intake: IntakeLimits = DEFAULT_INTAKE,
) -> APIRouter:
    """Return the route of one repository."""
    router = APIRouter(prefix="/registry", tags=["registry"])
    desk = _Ceremonies(repository, on_published, intake)

    @router.post(
        "/ceremonies",
        response_model=PublishedAnswer,
        status_code=HTTPStatus.CREATED,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    )
    async def post_ceremony(request: Request) -> Response:
        """Check a complete signing file, publish all of it, and answer with the new version."""
        return await desk.handle(request)

    return router


class _Ceremonies:
    """Receives signing files, a few at once; the repository publishes one after the other."""

    def __init__(
        self,
        repository: OperatedRepository,
        on_published: OnPublished | None,
        intake: IntakeLimits,
    ) -> None:
        self._repository = repository
        self._on_published = on_published
        self._body_seconds = intake.body_seconds
        self._places = asyncio.Semaphore(intake.open_at_once)

    async def handle(self, request: Request) -> Response:
        """Answer one file; the body of one too many is not read."""
        if self._places.locked():
            _log.warning("registry_ceremonies_too_many_at_once")
            return make_busy(retry_after=_RETRY_AFTER_SECONDS)
        async with self._places:
            try:
                async with asyncio.timeout(self._body_seconds):
                    body = await _read_body(request)
            except TimeoutError:
                _log.warning("registry_ceremony_too_slow")
                return make_too_slow()
            except SubmissionRefusedError as error:
                return _refuse(error)
            return await self._publish(body)

    async def _publish(self, body: bytes) -> Response:
        try:
            published = await asyncio.to_thread(self._parse_and_publish, body)
        except SubmissionRefusedError as error:
            return _refuse(error)
        except (RepositoryStateError, KeyFileError, OSError) as error:
            _log.error(
                "registry_ceremony_not_published", reason=type(error).__name__, error=str(error)
            )
            return make_unavailable(
                f"The repository or its online key cannot be used ({type(error).__name__}): the "
                "operators of the registry host see the reason in its log. Send the file again."
            )
        _log.info("registry_ceremony_published", version=published.version)
        if self._on_published is not None:
            await self._on_published(published)
        answer = PublishedAnswer(version=published.version, sha256=published.sha256)
        return Response(
            answer.model_dump_json(),
            status_code=HTTPStatus.CREATED,
            media_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    def _parse_and_publish(self, body: bytes) -> PublishedVersion:
        return self._repository.publish_change(parse_signing_file(body))


async def _read_body(request: Request) -> bytes:
    """Read the body, and stop as soon as it is longer than any signing file."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FILE_BYTES:
            raise SubmissionRefusedError(
                f"A signing file has at most {MOST_FILE_BYTES} bytes: divide the ceremony.",
                code=RefusalCode.TOO_LARGE,
            )
    return bytes(body)


def _refuse(error: SubmissionRefusedError) -> Response:
    _log.warning("registry_ceremony_refused", code=error.code)
    return make_refusal(error.code, str(error))
