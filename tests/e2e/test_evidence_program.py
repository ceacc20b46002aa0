"""Evidence from real nodes, checked by the program of its own once hub and nodes are gone."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from contact_registry.directory import Directory
from deploy.demo.scenario import NodeClient
from deploy.demo.world import DemoNode, DemoWorld
from node.cli import app
from protocol.identifiers import ParticipantCode, Phase
from tests.support.node import NOTIFICATION_BODY

PROGRAM = Path(sys.executable).parent / "trm-node"
#: ``trm-verify`` on a machine without network: whoever asks for a socket fails.
VERIFY = """
import socket
from contact_registry.evidence.cli import main
def refuse(*_, **__): raise SystemExit("trm-verify asked for the network")
socket.socket = socket.create_connection = socket.getaddrinfo = refuse
main()
"""


def list_settings(node: DemoNode) -> dict[str, str]:
    """Return what ``trm-node`` is told to find a node's own store."""
    chosen = node.settings
    settings = {
        "DATA_DIR": str(chosen.data_dir),
        "HUB_URL": str(chosen.hub_url),
        "TRUSTED_ROOT": str(chosen.trusted_root),
        "BROKER_SERVERS": ",".join(chosen.broker_servers),
        "UNLOCK_KEY_FILE": str(chosen.unlock_key_file),
    }
    return {f"TRM_NODE_{name}": value for name, value in settings.items()}


def run_node(node: DemoNode, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``trm-node`` on a node's own store, beside the node itself."""
    # Without counting lines, which would double its time: its parts have tests of their own.
    ours = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [PROGRAM, *words],
        env={**ours, **list_settings(node)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def verify(bundle: Path, root: Path) -> subprocess.CompletedProcess[str]:
    """Run ``trm-verify`` in an empty environment."""
    return subprocess.run(
        [sys.executable, "-c", VERIFY, str(bundle), "--root", str(root)],
        env={"PATH": os.environ["PATH"]},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def notify(client: NodeClient, directory: Directory) -> dict[str, Any]:
    """Send a notification of AL to XK and wait for the receipt."""
    authorities = directory.contacts[ParticipantCode("XK")].authorities
    desk = next(
        authority.id
        for authority in authorities
        if any(competence.phase is Phase.IDENTIFICATION for competence in authority.competences)
    )
    manager = {"post": "Duty officer", "authority": "AL-duty-desk"}
    sent = client.send(
        {
            "type": "identification.presumed_victim_notification",
            "recipient": "XK",
            "to_authority": desk,
            "legal_basis": {"kind": "no_personal_data"},
            "body": {**NOTIFICATION_BODY, "case_manager": manager},
        },
        key="notification",
    )
    client.wait_for(
        f"/messages/{sent['message_id']}",
        lambda view: view["item"]["dispatch"] in {"delivered", "read"},
        what="delivery",
    )
    return sent


def export(node: DemoNode, out: Path, *what: str) -> subprocess.CompletedProcess[str]:
    """Run the export."""
    return run_node(node, "export-evidence", *what, "--for", "focal-point", "--out", str(out))


def test_both_sides_prove_the_case_when_everything_else_is_gone(
    world: DemoWorld, directory: Directory, clients: dict[str, NodeClient], tmp_path: Path
) -> None:
    """Exported by ``trm-node``, checked by ``trm-verify`` with nothing but bundle and root."""
    sent = notify(clients["AL"], directory)
    bundles = [tmp_path / "AL.zip", tmp_path / "XK.zip"]
    for node, out, what in (
        (world.nodes["AL"], bundles[0], ("--case", sent["case"])),
        (world.nodes["XK"], bundles[1], ("--message", sent["message_id"])),
    ):
        done = export(node, out, *what)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 messages, 1 receipts" in done.stdout
        assert out.stat().st_mode & 0o077 == 0, "the bundle is for its owner only"
    refuse_wrong_questions(world.nodes["AL"], taken=bundles[0], sent=sent)
    root = tmp_path / "1.root.json"
    root.write_bytes(world.trusted_root.read_bytes())
    world.stop()
    for bundle in bundles:
        done = verify(bundle, root)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ContentConsignment (D.1)" in done.stdout
        assert "Kosovo*" in done.stdout
    altered = tmp_path / "altered.zip"
    data = bundles[0].read_bytes()
    altered.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    assert verify(altered, root).returncode == 1


def refuse_wrong_questions(node: DemoNode, *, taken: Path, sent: dict[str, Any]) -> None:
    """Nothing is written over, what is not there is said; nor are keys replaced under a node."""
    before = taken.read_bytes()
    new = taken.with_name("new.zip")
    done = export(node, taken, "--case", sent["case"])
    assert done.returncode == 2, done.stdout
    assert "exists" in done.stderr
    assert done.stderr.count("\n") == 1
    for what, hint in (  # in this process: that the program says it is shown above
        (("--message", "ab" * 16), "no such message"),
        (("--case", "TRM-7G1A0-2C028-R"), "no such case"),
        (("--case", "TRM-1"), "case reference"),
        ((), "--message ID or --case REFERENCE"),
    ):
        words = ("export-evidence", *what, "--for", "focal-point", "--out", str(new))
        asked = CliRunner().invoke(app, words, env=list_settings(node))
        assert asked.exit_code == 2, asked.stdout
        assert hint in asked.stderr
        assert asked.stderr.count("\n") == 1
    assert taken.read_bytes() == before
    assert not new.exists()
    asked = CliRunner().invoke(app, ["replace-keys"], env=list_settings(node))
    assert (asked.exit_code, "stop it" in asked.stderr) == (2, True), "its node runs"
