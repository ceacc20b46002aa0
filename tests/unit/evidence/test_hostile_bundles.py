"""What somebody without any key can do to the verifier itself: crash it, wear it out, mislead."""

import hashlib
import io
import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Snapshot

from contact_registry.errors import RegistryRefusedError
from contact_registry.evidence import cli
from contact_registry.evidence.container import LARGEST_FILE, pack_members, unpack_members
from contact_registry.evidence.presenting import describe_verdict
from contact_registry.evidence.registry_proof import PastRegistry
from contact_registry.evidence.report import write_report
from contact_registry.evidence.verdict import Outcome
from contact_registry.models import KOSOVO_FOOTNOTE, ListedBy
from contact_registry.trust import past
from contact_registry.trust.layout import LIMITS as REGISTRY_LIMITS
from contact_registry.trust.submitting import build_keys_submission
from protocol.errors import MalformedError, RejectionCode
from protocol.evidence.bundle import BundleContents, name_signed
from protocol.evidence.manifest import CoversCase, EventLog
from protocol.evidence.steps import Step
from protocol.limits import LIMITS
from protocol.messages.head import RegistryPin
from protocol.messages.system import ReceiptStatus
from tests.support.evidence import AL, CASE, MK, XK, EvidenceWorld
from tests.support.evidence_verdicts import exchange, judge, read, sign_again, steps

GPG_KEY = {"keytype": "rsa", "scheme": "pgp+rsa-pkcsv1.5", "keyval": {"public": "00"}}


def make_page(world: EvidenceWorld, data: bytes) -> str:
    """Return the page that is written about a bundle."""
    return write_report(judge(world, data).judgement, title="Page", introduction="").decode()


# ------------------------------------------------------------------ crashing it


def test_keys_of_a_root_that_nobody_trusts_are_not_used(world: EvidenceWorld) -> None:
    """A root of the trusted number is compared, not verified: its keys may be of any odd kind."""
    message, receipt = exchange(world)
    root = json.loads(world.trusted_root)
    root["signed"]["keys"] = {"k": GPG_KEY}
    for role in root["signed"]["roles"].values():
        role |= {"keyids": ["k"], "threshold": 1}
    root["signatures"] = [{"keyid": "k", "sig": "00"}]
    contents = replace(
        world.make_contents([message], [receipt]), roots={1: json.dumps(root).encode()}
    )
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert "not the one that is trusted" in read(verdict)


def test_a_root_of_the_trusted_number_has_a_size(world: EvidenceWorld) -> None:
    """It is read before anybody vouches for it."""
    message, receipt = exchange(world)
    large = world.trusted_root + b" " * REGISTRY_LIMITS.root
    contents = replace(world.make_contents([message], [receipt]), roots={1: large})
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert "larger than any can be" in read(verdict)


def test_an_entry_that_never_ends_is_no_crash(world: EvidenceWorld) -> None:
    """Grace after the last day of the calendar is no date."""
    submission = build_keys_submission(
        world.make_keys_document(AL),
        previous_version=1,
        signer=world.node_keys[AL],
        expires=world.clock().replace(year=9999, month=12, day=31),
    )
    before = world.pin()
    snapshot = json.loads(world.objects()[before.sha256])
    snapshot["signed"]["meta"]["AL-node.json"] = {
        "version": 2,
        "length": len(submission.metadata),
        "hashes": {"sha256": _hash(submission.metadata)},
    }
    metadata = Metadata[Snapshot].from_dict(snapshot)
    metadata.sign(world.online.snapshot)
    data = metadata.to_bytes()
    files = (data, submission.metadata, *submission.targets.values())
    world.elsewhere |= {_hash(file): file for file in files}
    pin = RegistryPin(version=before.version, sha256=_hash(data))
    message, receipt = exchange(world, registry=pin.model_dump())
    verdict = judge(world, world.make_bundle([message], [receipt]))
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED]


# ------------------------------------------------------------------ wearing it out


