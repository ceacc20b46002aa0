"""The targets hold for seeds and past findings, and the harness finds what is planted."""

import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.canary import PLANTED as PLANTED_BYTES
from tests.fuzz.canary import PlantedError
from tests.fuzz.catalogue import PLANTED, TARGETS
from tests.fuzz.target import Target
from tests.fuzz.trees import TreeMutator
from tests.support.checkout import ROOT

REGRESSIONS = Path(__file__).parent / "regressions"
PAST = sorted(REGRESSIONS.glob("*/*"))
#: Enough inputs for each target to run all seeds and then change some, and few enough for a test.
SHORT_RUN = 150
#: The planted defect is found after 84 335 inputs of this seed; chance alone needs 2^24.
CANARY_RUN = 1_000_000


def fuzz(*arguments: str, workspace: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as ``make fuzz`` does, without the measurement of coverage of the tests."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", "--workspace", str(workspace), *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_handled(name: str) -> None:
    """A target holds for what it starts from, and at least one of that gets past the refusals."""
    target = TARGETS[name]
    passed = 0
    for seed in target.make_seeds():
        assert len(seed) <= target.longest
        target.run(seed)
        try:
            target.check(seed)
        except target.refusals:
            continue
        passed += 1
    assert passed


@pytest.mark.parametrize("path", PAST, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_past_finding_stays_fixed(path: Path) -> None:
    """What once broke a parser is refused or read now."""
    TARGETS[path.parent.name].run(path.read_bytes())


def test_every_past_finding_belongs_to_a_target() -> None:
    """No finding lies where nothing runs it."""
    assert {path.parent.name for path in PAST} <= set(TARGETS)


@pytest.mark.parametrize("name", [name for name in TARGETS if TARGETS[name].mutate is not None])
def test_changes_by_structure_reach_behind_the_outline(name: str) -> None:
    """Of inputs changed by structure some pass and some are refused: both sides are exercised."""
    target = TARGETS[name]
    assert target.mutate is not None
    random, seeds = Random(7), list(target.make_seeds())
    results = {_passes(target, target.mutate(random.choice(seeds), random)) for _ in range(300)}
    assert results == ({True} if not target.refusals else {True, False})


def _passes(target: Target, data: bytes | None) -> bool:
    assert data is not None
    try:
        target.check(data)
    except target.refusals:
        return False
    return True


def test_the_same_chance_makes_the_same_change() -> None:
    """A run can be repeated: a change follows from the input and its random numbers."""
    mutate = TreeMutator(words=("a", "b"), donors=[{"a": [1, 2]}])
    data = b'{"a": {"b": [1, "two", null]}, "c": true}'
    assert [mutate(data, Random(n)) for n in range(50)] == [
        mutate(data, Random(n)) for n in range(50)
    ]
    assert mutate(b"no JSON", Random(1)) is None


@pytest.mark.slow
def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    """Every target runs instrumented in the engine, gains coverage, and finds nothing."""
    done = fuzz("--runs", str(SHORT_RUN), workspace=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(re.findall(r"^(\w+) +[\d,]+ +[\d,]+ +([\d,]+) +0  ok$", done.stdout, re.MULTILINE))
    assert set(rows) == set(TARGETS), done.stdout
    assert all(int(coverage.replace(",", "")) > 1 for coverage in rows.values()), done.stdout


@pytest.mark.slow
def test_a_planted_defect_is_found(tmp_path: Path) -> None:
    """Led by coverage, the engine finds three bytes that it was never told, and keeps them."""
    done = fuzz("--target", "canary", "--runs", str(CANARY_RUN), workspace=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    (saved,) = (tmp_path / "findings" / "canary").iterdir()
    found = saved.read_bytes()
    assert found.startswith(PLANTED_BYTES)
    assert f"make fuzz TARGET=canary REPLAY={saved}" in done.stdout
    with pytest.raises(PlantedError):
        PLANTED["canary"].run(found)
    again = fuzz("--target", "canary", "--replay", str(saved), workspace=tmp_path)
    assert again.returncode != 0
    assert "PlantedError" in again.stderr


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    """A misspelt target ends the run with the names that there are."""
    done = fuzz("--target", "nonsense", "--replay", __file__, workspace=tmp_path)
    assert done.returncode != 0
    assert "no target nonsense" in done.stderr
    assert "signed_payload" in done.stderr


def test_a_replay_needs_its_target(tmp_path: Path) -> None:
    """An input alone does not say which parser it is for: the run ends and asks."""
    done = fuzz("--replay", __file__, workspace=tmp_path)
    assert done.returncode == 2
    assert "name it with --target" in done.stderr


def test_without_the_engine_it_says_what_is_missing(tmp_path: Path) -> None:
    """Where atheris cannot be installed, the run fails with the platforms that have it."""
    (tmp_path / "atheris.py").write_text("raise ImportError('not on this platform')\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", "--workspace", str(tmp_path)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Linux" in done.stderr
