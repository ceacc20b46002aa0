"""Background tasks with an owner: each is restarted when it fails, and its failures show.

A *service* runs until the process stops. A *round* is done, waited for, and done again; it can be
asked to come at once. What either last achieved, and what went wrong, is read by the readiness
check: a failure as its type and place, never as its text, which may repeat what somebody wrote.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from console.i18n import Message, msg, nmsg
from console.refusals import say_english

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_CANCEL_AGAIN_SECONDS: Final = 1.0
#: Failures of a group that are named one by one.
_MOST_NAMED: Final = 3

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
    #: The pause between two rounds, zero for work that waits by itself; None: a service.
    every: timedelta | None = None
    #: Longer without a round that ended well is trouble; None: never.
    overdue_after: timedelta | None = None


class BackgroundTask:
    """One supervised piece of work."""

    def __init__(
        self,
        task: str,
        work: Work,
        *,
        clock: Callable[[], datetime],
        every: timedelta | None,
        overdue_after: timedelta | None = None,
    ) -> None:
        self._work = work
        self._clock = clock
        self._every = every
        self._overdue_after = overdue_after
        self._started_at: datetime | None = None
        self._asked = asyncio.Event()
        self._state = TaskState(task, every=every, overdue_after=overdue_after)

    @property
    def state(self) -> TaskState:
        """What is known of it now."""
        return self._state

    def find_trouble(self, *, patience: int = 1) -> Message | None:
        """Say what is wrong, or ``None``: ``patience`` failures running, or no success for long."""
        state = self._state
        if state.failures >= patience:
            return nmsg(
                "%(task)s: failed %(count)s time in a row: %(error)s",
                "%(task)s: failed %(count)s times in a row: %(error)s",
                state.failures,
                task=state.task,
                error=str(state.last_error),
            )
        since = state.last_success or self._started_at
        if self._overdue_after is None or since is None:
            return None
        quiet = self._clock() - since
        if quiet > self._overdue_after:
            seconds = int(quiet.total_seconds())
            return msg(
                "%(task)s: no finished round for %(seconds)s s", task=state.task, seconds=seconds
            )
        return None

    def ask(self) -> None:
        """Let the next round begin as soon as the present one is over."""
        self._asked.set()

    async def supervise(self) -> None:
        """Run it until cancelled, whatever it does."""
        self._started_at = self._clock()
        while True:
            self._asked.clear()
            try:
                await self._work()
            except asyncio.CancelledError as error:
                # Something that the work waited for was cancelled; or we are, and that is the end.
                if _is_being_cancelled():
                    raise
                pause = self._record_failure(error)
            except Exception as error:  # noqa: BLE001 - the supervisor's boundary: recorded, shown, tried again
                pause = self._record_failure(error)
            else:
                if self._every is None:
                    pause = self._record_failure(None)
                else:
                    pause = self._every.total_seconds()
                    self._record_success()
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    def _record_success(self) -> None:
        self._state = replace(self._state, last_success=self._clock(), last_error=None, failures=0)

    def _record_failure(self, error: BaseException | None) -> float:
        """Record it (``None``: it ended unasked); returns the seconds until the next try."""
        failures = self._state.failures + 1
        described = "It ended by itself." if error is None else describe_failure(error)
        self._state = replace(
            self._state, last_failure=self._clock(), last_error=described, failures=failures
        )
        _log.warning("task_failed", task=self._state.task, error=described, failures=failures)
        return min(_FIRST_PAUSE * (1 << min(failures - 1, 16)), _LONGEST_PAUSE)


def describe_failure(error: BaseException) -> str:
    """Name an exception's type and where it was raised, never its text.

    Of a group the first ones are named: where they were put together tells nobody what broke.
    """
    if isinstance(error, BaseExceptionGroup):
        first = [describe_failure(each) for each in error.exceptions[:_MOST_NAMED]]
        more = len(error.exceptions) - len(first)
        return "; ".join([*first, *([f"and {more} more"] if more else [])])
    frames = traceback.extract_tb(error.__traceback__)
    kind = type(error).__qualname__
    return f"{kind} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else kind


def _is_being_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


class BackgroundTasks:
    """Owns all background tasks: started when entered, stopped and awaited when left."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._owned: list[BackgroundTask] = []
        self._running: list[asyncio.Task[None]] = []

    def add_service(self, task: str, work: Work) -> BackgroundTask:
        """Add work that runs until it is cancelled."""
        return self._add(task, work, every=None, overdue_after=None)

    def add_round(
        self, task: str, work: Work, *, every: timedelta, overdue_after: timedelta | None = None
    ) -> BackgroundTask:
        """Add work that is done again and again.

        ``every`` is the pause between two rounds, zero for work that waits by itself. A task that
        has not finished a round well for longer than ``overdue_after`` is in trouble.
        """
        return self._add(task, work, every=every, overdue_after=overdue_after)

    def _add(
        self,
        task: str,
        work: Work,
        *,
        every: timedelta | None,
        overdue_after: timedelta | None,
    ) -> BackgroundTask:
        added = BackgroundTask(
            task, work, clock=self._clock, every=every, overdue_after=overdue_after
        )
        self._owned.append(added)
        return added

    @property
    def states(self) -> tuple[TaskState, ...]:
        """What is known of every task now."""
        return tuple(task.state for task in self._owned)

    def ask(self, task: str) -> None:
        """Let a task's next round begin now; nothing happens if there is no such task."""
        for owned in self._owned:
            if owned.state.task == task:
                owned.ask()

    def list_troubles(self, *, patience: int = 1) -> list[str]:
        """Return the English lines of :meth:`find_troubles`, for logs and for programs."""
        return [say_english(trouble) for trouble in self.find_troubles(patience=patience)]

    def find_troubles(self, *, patience: int = 1) -> list[Message]:
        """Say which tasks failed ``patience`` times running or are overdue; empty if none.

        ``%(task)s`` is the task's identifier: a page puts its name there.
        """
        found = [task.find_trouble(patience=patience) for task in self._owned]
        dead = [
            msg("%(task)s: nobody runs it any more: restart this program", task=task.state.task)
            for task, running in zip(self._owned, self._running, strict=False)
            if running.done() and not running.cancelled()
        ]
        return dead + [trouble for trouble in found if trouble is not None]

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
