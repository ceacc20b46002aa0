"""The benchmark of sealing is a program that runs and says what it promises; no time is judged."""

import json
import subprocess
import sys

from tests.bench.sealing import SIZES
from tests.support.checkout import ROOT


def test_the_short_form_measures_every_size() -> None:
    """A few rounds give a table for people and, as the last line, JSON with every size."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.sealing", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    *table, last = done.stdout.splitlines()
    summary = json.loads(last)
    assert [size["payload_bytes"] for size in summary["sizes"]] == list(SIZES)
    assert len(table) >= len(SIZES) + 2
    for size in summary["sizes"]:
        assert size["payload_bytes"] < size["sealed_content_bytes"] < size["envelope_bytes"]
        for action in ("seal", "open"):
            message, bare = size[f"{action}_message"], size[f"{action}_bare"]
            assert message > 0
            assert abs(size[f"{action}_ratio"] - message / bare) < 0.05
    assert summary["worst_open_ratio"] == max(size["open_ratio"] for size in summary["sizes"])
