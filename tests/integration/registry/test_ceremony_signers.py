"""What protects a signer: the registry that the signer holds, the digest, and the notebook."""

import json
import shutil
from collections.abc import Iterator

import httpx
import pytest

from contact_registry.ceremony.cli import ceremony_app
from contact_registry.ceremony.cli_prepare import prepare_app
from contact_registry.ceremony.sending import send_signing_file
from contact_registry.ceremony.signing_file import MOST_FILE_BYTES
from contact_registry.errors import RegistryUnavailableError
from tests.support.ceremonies import Outcome, Stage, open_stage
from tests.support.ceremony_transcript import DOCUMENT, rewrite
from tests.support.registry import Timepiece


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Found a registry; the tests below publish nothing in it but what they say."""
    with open_stage(tmp_path_factory.mktemp("signers"), Timepiece()) as stage:
        for name in ("ME-directory", "HR-directory", "op-9"):
            stage.make_key(name)
        yield stage


def admit(stage: Stage, code: str, out: str) -> Outcome:
    """Prepare the admission of a Participant."""
    return stage.do(
        "ceremony", "prepare", "admit", code, "--name", f"Land {code}", "--directory-key",
        f"public/{code}-directory.pub", *stage.held(), "--out", out,
    )  # fmt: skip


def take_key(stage: Stage, operator: str, test: str) -> str:
    """Return a copy of an operator's key that has signed nothing yet, for one test alone."""
    name = f"{operator}-{test}"
    shutil.copy(stage.folder / "keys" / f"{operator}.key", stage.folder / "keys" / f"{name}.key")
    return name


def sign(stage: Stage, file: str, signer: str, digest: str, *more: str) -> Outcome:
    """Sign a file with the digest that was heard."""
    return stage.run("ceremony", "sign", file, "--key", f"keys/{signer}.key", "--digest", digest,
                     *stage.held(), *more)  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [["ceremony", str(command.name)] for command in ceremony_app.registered_commands]
    + [["ceremony", "prepare", str(command.name)] for command in prepare_app.registered_commands],
    ids=" ".join,
)
def test_every_command_teaches(stage: Stage, words: list[str]) -> None:
    """Each command's help says what it does and shows an example."""
    outcome = stage.do(*words, "--help")
    assert f"Example: trm-registry {' '.join(words)}" in " ".join(outcome.out.split())


def test_another_digest_signs_nothing(stage: Stage) -> None:
    """Who hears another digest than the file has signs nothing, and notes nothing."""
    file = admit(stage, "ME", "digest.json")
    other = admit(stage, "HR", "other.json")
    assert file.digest != other.digest
    signer = take_key(stage, "op-1", "digest")
    refused = sign(stage, "digest.json", signer, other.digest)
    assert refused.code == 2
    assert "Nothing was signed" in refused.err
    assert file.digest not in " ".join(refused.out.split())  # it has to come from somebody else
    assert not (stage.folder / f"digest.{signer}.json").exists()
    assert not (stage.folder / "keys" / f"{signer}.key.signed.json").exists()


def test_the_digest_is_typed(stage: Stage) -> None:
    """Asked for the digest, a person types it as it is heard, or stops and has signed nothing."""
    file = admit(stage, "ME", "typed.json")
    stage.make_key("op-5")
    signer = take_key(stage, "op-1", "typed")
    words = ["ceremony", "sign", "typed.json", "--key", f"keys/{signer}.key", *stage.held()]
    for typed in ("", "\n", "12345\n"):
        stopped = stage.run(*words, typed=typed)
        assert stopped.code == 2
        assert "Nothing was signed" in stopped.err
        assert "over the telephone" in stopped.out
    stranger = stage.run(*words[:4], "keys/op-5.key", *stage.held(), typed=file.digest)
    assert "has no say" in stranger.err
    signed = stage.run(*words, "--out", "typed.signed.json", typed=f"{file.digest}\n")
    assert signed.code == 0
    assert "Signed targets" in signed.out
    retold = stage.run("ceremony", "show", "typed.signed.json", *stage.held(), "--known", "public")
    assert f"signed  {stage.key('op-1').key_id} [op-1]" in retold.out


