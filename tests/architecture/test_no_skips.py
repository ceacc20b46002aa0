"""A test that skips itself fails, whichever way it does so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

WAYS = {
    "by mark": "@pytest.mark.skip(reason='later')\ndef test_it(): pass",
    "by condition": "@pytest.mark.skipif(True, reason='not here')\ndef test_it(): pass",
    "in the body": "def test_it(): pytest.skip('no server')",
    "in a fixture": "@pytest.fixture\ndef server(): pytest.skip('no server')\n"
    "def test_it(server): pass",
    "as a whole file": "pytest.importorskip('no_such_module')\ndef test_it(): pass",
}


def run_pytest(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a file of tests under the rules of tests/conftest.py, in a process of its own."""
    (folder / "test_made_up.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_skipped_test_fails(tmp_path: Path, way: str) -> None:
    """The run ends in failure and says that something was skipped."""
    done = run_pytest(tmp_path, WAYS[way])
    assert done.returncode != 0
    assert "was skipped" in done.stdout


def test_a_test_that_runs_passes(tmp_path: Path) -> None:
    """The rule is about skips only: a plain test and an expected failure pass."""
    body = "def test_it(): pass\n@pytest.mark.xfail(strict=True)\ndef test_known(): assert False"
    done = run_pytest(tmp_path, body)
    assert done.returncode == 0, done.stdout
