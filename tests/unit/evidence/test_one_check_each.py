"""Each check of the verifier stands between a forger and a proof: nothing else stops these."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Snapshot, Targets

from contact_registry.errors import RegistryRefusedError
from contact_registry.evidence.container import pack_members, unpack_members
from contact_registry.evidence.registry_proof import PastRegistry
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from contact_registry.trust.layout import LIMITS, ExpiryPeriods
from protocol.envelope import SignedPayload
from protocol.evidence.bundle import name_signed
from protocol.evidence.manifest import CoversCase
from protocol.evidence.steps import Step
from protocol.links import FIRST_PREVIOUS
from protocol.messages.head import RegistryPin
from tests.support.evidence import AL, CASE, MK, XK, EvidenceWorld
from tests.support.evidence_verdicts import exchange, judge, read, sign_again, steps
from tests.support.registry import make_signer

LONG = timedelta(days=4000)


def forge_version(world: EvidenceWorld, role: str, change: Any, *, sign_with: Any) -> RegistryPin:
    """Return a snapshot by the hub's own key that names an altered file of a role."""
    pin = world.pin()
    snapshot = Metadata[Snapshot].from_bytes(world.objects()[pin.sha256])
    meta = snapshot.signed.meta[f"{role}.json"]
    assert meta.hashes
    metadata = Metadata[Targets].from_bytes(world.objects()[meta.hashes["sha256"]])
    change(metadata.signed)
    metadata.signatures.clear()
    for signer in sign_with:
        metadata.sign(signer, append=True)
    data = metadata.to_bytes()
    meta.length, meta.hashes = len(data), {"sha256": _hash(data)}
    snapshot.sign(world.online.snapshot)
    forged = snapshot.to_bytes()
    world.elsewhere |= {_hash(file): file for file in (data, forged)}
    return RegistryPin(version=pin.version, sha256=_hash(forged))


def judge_on(world: EvidenceWorld, pin: RegistryPin) -> tuple[Outcome, list[Step], str]:
    """Judge a message that rests on this registry."""
    message = world.make_message(registry=pin.model_dump())
    receipt = world.make_receipt(message)
    contents = world.make_contents([message], [receipt], skip=[pin])
    contents = replace(contents, objects={**contents.objects, **world.elsewhere})
    verdict = judge(world, pack_members(world.make_members(contents)))
    return verdict.outcome, steps(verdict), read(verdict)


# ------------------------------------------------------------------ the registry


def _nothing(_signed: Targets) -> None:
    """Change nothing: only who signs it differs."""


def test_the_list_of_participants_is_signed_by_enough_operators(world: EvidenceWorld) -> None:
    """The hub and one operator are too few; two make it a second registry of the version."""
    for count, outcome in ((0, Outcome.UNTRUSTED), (1, Outcome.UNTRUSTED), (2, Outcome.INCOMPLETE)):
        pin = forge_version(world, "targets", _nothing, sign_with=world.operators[:count])
        found, proved, text = judge_on(world, pin)
        assert found is outcome, text
        assert (Step.SIGNED in proved) == (count == 2)


def test_who_is_not_listed_has_no_keys(world: EvidenceWorld) -> None:
    """A delegation that was left standing does not make a Participant of whom the list omits."""
    pin = world.pin()

    def omit_al(signed: Targets) -> None:
        target = signed.targets["participants.json"]
        listed = json.loads(world.objects()[target.hashes["sha256"]])
        listed["participants"] = [it for it in listed["participants"] if it["code"] != AL]
        data = json.dumps(listed).encode()
        world.elsewhere[_hash(data)] = data
        target.length, target.hashes = len(data), {"sha256": _hash(data)}

    forged = forge_version(world, "targets", omit_al, sign_with=world.operators[:2])
    assert forged != pin
    outcome, proved, text = judge_on(world, forged)
    assert (outcome, proved) == (Outcome.UNTRUSTED, [Step.DELIVERED])
    assert "does not list key" in text


