"""Each procedure of a ceremony: from the command line, over HTTP, with a crash at every write."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest

from contact_registry.ceremony.signing_file import parse_signing_file
from contact_registry.directory import Directory
from contact_registry.errors import RepositoryStateError, SubmissionRefusedError
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.repository import OnlineSigners, RegistryRepository
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import Submission
from protocol.identifiers import ParticipantCode
from tests.support.ceremonies import CuttingWriter, PowerCutError, Stage, open_stage
from tests.support.registry import AL, MK, Timepiece

Judge = Callable[[Stage, Directory], bool]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Found a registry once, 2 of 3, by the command line; AL and MK have published."""
    with open_stage(tmp_path_factory.mktemp("ceremonies"), Timepiece()) as stage:
        yield stage


@pytest.fixture
def stage(founded: Stage, tmp_path: Path) -> Iterator[Stage]:
    """Go on from the founded registry, and put everything back afterwards."""
    shutil.copytree(founded.folder, tmp_path / "before")
    yield founded
    shutil.rmtree(founded.folder)
    shutil.copytree(tmp_path / "before", founded.folder)
    founded.host.restart()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """Open an HTTP client."""
    with httpx.Client(trust_env=False) as http:
        yield http


def check_publication(stage: Stage, http: httpx.Client, file: str, is_done: Judge) -> Directory:
    """Publish with the power cut at each write in turn; each time the same file goes through then.

    After each cut, a node that has seen the old state and a node that has seen nothing both read a
    whole registry, the old one or the new one.
    """
    before = stage.folder.parent / f"{stage.folder.name}-uncut"
    shutil.copytree(stage.host.folder, before)
    old = stage.client(http, "old").refresh()
    clients, kept = stage.folder / "clients", before.with_name(f"{before.name}-clients")
    shutil.copytree(clients, kept)
    writer = CuttingWriter(cut_at=None)
    stage.host.restart(writer)
    assert stage.publish(file).code == 0
    writes, cut = writer.writes, 0
    for cut in range(writes):
        shutil.rmtree(stage.host.folder)
        shutil.copytree(before, stage.host.folder)
        shutil.rmtree(clients)
        shutil.copytree(kept, clients)
        stage.host.restart(CuttingWriter(cut_at=cut))
        assert stage.publish(file).code == 2
        stage.host.restart()
        for name in ("old", f"new-{cut}"):
            seen = stage.client(http, name).refresh()
            assert seen.version == old.version
            # A new root that fits what is published is in force once it is written, before the
            # last write; the rest follows when the same file is sent again.
            already = is_done(stage, seen)
            assert not already or cut == writes - 1
    assert cut == writes - 1
    assert stage.publish(file).code == 0
    assert stage.publish(file).out == stage.publish(file).out
    after = stage.client(http, "old").refresh()
    assert stage.client(http, "last").refresh() == after
    assert is_done(stage, after)
    shutil.rmtree(before)
    shutil.rmtree(kept)
    return after


def test_a_founding_that_is_cut_off(founded: Stage, tmp_path: Path) -> None:
    """Wherever the founding stops, there is no registry yet, and the same file founds it then."""
    change = parse_signing_file((founded.folder / "founding.complete.json").read_bytes())
    writer, cut = CuttingWriter(cut_at=None), 0

    def open_new(writer: CuttingWriter) -> OperatedRepository:
        keyring = OnlineKeyring.of_file(founded.host.online_key)
        folder = tmp_path / f"{cut}"
        return OperatedRepository(folder, clock=founded.clock, keyring=keyring, write_file=writer)

    open_new(writer).found(change)
    for cut in range(1, writer.writes + 1):
        with pytest.raises(PowerCutError):
            open_new(CuttingWriter(cut_at=cut - 1)).found(change)
        with pytest.raises(RepositoryStateError, match="no registry yet"):
            open_new(CuttingWriter()).load_top()
        open_new(CuttingWriter()).found(change)
        assert codes(open_new(CuttingWriter()).load_directory()) == ["AL", "MK"]
    assert cut > 4


