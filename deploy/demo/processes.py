"""Child processes of the demo: they end with it, however it ends."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from hub.broker.starting import interrupts_held, start_tethered

_STOP_SECONDS: Final = 15.0
_COMMAND_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.02
_TAIL_BYTES: Final = 3000
#: Below the range of which connections get their own end: 32768 on Linux, 49152 elsewhere.
_PORTS: Final = range(12_000, 32_000)
_PORT_TRIES: Final = 100
#: Variables that a program needs to run at all; nothing else of our environment is handed on.
_HANDED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")


class ProcessFailedError(Exception):
    """A part did not start or did not become ready. The message ends with its last output."""


def find_free_port() -> int:
    """Return a port that nobody listens on now.

    Not one of those that the system itself gives away: any connection that somebody makes before
    our program listens could have got it. Raises ProcessFailedError if all that were tried are
    taken.
    """
    for _ in range(_PORT_TRIES):
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ProcessFailedError(
        f"No free port among {_PORT_TRIES} of {_PORTS[0]} to {_PORTS[-1]}: end what listens there."
    )


class ServiceProcess:
    """One of the project's own programs, serving HTTP on a port of its own."""

    def __init__(
        self,
        name: str,
        *,
        program: str,
        settings: Mapping[str, str],
        url: str,
        log: Path,
    ) -> None:
        self.name = name
        self.url = url
        self._program = str(Path(sys.executable).parent / program)
        self._environment = {
            key: value for key, value in os.environ.items() if key in _HANDED_ON
        } | dict(settings)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Say whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, if it ended by itself; negative: the number of the signal."""
        return self._process.poll() if self._process else None

    @property
    def process_id(self) -> int | None:
        """The process, or ``None``."""
        return self._process.pid if self._process else None

    def run_command(self, *arguments: str, seconds: float = _COMMAND_SECONDS) -> str:
        """Run another command of the same program with the same settings; returns what it says.

        Raises ``ProcessFailedError`` if it fails or takes longer.
        """
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell
                [self._program, *arguments],
                env=self._environment,
                capture_output=True,
                check=False,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise ProcessFailedError(
                f"{self.name}: {arguments[0]} took more than {seconds:.0f} s: look at its log."
            ) from error
        if done.returncode:
            raise ProcessFailedError(f"{self.name}: {arguments[0]} failed. {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start it; does not wait until it serves."""
        command = [self._program, "run"]
        with self._log.open("ab") as output, interrupts_held():
            self._process = start_tethered(command, environment=self._environment, output=output)

    def wait_until(self, path: str, *, seconds: float) -> None:
        """Return when ``path`` answers 200; raises ``ProcessFailedError`` if it never does."""
        # One client for all questions: making one costs more than asking.
        with httpx.Client(timeout=2.0) as http:

            def ask() -> bool:
                try:
                    return http.get(self.url + path).is_success
                except httpx.HTTPError:
                    return False

            self._wait(ask, what=f"{self.url}{path}", seconds=seconds)

    def _wait(self, done: Callable[[], bool], *, what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.is_running:
                raise ProcessFailedError(f"{self.name} ended by itself. {self._tail()}")
            if done():
                return
            time.sleep(_POLL_SECONDS)
        raise ProcessFailedError(
            f"{self.name} was not ready after {seconds:.0f} s ({what}). {self._tail()}"
        )

    def _tail(self) -> str:
        text = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
        return f"It said last:\n{text or '(nothing)'}"

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if it runs."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGTERM)

    def wait_stopped(self) -> None:
        """Wait for its end; by force after a while."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, without a word (SIGKILL): as a power cut of its machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
