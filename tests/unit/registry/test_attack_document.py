"""docs/registry-attacks.md is what the table of attacks says, and the check notices when not."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import generate_attacks
from tests.support.registry_attack_rows import ROWS
from tests.support.registry_attacks_elsewhere import ELSEWHERE, SCENARIOS


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the program another place to write to."""
    path = tmp_path / "registry-attacks.md"
    monkeypatch.setattr(generate_attacks, "DOCUMENT", path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the program with these arguments; its exit code."""
    monkeypatch.setattr(sys, "argv", ["generate_attacks.py", *arguments])
    return generate_attacks.main()


def test_the_attacks_in_the_tree_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes an attack writes the document anew; every test that it names exists."""
    assert run(monkeypatch, "--check") == 0


def test_the_check_notices_and_writes_nothing(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing and a changed document are told from a current one, and left alone."""
    assert run(monkeypatch, "--check") == 1
    assert not document.exists()
    assert run(monkeypatch) == 0
    assert run(monkeypatch, "--check") == 0
    changed = document.read_text(encoding="utf-8").replace("refused", "taken", 1)
    document.write_text(changed, encoding="utf-8")
    assert run(monkeypatch, "--check") == 1
    assert document.read_text(encoding="utf-8") == changed
    assert "run scripts/generate_attacks.py" in capsys.readouterr().err


def test_every_attack_stands_in_the_document() -> None:
    """No row, no other test and no scenario is left out."""
    text = generate_attacks.make_document()
    for row in ROWS:
        assert row.done.removesuffix(".") in text, row.id
    for other in ELSEWHERE:
        assert other.done in text
    for scenario in SCENARIOS:
        assert f"| {scenario.title} |" in text


def test_a_test_that_does_not_exist_fails_the_check(
    document: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever renames a test that the document names has to say so there."""
    renamed = replace(ELSEWHERE[0], test="test_that_was_renamed")
    monkeypatch.setattr(generate_attacks, "ELSEWHERE", (renamed,))
    assert run(monkeypatch, "--check") == 1
    assert not document.exists()
    assert "has no test_that_was_renamed" in capsys.readouterr().err
