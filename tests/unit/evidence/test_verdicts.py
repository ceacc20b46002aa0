"""What ``trm-verify`` proves, what it does not, and what it refuses: on real signatures."""

from pathlib import Path
from typing import Any

import pytest

from contact_registry.evidence.container import unpack_members
from contact_registry.evidence.verdict import Outcome
from contact_registry.models import KOSOVO_FOOTNOTE, ListedBy
from protocol.errors import RejectionCode
from protocol.evidence.bundle import name_signed
from protocol.evidence.manifest import CoversCase
from protocol.evidence.steps import Step
from protocol.links import FIRST_PREVIOUS
from protocol.messages.system import ReceiptStatus
from tests.support.evidence import AL, CASE, MK, XK, EvidenceWorld
from tests.support.evidence_verdicts import exchange, judge, read, sign_again, steps

# ------------------------------------------------------------------ what is proved


def test_a_delivered_message_is_proved(world: EvidenceWorld) -> None:
    """Sender and recipient have signed: it is said who, with which key, and when by their word."""
    verdict = judge(world, world.make_proved())
    assert verdict.outcome is Outcome.PROVED
    signed, delivered = verdict.judgement.messages[0].proofs
    assert (signed.step, signed.signer.participant) == (Step.SIGNED, AL)
    assert (delivered.step, delivered.signer.participant) == (Step.DELIVERED, XK)
    assert signed.signer.key_id == world.keys[AL].key_id
    assert signed.claimed_at < delivered.claimed_at
    assert verdict.maker is not None
    assert verdict.maker.participant == AL


def test_the_words_say_who_proves_and_what_is_only_claimed(world: EvidenceWorld) -> None:
    """A lawyer reads the standard's events, the footnote, and that the broker's step is a claim."""
    text = read(judge(world, world.make_proved()))
    assert "SubmissionAcceptance (A.1)" in text
    assert "ContentConsignment (D.1)" in text
    proved, claimed = text.split("Only claimed")
    assert "RelayAcceptance" not in proved
    assert "RelayAcceptance" in claimed
    assert "Times are what the signer says" in text
    assert "AL to Kosovo*" in text
    assert KOSOVO_FOOTNOTE in text


def test_reading_is_proved_too(world: EvidenceWorld) -> None:
    """A receipt that says read is the handover."""
    message, delivered = exchange(world)
    opened = world.make_receipt(message, status=ReceiptStatus.READ)
    verdict = judge(world, world.make_bundle([message], [delivered, opened]))
    assert verdict.outcome is Outcome.PROVED
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED, Step.READ]


def test_a_refusal_is_proved_with_its_reason(world: EvidenceWorld) -> None:
    """The recipient signed that it refused the message for good: that settles it."""
    message = world.make_message()
    refused = world.make_receipt(
        message, status=ReceiptStatus.REJECTED, reason=RejectionCode.EXPIRED
    )
    verdict = judge(world, world.make_bundle([message], [refused]))
    assert verdict.outcome is Outcome.PROVED
    assert steps(verdict) == [Step.SIGNED, Step.REJECTED]
    assert "RelayRejection (B.2)" in read(verdict)
    assert "reason: expired" in read(verdict)


@pytest.mark.parametrize("reason", [RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER])
def test_a_refusal_that_is_not_final_proves_nothing(
    world: EvidenceWorld, reason: RejectionCode
) -> None:
    """What nobody could open may have arrived all the same (SPEC 7.2)."""
    message = world.make_message()
    refused = world.make_receipt(message, status=ReceiptStatus.REJECTED, reason=reason)
    verdict = judge(world, world.make_bundle([message], [refused]))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED]


def test_a_whole_case_is_proved_message_by_message(world: EvidenceWorld) -> None:
    """Both directions, three parties, a receipt for two messages, and two registry versions."""
    first = world.make_message()
    second = world.make_message(link={"generation": 1, "seq": 2, "prev": first.digest})
    both = world.make_receipt(first, second)
    world.publish_contacts(MK, note="moved")
    answer = world.make_message(sender=XK, recipient=AL)
    onward = world.make_message(recipient=MK)
    receipts = [both, world.make_receipt(answer), world.make_receipt(onward)]
    data = world.make_bundle(
        [first, second, answer, onward], receipts, covers=CoversCase(case=CASE)
    )
    verdict = judge(world, data)
    assert verdict.outcome is Outcome.PROVED, read(verdict)
    assert {message.name for message in verdict.judgement.messages} == {
        name_signed(it) for it in (first, second, answer, onward)
    }
    assert all(it.find_proof(Step.DELIVERED) for it in verdict.judgement.messages)


def test_unchanged_registry_files_are_in_a_bundle_once(world: EvidenceWorld) -> None:
    """A second version adds its snapshot and what changed: here no more than that."""
    message, receipt = exchange(world)
    before = unpack_members(world.make_bundle([message], [receipt]))
    world.publish_contacts(MK, note="moved")
    later = world.make_message(link={"generation": 1, "seq": 2, "prev": message.digest})
    after = unpack_members(
        world.make_bundle(
            [message, later],
            [receipt, world.make_receipt(later)],
            covers=CoversCase(case=CASE),
        )
    )
    old = {path for path in before if path.startswith("registry/objects/")}
    new = {path for path in after if path.startswith("registry/objects/")}
    assert old < new
    assert len(new) == len(old) + 1


def test_the_same_evidence_makes_the_same_file(world: EvidenceWorld) -> None:
    """A bundle has one form: whoever holds the same things makes the same bytes."""
    message, receipt = exchange(world)
    bundles = {world.make_bundle([message], [receipt]) for _ in range(2)}
    assert len(bundles) == 1


