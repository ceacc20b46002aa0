"""The benchmark of the registry runs and says what it promises."""

import json
import sys
import tempfile
from pathlib import Path

import pytest
import structlog

from tests.bench.registry.__main__ import main


def test_quick_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A quick run ends with JSON; an update asks for five files and moves what changed."""
    monkeypatch.setattr(sys, "argv", ["bench", "--quick"])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    main()
    structlog.reset_defaults()
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    small, large = (result[size]["update after one change"] for size in ("small", "large"))
    assert small["requests"] == large["requests"] == 5
    assert large["bytes"] < 1.2 * small["bytes"]
    assert result["large"]["first verification"]["bytes"] > 20 * large["bytes"]
    assert result["large"]["nothing changed"]["requests"] == 2
    assert set(result["look_up_us"]) >= {"the competent desk"}
