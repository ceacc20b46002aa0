"""Envelopes that a recipient must refuse, or keep without believing them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from node.domain.states import Dispatch
from node.service import quarantine, reading
from node.service.composing import handle_send
from node.service.context import RefusedDraftError
from node.service.deciding import DecisionDraft, handle_decide
from node.service.opening import Arrival
from node.service.receiving import Intake, IntakeResult, handle_arrivals
from node.store.tables import MessageRow, QuarantineRow, ReceiptDueRow
from protocol.envelope import Consignment, SignedPayload
from protocol.errors import RejectionCode
from protocol.identifiers import MessageId, ParticipantCode
from protocol.messages.general import DeclineReason, Outcome
from protocol.sealing import RecipientKey
from protocol.signing import SigningKey
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.messages import make_fields
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting

ID = MessageId("0123456789abcdef" * 2)


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


def craft(
    network: Network,
    fields: dict[str, Any],
    *,
    sender: str = "AL",
    travels_as: str = "AL",
    signed_by: SigningKey | None = None,
    traffic: TrafficClass = TrafficClass.MESSAGE,
    recipient: str = "XK",
    to: str = "XK",
    message_id: MessageId = ID,
) -> Arrival:
    """Make an envelope for XK's mailbox that says and is what the test wants."""
    directory = network.directory.directory
    consignment = Consignment(
        message_id=message_id,
        sender=ParticipantCode(sender),
        recipient=ParticipantCode(recipient),
        expires_at=network.clock() + timedelta(days=3),
    )
    signed = SignedPayload.sign(
        json.dumps(fields).encode(),
        consignment=consignment,
        key=signed_by or network.node(sender).keys.signing_key,
    )
    key = directory.newest_encryption_key(ParticipantCode(to), network.clock())
    assert key is not None
    return Arrival(
        sender=parse_account_id(directory.keys[ParticipantCode(travels_as)].broker.account),
        recipient=parse_account_id(directory.keys[ParticipantCode(to)].broker.account),
        traffic=traffic,
        envelope=RecipientKey(key.public_bytes).seal(signed).encode(),
    )


def take_in(network: Network, arrival: Arrival) -> IntakeResult:
    """Let XK take it in."""
    return handle_arrivals(network.node("XK"), [arrival])[0]


def test_a_crafted_good_one_is_taken_in(network: Network) -> None:
    """The tests below break a message that would otherwise be stored."""
    result = take_in(network, craft(network, make_fields("general.message")))
    assert result.intake is Intake.STORED


HOSTILE: list[tuple[str, dict[str, Any], dict[str, Any], RejectionCode]] = [
    (
        "another's name",
        {"sender": "MK"},
        {"sender": "AL", "travels_as": "MK"},
        RejectionCode.MISADDRESSED,
    ),
    (
        "inside names another",
        {"sender": "MK", "from_authority": "MK-desk"},
        {},
        RejectionCode.MISADDRESSED,
    ),
    ("inside names another id", {"message_id": "f" * 32}, {}, RejectionCode.MISADDRESSED),
    ("for somebody else", {"recipient": "MK"}, {"recipient": "MK"}, RejectionCode.MISADDRESSED),
    ("unknown signing key", {}, {"signed_by": SigningKey(b"k" * 32)}, RejectionCode.UNKNOWN_SENDER),
    ("sealed for another", {}, {"to": "MK"}, RejectionCode.UNOPENABLE),
    ("no message", {"body": {}}, {}, RejectionCode.MALFORMED),
    ("wrong class", {}, {"traffic": TrafficClass.RECEIPT}, RejectionCode.MALFORMED),
]


@pytest.mark.parametrize(
    ("changes", "how", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE]
)
def test_it_is_quarantined_with_its_reason(
    network: Network, changes: dict[str, Any], how: dict[str, Any], reason: RejectionCode
) -> None:
    """Nothing is shown; the envelope is kept with the reason, once however often it comes."""
    arrival = craft(network, make_fields("general.message") | changes, **how)
    for _ in range(2):
        result = take_in(network, arrival)
        assert (result.intake, result.reason) == (Intake.QUARANTINED, reason)
    with network.node("XK").database.reading() as session:
        assert session.exec(select(MessageRow)).all() == []
        kept = session.exec(select(QuarantineRow)).all()
    assert [(row.reason, row.envelope) for row in kept] == [(reason, arrival.envelope)]


