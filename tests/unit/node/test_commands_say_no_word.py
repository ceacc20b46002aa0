"""What a node administrator gets by every command: no word of any case, and none on the disk."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.testing import CliRunner

from node.adapters.keystore import FileKeyStore, load_unlock_key, save_keystore
from node.cli import app
from node.service.followers import follow_all
from node.store.migrating import MIGRATIONS
from tests.support.marked_case import EVERY_WORD, MarkedCase, plant_case
from tests.support.node import sqlite_urls
from tests.support.node_console import build_pair

#: Serves pages and interface, which other tests walk through.
SERVES: Final = {"run"}
#: What has to work, so that there is something to look through.
WORK: Final = {
    "users",
    "token",
    "verify-audit-log",
    "rebuild-search",
    "backup",
    "check-backup",
    "begin-new-generation",
}
#: Who administers or audits takes no evidence out.
REFUSED: Final = {"export-evidence"}


@dataclass(frozen=True)
class Machine:
    """The machine of a node that holds the marked case."""

    folder: Path
    case: MarkedCase

    @property
    def data(self) -> Path:
        """Where the node keeps everything."""
        return self.folder / "data"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Build the node, with its store and its key store in the data folder, and stop it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    pair = build_pair(tmp_path / "data", url_of=sqlite_urls(data))
    case, context = plant_case(pair), pair.network.node("AL")
    follow_all(context)
    with context.database.transaction() as session:
        connection = session.connection()
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        version = MIGRATIONS.revisions[-1]
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{version}')")  # noqa: S608 - a revision of ours
    unlock = tmp_path / "unlock.key"
    unlock.write_text("k" * 32)
    unlock.chmod(0o600)
    assert isinstance(context.keys, FileKeyStore)
    save_keystore(context.keys, data / "keystore.json", unlock=load_unlock_key(unlock))
    root = tmp_path / "1.root.json"
    root.write_text("{}")
    pair.network.close()
    for name in [each for each in os.environ if each.startswith("TRM_NODE_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "DATA_DIR": str(data),
        "UNLOCK_KEY_FILE": str(unlock),
        "DATABASE_URL": sqlite_urls(data)("AL"),
        "HUB_URL": "http://127.0.0.1:9",
        "TRUSTED_ROOT": str(root),
        "BROKER_SERVERS": "tls://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(f"TRM_NODE_{name}", value)
    return Machine(tmp_path, case)


def list_commands(machine: Machine) -> Mapping[str, Sequence[Sequence[str]]]:
    """Return how each command is run: as its help says, and for everything that there is."""
    folder, case = machine.folder, machine.case
    message = case.known["care"]["message_id"]
    role = ("--role", "auditor")
    return {
        "settings": [()],
        "users": [()],
        "migrate": [()],
        "unlock-key": [(f"{folder}/new.key",)],
        "init": [("--participant", "AL")],
        "registry-key": [(f"{folder}/AL.pub",)],
        "write-keys": [(f"{folder}/keys.json", "--version", "3")],
        "publish-keys": [()],
        "add-user": [("new", *role)],
        "change-user": [("new", *role, "--role", "node_admin")],
        "sign-in-link": [("new",)],
        "deactivate-user": [("new",)],
        "reactivate-user": [("new",)],
        "confirm-access": [("new",)],
        "token": [("program", "--channel", "police")],
        "revoke-token": [("program",)],
        "verify-audit-log": [()],
        "rebuild-search": [()],
        "backup": [(f"{folder}/backup",)],
        "check-backup": [(f"{folder}/backup",)],
        "status": [("--url", "http://127.0.0.1:9")],
        "export-evidence": [
            (*what, "--for", name, "--out", f"{folder}/{name}.zip")
            for what in (("--message", message), ("--case", case.reference))
            for name in ("admin", "auditor")
        ],
        "begin-new-generation": [()],
        "replace-keys": [()],
    }


def list_names() -> set[str]:
    """Return the name of every command that there is."""
    return set(typer.main.get_group(app).commands)


def find_marked(data: bytes) -> list[str]:
    """Return which marked words stand in it, in whatever case."""
    folded = data.lower()
    return [word for word in EVERY_WORD if word.lower().encode() in folded]


def test_no_command_says_a_word_of_a_case(machine: Machine) -> None:
    """Every command that there is, what it writes, and every file of the node's own disk.

    Who opens the key store and follows a person's way in reads what that person reads: see
    docs/access.md. Everything else says identifiers, counts and names of accounts.
    """
    commands = list_commands(machine)
    assert set(commands) == list_names() - SERVES
    for name, ways in commands.items():
        for words in ways:
            done = CliRunner().invoke(app, [name, *words])
            assert find_marked(done.output.encode()) == [], name
            if name in WORK | REFUSED:
                assert (done.exit_code == 0) is (name in WORK), (name, done.output)
    written = [path for path in machine.folder.rglob("*") if path.is_file()]
    assert [path for path in written if find_marked(path.read_bytes())] == []
    assert not [*machine.folder.glob("*.zip")]