def test_admission(stage: Stage, http: httpx.Client) -> None:
    """Two of three operators admit a Participant; one alone cannot."""
    stage.make_key("ME-directory")
    file = stage.prepare(
        "admit", "admit", "ME", "--directory-key", "public/ME-directory.pub",
        signers=["op-1", "op-3"],
    )  # fmt: skip
    alone = stage.publish("admit.op-1.json")
    assert alone.code == 2
    assert "targets (1 more)" in alone.err
    check_publication(stage, http, file, lambda _, seen: "ME" in codes(seen))
    with patch.object(stage.host.repository, "read_standing", side_effect=AssertionError):
        old = stage.publish("founding.complete.json")  # told apart without reading everything
        again = stage.publish(file)
    assert "another change was published meanwhile" in old.err
    assert again.code == 0
    stage.submit(stage.sign_contacts("ME", signer="ME-directory", node_keys=[]))


def codes(directory: Directory) -> list[str]:
    """Return the codes of the Participants of a view."""
    return [str(entry.code) for entry in directory.participants]


def test_departure_and_return(stage: Stage, http: httpx.Client) -> None:
    """A Participant leaves, and returns with a new key and the node keys that its people name."""
    file = stage.prepare("depart", "depart", "MK", signers=["op-2", "op-3"])
    left = check_publication(stage, http, file, lambda _, seen: "MK" not in codes(seen))
    assert MK not in left.contacts
    assert MK not in left.keys
    told = stage.do("history", "--repository", "hub/registry", "--last", 2).out
    assert stage.key("op-2").key_id in told
    assert "no longer takes part" in stage.do("diff", 5, 7, "--repository", "hub/registry").out
    assert "MK" in stage.do("show", "--as-of", 5, "--repository", "hub/registry").out

    stage.make_key("MK-directory-2")
    words = ["admit", "MK", "--directory-key", "public/MK-directory-2.pub"]
    refused = stage.run("ceremony", "prepare", *words, *stage.held(), "--out", "x.json")
    assert "bring its contacts with --contacts" in refused.err
    words += ["--contacts", stage.write_contacts("MK"), "--node-key", "public/MK-node.pub"]
    file = stage.prepare("return", *words, signers=["op-1", "op-2", "MK-directory-2"])
    shown = stage.run("ceremony", "show", file, *stage.held())
    assert shown.code == 1
    assert "RETURNS" in shown.out
    assert "WHOSE NODE IS IT?" in shown.out
    assert stage.key("MK-node").key_id in shown.out
    back = check_publication(stage, http, file, lambda _, seen: "MK" in codes(seen))
    assert MK in back.keys


def test_return_without_a_node(stage: Stage, http: httpx.Client) -> None:
    """A Participant that had a node returns without: nobody finds its old keys."""
    stage.publish(stage.prepare("depart", "depart", "MK", signers=["op-2", "op-3"]))
    contacts = stage.write_contacts("MK")
    file = stage.prepare(
        "return", "admit", "MK", "--directory-key", "public/MK-directory.pub",
        "--contacts", contacts, signers=["op-1", "op-2", "MK-directory"],
    )  # fmt: skip
    assert stage.publish(file).code == 0
    back = stage.client(http, "new").refresh()
    assert MK in back.contacts
    assert MK not in back.keys


def test_lost_directory_key(stage: Stage, http: httpx.Client) -> None:
    """The operators name a new directory key, and the contacts are signed anew with it."""
    stage.make_key("AL-directory-2")
    words = ["directory-key", "AL", "--directory-key", "public/AL-directory-2.pub"]
    file = stage.prepare("lost", *words, signers=["op-1", "op-2", "AL-directory-2"])
    without = stage.run(
        "ceremony", "combine", "lost.op-1.json", "lost.op-2.json", "--out", "w.json"
    )
    assert without.code == 0
    assert "AL (1 more)" in stage.publish("w.json").err
    expected = stage.client(http, "expected").refresh()

    def is_done(stage: Stage, seen: Directory) -> bool:
        return new_key_signs(stage, "AL", "AL-directory-2")

    seen = check_publication(stage, http, file, is_done)
    assert (seen.contacts, seen.keys) == (expected.contacts, expected.keys)
    stage.submit(
        stage.sign_contacts("AL", signer="AL-directory-2", node_keys=["AL-node"], note="by the new")
    )