def test_only_the_named_sender_is_answered(network: Network) -> None:
    """A refusal goes to whom the broker and the envelope both name, else to nobody."""
    fields = make_fields("general.message")
    take_in(network, craft(network, fields, sender="AL", travels_as="MK"))
    with network.node("XK").database.reading() as session:
        assert session.exec(select(ReceiptDueRow)).all() == []
    take_in(network, craft(network, fields, signed_by=SigningKey(b"k" * 32)))
    with network.node("XK").database.reading() as session:
        due = session.exec(select(ReceiptDueRow)).all()
    assert [(row.peer, row.reason, row.payload_sha256) for row in due] == [
        ("AL", "unknown_sender", None)
    ]


@pytest.mark.parametrize("envelope", [b"", b"\x00" * 50, b"\x85\x64TRM1", b"x" * 2_000_000])
def test_garbage_is_quarantined(network: Network, envelope: bytes) -> None:
    """Bytes that are no envelope are kept and answered by nothing."""
    arrival = replace(craft(network, make_fields("general.message")), envelope=envelope)
    assert take_in(network, arrival).reason is RejectionCode.MALFORMED
    with network.node("XK").database.reading() as session:
        assert session.exec(select(ReceiptDueRow)).all() == []


def test_an_unknown_type_is_kept_shown_and_receipted_as_such(network: Network) -> None:
    """A newer node's message is never lost: stored in its case, and its sender knows."""
    fields = make_fields("general.message") | {"type": "return.something_new", "novelty": 1}
    result = take_in(network, craft(network, fields))
    assert result.intake is Intake.STORED
    xk = network.node("XK")
    view = reading.get_message(xk, ID, who=STAFF)
    assert not view.item.readable
    assert view.item.case_reference == fields["case"]
    with xk.database.reading() as session:
        due = session.exec(select(ReceiptDueRow)).one()
    assert (due.status, due.readable) == ("delivered", False)


def test_an_unknown_type_is_answered_by_nothing(network: Network) -> None:
    """Nobody can know what answers it: an answer is refused in words, and the message is kept."""
    fields = make_fields("general.message") | {"type": "return.something_new", "novelty": 1}
    take_in(network, craft(network, fields))
    answer = make_draft(
        type="general.response",
        recipient="AL",
        case=fields["case"],
        in_reply_to=ID,
        body={"completeness": "none_available", "none_reason": "not_known_here"},
    )
    with pytest.raises(RefusedDraftError, match="not of the type"):
        handle_send(network.node("XK"), answer, who=acting("u2"))


def test_one_id_for_two_messages_is_a_conflict(network: Network) -> None:
    """A sender that uses an id twice is refused the second time; the first stays as it was."""
    first = take_in(network, craft(network, make_fields("general.message")))
    other = make_fields("general.message", body={"text": "Something else."})
    second = take_in(network, craft(network, other))
    assert first.intake is Intake.STORED
    assert second.reason is RejectionCode.CONFLICT
    assert len(reading.list_items(network.node("XK"), direction="in", who=STAFF)) == 1


def test_a_gap_shows_when_the_next_arrives(network: Network) -> None:
    """The hub swallowed a message: the one after it reveals the gap, late arrival fills it."""
    al, xk = network.node("AL"), network.node("XK")
    for _ in range(3):
        handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    first, second, third = network.mailbox
    network.mailbox.clear()
    verdicts = []
    for carried in (first, third, second):
        result = network.deliver(carried)
        verdicts.append(reading.get_message(xk, str(result.message_id), who=STAFF).link_verdict)
    assert verdicts == ["in_order", "after_gap", "fills_gap"]
    kinds = [
        str(entry.kind)
        for case_id in {item.case_id for item in reading.list_items(xk, who=STAFF, direction="in")}
        for entry in reading.get_case(xk, str(case_id), who=STAFF).timeline
    ]
    assert kinds.count("link_gap") == 1


