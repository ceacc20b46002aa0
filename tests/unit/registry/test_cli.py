"""The command line teaches, does, and fails with one clear line."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from contact_registry.cli import app, main

LIST = Path("contact_registry/data/trm_contacts_2022.csv")


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command line as the installed script does."""

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["trm-registry", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    structlog.reset_defaults()


@pytest.fixture
def registry(run: Run, tmp_path: Path) -> list[object]:
    """Options of a registry with one operator, made by the commands themselves."""
    for name in ("operator", "online", "AL"):
        assert run("keygen", tmp_path / name).code == 0
    options: list[object] = ["--online-key", tmp_path / "online.key"]
    operator: list[object] = ["--operator-key", tmp_path / "operator.key"]
    folder = tmp_path / "registry"
    assert run("init", folder, *operator, *options).code == 0
    options += ["--repository", folder]
    added = run(
        "add-participant", "AL", "--directory-key", tmp_path / "AL.pub", *operator, *options
    )
    assert added.out == "Albania takes part as of version 2.\n"
    return options


@pytest.mark.parametrize(
    "command", [command.name or command.callback.__name__.replace("_", "-")
                for command in app.registered_commands if command.callback]
)  # fmt: skip
def test_every_command_teaches(run: Run, command: str) -> None:
    """Each command's help says what it does and shows an example."""
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert "Example: trm-registry" in outcome.out


def test_help_shows_the_way(run: Run) -> None:
    """The main help leads from nothing to a published registry, and names the exit codes."""
    outcome = run("--help")
    assert outcome.code == 0
    for step in ("keygen", "init", "add-participant", "import", "publish-contacts", "Exit codes"):
        assert step in outcome.out


def test_import_as_json(run: Run) -> None:
    """A dry run of the real list prints every row as taken over, with its findings."""
    outcome = run("import", LIST, "--dry-run", "--json")
    assert outcome.code == 0
    answer = json.loads(outcome.out)
    assert (answer["rows"], answer["accepted"]) == (66, 66)
    assert sum(f["code"] == "nobody_reachable" for f in answer["findings"]) == 13


def test_from_list_to_published(run: Run, registry: list[object], tmp_path: Path) -> None:
    """Import, publish, show and resolve work one after the other."""
    drafts = tmp_path / "drafts"
    assert "66 of 66 rows" in run("import", LIST, "--out", drafts).out
    published = run(
        "publish-contacts", drafts / "AL.json", "--directory-key", tmp_path / "AL.key", *registry
    )
    assert published.code == 0
    shown = run("show", *registry[2:])
    assert "7 desks (2 unreachable), listed by the operator; no node" in shown.out
    found = run("resolve", "AL", "first_assistance", *registry[2:])
    assert found.code == 0
    assert "Directorate of Social Services" in found.out
    assert "+35544541821" in found.out
    gap = run("resolve", "AL", "identification", "--json", *registry[2:])
    assert gap.code == 1
    assert json.loads(gap.out)["reason_code"] == "nobody_reachable"
    again = run("import", LIST, "--out", drafts)
    assert again.code == 2
    assert "choose another folder" in again.err


def test_blocking_finding_has_its_exit_code(run: Run, tmp_path: Path) -> None:
    """An unknown measure makes the import end with 1."""
    path = tmp_path / "list.csv"
    path.write_text("participant,trm_measure,authority\nAL,Astrology,Desk\n")
    outcome = run("import", path, "--dry-run")
    assert outcome.code == 1
    assert "unknown_measure" in outcome.out


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("show", "--repository", "/nonexistent/registry"), "trm-registry init"),
        (("import", "/nonexistent.csv", "--dry-run"), "check the name"),
        (("import", str(LIST)), "--dry-run"),
        (("resolve", "al", "return", "--repository", "/nonexistent"), "registry yet|capital"),
        (("verify", "http://127.0.0.1:1", "--root", "/nonexistent"), "check the name"),
    ],
)
def test_errors_are_one_line(run: Run, words: tuple[str, ...], advice: str) -> None:
    """What cannot be done ends with 2, one line that says what to do, and no traceback."""
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.err.startswith("trm-registry: ")
    assert outcome.err.count("\n") == 1
    assert any(part in outcome.err for part in advice.split("|"))
    assert "Traceback" not in outcome.err


def test_refusals_name_their_code(run: Run, registry: list[object], tmp_path: Path) -> None:
    """A change signed by the wrong key is refused with its code."""
    drafts = tmp_path / "drafts"
    run("import", LIST, "--out", drafts)
    outcome = run(
        "publish-contacts", drafts / "AL.json", "--directory-key", tmp_path / "operator.key",
        *registry,
    )  # fmt: skip
    assert outcome.code == 2
    assert "[not_signed]" in outcome.err


def test_keys_are_never_overwritten(run: Run, tmp_path: Path) -> None:
    """Making a key under a name that is taken changes nothing."""
    run("keygen", tmp_path / "key")
    before = (tmp_path / "key.key").read_bytes()
    assert run("keygen", tmp_path / "key").code == 2
    assert (tmp_path / "key.key").read_bytes() == before
