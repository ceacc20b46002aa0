"""The demo, run as people run it: its figures hold, and it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DEMO = Path(sys.executable).parent / "trm-demo"


def environment(folder: Path) -> Mapping[str, str]:
    """Return an environment whose temporary files all lie in ``folder``."""
    return {**os.environ, "TMPDIR": str(folder)}


def find_processes(folder: Path) -> list[str]:
    """Return what still runs and has to do with ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (
                process.joinpath("environ").read_bytes() + process.joinpath("cmdline").read_bytes()
            )
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append(process.joinpath("cmdline").read_text().replace("\0", " "))
    return found


def test_once_tells_the_truth_and_leaves_nothing(tmp_path: Path) -> None:
    """``trm-demo --once`` ends with a JSON summary in which all held, and cleans up."""
    done = subprocess.run(
        [DEMO, "--once"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["sent"] == summary["delivered"] == summary["receipts_verified"] == 3
    assert summary["contacts_imported"] == 66
    assert summary["participants"] == 6
    assert summary["findings"] > 50
    seconds = summary["compose_to_receipt_seconds"]
    assert 0 < seconds["median"] <= seconds["max"]
    assert done.stdout.count("signature valid") == 3
    assert str(tmp_path) in done.stdout, "the demo names the folder of its store"
    assert list(tmp_path.iterdir()) == []
    assert find_processes(tmp_path) == []


def run_until(folder: Path, moment: str) -> str:
    """Run the demo until it says ``moment``, press Ctrl-C, and return all that it said."""
    with subprocess.Popen(
        [DEMO],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if moment in line:
                break
        try:
            demo.send_signal(signal.SIGINT)
            said += demo.stdout.read()
            assert demo.wait(60) == 0, said
        finally:
            demo.kill()  # otherwise a test that failed would wait for it for ever
    assert "No process and no temporary file is left" in said
    assert list(folder.iterdir()) == []
    assert find_processes(folder) == []
    return said


def test_interrupted_at_its_start_it_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while parts are being started ends every process and removes every file."""
    run_until(tmp_path, "Everything is kept in")


def test_it_stays_up_and_says_where_the_consoles_are(tmp_path: Path) -> None:
    """All up: an address and one-time sign-ins for every Participant; Ctrl-C removes everything."""
    said = run_until(tmp_path, "Ctrl-C stops everything")
    assert said.count("/link/") == 6 * 2 + 2  # two people at each node, two at the hub
    assert "Kosovo* (XK)" in said
    assert "without prejudice to positions on status" in said


def test_help_and_errors_teach(tmp_path: Path) -> None:
    """The help says what happens; a folder that exists is refused in one line."""
    helped = subprocess.run([DEMO, "--help"], capture_output=True, text=True, check=True)
    assert "six Participants" in helped.stdout
    refused = subprocess.run(
        [DEMO, "--keep", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert refused.stderr.strip().endswith("exists: name a folder that does not.")
    assert "Traceback" not in refused.stderr
