"""The commands about the past: plain sentences, JSON for programs, and errors that teach."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from contact_registry.cli import main
from contact_registry.history_cli import parse_as_of, parse_moment
from tests.support.registry import AL, RegistryWorld, Timepiece
from tests.support.registry_past import HOUR, make_past

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Make a registry whose eleven versions lie an hour apart and end a moment ago."""
    return make_past(tmp_path_factory.mktemp("past") / "repository", begun_before=12 * HOUR)


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], past: RegistryWorld
) -> Iterator[Run]:
    """Run a command of the installed script on this registry."""

    def run(*words: object) -> tuple[int, str, str]:
        command = ["trm-registry", *map(str, words), "--repository", str(past.folder)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    yield run
    structlog.reset_defaults()


def read(answer: tuple[int, str, str]) -> Any:
    """Return the JSON that a command printed; it was well and said nothing else."""
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def test_history_in_words(run: Run) -> None:
    """The newest comes first, with moment, change and signers, and whose claim the moment is."""
    code, out, err = run("history", "--last", 2)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert [line.partition(",")[0] for line in lines if line.startswith("Version")] == [
        "Version 11",
        "Version 10",
    ]
    assert "  under another root: version 2, by the operators" in lines
    assert "  Part. MK (MK) no longer takes part" in lines
    assert "  list of Participants changed, version 2 to 3" in lines
    assert any("by the operators" in line and "(3 signed, 2 needed: enough)" in line
               for line in lines)  # fmt: skip
    assert "registry host's claim" in lines[-1]


def test_history_as_data(run: Run) -> None:
    """Programs get every version with hash, moment, changes and signatures."""
    data = read(run("history", "--json"))
    assert [version["version"] for version in data["versions"]] == list(range(11, 0, -1))
    assert data["moments_claimed_by"] == "registry_host"
    assert data["never_in_force"] == []
    sixth = data["versions"][5]
    assert sixth["changes"] == [{"role": "AL", "old_version": 1, "new_version": 2}]
    signed = {file["role"]: file for file in sixth["signed"]}
    assert signed["AL"]["held_by"] == "participant"
    assert signed["AL"]["is_threshold_met"] is True


def test_show_as_of(run: Run, past: RegistryWorld) -> None:
    """A version and the moment of its publication show the same registry, with its signers."""
    moment = past.clock() - 6 * HOUR
    by_number, by_moment = (run("show", "--as-of", at) for at in (6, f"{moment:%Y-%m-%dT%H:%M:%S}"))
    assert by_number == by_moment
    assert by_number[0] == 0
    assert "Registry version 6, sha256" in by_number[1]
    assert "signed: contact list of Part. MK (MK), version 1, by the Participant" in by_number[1]
    data = read(run("show", "--as-of", 6, "--json"))
    assert data["content"]["contacts"]["AL"]["authorities"]["AL-desk"]["note"] == "Ring twice."
    assert {file["role"] for file in data["signed"]} >= {"root", "AL-node", "MK"}


def test_show_without_a_moment_is_today(run: Run) -> None:
    """Without --as-of the published registry is shown, as it always was."""
    code, out, _ = run("show")
    assert code == 0
    assert out.startswith("Registry version 11, sha256")
    assert read(run("show", "--json"))["version"] == 11


def test_diff(run: Run) -> None:
    """A sentence for each change, the same as data; a version does not differ from itself."""
    code, out, _ = run("diff", 5, 6)
    assert (code, out.count("\n")) == (0, 2)
    assert "note is now “Ring twice.”" in out
    data = read(run("diff", 5, 6, "--json"))
    assert data["changes"] == [
        {
            "change": "changed",
            "path": ["contacts", "AL", "authorities", "AL-desk", "note"],
            "old": "",
            "new": "Ring twice.",
        }
    ]
    assert (data["old"]["version"], data["new"]["version"]) == (5, 6)
    assert read(run("diff", 11, "--json"))["words"] == ["Nothing differs."]


def test_listed(run: Run, past: RegistryWorld) -> None:
    """The pin and moment of a message bring back its desk; after it left, it is not listed."""
    versions = {v["version"]: v for v in read(run("history", "--json"))["versions"]}
    sent = f"{past.clock() - 6 * HOUR:%Y-%m-%dT%H:%M:%S}"
    pin = f"6:{versions[6]['sha256']}"
    code, out, _ = run("listed", "MK-desk", "--pin", pin, "--sent-at", sent)
    assert (code, "Part. MK (MK): Desk desk (MK-desk) was listed" in out) == (0, True)
    phase = ("listed", "MK", "--phase", "identification", "--pin", pin, "--sent-at", sent)
    assert "Desk desk" in run(*phase)[1]
    assert read(run(*phase, "--json"))["desk"]["found"] is True
    later = f"11:{versions[11]['sha256']}"
    now = f"{past.clock():%Y-%m-%dT%H:%M:%S}"
    code, out, _ = run("listed", "MK-desk", "--pin", later, "--sent-at", now)
    assert (code, "was not listed" in out) == (1, True)
    code, out, _ = run("listed", "MK", "--phase", "return", "--pin", later, "--sent-at", now)
    assert (code, "GAP (unknown_participant)" in out) == (1, True)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("show", "--as-of", "12"), "versions 1 to 11"),
        (("show", "--as-of", "2020-01-01"), "There was no registry yet"),
        (("show", "--as-of", "2999-01-01"), "still to come"),
        (("show", "--as-of", "yesterday"), "Write a version as 12"),
        (("diff", "0"), "Version 0 is not kept"),
        (("listed", "AL-desk", "--pin", "6", "--sent-at", "2026-03-01"), "Write --pin"),
        (
            ("listed", "AL-desk", "--pin", f"6:{'ab' * 32}", "--sent-at", "2026-03-01"),
            "Compare the hash with the sender",
        ),
    ],
    ids=["version", "too_early", "future", "words", "zero", "pin", "other_hash"],
)
def test_errors_are_one_line(run: Run, words: tuple[str, ...], error: str) -> None:
    """What cannot be answered ends with code 2 and one line that says what to do."""
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("trm-registry: ")
    assert error in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["history", "show", "diff", "listed"], ids=str)
def test_help_has_an_example(run: Run, command: str) -> None:
    """Each command explains itself by an example."""
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: trm-registry {command}" in " ".join(out.split())


def test_a_version_that_was_cut_off_needs_a_person(run: Run, past: RegistryWorld) -> None:
    """Exit code 1 tells a script that a signed version was never in force."""
    writes = {"left": 4}

    class KilledError(Exception):
        """The process was killed."""

    whole = past.write_file

    def write(path: Path, data: bytes) -> None:
        if writes["left"] == 0:
            raise KilledError
        writes["left"] -= 1
        whole(path, data)

    past.write_file = write
    with pytest.raises(KilledError):
        past.open().accept(past.contacts_submission(AL, note="killed"), past.online)
    past.write_file = whole
    past.repository = past.open()
    past.clock.move(timedelta(minutes=1))
    past.publish(past.contacts_submission(AL, note="again"))
    code, out, _ = run("history")
    assert (code, "Version 12 was signed and never in force" in out) == (1, True)


def test_moments() -> None:
    """A day means noon, and a moment may end in Z; both are UTC."""
    now = Timepiece()()
    assert parse_moment("2026-03-01") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert parse_moment("2026-03-01T22:30Z") == datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert parse_as_of("12", now=now) == 12
