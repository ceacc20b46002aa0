"""The signer's tool: what it shows, what it refuses, and that its digest is the page's."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contact_registry.ceremony.digest import speak_digest
from contact_registry.changes.change import Change
from contact_registry.changes.cli import app
from contact_registry.changes.states import ChangeState
from contact_registry.errors import RegistryError, SubmissionRefusedError
from contact_registry.models import serialize_document
from contact_registry.trust.signers import save_public_key, save_signing_key
from protocol.signing import SigningKey
from tests.support.changes import DeskWorld
from tests.support.registry import AL, make_authority, make_contacts, serve_registry


class Holder:
    """Whoever holds AL's directory key: a folder with key, trusted root and the registry held."""

    def __init__(self, folder: Path, desks: DeskWorld, address: str) -> None:
        self.folder, self.desks, self.address = folder, desks, address
        folder.mkdir()
        save_signing_key(folder / "AL.key", desks.world.directory_keys[AL]._key)
        (folder / "1.root.json").write_bytes(desks.world.repository.read_root())
        self.held = folder / "held"
        self.run("keep", self.held, "--hub", address, "--root", folder / "1.root.json")

    def run(self, *words: object, typed: str = "") -> tuple[int, str]:
        """Run a command, and type what it asks for; returns its exit code and what it printed."""
        result = CliRunner().invoke(app, [str(word) for word in words], input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    def download(self, data: bytes) -> Path:
        """Keep a signing file that a page offered."""
        path = self.folder / "AL-2.trm-change"
        path.write_bytes(data)
        return path


@pytest.fixture
def holder(desks: DeskWorld, tmp_path: Path) -> Iterator[Holder]:
    """Serve the registry, and give the holder of AL's directory key."""
    with serve_registry(desks.world) as (address, _host):
        yield Holder(tmp_path / "holder", desks, address)


def test_shown_signed_and_brought_back(holder: Holder) -> None:
    """The tool shows the change from the bytes, signs it, and the desk takes the file."""
    desks = holder.desks
    change = desks.prepare(desks.draft(note="Ring twice."))
    digest = desks.desk.look(change.id).digest
    file = holder.download(desks.desk.export_signing_file(change.id))
    code, shown = holder.run("show", file, "--registry", holder.held)
    assert code == 0
    assert "Change of the contacts of Part. AL (AL): version 2" in shown
    assert "note is now “Ring twice.”; there was none before" in shown
    assert "It needs 1 of 1 keys; signed: 0, missing: 1." in shown
    assert str(digest) in shown
    code, signed = holder.run(
        "sign", file, "--registry", holder.held, "--key", holder.folder / "AL.key",
        typed=f"{str(digest).replace(' ', '-')}\n",
    )  # fmt: skip
    assert code == 0
    assert "that is enough" in signed
    assert str(digest) not in signed
    path = holder.folder / "AL-2.signed.trm-change"
    taken = desks.bring(change, path.read_bytes())
    assert desks.publish(taken).state is ChangeState.PUBLISHED
    code, again = holder.run("send", path, "--hub", holder.address)
    assert code == 0
    assert again.endswith("It was published before: AL, version 2.\n")


def test_prepared_and_sent_without_any_desk(holder: Holder) -> None:
    """A list becomes a signing file, is signed, and is published: JSON for programs on the way."""
    draft = holder.folder / "AL.json"
    draft.write_bytes(serialize_document(make_contacts(AL, note="from a list")))
    file, signed = holder.folder / "new", holder.folder / "signed"
    code, _ = holder.run("prepare", draft, "--registry", holder.held, "--out", file)
    assert code == 0
    code, shown = holder.run("show", file, "--registry", holder.held, "--json")
    told = json.loads(shown)
    assert (code, told["participant"], told["version"], told["missing"]) == (0, "AL", 2, 1)
    assert told["digest"] == speak_digest(told["sha256"])
    assert [c["path"][-1] for c in told["changes"]] == ["note"]
    holder.run(
        "sign", file, "--registry", holder.held, "--key", holder.folder / "AL.key",
        "--digest", told["digest"], "--out", signed,
    )  # fmt: skip
    code, combined = holder.run("combine", file, signed, "--out", holder.folder / "all")
    assert (code, combined) == (0, f"{holder.folder / 'all'}: 1 signature.\n")
    code, sent = holder.run("send", holder.folder / "all", "--hub", holder.address)
    assert code == 0
    assert sent.endswith("Published: AL, version 2, registry version 6.\n")
    assert holder.desks.find_published_note() == "from a list"


def test_all_that_is_new_is_shown(holder: Holder) -> None:
    """A desk that is new is told field by field, a long note to its end: all of it is signed."""
    desks = holder.desks
    note = f"{'Ring twice. ' * 20}Then ring +355 44000000."
    new = make_authority(AL, "new", mailboxes=("new@desk.example",), note=note)
    change = desks.prepare(desks.edit(desks.begin(), new))
    file = holder.download(desks.desk.export_signing_file(change.id))
    _, shown = holder.run("show", file, "--registry", holder.held)
    for words in (
        "desk Desk new (AL-new) is listed.",
        "telephones: voice +35544541821 added.",
        "mailboxes: “new@desk.example” added.",
        "competences: identification for any age, channel assistance added.",
        "Then ring +355 44000000.”",
    ):
        assert words in shown


def test_a_desk_that_lies_about_what_it_offers(holder: Holder) -> None:
    """The page shows one change and offers the file of another, with another node key: seen."""
    desks = holder.desks
    shown = desks.prepare(desks.draft(note="harmless"))
    digest = str(desks.desk.look(shown.id).digest)
    harmful = desks.draft(note="harmless")
    stranger = SigningKey.generate().verify_key
    node = desks.world.node_keys[AL].verify_key
    harmful = desks.desk.put_node_keys(
        harmful.id, [node, stranger], seen=harmful.row_version, actor="attacker"
    )
    file = holder.download(desks.desk.export_signing_file(desks.prepare(harmful).id))
    _, said = holder.run("show", file, "--registry", holder.held)
    assert said.splitlines()[1] == (
        f"ATTENTION: A NEW KEY MAY SPEAK FOR THE NODE: {stranger.key_id}. Whoever holds it "
        "receives this Participant's cases. Let the node's administrator read it out to you "
        "('trm-node registry-key'), by telephone, before you sign."
    )
    with pytest.raises(RegistryError, match="another digest than that of the file"):
        holder.run(
            "sign", file, "--registry", holder.held, "--key", holder.folder / "AL.key",
            "--digest", digest,
        )  # fmt: skip
    assert not (holder.folder / "AL-2.signed.trm-change").exists()


def test_what_is_not_signed(holder: Holder) -> None:
    """A wrong key, nobody to ask, an old file, a file that is there: refused, with the reason."""
    desks = holder.desks
    change = desks.prepare(desks.draft(note="x"))
    file = holder.download(desks.desk.export_signing_file(change.id))
    save_signing_key(holder.folder / "other.key", SigningKey.generate())
    command = ("sign", file, "--registry", holder.held, "--key")
    with pytest.raises(RegistryError, match="not a key that may sign for AL"):
        holder.run(*command, holder.folder / "other.key")
    with pytest.raises(RegistryError, match="another digest"):
        holder.run(*command, holder.folder / "AL.key", typed="\n")
    with pytest.raises(RegistryError, match="the digest was not typed"):
        holder.run(*command, holder.folder / "AL.key", typed="")
    digest = desks.desk.look(change.id).digest
    with pytest.raises(RegistryError, match="is there already and was left as it is"):
        holder.run(*command, holder.folder / "AL.key", "--digest", digest, "--out", file)
    desks.publish_note("meanwhile")
    holder.run("keep", holder.held, "--hub", holder.address)
    code, shown = holder.run("show", file, "--registry", holder.held)
    assert code == 1
    assert "DO NOT SIGN: Version 2 is published" in shown
    with pytest.raises(RegistryError, match=r"Not signed\. Version 2 is published"):
        holder.run(*command, holder.folder / "AL.key", "--digest", digest)


def test_a_key_does_not_say_two_things_under_one_number(holder: Holder) -> None:
    """A change that is opened again and signed anew: only after the first file was given up."""
    desks = holder.desks
    key = holder.folder / "AL.key"

    def sign(change: Change, *more: object) -> Path:
        file, out = holder.folder / f"{change.row_version}.in", holder.folder / "signed"
        file.write_bytes(desks.desk.export_signing_file(change.id))
        out.unlink(missing_ok=True)
        words = ("--key", key, "--digest", desks.desk.look(change.id).digest, "--out", out, *more)
        assert holder.run("sign", file, "--registry", holder.held, *words)[0] == 0
        return out

    first = desks.prepare(desks.draft(note="first"))
    sign(first)
    sign(first)  # the same once more is no other statement
    digest = str(desks.desk.look(first.id).digest)
    opened = desks.desk.reopen(first.id, seen=first.row_version, actor="editor")
    second = desks.prepare(desks.edit(opened, make_authority(AL, note="second")))
    with pytest.raises(RegistryError, match="signed another version 2 of AL") as refused:
        sign(second)
    assert digest in str(refused.value)
    with pytest.raises(RegistryError, match="signed another version 2 of AL"):
        sign(second, "--instead-of", "0" * 60)
    signed = desks.bring(second, sign(second, "--instead-of", digest).read_bytes())
    assert desks.publish(signed).state is ChangeState.PUBLISHED
    older = holder.folder / "older"
    shutil.copytree(holder.held, older)
    holder.run("keep", holder.held, "--hub", holder.address)
    third = desks.prepare(desks.draft(note="third"))
    sign(third)
    holder.held = older
    with pytest.raises(RegistryError, match="bring the newest registry"):
        sign(third)
    key.with_name("AL.key.signed.json").write_bytes(b"{")
    with pytest.raises(RegistryError, match="does not read any more"):
        sign(first)


def test_what_is_not_kept_or_sent(holder: Holder, tmp_path: Path) -> None:
    """No root, another root, an empty folder, an unsigned file: each says what to do."""
    with pytest.raises(RegistryError, match="add --root"):
        holder.run("keep", tmp_path / "fresh", "--hub", holder.address)
    other = tmp_path / "other.root.json"
    other.write_bytes(b"{}")
    with pytest.raises(RegistryError, match="begun with another trusted root"):
        holder.run("keep", holder.held, "--hub", holder.address, "--root", other)
    file = holder.download(
        holder.desks.desk.export_signing_file(holder.desks.prepare(holder.desks.draft(note="x")).id)
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "1.root.json").write_bytes((holder.folder / "1.root.json").read_bytes())
    with pytest.raises(RegistryError, match="holds no registry: bring it"):
        holder.run("show", file, "--registry", empty)
    with pytest.raises(SubmissionRefusedError, match="signatures are not those"):
        holder.run("send", file, "--hub", holder.address)
    key = tmp_path / "node.pub"
    save_public_key(key, SigningKey.generate().verify_key)
    draft = tmp_path / "AL.json"
    draft.write_bytes(serialize_document(make_contacts(AL)))
    with pytest.raises(RegistryError, match="published are signed by a key that this delegation"):
        holder.run("prepare", draft, "--registry", holder.held, "--node-key", key)


def test_the_held_registry_is_verified_again(holder: Holder) -> None:
    """Files of the held registry that somebody altered are not compared with."""
    file = holder.download(
        holder.desks.desk.export_signing_file(
            holder.desks.prepare(
                holder.desks.edit(holder.desks.begin(), make_authority(AL, note="x"))
            ).id
        )
    )
    kept = next(holder.held.glob("verified.*"))
    data = kept.read_bytes()
    kept.write_bytes(data.replace(b"44541821", b"44541822"))
    assert kept.read_bytes() != data
    with pytest.raises(RegistryError):
        holder.run("show", file, "--registry", holder.held)