def test_whoever_lists_keys_for_another_is_named(tmp_path: Path) -> None:
    """Where the operators hold a Participant's directory key, the proof rests on their word."""
    world = EvidenceWorld(tmp_path / "registry", held_by=ListedBy.OPERATOR)
    verdict = judge(world, world.make_proved())
    assert verdict.outcome is Outcome.PROVED
    assert "operators hold the directory key of AL" in read(verdict)


def test_a_message_of_a_type_that_nobody_knows_yet_is_proved(world: EvidenceWorld) -> None:
    """Evidence looks at the head alone, so that it outlives the catalogue of its day."""
    message, receipt = exchange(world, type="return.of_tomorrow", version=9, body={"new": [1]})
    verdict = judge(world, world.make_bundle([message], [receipt]))
    assert verdict.outcome is Outcome.PROVED


# ------------------------------------------------------------------ what is missing


def test_a_message_without_receipt_is_genuine_but_incomplete(world: EvidenceWorld) -> None:
    """The sender's signature alone does not prove that anything arrived."""
    verdict = judge(world, world.make_bundle([world.make_message()], []))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED]
    assert "that the message arrived is not proved" in read(verdict)


def test_a_missing_registry_version_is_named(world: EvidenceWorld) -> None:
    """Without the version that a message names nobody can say whose key it was."""
    message, receipt = exchange(world)
    pin = world.pin()
    world.publish_contacts(MK, note="moved")
    contents = world.make_contents([message], [receipt])
    members = world.make_members(contents)
    del members[f"registry/objects/{pin.sha256}.json"]
    verdict = judge(world, sign_again(members, world.keys[AL]))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert verdict.judgement.messages[0].proofs == ()
    assert "snapshot of version 7" in read(verdict)
    assert verdict.maker is not None


def test_proofs_stand_without_the_makers_signature(world: EvidenceWorld) -> None:
    """Nobody signed the bundle as a whole: messages and receipts prove themselves all the same."""
    message, receipt = exchange(world)
    verdict = judge(world, world.make_bundle([message], [receipt], signed=False))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED]
    assert verdict.maker is None
    assert "Nobody signed this bundle" in read(verdict)


def test_a_maker_whose_key_is_not_listed_is_not_named(world: EvidenceWorld) -> None:
    """Anybody can put a bundle together; only a listed key makes it a Participant's."""
    message, receipt = exchange(world)
    verdict = judge(world, world.make_bundle([message], [receipt], key=world.make_key()))
    assert verdict.outcome is Outcome.UNTRUSTED
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED]
    assert "Who made this bundle is not proved" in read(verdict)


# ------------------------------------------------------------------ receipts of the wrong kind


def test_only_the_recipient_gives_a_receipt(world: EvidenceWorld) -> None:
    """A third Participant's receipt for AL's message to XK proves nothing about it."""
    message = world.make_message()
    foreign = world.make_receipt(message, signer=MK)
    verdict = judge(world, world.make_bundle([message], [foreign]))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED]


def test_a_receipt_for_other_bytes_proves_nothing(world: EvidenceWorld) -> None:
    """Same id, other digest: the recipient had another message in hand."""
    message = world.make_message()
    verdict = judge(
        world, world.make_bundle([message], [world.make_receipt(message, digest="ab" * 32)])
    )
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED]


def test_a_message_is_no_receipt(world: EvidenceWorld) -> None:
    """A signed object of another type under receipts/ proves no step."""
    message = world.make_message()
    answer = world.make_message(sender=XK, recipient=AL, type="general.of_tomorrow")
    verdict = judge(world, world.make_bundle([message], [answer]))
    assert verdict.outcome is Outcome.ALTERED
    assert "This is no receipt" in read(verdict)
    assert steps(verdict) == [Step.SIGNED]


# ------------------------------------------------------------------ contradictions


@pytest.mark.parametrize(
    "second",
    [
        {"generation": 1, "seq": 1, "prev": FIRST_PREVIOUS},
        {"generation": 1, "seq": 2, "prev": "cd" * 32},
    ],
    ids=["one-place-twice", "another-predecessor"],
)
def test_two_histories_of_one_sender_show(world: EvidenceWorld, second: dict[str, Any]) -> None:
    """Both messages are proved, and that they exclude each other is said."""
    messages = [world.make_message(), world.make_message(link=second)]
    data = world.make_bundle(
        messages, [world.make_receipt(*messages)], covers=CoversCase(case=CASE)
    )
    verdict = judge(world, data)
    assert verdict.outcome is Outcome.INCOMPLETE
    assert "the sender signed two" in read(verdict)
    assert all(it.find_proof(Step.SIGNED) for it in verdict.judgement.messages)


def test_two_registries_of_one_version_show(tmp_path: Path) -> None:
    """The hub showed the Participants different registries: the bundle proves that, too."""
    shown_to_al, shown_to_xk = (EvidenceWorld(tmp_path / code) for code in ("AL", "XK"))
    assert shown_to_al.trusted_root == shown_to_xk.trusted_root
    shown_to_al.publish_contacts(MK, note="here")
    shown_to_xk.publish_contacts(MK, note="there")
    message = shown_to_al.make_message()
    receipt = shown_to_xk.make_receipt(message)
    shown_to_al.elsewhere |= shown_to_xk.objects()
    verdict = judge(shown_to_al, shown_to_al.make_bundle([message], [receipt]))
    assert verdict.outcome is Outcome.INCOMPLETE
    assert steps(verdict) == [Step.SIGNED, Step.DELIVERED]
    assert "2 different registries of version 8" in read(verdict)
