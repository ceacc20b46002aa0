"""The short form of the proof by force: every kind of fault, few of each, on a small network."""

import json
import subprocess
import sys

import pytest

from tests.chaos.faults import FAULTS
from tests.support.checkout import ROOT

MESSAGES, FAULTS_IN_ALL = 120, 12
#: Of a machine on which a test may not mount a disk of its own.
MAY_BE_LEFT_OUT = {"no_space"}
PROMISES = (
    "lost",
    "shown_twice",
    "unreported",
    "shown_though_taken_back",
    "unproved",
    "unsettled",
)


def run_program(*arguments: str) -> tuple[int, str]:
    """Run it to its end; returns its status and what it printed."""
    command = [sys.executable, "-m", "tests.chaos.run", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            said, _ = program.communicate()
        except BaseException:  # out of time: what it started ends with it
            program.terminate()
            raise
    return program.returncode, said


def read_table(lines: list[str], title: str) -> dict[str, int]:
    """Read one table of what the program prints."""
    rows = lines[lines.index(title) + 1 :] if title in lines else []
    table = rows[: rows.index("")] if rows else []
    return {name: int(count) for name, count in (row.split() for row in table)}


@pytest.mark.timeout(900)  # the machine may be busy; the run ends by itself before that
def test_nothing_is_lost_whatever_is_done() -> None:
    """Under every kind of fault each accepted message is shown once, proved, or reported."""
    size = ["--messages", str(MESSAGES), "--faults", str(FAULTS_IN_ALL)]
    status, said = run_program("--seed", "5", *size, "--nodes", "2", "--tempo", "0.25")
    assert status == 0, said
    lines = said.splitlines()
    told = json.loads(lines[-1])
    assert {told[promise] for promise in PROMISES} == {0}, said
    assert (told["seed"], told["messages"]) == (5, MESSAGES)
    failed = told["failed_and_reported"] + told["left_though_taken_back"]
    with_a_disk = told["forgotten_by_restore"] + told["without_files_after_restore"]
    assert told["messages"] == told["evidence_complete"] + failed + with_a_disk
    assert told["gaps_seen"] == told["gaps"]
    done, not_done = (
        read_table(lines, f"faults{which}") for which in ("", " that could not be done")
    )
    assert told["faults"] == sum(done.values())
    assert told["faults"] + sum(not_done.values()) == FAULTS_IN_ALL
    assert set(FAULTS) - MAY_BE_LEFT_OUT <= set(done)