def test_a_participants_own_entry_is_signed_by_its_directory_key(world: EvidenceWorld) -> None:
    """Another Participant's key does not do; its own one makes a second registry of the version."""
    for signer, outcome in (
        (world.directory_keys[MK], Outcome.UNTRUSTED),
        (world.node_keys[AL], Outcome.UNTRUSTED),
        (world.directory_keys[AL], Outcome.INCOMPLETE),
    ):
        pin = forge_version(world, "AL", _nothing, sign_with=[signer])
        assert judge_on(world, pin)[0] is outcome


def test_a_role_of_another_version_than_named_is_refused(world: EvidenceWorld) -> None:
    """Signed as it is: the snapshot speaks of another."""

    def raise_version(signed: Targets) -> None:
        signed.version += 1

    pin = forge_version(world, "AL-node", raise_version, sign_with=[world.node_keys[AL]])
    outcome, proved, text = judge_on(world, pin)
    assert (outcome, proved) == (Outcome.UNTRUSTED, [Step.DELIVERED])
    assert "stands where version" in text


def test_a_role_lists_its_one_file(world: EvidenceWorld) -> None:
    """A node that lists the keys of another as well is refused as a whole."""

    def list_another(signed: Targets) -> None:
        own = signed.targets["participants/AL/keys.json"]
        signed.targets["participants/MK/keys.json"] = own

    pin = forge_version(world, "AL-node", list_another, sign_with=[world.node_keys[AL]])
    outcome, _, text = judge_on(world, pin)
    assert outcome is Outcome.UNTRUSTED
    assert "and nothing else" in text


def test_a_node_lists_its_own_keys_only(world: EvidenceWorld) -> None:
    """The file may stand in the right place: it has to speak of this Participant, too."""
    keys = world.make_keys_document(MK).model_dump_json().encode()
    world.elsewhere[_hash(keys)] = keys

    def speak_of_another(signed: Targets) -> None:
        target = signed.targets["participants/AL/keys.json"]
        target.length, target.hashes = len(keys), {"sha256": _hash(keys)}

    pin = forge_version(world, "AL-node", speak_of_another, sign_with=[world.node_keys[AL]])
    message = world.make_message(registry=pin.model_dump(), key=world.keys[MK])
    contents = world.make_contents([message], [world.make_receipt(message)], skip=[pin])
    contents = replace(contents, objects={**contents.objects, **world.elsewhere})
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert "These are the keys of MK" in read(verdict)


def test_new_operators_have_to_sign_their_own_root(world: EvidenceWorld) -> None:
    """The old ones alone could otherwise name keys that nobody holds."""
    message, receipt = exchange(world)
    new = [make_signer() for _ in range(2)]
    root = world.sign_next_root(keys=world.operators[:2], operators=new)
    contents = replace(world.make_contents([message], [receipt]), roots={**world.roots(), 2: root})
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is Outcome.UNTRUSTED


@pytest.mark.parametrize("trick", ["another-version", "too-large"])
def test_a_root_stands_under_its_own_number_and_has_a_size(
    world: EvidenceWorld, trick: str
) -> None:
    """The first root again, as the second; the second, with a book of blanks behind it."""
    message, receipt = exchange(world)
    second = world.sign_next_root(keys=world.operators[:2]) + b" " * LIMITS.root
    roots = {1: world.trusted_root, 2: world.trusted_root if trick[0] == "a" else second}
    contents = replace(world.make_contents([message], [receipt]), roots=roots)
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert ("out of order" if trick[0] == "a" else "larger than any") in read(verdict)


def test_a_trusted_root_is_signed_too(world: EvidenceWorld) -> None:
    """One that too few signed is damaged, whoever handed it over."""
    root = json.loads(world.trusted_root)
    root["signatures"] = root["signatures"][:1]
    with pytest.raises(RegistryRefusedError):
        verify_bundle(world.make_proved(), trusted_root=json.dumps(root).encode())