def test_two_statements_under_one_number(stage: Stage) -> None:
    """The notebook refuses a second statement under a number, unless the first was given up."""
    signer = take_key(stage, "op-2", "number")
    first, second = admit(stage, "ME", "first.json"), admit(stage, "HR", "second.json")
    assert sign(stage, "first.json", signer, first.digest).code == 0
    refused = sign(stage, "second.json", signer, second.digest)
    assert refused.code == 2
    assert "signed another version 2 of targets" in refused.err
    assert first.digest in refused.err
    given_up = sign(stage, "second.json", signer, second.digest, "--instead-of", first.digest)
    assert given_up.code == 0
    again = sign(stage, "second.json", signer, second.digest, "--instead-of", first.digest,
                 "--out", "again.json")  # fmt: skip
    assert again.code == 0
    signed = (stage.folder / f"second.{signer}.json").read_bytes()
    assert (stage.folder / "again.json").read_bytes() == signed


def test_two_files_at_once_in_two_windows(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the digest is awaited in one window, the key signs another file in a second one."""
    signer = take_key(stage, "op-2", "windows")
    first, second = admit(stage, "ME", "window-1.json"), admit(stage, "HR", "window-2.json")

    def answer_late() -> str:
        assert sign(stage, "window-2.json", signer, second.digest).code == 0
        return first.digest

    monkeypatch.setattr("contact_registry.ceremony.cli._prompt", answer_late)
    words = ["ceremony", "sign", "window-1.json", "--key", f"keys/{signer}.key", *stage.held()]
    refused = stage.run(*words)
    assert refused.code == 2
    assert "signed another version 2 of targets" in refused.err
    assert not (stage.folder / f"window-1.{signer}.json").exists()
    notebook = (stage.folder / "keys" / f"{signer}.key.signed.json").read_text(encoding="utf-8")
    assert notebook.count('"role"') == 1


def test_an_older_registry_is_not_signed_against(stage: Stage) -> None:
    """A copy from before what the notebook has seen is refused: somebody shows an old state."""
    signer = take_key(stage, "op-3", "old")
    shutil.copytree(stage.host.folder, stage.folder / "old")
    stage.submit(stage.sign_keys("AL", signer="AL-node"))
    new = stage.do("ceremony", "prepare", "renew", *stage.held(), "--out", "renew.json")
    assert sign(stage, "renew.json", signer, new.digest).code == 0
    ground = ["--registry", "old", "--root", "1.root.json"]
    old = stage.do("ceremony", "prepare", "depart", "MK", *ground, "--out", "old.json")
    refused = stage.run("ceremony", "sign", "old.json", "--key", f"keys/{signer}.key", "--digest",
                        old.digest, *ground)  # fmt: skip
    assert refused.code == 2
    assert "somebody shows you an old state" in refused.err


@pytest.mark.parametrize(
    ("noted", "refused"),
    [
        ({"registry": 10**9, "root": 0, "online": "the thief's"}, ""),
        ({"registry": 10**9, "root": 1, "online": "the thief's"}, "version 1000000000"),
        ({"registry": 10**9, "root": 0, "online": ""}, "version 1000000000"),
        ({"registry": 1, "root": 2, "online": "the thief's"}, "version 1 of root"),
    ],
    ids=["replaced", "not-replaced", "not-noted", "old-root"],
)
def test_a_host_that_counted_too_far(
    stage: Stage, request: pytest.FixtureRequest, noted: dict[str, object], refused: str
) -> None:
    """What a stolen host key counted binds a signer until a newer root names another key."""
    case = request.node.callspec.id
    prepared = stage.do("ceremony", "prepare", "renew", *stage.held(), "--out", f"{case}.json")
    signer = take_key(stage, "op-1", case)
    notebook = {"format": "trm-signed/1", "signed": [], **noted}
    path = stage.folder / "keys" / f"{signer}.key.signed.json"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    outcome = sign(stage, f"{case}.json", signer, prepared.digest)
    assert outcome.code == (2 if refused else 0)
    assert refused in outcome.err
    if not refused:
        assert 0 < json.loads(path.read_text(encoding="utf-8"))["registry"] < 10**9


def test_a_damaged_notebook_is_not_passed_over(stage: Stage) -> None:
    """A notebook that does not read stops the signer, and says what it is for."""
    file = admit(stage, "ME", "notebook.json")
    signer = take_key(stage, "op-1", "damage")
    (stage.folder / "keys" / f"{signer}.key.signed.json").write_text("{}x")
    refused = sign(stage, "notebook.json", signer, file.digest)
    assert refused.code == 2
    assert "restore it from a copy" in refused.err


def test_another_registry_is_not_believed(stage: Stage) -> None:
    """A copy that does not begin from the signer's own root, or was altered, shows nothing."""
    admit(stage, "ME", "believed.json")
    copy = stage.folder / "forged"
    shutil.copytree(stage.host.folder, copy)
    root = copy / "metadata" / "1.root.json"
    root.write_bytes(root.read_bytes().replace(b'"version":1', b'"version":1 '))
    ground = ["--registry", "forged", "--root", "1.root.json"]
    refused = stage.run("ceremony", "show", "believed.json", *ground)
    assert refused.code == 2
    assert "does not begin from the trusted root" in refused.err
    shutil.copy(stage.folder / "1.root.json", root)
    document = next((copy / "targets" / "participants" / "AL").glob("*.contacts.json"))
    document.write_bytes(document.read_bytes().replace(b"Desk", b"Dusk"))
    altered = stage.run("ceremony", "show", "believed.json", *ground)
    assert altered.code == 2
    assert "copy it again. If it stays so, sign nothing" in altered.err
    assert "backup" not in altered.err


def test_the_ground_must_be_named(stage: Stage) -> None:
    """Without a registry to compare with nothing is shown, and a founding is said to be one."""
    admit(stage, "ME", "ground.json")
    for words in ([], ["--founding", *stage.held()], stage.held()[:2]):
        refused = stage.run("ceremony", "show", "ground.json", *words)
        assert refused.code == 2
        assert "--founding" in refused.err
    founding = stage.run("ceremony", "show", "ground.json", "--founding")
    assert founding.code == 2
    assert "begins with a root" in founding.err


def test_files_are_never_written_over(stage: Stage) -> None:
    """A file that is there stays, and another name is asked for."""
    admit(stage, "ME", "there.json")
    before = (stage.folder / "there.json").read_bytes()
    words = ["ceremony", "prepare", "depart", "MK", *stage.held(), "--out", "there.json"]
    refused = stage.run(*words)
    assert refused.code == 2
    assert "choose another --out" in refused.err
    assert (stage.folder / "there.json").read_bytes() == before


def test_the_host_refuses_what_no_operator_signed(stage: Stage) -> None:
    """Garbage, too much, and files without any operator's signature change nothing."""
    admit(stage, "ME", "unsigned.json")
    data = (stage.folder / "unsigned.json").read_bytes()
    version = stage.host.repository.published_version()
    url = f"{stage.address}/registry/ceremonies"
    for body, status, code in (
        (b"{}", 400, "malformed"),
        (b" " * (MOST_FILE_BYTES + 1), 413, "too_large"),
        (data, 403, "not_signed"),
        (data.replace(b"parts", b"Parts"), 400, "malformed"),
    ):
        answer = httpx.post(url, content=body, trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
    refused = stage.publish("unsigned.json")
    assert refused.code == 2
    assert "Nobody who decides over it has signed this file" in refused.err
    assert stage.host.repository.published_version() == version


def test_an_unreachable_host_leaves_it_open(stage: Stage) -> None:
    """Without an answer the person is told to send the same file again."""
    admit(stage, "ME", "away.json")
    refused = stage.run("ceremony", "publish", "away.json", "--hub", "http://127.0.0.1:9")
    assert refused.code == 2
    assert "Send the same file again" in refused.err
    away = stage.run("ceremony", "keys", "--registry", "hub.example", "--root", "1.root.json")
    assert "begins with https://" in away.err
    unclear = stage.run("ceremony", "publish", "away.json")
    assert "Name --hub" in unclear.err


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"version": 7, "sha256": "\x1b[2J" + "0" * 60}, "as no registry host does"),
        ({"version": "7", "sha256": "0" * 64}, "as no registry host does"),
        ([], "as no registry host does"),
        ({"version": 7, "sha256": "0" * 64, "more": "x" * 30_000}, "Send the same file again"),
    ],
    ids=["escape-sequence", "no-number", "no-object", "endless"],
)
def test_a_strange_answer_is_not_printed(body: object, told: str) -> None:
    """What a hostile host answers is neither read without end nor shown on the terminal as is."""
    stream = httpx.ByteStream(json.dumps(body).encode())
    answering = httpx.MockTransport(lambda _: httpx.Response(201, stream=stream))
    with (
        httpx.Client(transport=answering) as http,
        pytest.raises(RegistryUnavailableError, match=told),
    ):
        send_signing_file("https://hub.example", b"{}", http=http)


def test_a_key_id_is_read_aloud(stage: Stage) -> None:
    """A holder sees the same key id in the public file and in the key file."""
    shown = stage.do("ceremony", "key-id", "public/op-1.pub", "keys/op-1.key").out.split()
    assert shown[::2] == [stage.key("op-1").key_id] * 2


def test_the_document_shows_what_the_tools_print() -> None:
    """The transcripts in docs/ceremonies.md are what the tools print for the same steps today."""
    written = DOCUMENT.read_text(encoding="utf-8")
    assert rewrite(written) == written, "run: python -m tests.support.ceremony_transcript"
