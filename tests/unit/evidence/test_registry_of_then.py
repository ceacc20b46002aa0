"""Keys are proved by the registry of the day that a message claims, from the trusted root."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, MetaFile, Snapshot

from contact_registry.errors import RegistryRefusedError
from contact_registry.evidence.container import pack_members
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from contact_registry.trust.layout import ExpiryPeriods, keys_path
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import build_keys_submission
from protocol.evidence.steps import Step
from protocol.messages.head import RegistryPin
from tests.support.evidence import AL, MK, EvidenceWorld
from tests.support.evidence_verdicts import exchange, judge, read, steps
from tests.support.registry import make_signer

HOUR = timedelta(hours=1)


def test_expiry_is_judged_as_of_the_message(world: EvidenceWorld) -> None:
    """Years later everything in the registry has run out; what was proved stays proved."""
    data = world.make_proved()
    world.clock.move(timedelta(days=3650))
    assert judge(world, data).outcome is Outcome.PROVED


def test_a_registry_that_had_run_out_does_not_vouch(world: EvidenceWorld) -> None:
    """A message from long after its registry version ran out was not covered by that version."""
    pin = world.pin()
    composed = world.clock() + timedelta(days=8)
    message = world.make_message(composed_at=composed.isoformat().replace("+00:00", "Z"))
    assert message.consignment.sender == AL
    receipt = world.make_receipt(message, pin=pin)
    verdict = judge(world, world.make_bundle([message], [receipt]))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert "snapshot of version 7 had run out" in read(verdict)
    assert steps(verdict) == [Step.DELIVERED]


def test_a_participant_that_signs_late_has_its_grace(tmp_path: Path) -> None:
    """An entry that ran out a little before counts, as it does for a node; not one long overdue."""
    long_lived = ExpiryPeriods(snapshot=timedelta(days=400))
    world = EvidenceWorld(tmp_path / "registry", expiry=long_lived)
    for days, outcome in ((100, Outcome.PROVED), (121, Outcome.UNTRUSTED)):
        at = (world.clock() + timedelta(days=days)).isoformat().replace("+00:00", "Z")
        message, receipt = exchange(world, composed_at=at)
        verdict = judge(world, world.make_bundle([message], [receipt]))
        assert verdict.outcome is outcome, read(verdict)


def test_a_key_counts_from_its_first_to_its_last_moment(world: EvidenceWorld) -> None:
    """Before and after its validity a listed key proves nothing."""
    end = world.clock() + HOUR
    world.publish_keys(AL, document=world.make_keys_document(AL, valid_to=end))
    for minutes, outcome in (
        (-1, Outcome.UNTRUSTED),
        (0, Outcome.PROVED),
        (59, Outcome.PROVED),
        (60, Outcome.UNTRUSTED),
    ):
        at = world.clock() + timedelta(minutes=minutes)
        message, receipt = exchange(world, composed_at=at.isoformat().replace("+00:00", "Z"))
        verdict = judge(world, world.make_bundle([message], [receipt]))
        assert verdict.outcome is outcome, (minutes, read(verdict))


def test_a_withdrawn_key_still_proves_what_was_signed_before(world: EvidenceWorld) -> None:
    """A message rests on the version that it names: later changes of keys take nothing away."""
    message, receipt = exchange(world)
    before = world.keys[AL]
    world.keys[AL] = world.make_key()
    world.publish_keys(AL)
    verdict = judge(world, world.make_bundle([message], [receipt]))
    assert verdict.outcome is Outcome.PROVED
    assert message.signer == before.key_id != world.keys[AL].key_id


def test_a_withdrawn_key_proves_nothing_under_a_later_version(world: EvidenceWorld) -> None:
    """Whoever stole a key cannot sign on a registry that no longer lists it."""
    stolen = world.keys[AL]
    world.keys[AL] = world.make_key()
    world.publish_keys(AL)
    message, receipt = exchange(world, key=stolen)
    verdict = judge(world, world.make_bundle([message], [receipt]))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert Step.SIGNED not in steps(verdict)
    assert f"does not list key {stolen.key_id} for AL" in read(verdict)


def test_another_participants_listed_key_is_no_ones_but_its_own(world: EvidenceWorld) -> None:
    """MK cannot sign for AL, though the registry lists its key."""
    message, receipt = exchange(world, key=world.keys[MK])
    verdict = judge(world, world.make_bundle([message], [receipt]))
    assert verdict.outcome is Outcome.UNTRUSTED


def test_another_registrys_root_confirms_nothing(world: EvidenceWorld, tmp_path: Path) -> None:
    """Two registries have a root 1 each: the one in the bundle is not taken for the trusted one."""
    other = EvidenceWorld(tmp_path / "other", seed=8)
    verdict = verify_bundle(world.make_proved(), trusted_root=other.trusted_root)
    assert verdict.outcome is Outcome.UNTRUSTED
    assert verdict.judgement.messages == ()
    assert "not the one that is trusted" in read(verdict)
    assert "NOT CONFIRMED" in read(verdict)


def test_a_later_root_of_other_operators_confirms_nothing(
    world: EvidenceWorld, tmp_path: Path
) -> None:
    """Of a root version that the bundle does not have it is the signatures that do not fit."""
    other = EvidenceWorld(tmp_path / "other", seed=8)
    verdict = verify_bundle(world.make_proved(), trusted_root=other.rotate_root())
    assert verdict.outcome is Outcome.UNTRUSTED
    assert [message.proofs for message in verdict.judgement.messages] == [()]


def test_a_trusted_root_may_have_been_wrapped_anew(world: EvidenceWorld) -> None:
    """A mail program that adds a line or drops blanks changes nothing that was signed."""
    root = json.dumps(json.loads(world.trusted_root)).encode() + b"\n"
    assert root != world.trusted_root
    assert verify_bundle(world.make_proved(), trusted_root=root).outcome is Outcome.PROVED


def test_a_root_that_is_none_is_wrong_usage(world: EvidenceWorld) -> None:
    """That is no statement about the bundle, so it is no verdict."""
    with pytest.raises(RegistryRefusedError):
        verify_bundle(world.make_proved(), trusted_root=b"{}")


def test_the_chain_of_roots_is_followed_from_the_trusted_one(world: EvidenceWorld) -> None:
    """After a rotation both the first root and the newest one lead to what follows."""
    newest = world.rotate_root()
    data = world.make_proved()
    for root in (world.trusted_root, newest):
        assert verify_bundle(data, trusted_root=root).outcome is Outcome.PROVED


@pytest.mark.parametrize("operators", [1, 2])
def test_too_few_operators_cannot_make_a_root(world: EvidenceWorld, operators: int) -> None:
    """Two of three have to sign: a root by one of them ends the trust."""
    message, receipt = exchange(world)
    contents = world.make_contents([message], [receipt])
    signed = world.sign_next_root(keys=world.operators[:operators])
    contents = replace(contents, roots={**contents.roots, 2: signed})
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is (Outcome.PROVED if operators == 2 else Outcome.UNTRUSTED)


def test_the_past_stays_proved_when_the_hub_changes_its_key(world: EvidenceWorld) -> None:
    """It verifies under the root of then, and it is said that a newer one has replaced that."""
    message, receipt = exchange(world)
    contents = world.make_contents([message], [receipt])
    newer = world.sign_next_root(keys=world.operators[:2], online=make_signer())
    contents = replace(contents, roots={**contents.roots, 2: newer})
    data = pack_members(world.make_members(contents))
    verdict = judge(world, data)
    assert verdict.outcome is Outcome.PROVED
    assert "rests on root 1, which a newer one has replaced" in read(verdict)
    from_newer = verify_bundle(data, trusted_root=newer)
    assert from_newer.outcome is Outcome.UNTRUSTED
    assert "the root given is newer than what it is to prove" in read(from_newer)


def test_the_hub_cannot_list_a_key_of_its_own(world: EvidenceWorld) -> None:
    """It signs the snapshot, and the snapshot only: AL's keys are signed under AL's delegation."""
    hub_key = world.make_key()
    world.keys[AL] = hub_key
    submission = build_keys_submission(
        world.make_keys_document(AL),
        previous_version=1,
        signer=RegistrySigner(hub_key),
        expires=world.clock() + timedelta(days=90),
    )
    before = world.pin()
    snapshot = Metadata[Snapshot].from_bytes(world.objects()[before.sha256])
    snapshot.signed.version += 1
    snapshot.signed.meta["AL-node.json"] = MetaFile(
        2, len(submission.metadata), {"sha256": _hash(submission.metadata)}
    )
    snapshot.sign(world.online.snapshot)
    data = snapshot.to_bytes()
    files = (data, submission.metadata, submission.targets[keys_path(AL)])
    world.elsewhere |= {_hash(file): file for file in files}
    forged = RegistryPin(version=before.version + 1, sha256=_hash(data))

    message = world.make_message(key=hub_key, registry=forged.model_dump())
    receipt = world.make_receipt(message)
    contents = world.make_contents([message], [receipt], skip=[forged])
    contents = replace(contents, objects={**contents.objects, **world.elsewhere})
    verdict = judge(world, pack_members(world.make_members(contents, maker=MK)))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert steps(verdict) == [Step.DELIVERED]
    assert "metadata of AL-node does not verify" in read(verdict)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
