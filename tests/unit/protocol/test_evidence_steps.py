"""The table of steps: each has its event and prover, and nothing is claimed for the broker."""

import pytest

from node.domain.events import EventKind
from node.domain.evidence import STEP_OF_EVENT
from protocol.errors import RejectionCode
from protocol.evidence.steps import EVENT_CODES, STEPS, EtsiEvent, Prover, Step, find_proved_step
from protocol.messages.system import ReceiptItem, ReceiptStatus
from tests.support.evidence import NOON

DIGEST = "ab" * 32


def make_item(
    status: ReceiptStatus, *, digest: str | None = DIGEST, reason: RejectionCode | None = None
) -> ReceiptItem:
    """Return what a receipt says of one message."""
    return ReceiptItem(
        message_id="cd" * 16, payload_sha256=digest, status=status, at=NOON, reason=reason
    )


def test_every_step_is_in_the_table() -> None:
    """With its event, unless the standard has none, and whose word it rests on."""
    assert set(STEPS) == set(Step)
    assert {step for step, facts in STEPS.items() if facts.event is None} == {Step.CANCELLED}
    events = [facts.event for facts in STEPS.values() if facts.event]
    assert len(set(events)) == len(events)
    assert set(EVENT_CODES) == set(events)


def test_nothing_is_claimed_for_whoever_signs_nothing() -> None:
    """What the broker took, what expired, what was taken back: claims of a node, no more."""
    unproved = {step for step, facts in STEPS.items() if facts.prover is Prover.NOBODY}
    assert unproved == {Step.ACCEPTED_BY_BROKER, Step.EXPIRED, Step.CANCELLED}


def test_events_are_named_as_the_standard_names_them() -> None:
    """ETSI EN 319 522-3, Table 2."""
    assert EtsiEvent.CONTENT_HANDOVER.uri == "http://uri.etsi.org/19522/Event/ContentHandover"
    assert STEPS[Step.SIGNED].event == "SubmissionAcceptance"
    assert STEPS[Step.ACCEPTED_BY_BROKER].event == "RelayAcceptance"
    assert STEPS[Step.DELIVERED].event == "ContentConsignment"
    assert STEPS[Step.READ].event == "ContentHandover"
    assert STEPS[Step.REJECTED].event == "RelayRejection"
    assert STEPS[Step.EXPIRED].event == "RelayFailure"


@pytest.mark.parametrize(
    ("status", "reason", "step"),
    [
        (ReceiptStatus.DELIVERED, None, Step.DELIVERED),
        (ReceiptStatus.READ, None, Step.READ),
        (ReceiptStatus.REJECTED, RejectionCode.EXPIRED, Step.REJECTED),
        (ReceiptStatus.REJECTED, RejectionCode.CONFLICT, Step.REJECTED),
        (ReceiptStatus.REJECTED, RejectionCode.UNOPENABLE, None),
        (ReceiptStatus.REJECTED, RejectionCode.UNKNOWN_SENDER, None),
    ],
)
def test_a_receipt_proves_its_step(
    status: ReceiptStatus, reason: RejectionCode | None, step: Step | None
) -> None:
    """Of the message with the digest that it names; a refusal that is not final proves none."""
    assert find_proved_step(make_item(status, reason=reason), digest=DIGEST) is step
    assert find_proved_step(make_item(status, reason=reason), digest="cd" * 32) is None


def test_a_receipt_without_digest_proves_nothing() -> None:
    """It names no bytes."""
    item = make_item(ReceiptStatus.REJECTED, digest=None, reason=RejectionCode.MALFORMED)
    assert find_proved_step(item, digest=DIGEST) is None


def test_every_entry_of_a_timeline_is_mapped() -> None:
    """A new kind of entry has to say which step it tells of, or that it tells of none."""
    assert set(STEP_OF_EVENT) == set(EventKind)
