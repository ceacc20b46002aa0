"""Background tasks: restarted, recorded, ended with their owner."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub import tasks as tasks_module
from hub.monitoring.readiness import check_tasks
from hub.tasks import BackgroundTasks

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NEVER = timedelta(days=1)


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> BackgroundTasks:
    """Own tasks that pause for almost nothing after a failure."""
    monkeypatch.setattr(tasks_module, "_FIRST_PAUSE", 0.001)
    return BackgroundTasks(clock=lambda: NOW)


async def test_a_failing_task_is_tried_again_and_its_failures_show(owner: BackgroundTasks) -> None:
    """A task that fails three times shows each, and is well again after its first success."""
    seen: list[int] = []
    done = asyncio.Event()

    async def work() -> None:
        seen.append(owner.states[0].failures)
        if len(seen) <= 3:
            raise ValueError("not yet")
        done.set()

    owner.add_round("fragile", work, every=NEVER)
    check = check_tasks(owner)
    async with owner, asyncio.timeout(20):
        await done.wait()
        await asyncio.sleep(0)
        (state,) = owner.states

    assert seen == [0, 1, 2, 3]
    assert (state.failures, state.last_error, state.last_success) == (0, None, NOW)
    assert state.last_failure == NOW
    assert (await check()).is_ok


async def test_a_task_that_keeps_failing_makes_the_hub_unready(owner: BackgroundTasks) -> None:
    """After three failures running the check names task and reason."""
    failed = asyncio.Event()

    async def work() -> None:
        if owner.states[0].failures >= 3:
            failed.set()
        raise ValueError("out of order")

    owner.add_service("broken", work)
    async with owner, asyncio.timeout(20):
        await failed.wait()
        result = await check_tasks(owner)()

    assert not result.is_ok
    assert result.detail == "broken: ValueError: out of order"


async def test_a_service_that_ends_by_itself_has_failed(owner: BackgroundTasks) -> None:
    """A service is expected to run; its return is recorded as a failure and it is restarted."""
    again = asyncio.Event()

    async def work() -> None:
        if owner.states[0].failures:
            again.set()
            await asyncio.Event().wait()

    owner.add_service("quitter", work)
    async with owner, asyncio.timeout(20):
        await again.wait()
        assert "ended by itself" in str(owner.states[0].last_error)


async def test_a_round_can_be_asked_for(owner: BackgroundTasks) -> None:
    """Asking brings the next round at once, long before its time."""
    rounds = asyncio.Queue[None]()

    async def work() -> None:
        rounds.put_nowait(None)

    task = owner.add_round("rare", work, every=NEVER)
    async with owner, asyncio.timeout(20):
        await rounds.get()
        task.ask()
        await rounds.get()


async def test_leaving_ends_everything(owner: BackgroundTasks) -> None:
    """When the owner is left, its tasks have been cancelled and are over."""
    ended = asyncio.Event()
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    owner.add_service("long", work)
    async with owner, asyncio.timeout(20):
        await started.wait()

    assert ended.is_set()
