"""Background tasks: restarted, recorded, ended with their owner."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from console.process import tasks as tasks_module
from console.process.tasks import BackgroundTasks, describe_failure
from hub.monitoring.readiness import check_tasks

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
    """After three failures running the check names task, kind and place, never the text."""
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
    assert re.fullmatch(
        r"broken: failed \d+ times? in a row: ValueError at test_tasks\.py:\d+", result.detail
    )


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


async def test_what_a_failure_says_is_its_kind_and_place(owner: BackgroundTasks) -> None:
    """The text of an exception may hold content: it is neither kept nor shown."""
    again = asyncio.Event()

    async def work() -> None:
        if owner.states[0].failures:
            again.set()
            await asyncio.Event().wait()
        raise ValueError("Ana, born 2009")

    owner.add_round("careless", work, every=NEVER)
    async with owner, asyncio.timeout(20):
        await again.wait()
        (state,) = owner.states
        troubles = owner.list_troubles()

    assert "Ana" not in str(state)
    assert len(troubles) == 1
    assert re.search(r"careless: .*ValueError at test_tasks\.py:\d+$", troubles[0])


def test_of_failures_that_were_put_together_the_first_are_named() -> None:
    """Each by its kind, however deep it stands, and how many more there are."""
    inner = ExceptionGroup("words", [ValueError("a name"), KeyError("a name")])
    said = describe_failure(ExceptionGroup("words", [inner, *map(OSError, range(4))]))
    assert said == "ValueError; KeyError; OSError; OSError; and 2 more"


async def test_a_cancellation_of_what_it_waits_for_does_not_end_a_task(
    owner: BackgroundTasks,
) -> None:
    """Work whose own waiting is cancelled has failed and is run again; the task lives on."""
    again = asyncio.Event()

    async def work() -> None:
        if owner.states[0].failures:
            again.set()
            await asyncio.Event().wait()
        lost = asyncio.get_running_loop().create_future()
        lost.cancel()
        await lost

    owner.add_service("waiting", work)
    async with owner, asyncio.timeout(20):
        await again.wait()
        assert "CancelledError" in str(owner.states[0].last_error)


async def test_a_task_that_finishes_no_round_is_in_trouble() -> None:
    """A round that hangs fails at nothing, and still shows once it is overdue."""
    now = NOW
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    tasks = BackgroundTasks(clock=lambda: now)
    tasks.add_round("hanging", work, every=NEVER, overdue_after=timedelta(minutes=1))
    assert tasks.list_troubles() == []
    async with tasks, asyncio.timeout(20):
        await started.wait()
        assert tasks.list_troubles() == []
        now += timedelta(seconds=61)
        assert tasks.list_troubles() == ["hanging: no finished round for 61 s"]
        assert not (await check_tasks(tasks)()).is_ok


async def test_rounds_without_a_pause_let_others_run(owner: BackgroundTasks) -> None:
    """Work that waits by itself is repeated at once, and does not starve the rest."""
    rounds = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 100:
            enough.set()

    owner.add_round("busy", work, every=timedelta(0))
    async with owner, asyncio.timeout(20):
        await enough.wait()
    assert owner.states[0].last_success == NOW


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_supervisor_that_fails_itself_is_in_trouble() -> None:
    """Nothing is expected to end one; should it happen, it does not stay hidden."""

    def clock() -> datetime:
        raise OSError("no clock")

    owner = BackgroundTasks(clock=clock)
    owner.add_service("link", _wait_for_ever)
    async with owner, asyncio.timeout(20):
        await asyncio.wait(owner._running)
        troubles = owner.list_troubles()
    assert troubles == ["link: nobody runs it any more: restart this program"]