def test_the_directory_is_refused_before_zipfile_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes an object of each entry: a gigabyte of memory out of a file of the allowed size.

    Refused by the directory's size, and where a comment or a second directory hides another size.
    """

    def refuse(*_args: object) -> Any:
        pytest.fail("zipfile was asked")

    data = pack_members({"manifest.json": b"{}"})
    monkeypatch.setattr("contact_registry.evidence.container.zipfile.ZipFile", refuse)
    end = data[-22:]
    large = end[:12] + struct.pack("<I", LIMITS.evidence_files * 200 + 1) + end[16:]
    locator = b"PK\x06\x07" + bytes(16)
    for hostile in (data[:-22] + large, data[:-22] + locator + end, data[:-1] + b"\1", b"PK"):
        with pytest.raises(MalformedError):
            unpack_members(hostile)


def test_a_registry_that_does_not_verify_is_tried_once(
    world: EvidenceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many messages name it, and by whatever number: each try may cost a second."""
    forged = json.loads(world.objects()[world.pin().sha256])
    forged["signatures"] = []
    data = json.dumps(forged).encode()
    messages = [
        world.make_message(registry={"version": at, "sha256": _hash(data)}) for at in (6, 7, 7)
    ]
    contents = BundleContents(
        messages={name_signed(it): it for it in messages},
        receipts={},
        roots=world.roots(),
        objects={_hash(data): data},
        events=EventLog(claimed_by=AL, events=()),
        report=b"",
    )
    tried: list[bytes] = []

    def count(snapshot: bytes, *args: Any, **options: Any) -> past.PastVersion:
        tried.append(snapshot)
        return past.verify_past_version(snapshot, *args, **options)

    monkeypatch.setattr("contact_registry.evidence.registry_proof.verify_past_version", count)
    members = world.make_members(contents, covers=CoversCase(case=CASE))
    verdict = judge(world, pack_members(members))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert tried == [data]


