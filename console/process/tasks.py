"""Background tasks with an owner: each is restarted when it fails, and its failures show.

A *service* runs until the hub stops. A *round* is done, waited for, and done again; it can be asked
to come at once. What either last achieved, and what went wrong, is read by the readiness check.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

import structlog

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_CANCEL_AGAIN_SECONDS: Final = 1.0

_log = structlog.get_logger()

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TaskState:
    """What is known of one task. ``failures`` counts those since the last success."""

    task: str
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_error: str | None = None
    failures: int = 0


class BackgroundTask:
    """One supervised piece of work."""

    def __init__(
        self,
        task: str,
        work: Work,
        *,
        clock: Callable[[], datetime],
        every: timedelta | None,
    ) -> None:
        self._work = work
        self._clock = clock
        self._every = every
        self._asked = asyncio.Event()
        self._state = TaskState(task)

    @property
    def state(self) -> TaskState:
        """What is known of it now."""
        return self._state

    def ask(self) -> None:
        """Let the next round begin as soon as the present one is over."""
        self._asked.set()

    async def supervise(self) -> None:
        """Run it until cancelled, whatever it does."""
        while True:
            self._asked.clear()
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - the supervisor's boundary: recorded, shown, tried again
                pause = self._record_failure(f"{type(error).__name__}: {error}")
            else:
                if self._every is None:
                    pause = self._record_failure("It ended by itself, which it should not.")
                else:
                    pause = self._every.total_seconds()
                    self._record_success()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._asked.wait()

    def _record_success(self) -> None:
        self._state = replace(self._state, last_success=self._clock(), last_error=None, failures=0)

    def _record_failure(self, error: str) -> float:
        """Record it; returns the pause before the next try, in seconds."""
        failures = self._state.failures + 1
        self._state = replace(
            self._state, last_failure=self._clock(), last_error=error, failures=failures
        )
        _log.warning("task_failed", task=self._state.task, error=error, failures=failures)
        return min(_FIRST_PAUSE * (1 << min(failures - 1, 16)), _LONGEST_PAUSE)


class BackgroundTasks:
    """Owns all background tasks: started when entered, stopped and awaited when left."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._owned: list[BackgroundTask] = []
        self._running: list[asyncio.Task[None]] = []

    def add_service(self, task: str, work: Work) -> BackgroundTask:
        """Add work that runs until it is cancelled."""
        return self._add(task, work, every=None)

    def add_round(self, task: str, work: Work, *, every: timedelta) -> BackgroundTask:
        """Add work that is done again and again."""
        return self._add(task, work, every=every)

    def _add(self, task: str, work: Work, *, every: timedelta | None) -> BackgroundTask:
        added = BackgroundTask(task, work, clock=self._clock, every=every)
        self._owned.append(added)
        return added

    @property
    def states(self) -> tuple[TaskState, ...]:
        """What is known of every task now."""
        return tuple(task.state for task in self._owned)

    async def __aenter__(self) -> Self:
        """Start all tasks."""
        self._running = [asyncio.create_task(task.supervise()) for task in self._owned]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel all tasks and wait for their end.

        Again and again: before Python 3.12 ``asyncio.wait_for``, which libraries use, can lose a
        cancellation that arrives together with its result.
        """
        ending = set(self._running)
        while ending:
            for task in ending:
                task.cancel()
            _, ending = await asyncio.wait(ending, timeout=_CANCEL_AGAIN_SECONDS)
