"""``trm-hub`` as whoever keeps the hub uses it for operators and the audit log."""

import json
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from hub.cli import app
from hub.opening import open_records
from hub.operators.service import find_operator_by_name
from hub.settings import HubSettings
from tests.support.setting_up import set_up_account

COMMANDS = (
    "migrate", "add-operator", "sign-in-link", "operators", "set-roles", "shut-out", "let-in",
    "audit", "forget-second-factors",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the data folder and nothing else."""
    for name in os.environ:
        if name.startswith("TRM_HUB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRM_HUB_DATA_DIR", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def run(data: Path) -> Run:
    """Run a command line; there is a data folder, private as it has to be."""
    data.mkdir(mode=0o700)

    def run(*words: str, typed: str = "") -> Outcome:
        with capture_logs():  # main() keeps log lines out of the output of a command
            done = CliRunner().invoke(app, words, input=typed)
        return Outcome(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def staffed(run: Run) -> Run:
    """Run with a store that has two operators."""
    for words in (
        ["migrate"],
        ["add-operator", "chief", "--role", "hub_admin", "--role", "observer"],
        ["add-operator", "duty", "--role", "directory_operator", "--display-name", "Duty desk"],
    ):
        assert run(*words).code == 0
    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_for(run: Run, command: str) -> None:
    """Every command explains itself, and stands in the list of all."""
    assert "Usage:" in run(command, "--help").out
    assert f" {command} " in run("--help").out


def test_migrate_makes_the_store_and_its_key_once(run: Run, data: Path) -> None:
    """The first call makes both, for their owner only; the second changes neither."""
    assert "accounts.key" in run("migrate").out
    key = (data / "accounts.key").read_bytes()
    again = run("migrate")
    assert (again.code, again.out) == (0, "The database is up to date.\n")
    assert (data / "accounts.key").read_bytes() == key
    assert (data / "accounts.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", [["operators"], ["audit"], ["sign-in-link", "duty"]])
def test_without_a_store_the_next_step_is_named(run: Run, command: list[str]) -> None:
    """Before the first migration every command says what to run, in one line."""
    done = run(*command)
    assert done.code == 2
    assert done.err == "trm-hub: The database has no tables yet: run 'trm-hub migrate' first.\n"


def test_operators_come_and_go(staffed: Run) -> None:
    """Added, listed, given roles, shut out, let in: each is said, and stands in the log."""
    assert "not set up yet  directory_operator" in staffed("operators").out
    link = staffed("sign-in-link", "duty", "--hours", "2").out
    assert link.startswith("http://127.0.0.1:8450/link/")
    assert staffed("set-roles", "duty", "--role", "observer").out == "duty: observer.\n"
    assert "let-in duty" in staffed("shut-out", "duty").out
    assert "shut out        observer" in staffed("operators").out
    refused = staffed("sign-in-link", "duty")
    assert (refused.code, refused.err) == (2, "trm-hub: This account is closed: let it in first.\n")
    assert staffed("let-in", "duty").code == 0
    lines = staffed("audit").out.splitlines()
    assert [line.split("\t")[3] for line in lines] == [
        "account_added", "account_added", "link_made", "roles_changed", "shut_out", "let_in",
    ]  # fmt: skip
    (actor,) = {line.split("\t")[2] for line in lines}
    assert re.fullmatch(r"local:\S+", actor)
    assert lines[3].split("\t")[4] == "duty"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add-operator", "duty", "--role", "observer"], "is taken: choose another"),
        (["add-operator", "a b", "--role", "observer"], "A sign-in name has 2 to 119"),
        (["add-operator", "new", "--role", "observer", "--display-name", "\n"], "one line of up"),
        (["set-roles", "nobody", "--role", "observer"], "list them"),
        (["shut-out", "nobody"], "list them"),
        (["shut-out", "chief"], "last hub administrator"),
        (["set-roles", "chief", "--role", "observer"], "last hub administrator"),
        (["audit", "--check", "--known", "7:abc"], "NUMBER:HASH"),
        (["audit", "--known", "1" * 5000 + ":" + "a" * 64], "NUMBER:HASH"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(staffed: Run, words: list[str], told: str) -> None:
    """One line names the next step; the exit code is 2, and nothing has changed."""
    before = staffed("operators").out
    done = staffed(*words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert staffed("operators").out == before


def test_the_log_is_checked_against_what_was_noted(staffed: Run, data: Path) -> None:
    """The check prints the end of the log; later it still holds, and tampering ends with 1."""
    noted = staffed("audit", "--check").out.strip()
    staffed("set-roles", "duty", "--role", "observer")
    later = staffed("audit", "--check", "--known", noted)
    assert (later.code, later.out.split(":")[0]) == (0, "3")
    entry = json.loads(staffed("audit", "--json", "--action", "roles_changed").out)
    assert entry["detail"] == {"now": "observer", "was": "directory_operator"}
    assert later.out.strip() == f"3:{entry['hash']}"
    with closing(sqlite3.connect(data / "hub.db")) as database:
        database.execute("DROP TRIGGER audit_entry_no_update")
        database.execute("UPDATE audit_entry SET actor = 'local:nobody' WHERE sequence = 1")
        database.commit()
    broken = staffed("audit", "--check")
    assert (broken.code, broken.out) == (1, "")
    assert "Entry 1 does not follow" in broken.err


def give_second_factor(name: str) -> None:
    """Set up an operator as the pages would."""
    records = open_records(HubSettings())
    account = find_operator_by_name(records, name)
    now = datetime.now(UTC)
    set_up_account(records.open_setting_up(), records.open_sessions(), account.id, at=now)
    records.database.close()


def test_a_lost_key_is_not_replaced_in_silence(staffed: Run, data: Path) -> None:
    """With the key gone or changed, it says so; after forgetting, everybody sets up anew."""
    give_second_factor("duty")
    assert "active          directory_operator" in staffed("operators").out
    key = (data / "accounts.key").read_bytes()
    (data / "accounts.key").unlink()
    assert staffed("migrate").out == "The database is up to date.\n"
    assert "is missing: put it back" in staffed("operators").err
    for words in (["audit"], ["audit", "--check"]):  # who did what can be read all the same
        assert staffed(*words).code == 0
    other = staffed("forget-second-factors", typed="n\n")
    assert other.code == 1
    assert not (data / "accounts.key").exists()
    (data / "accounts.key").write_bytes(key)
    (data / "accounts.key").chmod(0o600)
    assert staffed("operators").code == 0

    (data / "accounts.key").write_bytes(b"A" * 43 + b"=\n")
    told = staffed("operators")
    assert told.code == 2
    assert "put it back, or run 'trm-hub forget-second-factors'" in told.err
    (data / "accounts.key").unlink()
    done = staffed("forget-second-factors", "--yes")
    assert "Forgotten for 1 operators" in done.out
    assert "not set up yet  directory_operator" in staffed("operators").out
    last = json.loads(staffed("audit", "--json").out.splitlines()[-1])
    assert (last["action"], last["subject"] != "") == ("second_factor_forgotten", True)


def test_others_may_not_look_into_the_folder(staffed: Run, data: Path) -> None:
    """A data folder that others can read is refused with the command that mends it."""
    data.chmod(0o755)
    assert "chmod 700" in staffed("operators").err


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody:secret@127.0.0.1:1/none", "sqlite:////nowhere/hub.db", "?"]
)
@pytest.mark.parametrize("command", ["operators", "migrate"])
def test_a_database_that_does_not_answer_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, url: str
) -> None:
    """What to look at is named; the address, which may hold a password, is not."""
    monkeypatch.setenv("TRM_HUB_DATABASE_URL", url)
    done = run(command)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "check TRM_HUB_DATABASE_URL" in done.err
    assert "secret" not in done.err


def test_settings_that_do_not_hold_are_named(staffed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, in one line."""
    monkeypatch.setenv("TRM_HUB_TIME_ZONE", "Nowhere/Particular")
    done = staffed("operators")
    assert done.code == 2
    assert done.err.startswith("trm-hub: the settings do not hold: TRM_HUB_TIME_ZONE: ")
    assert done.err.count("\n") == 1