def test_keys_that_do_not_verify_are_tried_once(
    world: EvidenceWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is kept, and said of each message."""
    tried: list[str] = []

    def refuse(_version: object, _source: object, code: str) -> past.PastKeys | None:
        tried.append(code)
        raise RegistryRefusedError("The registry's keys of AL do not verify: altered.")

    monkeypatch.setattr("contact_registry.evidence.registry_proof.verify_past_keys", refuse)
    registry = PastRegistry(
        trusted_root=world.trusted_root, roots=world.roots(), find_object=world.objects().get
    )
    for _ in range(3):
        with pytest.raises(RegistryRefusedError, match="altered"):
            registry.find_signing_key(world.pin(), AL, "ab" * 16, at=world.clock())
    assert tried == [AL]


def test_a_message_nested_deeper_than_any_is_refused(world: EvidenceWorld) -> None:
    """On a page each of its values would carry a path of thousands of characters."""
    for depth, outcome in (
        (LIMITS.json_depth - 1, Outcome.PROVED),
        (LIMITS.json_depth, Outcome.ALTERED),
    ):
        body: Any = [1]
        for _ in range(depth - 1):
            body = {"in": body}
        message, receipt = exchange(world, body=body)
        assert judge(world, world.make_bundle([message], [receipt])).outcome is outcome


# ------------------------------------------------------------------ misleading whoever reads


def test_a_maker_that_is_not_proved_is_not_named_as_a_fact(world: EvidenceWorld) -> None:
    """Anybody can write AL into a manifest."""
    message, receipt = exchange(world)
    proved = read(judge(world, world.make_bundle([message], [receipt])))
    assert proved.startswith("Evidence about one message, put together by AL")
    for options in ({"signed": False}, {"key": world.make_key()}):
        text = read(judge(world, world.make_bundle([message], [receipt], **options)))
        assert text.startswith("A bundle that calls itself evidence about one message")
        assert "that is not proved" in text.splitlines()[0]


def test_nobody_says_that_nothing_was_left_out(world: EvidenceWorld) -> None:
    """A case of which the maker left half out ends with 0: the words must not say more."""
    message, receipt = exchange(world)
    data = world.make_bundle([message], [receipt], covers=CoversCase(case=CASE))
    text = read(judge(world, data))
    assert "Whether there were other messages it does not say." in text
    assert "nothing that belongs to it is missing" not in text


def test_what_nobody_is_proved_to_have_signed_is_not_called_signed(world: EvidenceWorld) -> None:
    """The page shows the text of an unconfirmed message, but says what it is worth."""
    message = world.make_message(key=world.make_key())
    page = make_page(world, world.make_bundle([message], [world.make_receipt(message)]))
    assert "What was signed" not in page
    assert "not proved to be of the sender" in page
    assert "What was signed" in make_page(world, world.make_proved())


def test_the_page_has_every_caveat_of_the_text(tmp_path: Path) -> None:
    """Who has the page alone still reads whose word the proof rests on."""
    world = EvidenceWorld(tmp_path / "held", held_by=ListedBy.OPERATOR)
    page = make_page(world, world.make_proved())
    assert "operators hold the directory key of AL" in page
    assert "operators hold the directory key of Kosovo*" in page


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"a.b": 1, "a": {"b": 2}}, ["body.&quot;a.b&quot;</td><td>1", "body.a.b</td><td>2"]),
        ({"<i>\u202e": 1}, ["body.&quot;&lt;i&gt;\\u202e&quot;"]),
        ({"none": {}, "no": []}, ["body.none</td><td>{}", "body.no</td><td>[]"]),
        ({"a": "one\u2028two\ufdd0"}, ["one\\u2028two\\ufdd0"]),
    ],
    ids=["a-dot-in-a-name", "markup-in-a-name", "empty", "separators"],
)
def test_the_page_shows_each_field_as_what_it_is(
    world: EvidenceWorld, body: dict[str, Any], shown: list[str]
) -> None:
    """No name passes for a path, nothing that was signed is left out, nothing hides."""
    message, receipt = exchange(world, body=body)
    page = make_page(world, world.make_bundle([message], [receipt]))
    assert all(it in page for it in shown), page


def test_the_footnote_follows_the_name_wherever_it_stands(world: EvidenceWorld) -> None:
    """Also where only a claim or a problem names it."""
    message = world.make_message(recipient=MK)
    receipt = world.make_receipt(message)
    foreign = world.make_receipt(message, signer=XK, key=world.keys[MK])
    quiet = world.make_bundle([message], [receipt])
    loud = world.make_bundle([message], [receipt, foreign])
    assert KOSOVO_FOOTNOTE not in read(judge(world, quiet))
    text = read(judge(world, loud))
    assert "for Kosovo*." in text
    assert "for XK" not in text
    assert text.endswith(KOSOVO_FOOTNOTE)
    page = make_page(world, loud)
    assert page.count("UNSCR 1244/1999") == 1


# ------------------------------------------------------------------ what contradicts itself


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (ReceiptStatus.DELIVERED, None, Outcome.INCOMPLETE),
        (ReceiptStatus.REJECTED, RejectionCode.CONFLICT, Outcome.INCOMPLETE),
        (ReceiptStatus.REJECTED, RejectionCode.FORGED, Outcome.PROVED),
    ],
    ids=["took-other-bytes", "refused-a-second-message", "refused-a-forgery"],
)
def test_a_receipt_for_other_bytes_of_the_same_id_shows(
    world: EvidenceWorld, status: ReceiptStatus, reason: RejectionCode | None, outcome: Outcome
) -> None:
    """The recipient signed that it had another genuine message of this id: nobody hides that."""
    message, receipt = exchange(world)
    other = world.make_receipt(message, digest="ab" * 32, status=status, reason=reason)
    verdict = judge(world, world.make_bundle([message], [receipt, other]))
    assert verdict.outcome is outcome
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED]
    assert ("other bytes under the id" in read(verdict)) == (outcome is Outcome.INCOMPLETE)


@pytest.mark.parametrize("status", [ReceiptStatus.DELIVERED, ReceiptStatus.READ])
def test_taken_and_refused_is_a_contradiction(world: EvidenceWorld, status: ReceiptStatus) -> None:
    """Both are signed by the recipient; one of them is not true."""
    message = world.make_message()
    taken = world.make_receipt(message, status=status)
    refused = world.make_receipt(
        message, status=ReceiptStatus.REJECTED, reason=RejectionCode.EXPIRED
    )
    verdict = judge(world, world.make_bundle([message], [taken, refused]))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert "both that it took and that it refused" in read(verdict)


def test_the_makers_registry_counts_among_those_that_differ(tmp_path: Path) -> None:
    """The maker was shown another registry of the same version than the parties."""
    to_parties, to_maker = (EvidenceWorld(tmp_path / name) for name in ("parties", "maker"))
    to_parties.publish_contacts(MK, note="here")
    to_maker.publish_contacts(MK, note="there")
    message, receipt = exchange(to_parties)
    contents = to_parties.make_contents([message], [receipt])
    own = to_maker.collect([to_maker.pin()], [AL])
    contents = replace(contents, objects={**contents.objects, **own})
    verdict = judge(to_maker, pack_members(to_maker.make_members(contents)))
    assert verdict.maker is not None
    assert verdict.outcome is Outcome.INCOMPLETE
    assert "2 different registries of version 8" in read(verdict)


def test_the_log_is_of_whoever_made_the_bundle(world: EvidenceWorld) -> None:
    """AL cannot put claims into the mouth of XK's node."""
    members = unpack_members(world.make_proved())
    log = json.loads(members["events.json"])
    members["events.json"] = json.dumps(log | {"claimed_by": "XK"}).encode()
    verdict = judge(world, sign_again(members, world.keys[AL]))
    assert verdict.outcome is Outcome.ALTERED
    assert describe_verdict(verdict)["exit_code"] == 1


# ------------------------------------------------------------------ the program


@pytest.fixture
def files(world: EvidenceWorld, tmp_path: Path) -> tuple[Path, Path]:
    """Write a proved bundle and the root."""
    bundle, root = tmp_path / "bundle.zip", tmp_path / "1.root.json"
    bundle.write_bytes(world.make_proved())
    root.write_bytes(world.trusted_root)
    return bundle, root


def run_main(
    monkeypatch: pytest.MonkeyPatch, *args: object, stdout: io.TextIOWrapper | None = None
) -> int:
    """Run the program in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["trm-verify", *map(str, args)])
    monkeypatch.setattr(sys, "stdout", stdout or io.TextIOWrapper(io.BytesIO(), "utf-8"))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_a_program_that_breaks_does_not_say_forged(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python ends a program that breaks with 1, which would accuse somebody."""

    def exhaust(*_args: object, **_options: object) -> Any:
        raise MemoryError

    bundle, root = files
    monkeypatch.setattr(cli, "verify_bundle", exhaust)
    assert run_main(monkeypatch, bundle, "--root", root) == 5
    assert "says nothing about the bundle" in capsys.readouterr().err


def test_a_file_larger_than_any_bundle_is_no_bundle(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with 1, as any other file that is none."""
    bundle, root = files
    with bundle.open("r+b") as file:
        file.truncate(LARGEST_FILE + 1_000)
    assert run_main(monkeypatch, bundle, "--root", root) == 1


@pytest.mark.parametrize("place", [0, 1], ids=["bundle", "root"])
def test_the_page_does_not_replace_what_is_checked(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """Evidence is not overwritten by a slip of the keyboard."""
    bundle, root = files
    before = files[place].read_bytes()
    assert run_main(monkeypatch, bundle, "--root", root, "--report", files[place]) == 2
    assert files[place].read_bytes() == before


def test_the_page_is_for_nobody_but_its_owner(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows the messages in clear."""
    bundle, root = files
    page = tmp_path / "page.html"
    assert run_main(monkeypatch, bundle, "--root", root, "--report", page) == 0
    assert page.stat().st_mode & 0o777 == 0o600


def test_who_stops_reading_does_not_change_the_exit_code(files: tuple[Path, Path]) -> None:
    """A pipe that closes early is no forgery."""
    bundle, root = files
    code = (
        "import os, sys; from contact_registry.evidence.cli import main;"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1);"
        f"sys.argv = ['trm-verify', {str(bundle)!r}, '--root', {str(root)!r}]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
