"""``trm-verify`` as people and programs use it: exit codes, words, JSON, page, no network."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contact_registry.evidence.cli import app
from contact_registry.models import KOSOVO_FOOTNOTE
from protocol.evidence.steps import Step
from tests.support.evidence import EvidenceWorld

Run = Callable[..., Result]


@pytest.fixture
def world(tmp_path: Path) -> EvidenceWorld:
    """Give a registry, and write its root where the program finds it."""
    made = EvidenceWorld(tmp_path / "registry")
    (tmp_path / "1.root.json").write_bytes(made.trusted_root)
    return made


@pytest.fixture
def run(world: EvidenceWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program on a bundle where any use of the network fails."""

    def refuse(*_args: object, **_options: object) -> Any:
        pytest.fail("trm-verify went to the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)

    def run(data: bytes, *options: str, root: Path = tmp_path / "1.root.json") -> Result:
        bundle = tmp_path / "bundle.zip"
        bundle.write_bytes(data)
        return CliRunner().invoke(app, [str(bundle), "--root", str(root), *options])

    return run


def test_what_is_proved_ends_with_0(world: EvidenceWorld, run: Run) -> None:
    """And says so in plain words, without any network."""
    done = run(world.make_proved())
    assert done.exit_code == 0
    assert "PROVED. Every message in this bundle" in done.stdout
    assert done.stdout.rstrip().endswith(KOSOVO_FOOTNOTE)


def test_what_was_altered_ends_with_1(world: EvidenceWorld, run: Run) -> None:
    """One bit is enough."""
    altered = bytearray(world.make_proved())
    altered[len(altered) // 2] ^= 1
    done = run(bytes(altered))
    assert done.exit_code == 1
    assert "NOT GENUINE" in done.stdout
    assert "Proved\n" not in done.stdout


def test_what_is_incomplete_ends_with_3(world: EvidenceWorld, run: Run) -> None:
    """Genuine, without a receipt."""
    done = run(world.make_bundle([world.make_message()], []))
    assert done.exit_code == 3
    assert "GENUINE, BUT NOT EVERYTHING IS PROVED" in done.stdout


def test_what_the_registry_does_not_confirm_ends_with_4(
    world: EvidenceWorld, run: Run, tmp_path: Path
) -> None:
    """The root of other operators."""
    root = tmp_path / "other.root.json"
    root.write_bytes(EvidenceWorld(tmp_path / "other", seed=8).trusted_root)
    done = run(world.make_proved(), root=root)
    assert done.exit_code == 4
    assert "NOT CONFIRMED" in done.stdout


def test_wrong_usage_ends_with_2(world: EvidenceWorld, run: Run, tmp_path: Path) -> None:
    """A missing file, a root that is none, and a page that cannot be written: one clear line."""
    no_root = tmp_path / "contacts.json"
    no_root.write_text("{}")
    large = tmp_path / "large.json"
    large.write_bytes(b" " * 64_001)
    for root, hint in (
        (tmp_path / "missing.json", "cannot be read"),
        (no_root, "not the root of a registry"),
        (large, "not what is asked for"),
    ):
        done = run(world.make_proved(), root=root)
        assert done.exit_code == 2
        assert hint in done.stderr
        assert done.stderr.count("\n") == 1
    done = run(world.make_proved(), "--report", str(tmp_path / "nowhere" / "page.html"))
    assert done.exit_code == 2
    assert CliRunner().invoke(app, []).exit_code == 2


def test_the_help_names_every_exit_code() -> None:
    """A program that calls this one finds there what each means."""
    text = CliRunner().invoke(app, ["--help"]).stdout
    for code in "012345":
        assert f"\n   {code}  " in text or f"\n    {code}  " in text


def test_programs_get_json(world: EvidenceWorld, run: Run) -> None:
    """Every step with its event, signer, claimed time, and the file that proves it."""
    done = run(world.make_proved(), "--json")
    told = json.loads(done.stdout)
    assert (told["outcome"], told["exit_code"], done.exit_code) == ("proved", 0, 0)
    (message,) = told["messages"]
    signed, delivered = message["proved"]
    assert (signed["step"], signed["by"]) == (Step.SIGNED, "the sender")
    assert delivered["event_uri"] == "http://uri.etsi.org/19522/Event/ContentConsignment"
    assert delivered["signer"]["participant"] == "XK"
    assert delivered["file"].startswith("receipts/XK-")
    assert message["claimed"][0]["event"] == "RelayAcceptance"
    assert told["maker"]["participant"] == "AL"


def test_the_page_shows_the_message_and_runs_nothing(
    world: EvidenceWorld, run: Run, tmp_path: Path
) -> None:
    """What a sender wrote is text on the page, also where it looks like a page or hides itself."""
    text = "<script>alert(1)</script> \u202eleft to right"
    message = world.make_message(body={"text": text, "list": [1, None, {"a": True}]})
    data = world.make_bundle([message], [world.make_receipt(message)])
    page = tmp_path / "page.html"
    assert run(data, "--report", str(page)).exit_code == 0
    shown = page.read_text(encoding="utf-8")
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\u202eleft to right" in shown
    assert "body.list[2].a" in shown
    assert "default-src &#x27;none&#x27;" in shown or "default-src 'none'" in shown
    assert "Kosovo*" in shown
    assert "UNSCR 1244/1999" in shown


def test_no_page_is_written_of_what_was_altered(
    world: EvidenceWorld, run: Run, tmp_path: Path
) -> None:
    """There is nothing in it that anybody should read."""
    page = tmp_path / "page.html"
    assert run(world.make_proved() + b"\0", "--report", str(page)).exit_code == 1
    assert not page.exists()


def test_the_program_cannot_reach_a_network() -> None:
    """It does not even load the parts of the product that can."""
    code = (
        "import sys, contact_registry.evidence.cli;"
        "print(sorted({'httpx', 'nats', 'sqlalchemy', 'uvicorn', 'requests', 'urllib3',"
        " 'node', 'hub'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
