"""Two questions of whoever runs the node: is the process alive, and is the node doing its work."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse


def create_health_router(
    list_troubles: Callable[[], list[str]], list_notices: Callable[[], list[str]]
) -> APIRouter:
    """Build ``/healthz`` and ``/readyz``.

    ``list_troubles`` says what is wrong, if anything; ``list_notices``, which may block, what
    people should look into. Others can cause a notice, so none makes the node count as not ready.
    """
    router = APIRouter()

    @router.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        """Answer as long as the process serves."""
        return JSONResponse({"status": "alive"})

    @router.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        """Answer 200 if everything works, 503 with what does not otherwise."""
        troubles, notices = list_troubles(), await asyncio.to_thread(list_notices)
        if troubles:
            return JSONResponse(
                {"status": "not_ready", "troubles": troubles, "notices": notices},
                status_code=HTTPStatus.SERVICE_UNAVAILABLE,
            )
        return JSONResponse({"status": "ready", "notices": notices})

    return router
