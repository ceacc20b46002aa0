"""``trm-node`` as its administrators use it, in this process and on a store of its own."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from sqlmodel import select
from starlette.responses import PlainTextResponse
from typer.testing import CliRunner

from console.process.file_modes import (
    ExposedFileError,
    verify_private_file,
    verify_private_folder,
)
from console.storage.database import Database
from contact_registry.trust.submitting import parse_submission
from node.adapters.keystore import KeyStoreError, load_passphrase, load_unlock_key
from node.adapters.running import running
from node.cli import app, main
from node.settings import NodeSettings
from node.store.link_tables import MachineMailRow
from node.store.tables import LinkHeadRow
from tests.support.http_server import serve

SECRET = "k" * 32


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set what makes and opens a key store, and nothing else; the data folder."""
    for name in os.environ:
        if name.startswith("TRM_NODE_"):
            monkeypatch.delenv(name)
    data = tmp_path / "data"
    monkeypatch.setenv("TRM_NODE_DATA_DIR", str(data))
    monkeypatch.setenv("TRM_NODE_UNLOCK_KEY_FILE", str(tmp_path / "unlock.key"))
    monkeypatch.setenv("TRM_NODE_PASSPHRASE_FILE", "")  # empty is as good as not set
    return data


@pytest.fixture
def run(settings: Path) -> Run:
    """Run a command line."""

    def run(*words: str) -> Outcome:
        done = CliRunner().invoke(app, words)
        return Outcome(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def node(
    run: Run,
    tmp_path: Path,
    node_url_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Make a node's key store and give the remaining settings, not yet its database."""
    assert run("unlock-key", str(tmp_path / "unlock.key")).code == 0
    assert run("init", "--participant", "AL").code == 0
    root = tmp_path / "1.root.json"
    root.write_text("{}")
    monkeypatch.setenv("TRM_NODE_HUB_URL", "https://hub.example.org")
    monkeypatch.setenv("TRM_NODE_TRUSTED_ROOT", str(root))
    monkeypatch.setenv("TRM_NODE_BROKER_SERVERS", "tls://broker.example.org:4222")
    store = node_url_of("AL")
    if not store.startswith("sqlite:"):  # a file in the data folder, where none is named
        monkeypatch.setenv("TRM_NODE_DATABASE_URL", store)
    return run


def test_keys_need_no_network_settings(run: Run, tmp_path: Path) -> None:
    """Key store and public key are made before anything of hub and broker is known."""
    assert run("unlock-key", str(tmp_path / "unlock.key")).code == 0
    assert "Key store of AL made" in run("init", "--participant", "AL").out
    assert "Read it out" in run("registry-key", str(tmp_path / "AL.pub")).out
    keys = tmp_path / "AL-keys.json"
    assert "version 8, signed with key" in run("write-keys", str(keys), "--version", "8").out
    assert parse_submission(keys.read_bytes()).role == "AL-node"
    assert run("write-keys", str(keys), "--version", "9").code == 2
    refused = run("users")
    assert refused.code == 2
    assert "TRM_NODE_HUB_URL" in refused.err


def test_help_leads_from_nothing_to_a_running_node(run: Run) -> None:
    """The steps stand in their order, with the one that somebody else has to take."""
    out = run("--help").out
    steps = ["unlock-key", "init", "registry-key", "--node-key", "publish-keys", "migrate",
             "add-user", "sign-in-link", "trm-node run"]  # fmt: skip
    places = [out.index(step) for step in steps]
    assert places == sorted(places)
    for needed in ("TRM_NODE_DATA_DIR", "TRM_NODE_UNLOCK_KEY_FILE", "trm-node unlock-key"):
        assert needed in run("init", "--help").out


def test_every_setting_is_listed_without_python_words(run: Run) -> None:
    """The list names each setting, and a default that is nothing is called none."""
    out = run("settings").out
    for name, field in NodeSettings.model_fields.items():
        assert f"TRM_NODE_{name.upper()} " in out
        assert str(field.description) in out
    assert "(default: none)" in out
    assert "None" not in out


def test_only_migrate_and_run_make_tables(node: Run, settings: Path) -> None:
    """Any other command says which one to run, and leaves no tables behind."""
    refused = node("users")
    assert (refused.code, refused.out) == (2, "")
    assert "run 'trm-node migrate' first" in refused.err
    assert "up to date" in node("migrate").out
    assert "Nobody yet" in node("users").out


def test_people_are_added_and_listed(node: Run) -> None:
    """A role is one of a list; the people are shown with roles and state."""
    node("migrate")
    wrong = node("add-user", "duty-officer", "--role", "boss")
    assert wrong.code == 2
    assert "focal_point" in wrong.err
    assert node("add-user", "duty-officer", "--role", "focal_point").code == 0
    assert node("add-user", "boss", "--role", "node_admin", "--role", "auditor").code == 0
    assert node("users").out.splitlines() == [
        "boss          active      auditor, node_admin",
        "duty-officer  active      focal_point  [assistance]",
    ]
    changed = ("change-user", "duty-officer", "--role", "focal_point", "--channel", "police")
    assert node(*changed, "--confidential").code == 0
    assert node("deactivate-user", "duty-officer").code == 0
    assert "duty-officer  not active  focal_point  [police]  confidential part" in node("users").out
    assert node("reactivate-user", "duty-officer").code == 0
    refused = node("deactivate-user", "boss")
    assert (refused.code, "last node administrator" in refused.err) == (2, True)
    told = node("verify-audit-log")
    assert told.code == 0
    sequence, *_, noted = told.out.splitlines()[-1].split()
    known = ("--sequence", sequence, "--hash", noted)
    assert node("verify-audit-log", *known).code == 0
    assert node("verify-audit-log", "--sequence", sequence, "--hash", "0" * 64).code == 2


def test_links_begin_anew_after_a_restore(node: Run) -> None:
    """Each link gets a generation that was never used, and a question that waits for the start."""
    node("migrate")
    database = Database(NodeSettings().effective_database_url)
    with database.transaction() as session:
        session.add(LinkHeadRow(peer="XK", generation=1, seq=4, digest="a" * 64))
    with running(NodeSettings().data_dir):  # it would go on with the old one
        refused = node("begin-new-generation")
    assert (refused.code, "runs: stop it" in refused.err) == (2, True)
    done = node("begin-new-generation")
    assert "New generation on 1 links" in done.out
    assert "The registry was not refreshed" in done.err
    with database.reading() as session:
        head = session.get_one(LinkHeadRow, "XK")
        asked = session.exec(select(MachineMailRow)).one()
    database.close()
    assert head.generation > 29_000_000  # minutes since 1970
    assert (head.seq, asked.peer, asked.type) == (0, "XK", "system.resend_request")


def test_a_token_is_taken_back_by_its_label(node: Run) -> None:
    """All tokens of a label end; a label that has none is said to have none."""
    node("migrate")
    for label in ("case-system", "case-system", "other"):
        assert node("token", label).code == 0
    assert node("revoke-token", "case-system").out == "Took back 2 tokens of case-system.\n"
    again = node("revoke-token", "case-system")
    assert again.code == 2
    assert "check the label" in again.err
    assert "1 token of" in node("revoke-token", "other").out


def test_a_missing_trusted_root_is_named(node: Run, tmp_path: Path) -> None:
    """The message says which file is missing and where it comes from."""
    (tmp_path / "1.root.json").unlink()
    refused = node("users")
    assert refused.code == 2
    assert "get 1.root.json from the operators" in refused.err


def test_a_store_that_others_can_read_is_refused(node: Run, settings: Path) -> None:
    """An open data folder or unlock key is refused with the command that mends it."""
    node("migrate")
    settings.chmod(0o750)
    assert f"chmod 700 {settings}" in node("users").err
    settings.chmod(0o700)
    unlock = settings.parent / "unlock.key"
    unlock.chmod(0o640)
    assert f"chmod 600 {unlock}" in node("users").err
    unlock.chmod(0o600)
    assert node("users").code == 0


def test_what_is_written_is_for_its_owner_only(
    settings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program itself sets the mask for new files, whatever it was started with.

    And what it answers stands alone on standard output: log lines below a warning are left out.
    """
    before = os.umask(0o022)
    monkeypatch.setattr("sys.argv", ["trm-node", "unlock-key", str(tmp_path / "unlock.key")])
    try:
        with pytest.raises(SystemExit):
            main()
        structlog.get_logger().info("audit_chained")
    finally:
        structlog.reset_defaults()
        assert os.umask(before) == 0o077
    assert "audit_chained" not in "".join(capsys.readouterr())
    assert stat.S_IMODE((tmp_path / "unlock.key").stat().st_mode) == 0o600


def test_empty_folders_and_private_files_pass(tmp_path: Path) -> None:
    """A folder is looked at once it holds something; a file at once."""
    tmp_path.chmod(0o755)
    verify_private_folder(tmp_path)
    verify_private_folder(tmp_path / "missing")
    file = tmp_path / "file"
    file.touch(mode=0o600)
    verify_private_file(file)
    with pytest.raises(ExposedFileError, match="chmod 700"):
        verify_private_folder(tmp_path)


def test_a_passphrase_is_for_its_owner_or_from_the_service_manager(tmp_path: Path) -> None:
    """Open to others it is refused, except in the service manager's own folder."""
    file = tmp_path / "passphrase"
    file.write_text("lantern orchard pebble\n")
    file.chmod(0o440)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        load_passphrase(file)
    assert load_passphrase(file, credentials=tmp_path).text == "lantern orchard pebble"
    with pytest.raises(KeyStoreError, match="chmod 600"):
        load_passphrase(file, credentials=tmp_path / "elsewhere")
    file.chmod(0o600)
    assert load_passphrase(file).text == "lantern orchard pebble"
    file.write_text(SECRET)
    assert load_unlock_key(file).key == SECRET.encode()
    file.write_text("")
    with pytest.raises(KeyStoreError, match="is empty"):
        load_passphrase(file)


@pytest.mark.parametrize("answer", ["[]", "null", '{"status": 7}', '{"status": "x", "troubles": 1}',
                                    "<html>", ""])  # fmt: skip
def test_status_of_something_else_is_one_clear_line(run: Run, answer: str) -> None:
    """Whatever answers at the address, the command does not fall over it."""
    other = FastAPI()
    other.add_api_route("/readyz", lambda: PlainTextResponse(answer))
    with serve(other) as url:
        done = run("status", "--url", url)
    assert done.code == 2
    assert "but not as a node does" in done.err


def test_status_without_a_node(run: Run) -> None:
    """Nobody there, or no address at all, is one line."""
    for url in ("http://127.0.0.1:9", "http://[", "nonsense"):
        done = run("status", "--url", url)
        assert done.code == 2
        assert "is it running?" in done.err