def new_key_signs(stage: Stage, role: str, name: str) -> bool:
    """Whether the published registry counts this key for a role."""
    delegations = stage.host.repository.load_top().targets.delegations
    return delegations is not None and (delegations.roles or {})[role].keyids == [
        stage.key(name).key_id
    ]


def test_stolen_directory_key(stage: Stage, http: httpx.Client) -> None:
    """What a thief published, a node key of its own too, is replaced in one step."""
    right = stage.client(http, "right").refresh()
    stage.make_key("thief-node")
    both = ["AL-node", "thief-node"]
    stage.submit(stage.sign_contacts("AL", signer="AL-directory", node_keys=both, note="call me"))
    stage.submit(stage.sign_keys("AL", signer="thief-node"))
    stage.submit(
        stage.sign_contacts("AL", signer="AL-directory", node_keys=["thief-node"], note="call me")
    )
    assert stage.client(http, "misled").refresh().keys[AL] != right.keys[AL]

    stage.make_key("AL-directory-2")
    keys = stage.folder / "AL-keys.json"
    keys.write_bytes(
        httpx.Response(200, json=stage.sign_keys("AL", signer="AL-node").to_json()).content
    )
    words = [
        "directory-key", "AL", "--directory-key", "public/AL-directory-2.pub",
        "--contacts", stage.write_contacts("AL"), "--node-key", "public/AL-node.pub",
    ]  # fmt: skip
    lacking = stage.run("ceremony", "prepare", *words, *stage.held(), "--out", "lacking.json")
    shown = stage.run("ceremony", "show", "lacking.json", *stage.held())
    assert (lacking.code, shown.code) == (0, 2)
    assert "The file must bring AL-node signed anew" in shown.err
    file = stage.prepare("theft", *words, "--keys", "AL-keys.json",
                         signers=["op-1", "op-2", "AL-directory-2"])  # fmt: skip
    shown = stage.run("ceremony", "show", file, *stage.held(), "--known", "public")
    told = " ".join(shown.out.split())
    assert f"key {stage.key('thief-node').key_id} [thief-node] is TAKEN AWAY" in told
    assert "note is taken out; it was “call me”" in told
    seen = check_publication(
        stage, http, file, lambda stage, _: new_key_signs(stage, "AL", "AL-directory-2")
    )
    assert seen.contacts[AL] == right.contacts[AL]
    assert {k.key_id for k in seen.keys[AL].signing_keys} == {
        k.key_id for k in right.keys[AL].signing_keys
    }


def test_a_thief_who_is_always_faster(stage: Stage, http: httpx.Client) -> None:
    """Who publishes again and again stops a new key, but neither the departure nor the return."""
    stage.make_key("AL-directory-2")
    new = ["AL", "--directory-key", "public/AL-directory-2.pub", "--contacts",
           stage.write_contacts("AL"), "--node-key", "public/AL-node.pub"]  # fmt: skip
    signers = ["op-1", "op-2", "AL-directory-2"]
    late = stage.prepare("late", "directory-key", *new, signers=signers)

    def steal() -> Submission:
        return stage.sign_contacts(
            "AL", signer="AL-directory", node_keys=["AL-node"], note="call me"
        )

    stage.submit(steal())
    assert "another change was published meanwhile" in stage.publish(late).err
    given_up = stage.run("ceremony", "show", late, "--registry", "copy", "--root", "1.root.json")
    prepared = stage.do("ceremony", "prepare", "depart", "AL", *stage.held(), "--out", "out.json")
    for signer, more in (("op-1", ["--instead-of", given_up.digest]), ("op-3", [])):
        stage.do("ceremony", "sign", "out.json", "--key", f"keys/{signer}.key", "--digest",
                 prepared.digest, *more, *stage.held())  # fmt: skip
    stage.do("ceremony", "combine", "out.op-1.json", "out.op-3.json", "--out", "out.all.json")
    once_more = steal()
    stage.submit(once_more)
    assert stage.publish("out.all.json").code == 0
    url = f"{stage.address}/registry/submissions"
    refused = httpx.post(url, json=once_more.to_json(), trust_env=False)
    assert refused.json()["code"] == "unknown_role"
    assert stage.publish(stage.prepare("back", "admit", *new, signers=signers)).code == 0
    seen = stage.client(http, "after").refresh()
    assert seen.contacts[AL] == stage.contacts("AL")
    assert AL in seen.keys


