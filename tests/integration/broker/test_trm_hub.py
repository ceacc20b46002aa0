"""``trm-hub`` as its operators use it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from deploy.demo.processes import find_free_port
from hub.broker.embedded import find_server_binary
from hub.cli import app
from hub.settings import HubSettings
from tests.support.broker import PATIENCE
from tests.support.hub import HubFolder, make_hub_folder

COMMAND = [sys.executable, "-c", "from hub.cli import main; main()"]


@pytest.fixture
def folder(tmp_path: Path) -> HubFolder:
    """Prepare a data folder."""
    return make_hub_folder(tmp_path)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process of its own."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "COLUMNS": "100", **settings}


def trm_hub(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment(settings),
    )


@pytest.mark.parametrize("command", ["init", "broker-config", "run", "status", "settings"])
def test_help_teaches(command: str) -> None:
    """The help of every command exists, and those that take settings show an example."""
    done = CliRunner().invoke(app, [command, "--help"])

    assert done.exit_code == 0
    assert "Usage:" in done.output
    assert command == "settings" or "Example:" in done.output


def test_every_setting_is_documented() -> None:
    """The list names each setting with its meaning."""
    done = CliRunner().invoke(app, ["settings"])

    for name, field in HubSettings.model_fields.items():
        assert f"TRM_HUB_{name.upper()} " in done.output
        assert field.description
        assert field.description in done.stdout


def test_init_makes_keys_once(tmp_path: Path) -> None:
    """The first call makes them and says what to do with the root; the second refuses."""
    first = trm_hub("init", TRM_HUB_DATA_DIR=str(tmp_path / "hub"))
    second = trm_hub("init", TRM_HUB_DATA_DIR=str(tmp_path / "hub"))

    assert first.returncode == 0
    assert "offline" in first.stdout
    assert (second.returncode, second.stdout) == (2, "")
    assert re.fullmatch(r"trm-hub: .*left as it is.*\n", second.stderr)


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({}, "TRM_HUB_DATA_DIR"),
        ({"TRM_HUB_DATA_DIR": "/nonexistent/hub"}, "trm-hub init"),
        ({"TRM_HUB_DATA_DIR": "/x", "TRM_HUB_BROKER_MODE": "external"}, "TRM_HUB_BROKER_SERVERS"),
        ({"TRM_HUB_DATA_DIR": "/x", "TRM_HUB_BROKER_SERVERS": "nats://x"}, "tls://"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(settings: dict[str, str], hint: str) -> None:
    """A wrong setting ends in one clear line, no traceback."""
    done = trm_hub("run", **settings)

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert hint in done.stderr


def test_the_printed_configuration_runs_a_broker(folder: HubFolder, tmp_path: Path) -> None:
    """nats-server takes what broker-config prints."""
    done = trm_hub("broker-config", **folder.environment)
    file = tmp_path / "broker.conf"
    file.write_text(done.stdout)

    checked = subprocess.run(
        [str(find_server_binary()), "-t", "-c", str(file)], capture_output=True, check=False
    )
    assert (done.returncode, checked.returncode) == (0, 0)


def is_alive(process: int) -> bool:
    """Whether a process exists that is not merely waiting to be buried."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def is_ready(url: str) -> bool:
    """Ask the hub, which may not listen yet."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_run_serves_and_leaves_no_process_behind(folder: HubFolder, ending: signal.Signals) -> None:
    """The hub becomes ready, and however it ends, its broker ends with it."""
    port = str(find_free_port())
    settings = {**folder.environment, "TRM_HUB_PORT": port}
    running = subprocess.Popen(
        [*COMMAND, "run"],
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE
    try:
        while not is_ready(f"http://127.0.0.1:{port}/readyz"):
            assert running.poll() is None, running.stdout and running.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)  # between two questions to another process
        broker = int((folder.data / "broker" / "broker.pid").read_text())
        assert is_alive(broker)
        status = CliRunner().invoke(app, ["status"], env=environment(settings))
        answer = httpx.get(f"http://127.0.0.1:{port}/healthz")
    finally:
        running.send_signal(ending)
        output, _ = running.communicate(timeout=PATIENCE)

    assert answer.json() == {"status": "alive"}
    assert "ok    broker_registrar" in status.stdout
    deadline = time.monotonic() + PATIENCE
    while is_alive(broker):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # as above
    for seed in (folder.data / "operator").glob("*.seed"):
        assert seed.read_text().strip() not in output


def test_status_without_a_hub_says_so(folder: HubFolder) -> None:
    """Nobody there is one clear line and exit 2."""
    done = trm_hub("status", "--url", "http://127.0.0.1:9", **folder.environment)

    assert done.returncode == 2
    assert "is the hub running there?" in done.stderr


def test_a_data_folder_that_others_can_read_is_refused(folder: HubFolder) -> None:
    """The broker's operator keys are in it: the message has the command that mends it."""
    folder.data.chmod(0o755)
    done = trm_hub("run", **folder.environment)

    assert done.returncode == 2
    assert done.stderr == (
        f"trm-hub: {folder.data} can be read by others: run 'chmod 700 {folder.data}' first.\n"
    )


def test_what_it_writes_is_for_its_owner_only(tmp_path: Path) -> None:
    """No file or folder of a new hub is open to others, whatever mask it was started with."""
    done = trm_hub("init", TRM_HUB_DATA_DIR=str(tmp_path / "hub"), TRM_HUB_PORT="")

    assert done.returncode == 0, done.stderr  # and a variable that is empty counts as not set
    made = [tmp_path / "hub", *(tmp_path / "hub").rglob("*")]
    assert len(made) > 2
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_the_main_help_leads_to_a_running_hub() -> None:
    """It names where the registry is expected and the certificates; no default is "None"."""
    done = CliRunner().invoke(app, ["--help"])
    for step in ("trm-hub init", "/registry", "registry-online.key", "BROKER_CERTIFICATE", "run"):
        assert step in done.output
    assert "None)" not in CliRunner().invoke(app, ["settings"]).output
    assert "default: none" in CliRunner().invoke(app, ["settings"]).output
