"""A test that skips itself fails, whichever way it does so."""

import os
import subprocess
import sys
from collections.abc import Mapping
from xml.etree import ElementTree as ET

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


PASSING = "def test_it(): pass\n@pytest.mark.xfail(strict=True)\ndef test_known(): assert False"


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Run a file for each way under the rules of tests/conftest.py; what failed of it, and why."""
    folder = tmp_path_factory.mktemp("made-up")
    files = {way: f"test_made_up_{number}" for number, way in enumerate([*WAYS, "passing"])}
    for way, body in {**WAYS, "passing": PASSING}.items():
        (folder / f"{files[way]}.py").write_text(f"import pytest\n{body}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--junitxml", "report.xml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    report = ET.parse(folder / "report.xml")  # noqa: S314 - our own run wrote it
    failed = dict.fromkeys(files, "")
    for case in report.iter("testcase"):
        name = f"{case.get('classname')} {case.get('name')}"
        [way] = [way for way, file in files.items() if file in name]
        failed[way] += "".join(f"{each.tag}: {each.text}" for each in case)
    return failed


@pytest.mark.parametrize("way", WAYS)
def test_a_skipped_test_fails(findings: Mapping[str, str], way: str) -> None:
    """It is a failure or an error of the run, and says that something was skipped."""
    assert findings[way].startswith(("failure: ", "error: "))
    assert "was skipped" in findings[way]


def test_a_test_that_runs_passes(findings: Mapping[str, str]) -> None:
    """The rule is about skips only: a plain test and an expected failure pass."""
    assert "failure" not in findings["passing"]
    assert "error" not in findings["passing"]
