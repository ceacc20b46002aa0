"""docs/policy.md is what rules and cases say, and the check notices when it is not."""

import sys
from pathlib import Path

import pytest

from protocol.policy.deciding import RULES
from scripts import generate_policy
from tests.support.policy_situations import load_cases


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the program another place to write to."""
    path = tmp_path / "policy.md"
    monkeypatch.setattr(generate_policy, "DOCUMENT", path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the program with these arguments; its exit code."""
    monkeypatch.setattr(sys, "argv", ["generate_policy.py", *arguments])
    return generate_policy.main()


def test_the_document_in_the_tree_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a rule or a case writes the document anew."""
    assert run(monkeypatch, "--check") == 0


def test_the_check_notices_a_difference_and_writes_nothing(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing and a changed document are told from a current one, and left alone."""
    assert run(monkeypatch, "--check") == 1
    assert not document.exists()
    assert run(monkeypatch) == 0
    assert run(monkeypatch, "--check") == 0
    changed = document.read_text(encoding="utf-8").replace("refused", "allowed", 1)
    document.write_text(changed, encoding="utf-8")
    assert run(monkeypatch, "--check") == 1
    assert document.read_text(encoding="utf-8") == changed
    assert "run scripts/generate_policy.py" in capsys.readouterr().err


def test_the_document_holds_every_rule_and_every_case() -> None:
    """No topic is left out: each rule and each case has its row."""
    lines = generate_policy.make_document().splitlines()
    for rule in RULES:
        assert sum(line.startswith(f"| `{rule.code}` |") for line in lines) == 1
    for case in load_cases():
        assert sum(line.startswith(f"| {case.number} | {case.title} |") for line in lines) == 1
