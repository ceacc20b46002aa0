"""A program that is being started while somebody interrupts is known, and ends when told to."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from hub.broker.starting import interrupts_held, start_tethered


class _InterruptedError(BaseException):
    """What the handler raises, wherever the main thread is."""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Turn SIGINT into an exception, as the demo does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise _InterruptedError

    before = signal.signal(signal.SIGINT, interrupt)
    yield
    signal.signal(signal.SIGINT, before)


class Starter:
    """Whoever starts a program and has to end it."""

    process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path) -> None:
        """Start something that goes on for long."""
        with (folder / "log").open("wb") as output, interrupts_held():
            self.process = start_tethered(["/bin/sleep", "600"], environment={}, output=output)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_at_the_start_loses_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is heard once the program is known; the program itself hears signals as ever."""

    class Interrupted(subprocess.Popen[bytes]):
        def _execute_child(self, *arguments: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super()._execute_child(*arguments)  # type: ignore[misc]  # where the program is made

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    starter = Starter()
    with pytest.raises(_InterruptedError):
        starter.start(tmp_path)
    assert starter.process is not None
    assert starter.process.poll() is None
    starter.process.terminate()
    assert starter.process.wait(60) == -signal.SIGTERM