def root_holders(stage: Stage) -> tuple[set[str], int]:
    """Return whose signatures the published root counts, and how many it needs."""
    role = stage.host.repository.load_top().root.roles["root"]
    return set(role.keyids), role.threshold


def test_lost_operator_key(stage: Stage, http: httpx.Client) -> None:
    """Two operators replace the third one's lost key, and the old one has no say any more."""
    stage.make_key("op-4")
    lost = stage.key("op-3").key_id
    words = ["operators", "--remove", lost, "--add", "public/op-4.pub"]
    file = stage.prepare("lost", *words, signers=["op-1", "op-2"])
    new = {stage.key(name).key_id for name in ("op-1", "op-2", "op-4")}
    check_publication(stage, http, file, lambda stage, _: root_holders(stage) == (new, 2))
    renewal = stage.run("ceremony", "prepare", "renew", *stage.held(), "--out", "renew.json")
    outcome = stage.run("ceremony", "sign", "renew.json", "--key", "keys/op-3.key", "--digest",
                        renewal.digest, *stage.held())  # fmt: skip
    assert outcome.code == 2
    assert "has no say" in outcome.err


def test_stolen_operator_key(stage: Stage, http: httpx.Client) -> None:
    """The others take a stolen key away although the published list carries its signature."""
    stage.make_key("op-4")
    stolen = stage.key("op-1").key_id
    words = ["operators", "--remove", stolen, "--add", "public/op-4.pub"]
    file = stage.prepare("stolen", *words, signers=["op-2", "op-3"])
    shown = stage.run("ceremony", "show", file, *stage.held(), "--known", "public")
    assert f"key {stolen} [op-1] is TAKEN AWAY" in " ".join(shown.out.split())
    new = {stage.key(name).key_id for name in ("op-2", "op-3", "op-4")}
    check_publication(stage, http, file, lambda stage, _: root_holders(stage) == (new, 2))


def test_change_of_thresholds(stage: Stage, http: httpx.Client) -> None:
    """More signatures can be asked for: the new number has to sign, beside the old one."""
    words = ["operators", "--threshold", 3]
    prepared = stage.run("ceremony", "prepare", *words, *stage.held(), "--out", "three.json")
    complete = stage.sign("three.json", ["op-1", "op-2"], digest=prepared.digest, name="three")
    assert "root (1 more)" in stage.publish(complete).err
    file = stage.prepare("three-of-three", *words, signers=["op-1", "op-2", "op-3"])
    check_publication(stage, http, file, lambda stage, _: root_holders(stage)[1] == 3)


def test_renewal(stage: Stage, http: httpx.Client) -> None:
    """Root and list of Participants are signed again before they run out, and nothing else."""
    stage.clock.move(timedelta(days=160))
    try:
        stage.host.restart()
        stage.host.repository.refresh_timestamp(stage.host.repository.follow_root())
        due = stage.run("ceremony", "keys", *stage.held())
        assert due.code == 1
        assert "targets, version 1: 2 of 3; holds until" in due.out
        assert "<- RENEW" in due.out
        before = stage.client(http, "before").refresh()
        file = stage.prepare("renewal", "renew", signers=["op-1", "op-2"])
        top = stage.host.repository.load_top()
        old = top.targets.expires
        seen = check_publication(
            stage, http, file, lambda s, _: s.host.repository.load_top().targets.expires > old
        )
        assert seen.participants == before.participants
        assert stage.run("ceremony", "keys", *stage.held()).out.count("<- RENEW") == 4
    finally:
        stage.clock.move(-timedelta(days=160))