def test_a_rewritten_history_is_seen(network: Network) -> None:
    """Two messages at one place of the link: shown, with an alarm in the timeline."""
    fields = make_fields("general.message")
    take_in(network, craft(network, fields))
    other = make_fields("general.message", message_id="e" * 32, body={"text": "Another history."})
    result = take_in(network, craft(network, other, message_id=MessageId("e" * 32)))
    assert result.intake is Intake.STORED
    assert reading.get_message(network.node("XK"), "e" * 32, who=STAFF).link_verdict == "conflict"


def receipt_fields(message_id: str, digest: str | None, **changes: Any) -> dict[str, Any]:
    """Return a receipt of MK or XK for AL."""
    item = {"message_id": message_id, "status": "delivered", "at": "2026-03-04T11:00:00Z"}
    if digest is not None:
        item["payload_sha256"] = digest
    return make_fields(
        "system.receipt", sender="XK", recipient="AL", body={"items": [item | changes]}
    )


def craft_receipt(network: Network, fields: dict[str, Any], *, of: str) -> Arrival:
    """Make an envelope with a receipt of this Participant for AL."""
    return craft(
        network,
        fields | {"sender": of},
        sender=of,
        travels_as=of,
        traffic=TrafficClass.RECEIPT,
        recipient="AL",
        to="AL",
    )


def test_receipts_of_others_or_for_other_bytes_prove_nothing(network: Network) -> None:
    """Only the recipient's receipt for exactly what was sent moves a message."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    digest = reading.get_message(al, sent.message_id, who=STAFF).payload_sha256
    attempts = [
        craft_receipt(network, receipt_fields(sent.message_id, digest), of="MK"),
        craft_receipt(network, receipt_fields(sent.message_id, "0" * 64), of="XK"),
        craft_receipt(network, receipt_fields("c" * 32, digest), of="XK"),
    ]
    for attempt in attempts:
        assert handle_arrivals(al, [attempt])[0].intake is Intake.RECEIPT
        assert (
            reading.get_message(al, sent.message_id, who=STAFF).item.dispatch == Dispatch.ON_ITS_WAY
        )
        assert reading.get_message(al, sent.message_id, who=STAFF).proofs == ()
    good = craft_receipt(network, receipt_fields(sent.message_id, digest), of="XK")
    handle_arrivals(al, [good])
    assert reading.get_message(al, sent.message_id, who=STAFF).item.dispatch == Dispatch.DELIVERED


def test_a_rejection_for_other_bytes_does_not_stop_the_message(network: Network) -> None:
    """'Rejected' ends a message only if it names what was sent; else it is tried again."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    rejection = craft_receipt(
        network,
        receipt_fields(sent.message_id, None, status="rejected", reason="malformed"),
        of="XK",
    )
    handle_arrivals(al, [rejection])
    view = reading.get_message(al, sent.message_id, who=STAFF)
    assert view.item.dispatch == Dispatch.ON_ITS_WAY
    assert view.trying is not None


LINK = {"generation": 1, "seq": 1, "prev": "0" * 64}


@pytest.mark.parametrize(
    "changes",
    [
        {"link": {**LINK, "seq": 2**63}},
        {"link": {**LINK, "generation": 2**31}},
        {"registry": {"version": 2**64, "sha256": "ab" * 32}},
        {"composed_at": "0001-01-01T00:00:00+14:00"},
        {"answer_by": "9999-12-31T23:59:59-14:00"},
        {"a\x00b": 1},
        {"\ud800": 1},
    ],
    ids=["seq", "generation", "version", "before time", "after time", "null", "surrogate"],
)
def test_numbers_and_names_that_break_databases_are_malformed(
    network: Network, changes: dict[str, Any]
) -> None:
    """What no database or calendar can hold is refused like anything malformed."""
    result = take_in(network, craft(network, make_fields("general.message") | changes))
    assert result.reason is RejectionCode.MALFORMED
    (kept,) = quarantine.list_quarantine(network.node("XK"))
    assert "\x00" not in kept.detail


