"""The command that confirms access where nobody is left who could: for whom, and who may run it."""

import os
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from console.storage.database import Database
from node.adapters.keystore import Passphrase, load_keystore, load_unlock_key, save_keystore
from node.cli import app
from node.settings import NodeSettings
from node.store.account_tables import AccountRow, HeldRow
from protocol.identifiers import Channel

ADD = ("--role", "focal_point", "--channel", "police")


def _run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, words, input=typed)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a node where somebody had every channel once, and who had is gone; its folder."""
    for name in [each for each in os.environ if each.startswith("TRM_NODE_")]:
        monkeypatch.delenv(name)
    (tmp_path / "1.root.json").write_text("{}")
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "UNLOCK_KEY_FILE": str(tmp_path / "unlock.key"),
        "HUB_URL": "https://hub.example.org",
        "TRUSTED_ROOT": str(tmp_path / "1.root.json"),
        "BROKER_SERVERS": "tls://broker.example.org:4222",
    }.items():
        monkeypatch.setenv(f"TRM_NODE_{name}", value)
    for words in (
        ("unlock-key", str(tmp_path / "unlock.key")),
        ("init", "--participant", "AL"),
        ("migrate",),
        ("add-user", "colleague", *ADD),
    ):
        assert _run(*words).exit_code == 0
    database = Database(NodeSettings().effective_database_url)
    with database.transaction() as session:
        colleague = session.exec(select(AccountRow)).one()
        colleague.password_hash = "a hash"
        session.add(HeldRow(name=Channel.POLICE, since=colleague.created_at))
    database.close()
    return tmp_path


def test_it_names_who_can_and_else_confirms(node: Path) -> None:
    """Adding says that access waits; while there is a colleague, it is theirs to confirm."""
    added = _run("add-user", "fresh", *ADD)
    assert "counts once a colleague" in added.stdout
    assert "waits for the word" in _run("users").stdout
    refused = _run("confirm-access", "fresh")
    assert (refused.exit_code, "colleague" in refused.stderr) == (2, True)
    assert _run("deactivate-user", "colleague").exit_code == 0
    done = _run("confirm-access", "fresh")
    assert (done.exit_code, "Confirmed fresh" in done.stdout) == (0, True)
    assert "waits for the word" not in _run("users").stdout
    again = _run("confirm-access", "fresh")
    assert (again.exit_code, "Nobody of this identifier waits" in again.stderr) == (2, True)


def test_it_asks_for_the_passphrase_of_the_key_store(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may run commands but does not know it confirms nothing."""
    path, file = node / "data" / "keystore.json", node / "passphrase"
    assert _run("add-user", "fresh", *ADD).exit_code == 0
    assert _run("deactivate-user", "colleague").exit_code == 0
    store = load_keystore(path, unlock=load_unlock_key(node / "unlock.key"))
    save_keystore(store, path, unlock=Passphrase("lantern orchard pebble"), overwrite=True)
    file.write_text("lantern orchard pebble\n")
    file.chmod(0o600)
    monkeypatch.delenv("TRM_NODE_UNLOCK_KEY_FILE")
    monkeypatch.setenv("TRM_NODE_PASSPHRASE_FILE", str(file))
    wrong = _run("confirm-access", "fresh", typed="lantern orchard\n")
    assert (wrong.exit_code, "Confirmed" in wrong.stdout) == (2, False)
    right = _run("confirm-access", "fresh", typed="lantern orchard pebble\n")
    assert (right.exit_code, "Confirmed fresh" in right.stdout) == (0, True)
    assert "lantern" not in right.stdout