def test_a_file_is_what_its_hash_says_wherever_it_comes_from(world: EvidenceWorld) -> None:
    """A node's database that returns another file is found out as well."""
    pin = world.pin()
    world.publish_contacts(MK, note="moved")
    other = world.objects()[world.pin().sha256]
    registry = PastRegistry(
        trusted_root=world.trusted_root, roots=world.roots(), find_object=lambda _: other
    )
    with pytest.raises(RegistryRefusedError, match="under the hash of another"):
        registry.find_version(pin)


def test_blanks_around_a_snapshot_are_no_second_registry(world: EvidenceWorld) -> None:
    """Anybody can add one, and would otherwise prove that the operators showed two registries."""
    pin = world.pin()
    blank = world.objects()[pin.sha256] + b" "
    world.elsewhere[_hash(blank)] = blank
    wrapped = RegistryPin(version=pin.version, sha256=_hash(blank))
    outcome, proved, text = judge_on(world, wrapped)
    assert (outcome, proved) == (Outcome.PROVED, [Step.SIGNED, Step.DELIVERED])
    assert "different registries" not in text
    large = world.objects()[pin.sha256] + b" " * LIMITS.snapshot
    world.elsewhere = {_hash(large): large}
    wrapped = RegistryPin(version=pin.version, sha256=_hash(large))
    assert judge_on(world, wrapped)[0] is Outcome.UNTRUSTED


@pytest.mark.parametrize("role", ["root", "targets"])
def test_what_the_operators_signed_runs_out(tmp_path: Path, role: str) -> None:
    """Either alone is enough."""
    periods = {"root": LONG, "targets": LONG, "snapshot": LONG} | {role: timedelta(days=3)}
    world = EvidenceWorld(tmp_path / "registry", expiry=ExpiryPeriods(**periods))
    for days, outcome in ((2, Outcome.PROVED), (3, Outcome.UNTRUSTED)):
        at = (world.clock() + timedelta(days=days)).isoformat().replace("+00:00", "Z")
        message, receipt = exchange(world, composed_at=at)
        verdict = judge(world, world.make_bundle([message], [receipt]))
        assert verdict.outcome is outcome, read(verdict)


@pytest.mark.parametrize("renewed", ["entry", "keys"])
def test_what_a_participant_signed_runs_out(tmp_path: Path, renewed: str) -> None:
    """Its entry and its keys each for themselves: renewing one does not prolong the other."""
    periods = ExpiryPeriods(root=LONG, targets=LONG, snapshot=LONG)
    world = EvidenceWorld(tmp_path / "registry", expiry=periods)
    end = world.clock() + timedelta(days=120)
    world.clock.move(timedelta(days=60))
    world.publish_contacts(AL) if renewed == "entry" else world.publish_keys(AL)
    for at, outcome in ((end - timedelta(seconds=1), Outcome.PROVED), (end, Outcome.UNTRUSTED)):
        moment = at.isoformat().replace("+00:00", "Z")
        message, receipt = exchange(world, composed_at=moment)
        verdict = judge(world, world.make_bundle([message], [receipt]))
        assert verdict.outcome is outcome, read(verdict)


# ------------------------------------------------------------------ messages and bundle


@pytest.mark.parametrize(
    ("field", "other"), [("message_id", "ab" * 16), ("sender", "MK"), ("recipient", "MK")]
)
def test_payload_and_consignment_name_the_same(
    world: EvidenceWorld, field: str, other: str
) -> None:
    """Even where the key is listed for whom the payload names."""
    honest = world.make_message()
    payload = json.dumps(json.loads(honest.payload) | {field: other}).encode()
    key = world.keys[MK] if field == "sender" else world.keys[AL]
    twisted = SignedPayload.sign(payload, consignment=honest.consignment, key=key)
    verdict = judge(world, world.make_bundle([twisted], [world.make_receipt(twisted)]))
    assert verdict.outcome is Outcome.ALTERED
    assert Step.SIGNED not in steps(verdict)


def test_a_message_with_a_name_twice_is_refused(world: EvidenceWorld) -> None:
    """Two readers would read two different messages, both signed."""
    honest = world.make_message()
    payload = honest.payload[:-1] + b', "body": {"text": "Nothing."}}'
    twice = SignedPayload.sign(payload, consignment=honest.consignment, key=world.keys[AL])
    verdict = judge(world, world.make_bundle([twice], [world.make_receipt(twice)]))
    assert verdict.outcome is Outcome.ALTERED