def test_compromised_online_key(stage: Stage, http: httpx.Client) -> None:
    """The host's new key signs from the ceremony on; what the old one signs is refused."""
    stage.make_key("registry-online-2", folder="hub")
    file = stage.prepare(
        "online", "online-key", "public/registry-online-2.pub", signers=["op-1", "op-3"]
    )
    new = stage.key("registry-online-2").key_id

    def is_done(stage: Stage, _: Directory) -> bool:
        return stage.host.repository.load_top().root.roles["timestamp"].keyids == [new]

    check_publication(stage, http, file, is_done)
    old = RegistrySigner(stage.key("registry-online"))
    late = RegistryRepository(stage.host.folder, clock=stage.clock)
    with pytest.raises(SubmissionRefusedError, match="root version 1, and version 2 is in force"):
        late.accept(stage.sign_keys("AL", signer="AL-node"), OnlineSigners(old, old))
    (stage.folder / "hub" / "registry-online.key").unlink()
    stage.host.restart()
    stage.submit(stage.sign_keys("AL", signer="AL-node"))
    assert stage.client(http, "later").refresh().version > 0


def test_online_key_must_be_at_the_host(stage: Stage) -> None:
    """A root that names a key which the host does not hold is refused with what to do."""
    stage.make_key("elsewhere")
    file = stage.prepare("online", "online-key", "public/elsewhere.pub", signers=["op-1", "op-3"])
    refused = stage.publish(file)
    assert refused.code == 2
    assert "no key file of this registry host holds it" in refused.err


def test_node_key_rotation_needs_no_ceremony(stage: Stage, http: httpx.Client) -> None:
    """Its own people name the old and the new node key, the node signs with the new one, done."""
    stage.make_key("AL-node-2")
    both = ["AL-node", "AL-node-2"]
    stage.submit(stage.sign_contacts("AL", signer="AL-directory", node_keys=both))
    stage.submit(stage.sign_keys("AL", signer="AL-node-2"))
    stage.submit(stage.sign_contacts("AL", signer="AL-directory", node_keys=["AL-node-2"]))
    seen = stage.client(http, "after").refresh()
    wanted = stage.key("AL-node-2 messages").key_id
    assert [key.key_id for key in seen.keys[ParticipantCode("AL")].signing_keys] == [wanted]


def test_stolen_node_key(stage: Stage, http: httpx.Client) -> None:
    """A thief who publishes in the node's name is thrown out in one step, without any operator."""
    stage.submit(stage.sign_keys("AL", signer="AL-node"))  # the thief has this key, too
    stage.make_key("AL-node-2")
    both = stage.sign_contacts("AL", signer="AL-directory", node_keys=["AL-node-2"])
    refused = httpx.post(
        f"{stage.address}/registry/submissions", json=both.to_json(), trust_env=False
    )
    assert refused.json()["code"] == "delegation_not_allowed"
    version = stage.host.repository.role_status("AL-node").version + 1
    signed = stage.sign_keys("AL", signer="AL-node-2", version=version)
    (stage.folder / "AL-keys.json").write_text(json.dumps(signed.to_json()))
    file = stage.prepare(
        "node", "node-key", "AL", "--node-key", "public/AL-node-2.pub", "--keys", "AL-keys.json",
        signers=["AL-directory"],
    )  # fmt: skip
    unsigned = stage.publish("node.json")
    assert "Nobody who decides over it has signed this file" in unsigned.err
    new = stage.key("AL-node-2 messages").key_id
    seen = check_publication(
        stage, http, file, lambda _, seen: seen.keys[AL].signing_keys[0].key_id == new
    )
    assert seen.contacts[AL] == stage.contacts("AL")
    late = stage.sign_keys("AL", signer="AL-node")
    again = httpx.post(
        f"{stage.address}/registry/submissions", json=late.to_json(), trust_env=False
    )
    assert again.json()["code"] == "not_signed"
