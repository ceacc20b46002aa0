"""Is the hub fit to serve? A list of named checks, each with what is wrong and what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from console.process.tasks import BackgroundTasks
from contact_registry.errors import RegistryError
from contact_registry.trust.published import PublishedRepository
from hub.audit.log import AuditLog
from hub.broker.admission_rounds import AdmissionRounds
from hub.broker.connection import BrokerConnection

_CHECK_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    check: str
    is_ok: bool
    detail: str = ""


Check = Callable[[], Awaitable[CheckResult]]


async def run_checks(checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    """Run all checks at once; none may take longer than five seconds."""
    return tuple(await asyncio.gather(*(_run(check) for check in checks)))


async def _run(check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return CheckResult("unanswered", is_ok=False, detail="A check did not come to an end.")


def check_broker(connection: BrokerConnection) -> Check:
    """Check that the broker is connected over TLS, in this role."""

    async def check() -> CheckResult:
        state = connection.state
        detail = "" if state.is_up else f"Down since {state.since:%H:%M:%S}: {state.last_error}"
        return CheckResult(f"broker_{connection.name}", state.is_up, detail)

    return check


def check_registry(
    repository: PublishedRepository, *, clock: Callable[[], datetime], margin: timedelta
) -> Check:
    """Check that the registry can be read and its timestamp holds for longer than ``margin``."""

    async def check() -> CheckResult:
        try:
            expires = await asyncio.to_thread(repository.timestamp_expires_at)
        except (RegistryError, OSError) as error:
            return CheckResult("registry", is_ok=False, detail=str(error))
        if expires - clock() > margin:
            return CheckResult("registry", is_ok=True)
        return CheckResult(
            "registry",
            is_ok=False,
            detail=f"Its timestamp runs out at {expires:%Y-%m-%d %H:%M}: see why nobody renews it.",
        )

    return check


def check_admission(
    rounds: AdmissionRounds, *, clock: Callable[[], datetime], longest_ago: timedelta
) -> Check:
    """Check that a round of admission was completed not longer ago than that."""

    async def check() -> CheckResult:
        report = rounds.last_complete
        if report is None:
            detail = "No round of admission was completed since the hub started."
        elif clock() - report.finished_at > longest_ago:
            detail = f"The last complete round of admission was at {report.finished_at:%H:%M:%S}."
        else:
            return CheckResult("admission", is_ok=True)
        return CheckResult("admission", is_ok=False, detail=detail)

    return check


def check_store(audit: AuditLog) -> Check:
    """Check that the hub's own store answers."""

    async def check() -> CheckResult:
        try:
            await asyncio.to_thread(audit.read_head)
        except SQLAlchemyError as error:
            return CheckResult(
                "store",
                is_ok=False,
                detail=f"The hub's database does not answer ({type(error).__name__}): look at it.",
            )
        return CheckResult("store", is_ok=True)

    return check


def check_tasks(tasks: BackgroundTasks, *, patience: int = 3) -> Check:
    """Check that no task has failed ``patience`` times running, and none is overdue."""

    async def check() -> CheckResult:
        troubles = tasks.list_troubles(patience=patience)
        return CheckResult("tasks", not troubles, "; ".join(troubles))

    return check