@pytest.mark.parametrize("minutes", [-60, 60])
def test_a_wrong_clock_loses_nothing(network: Network, minutes: int) -> None:
    """A node whose clock is an hour off still takes messages in, and believes receipts."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    right = network.clock.now
    network.clock.advance(minutes=minutes)
    network.deliver(network.mailbox.popleft())
    network.collect("XK")
    network.clock.now = right
    network.settle()
    assert reading.get_message(al, sent.message_id, who=STAFF).item.dispatch == Dispatch.DELIVERED


def test_an_id_of_somebody_else_changes_nothing_for_them(network: Network) -> None:
    """MK takes the id of AL's message, first or second: both are shown, both are receipted."""
    al, xk = network.node("AL"), network.node("XK")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.collect("AL")
    fields = make_fields(
        "general.message",
        message_id=sent.message_id,
        sender="MK",
        from_authority="MK-anti-trafficking-desk",
    )
    squatting = craft(
        network, fields, sender="MK", travels_as="MK", message_id=MessageId(sent.message_id)
    )
    assert take_in(network, squatting).intake is Intake.STORED
    assert network.deliver(network.mailbox.popleft()).intake is Intake.STORED
    network.settle()
    assert reading.get_message(al, sent.message_id, who=STAFF).item.dispatch == Dispatch.DELIVERED
    received = reading.list_items(xk, direction="in", who=STAFF)
    assert sorted(item.peer for item in received) == ["AL", "MK"]
    from_al = next(item for item in received if item.peer == "AL")
    decision = DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NO_CAPACITY)
    handle_decide(xk, from_al.message_id, decision, who=acting("u2"))
    network.settle()
    assert reading.get_message(al, sent.message_id, who=STAFF).item.handling == "declined"


def test_an_id_used_twice_by_its_sender_is_kept_as_a_conflict(network: Network) -> None:
    """The second message under one id is refused to its sender, and kept for the administrator."""
    take_in(network, craft(network, make_fields("general.message")))
    other = craft(network, make_fields("general.message", body={"text": "Something else."}))
    take_in(network, other)
    (kept,) = quarantine.list_quarantine(network.node("XK"))
    assert kept.reason == "conflict"


def test_a_decision_settles_only_its_own_case(network: Network) -> None:
    """A decision that names a message of another case changes nothing there."""
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=acting("u1"))
    network.settle()
    fields = make_fields(
        "general.decision",
        sender="XK",
        recipient="AL",
        from_authority="XK-desk",
        to_authority="AL-desk",
        in_reply_to=sent.message_id,
    )
    crossed = craft(network, fields, sender="XK", travels_as="XK", recipient="AL", to="AL")
    assert handle_arrivals(al, [crossed])[0].intake is Intake.STORED
    assert reading.get_message(al, sent.message_id, who=STAFF).item.handling == "new"


def test_the_quarantine_is_bounded(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that repeats itself fills one row; one that floods fills its own share only."""
    monkeypatch.setattr(quarantine, "ROWS_PER_PEER", 5)
    monkeypatch.setattr(quarantine, "BYTES_PER_PEER", 4000)
    first = craft(network, make_fields("general.message", body={}))
    for _ in range(3):
        again = craft(network, make_fields("general.message", body={}))
        assert again.envelope != first.envelope
        take_in(network, again)
    with network.node("XK").database.reading() as session:
        assert [row.times for row in session.exec(select(QuarantineRow))] == [3]
    for number in range(9):
        message_id = MessageId(f"{number:032x}")
        fields = make_fields("general.message", body={}, message_id=message_id)
        take_in(network, craft(network, fields, message_id=message_id))
    with network.node("XK").database.reading() as session:
        rows = session.exec(select(QuarantineRow)).all()
    assert len(rows) == 5
    assert sum(len(row.envelope) for row in rows) <= 4000
