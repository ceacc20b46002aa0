"""What somebody makes who has a key, but not those that signed: each trick is found."""

import json
from dataclasses import replace

import pytest

from contact_registry.evidence.container import pack_members, unpack_members
from contact_registry.evidence.verdict import Outcome
from protocol.envelope import SignedPayload
from protocol.evidence.bundle import name_signed
from protocol.evidence.manifest import CoversCase, CoversMessage
from protocol.evidence.steps import Step
from tests.support.evidence import AL, CASE, MK, XK, EvidenceWorld
from tests.support.evidence_verdicts import exchange, judge, read, sign_again, steps
from tests.support.registry import make_signer


def test_a_payload_under_another_signature_is_a_forgery(world: EvidenceWorld) -> None:
    """A maker that changes a message, and signs the bundle as itself, is found by the message."""
    message, receipt = exchange(world)
    members = world.make_members(world.make_contents([message], [receipt]))
    forged = SignedPayload(
        consignment_bytes=message.consignment_bytes,
        payload=message.payload.replace(b"has arrived", b"has not yet"),
        signer=message.signer,
        signature=message.signature,
    )
    assert forged.payload != message.payload
    members[f"messages/{name_signed(message)}.signed"] = forged.encode()
    verdict = judge(world, sign_again(members, world.keys[AL]))
    assert verdict.outcome is Outcome.ALTERED
    assert steps(verdict) == []


def test_a_payload_that_names_other_parties_than_its_consignment_is_refused(
    world: EvidenceWorld,
) -> None:
    """What was signed for XK cannot speak as a message for MK."""
    message, receipt = exchange(world, recipient=XK)
    twisted = world.make_message()
    payload = twisted.payload.replace(b'"recipient": "XK"', b'"recipient": "MK"')
    assert payload != twisted.payload
    signed = SignedPayload.sign(payload, consignment=twisted.consignment, key=world.keys[AL])
    data = world.make_bundle([message, signed], [receipt], covers=CoversCase(case=CASE))
    assert judge(world, data).outcome is Outcome.ALTERED


@pytest.mark.parametrize(
    "covers",
    [
        CoversMessage(sender="MK", message_id="ab" * 16),
        CoversCase(case="TRM-00000-00000-P"),
    ],
    ids=["message", "case"],
)
def test_a_bundle_is_about_what_its_manifest_says(
    world: EvidenceWorld, covers: CoversMessage | CoversCase
) -> None:
    """A manifest that names another message or case than the bundle holds is not believed."""
    message, receipt = exchange(world)
    assert judge(world, world.make_bundle([message], [receipt], covers=covers)).outcome is (
        Outcome.ALTERED
    )


def test_nobody_signs_a_manifest_in_the_name_of_anothers_key(world: EvidenceWorld) -> None:
    """The signature carries its key; that is the one that the manifest has to name."""
    members = unpack_members(world.make_proved())
    listed = world.keys[AL].key_id
    forged = sign_again(members, world.make_key(), signer=listed)
    assert judge(world, forged).outcome is Outcome.ALTERED
    assert judge(world, sign_again(members, world.keys[AL])).outcome is Outcome.PROVED


def test_a_maker_cannot_sign_as_another_participant(world: EvidenceWorld) -> None:
    """XK's key is listed, but not for MK."""
    message, receipt = exchange(world, recipient=MK)
    data = world.make_bundle([message], [receipt], maker=MK, key=world.keys[XK])
    verdict = judge(world, data)
    assert verdict.outcome is Outcome.UNTRUSTED
    assert verdict.maker is None


def test_a_signed_message_stands_under_its_own_name(world: EvidenceWorld) -> None:
    """Under another one it would hide from its receipt, or take another's."""
    members = unpack_members(world.make_proved())
    path = next(path for path in members if path.startswith("messages/"))
    members[f"messages/MK-{'ab' * 16}.signed"] = members.pop(path)
    verdict = judge(world, sign_again(members, world.keys[AL]))
    assert verdict.outcome is Outcome.ALTERED
    assert verdict.judgement.messages == ()


def test_a_registry_file_stands_under_its_own_hash(world: EvidenceWorld) -> None:
    """Also one that nothing refers to."""
    members = unpack_members(world.make_proved())
    members[f"registry/objects/{'ab' * 32}.json"] = b"{}"
    verdict = judge(world, sign_again(members, world.keys[AL]))
    assert verdict.outcome is Outcome.ALTERED


@pytest.mark.parametrize("trick", ["unsorted", "twice"])
def test_a_manifest_lists_each_member_once_and_in_order(world: EvidenceWorld, trick: str) -> None:
    """There is one way to list what is there."""
    members = unpack_members(world.make_proved())
    files = json.loads(members["manifest.json"])["files"]
    listed = [*files, files[0]] if trick == "twice" else files[::-1]
    verdict = judge(world, sign_again(members, world.keys[AL], files=listed))
    assert verdict.outcome is Outcome.ALTERED


def test_a_hash_belongs_to_one_version(world: EvidenceWorld) -> None:
    """A message that names the right snapshot by another number is not confirmed."""
    pin = world.pin()
    wrong = pin.model_copy(update={"version": pin.version + 1})
    message, receipt = exchange(world, registry=wrong.model_dump())
    contents = world.make_contents([message], [receipt], skip=[wrong])
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert steps(verdict) == [Step.DELIVERED]
    assert f"of version {pin.version}, where {wrong.version} is named" in read(verdict)


@pytest.mark.parametrize("consented", [False, True])
def test_operators_are_replaced_by_operators_only(world: EvidenceWorld, *, consented: bool) -> None:
    """A root of new operators that the old ones did not sign is no root of this registry."""
    message, receipt = exchange(world)
    contents = world.make_contents([message], [receipt])
    new = [make_signer() for _ in range(2)]
    signers = [*new, *world.operators[:2]] if consented else new
    root = world.sign_next_root(keys=signers, operators=new)
    contents = replace(contents, roots={**contents.roots, 2: root})
    verdict = judge(world, pack_members(world.make_members(contents)))
    assert verdict.outcome is (Outcome.PROVED if consented else Outcome.UNTRUSTED)