def test_a_manifest_is_what_its_key_signed(world: EvidenceWorld) -> None:
    """The signature of another manifest by the same key does not do."""
    members = unpack_members(world.make_proved())
    manifest = members["manifest.json"]
    members["manifest.json"] = manifest.replace(b"2026-03-04T12", b"2026-03-04T13")
    assert members["manifest.json"] != manifest
    assert judge(world, pack_members(members)).outcome is Outcome.ALTERED


@pytest.mark.parametrize("trick", ["added", "taken away", "replaced"])
def test_the_members_are_those_of_the_manifest(world: EvidenceWorld, trick: str) -> None:
    """The manifest stays as it was signed; a member that proves nothing is not free, either."""
    members = unpack_members(world.make_proved())
    if trick == "added":
        members[f"registry/objects/{_hash(b'{}')}.json"] = b"{}"
    elif trick == "taken away":
        del members["report.html"]
    else:
        members["report.html"] += b"<p>And this.</p>"
    verdict = judge(world, pack_members(members))
    assert verdict.outcome is Outcome.ALTERED
    assert verdict.judgement.messages == ()


def test_a_bundle_of_one_message_holds_no_other(world: EvidenceWorld) -> None:
    """What else is in it would stand there as if it belonged to it."""
    message, other = world.make_message(), world.make_message(recipient=MK)
    receipts = [world.make_receipt(message), world.make_receipt(other)]
    verdict = judge(world, world.make_bundle([message, other], receipts))
    assert verdict.outcome is Outcome.ALTERED


def test_a_case_holds_no_message_of_another_case(world: EvidenceWorld) -> None:
    """Two cases in one bundle are two persons in one file."""
    message, other = world.make_message(), world.make_message(recipient=MK, case=None)
    receipts = [world.make_receipt(message), world.make_receipt(other)]
    data = world.make_bundle([message, other], receipts, covers=CoversCase(case=CASE))
    assert judge(world, data).outcome is Outcome.ALTERED


def test_a_bundle_without_a_message_proves_nothing(world: EvidenceWorld) -> None:
    """There is nothing wrong with it, and nothing in it."""
    members = unpack_members(world.make_proved())
    kept = {path: data for path, data in members.items() if not path.startswith("messages/")}
    verdict = judge(world, sign_again(kept, world.keys[AL]))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert "holds no message" in read(verdict)


def test_a_receipt_is_for_the_message_of_its_own_addressee(world: EvidenceWorld) -> None:
    """MK's message of the same id as AL's: XK's receipt to AL does not prove it."""
    message = world.make_message()
    consignment = replace(message.consignment, sender=MK)
    payload = message.payload.replace(b'"sender": "AL"', b'"sender": "MK"')
    copied = SignedPayload.sign(payload, consignment=consignment, key=world.keys[MK])
    receipt = world.make_receipt(message, digest=copied.digest)
    verdict = judge(world, world.make_bundle([copied], [receipt]))
    assert name_signed(copied).startswith("MK-")
    assert steps(verdict) == [Step.SIGNED]


@pytest.mark.parametrize("trick", ["generation", "forged"])
def test_an_honest_sender_is_not_accused(world: EvidenceWorld, trick: str) -> None:
    """One place on two generations of a link, or a second message that it did not sign."""
    place = {"generation": 2 if trick == "generation" else 1, "seq": 1, "prev": FIRST_PREVIOUS}
    key = world.keys[AL] if trick == "generation" else world.make_key()
    messages = [world.make_message(), world.make_message(link=place, key=key)]
    receipt = world.make_receipt(*messages)
    verdict = judge(world, world.make_bundle(messages, [receipt], covers=CoversCase(case=CASE)))
    assert "signed two" not in read(verdict)
    assert verdict.outcome is (Outcome.PROVED if trick == "generation" else Outcome.UNTRUSTED)
    assert messages[0].consignment.recipient == XK


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
