"""``/healthz``: the process lives. ``/readyz``: it is fit to serve, or what is not."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel

from hub.api.problems import ProblemError
from hub.monitoring.readiness import Check, CheckResult, run_checks


class HealthAnswer(BaseModel):
    """The process answers."""

    status: str = "alive"


class CheckAnswer(BaseModel):
    """One check by name; ``detail`` says what is wrong."""

    check: str
    ok: bool
    detail: str


class ReadyAnswer(BaseModel):
    """All checks, all well."""

    status: str = "ready"
    checks: list[CheckAnswer]


def create_health_router(checks: Sequence[Check]) -> APIRouter:
    """Return the routes for whoever keeps the hub running."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def get_health() -> HealthAnswer:
        """Tell that the process lives. Restart it when this does not answer."""
        return HealthAnswer()

    @router.get("/readyz")
    async def get_readiness() -> ReadyAnswer:
        """Tell whether everything that the hub needs is there; 503 names what is not."""
        results = await run_checks(checks)
        answers = [_describe(result) for result in results]
        failed = [result for result in results if not result.is_ok]
        if failed:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "not-ready",
                "Not ready: " + "; ".join(f"{result.check}: {result.detail}" for result in failed),
                {"checks": [answer.model_dump() for answer in answers]},
            )
        return ReadyAnswer(checks=answers)

    return router


def _describe(result: CheckResult) -> CheckAnswer:
    return CheckAnswer(check=result.check, ok=result.is_ok, detail=result.detail)
