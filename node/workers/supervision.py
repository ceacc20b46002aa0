"""Background tasks with an owner: started together, restarted after a failure, visible always.

A task that fails is logged, counted, and started again after a growing pause. What it last did and
last failed at is in its :class:`TaskReport`, which readiness and the administrator's page show.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from node.domain.ports import Clock

log = structlog.get_logger(__name__)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0


@dataclass(slots=True)
class TaskReport:
    """What a background task did last."""

    name: str
    #: A task that has not finished a round for longer than this is in trouble.
    expected_every: timedelta
    started_at: datetime
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None
    failures_in_a_row: int = 0

    def describe_trouble(self, now: datetime) -> str | None:
        """Say what is wrong, or ``None``."""
        if self.failures_in_a_row:
            return (
                f"{self.name}: failed {self.failures_in_a_row} times in a row: {self.last_failure}"
            )
        quiet = now - (self.last_success_at or self.started_at)
        if quiet > self.expected_every:
            return f"{self.name}: no finished round for {int(quiet.total_seconds())} s"
        return None


Round = Callable[[], Awaitable[None]]
"""One round of work. It waits by itself until there is something to do."""


@dataclass(slots=True)
class Supervisor:
    """Runs rounds for ever, each named task in its own loop."""

    clock: Clock
    _rounds: dict[str, Round] = field(default_factory=dict)
    _reports: dict[str, TaskReport] = field(default_factory=dict)

    @property
    def reports(self) -> Mapping[str, TaskReport]:
        """What each task did last."""
        return self._reports

    def add(self, name: str, round_: Round, *, expected_every: timedelta) -> None:
        """Register a task; call before :meth:`run`."""
        self._rounds[name] = round_
        self._reports[name] = TaskReport(
            name=name, expected_every=expected_every, started_at=self.clock()
        )

    async def run(self) -> None:
        """Run all tasks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, round_ in self._rounds.items():
                group.create_task(self._repeat(round_, self._reports[name]), name=name)

    async def _repeat(self, round_: Round, report: TaskReport) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await round_()
            except Exception as error:
                report.last_failure_at = self.clock()
                report.last_failure = f"{type(error).__name__}"
                report.failures_in_a_row += 1
                log.exception("task_failed", task=report.name, again_in_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                report.last_success_at = self.clock()
                report.failures_in_a_row = 0
                pause = _FIRST_PAUSE


async def wait_for_event(event: asyncio.Event, *, at_most: float) -> None:
    """Return when ``event`` is set, or after ``at_most`` seconds; the event is cleared."""
    try:
        async with asyncio.timeout(at_most):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
