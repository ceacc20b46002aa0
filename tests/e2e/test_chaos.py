"""The short form of the proof by force: every kind of fault, few of each, on a small network."""

from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS, Size
from tests.chaos.run import Plan, run_chaos

SEED = 5


@pytest.mark.timeout(900)  # the machine may be busy; the run ends by itself before that
def test_nothing_is_lost_whatever_is_done(tmp_path: Path) -> None:
    """Under every kind of fault each accepted message is shown once, proved, or reported."""
    size = Size(messages=120, faults=12, codes=("AL", "XK"), tempo=0.25)
    said: list[str] = []
    plan = Plan(seed=SEED, size=size, folder=tmp_path, settle_seconds=600.0)
    verdict = run_chaos(plan, said.append)
    assert verdict.held, "\n".join([*said, *verdict.tell()])
    lost_with_a_disk = len(verdict.forgotten) + len(verdict.without_files)
    failed = verdict.failed + verdict.left_after_all
    assert verdict.messages == verdict.evidence_complete + failed + lost_with_a_disk
    assert sum(verdict.faults.values()) == size.faults
    assert verdict.messages == size.messages
    assert set(FAULTS) - {"no_space"} <= set(verdict.faults)
